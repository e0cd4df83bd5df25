"""One training step of each model: what it learns from, its loss, its update.

Each replica computes gradients on its shard of a batch. The gradients are summed over the replicas, and every replica
applies the same update.
"""

from __future__ import annotations

import typing

import tensorflow as tf

from sensegen_tf.models.condition import Condition
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.structures import Noise
from sensegen_tf.training import losses
from sensegen_tf.training.compiled import CompiledGenerator
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.learning import LearningConfig
from sensegen_tf.training.update import LossAndGradient, StepResult, Updater


class RolloutInputs(typing.NamedTuple):
    """What the generator makes A series of its own from.

    Attributes:
      noise: of A series.
      label: int32 [A].
    """

    noise: Noise
    label: tf.Tensor


class GeneratorBatch(typing.NamedTuple):
    """What a step of the generator learns from.

    Attributes:
      series: [B, T, C], real series, standardised.
      label: int32 [B].
      latent_noise: [B, Z], standard normals, from which the latent of each series is sampled from its posterior.
      dropout_noise: [B, S, D], uniform in [0, 1). S is the number of steps of the network, D the sum of the sizes of
        the LSTM layers; 0 without dropout.
      rollouts: inputs of the adversarial loss; () where the objective is "likelihood", since a batch that is divided
        among replicas can hold no None.
    """

    series: tf.Tensor
    label: tf.Tensor
    latent_noise: tf.Tensor
    dropout_noise: tf.Tensor
    rollouts: RolloutInputs | tuple[()]


class DiscriminatorBatch(typing.NamedTuple):
    """What a step of the discriminator learns from.

    Attributes:
      series: [B, T, C], real series, standardised.
      rollouts: inputs of B generated series, with the labels of the real ones.
    """

    series: tf.Tensor
    rollouts: RolloutInputs


class GeneratorStep:
    """A step of the generator: by likelihood (SenseGen, equation 3), through the discriminator, or both.

    The gradient of each objective is clipped on its own; then their weighted sum is applied.

    Args:
      compiled: the generator and its compiled functions.
      discriminator: built; this step does not update it.
      updater: of the generator.
      config: how it learns.
      distribution: of the replicas.
    """

    def __init__(
        self,
        compiled: CompiledGenerator,
        discriminator: Discriminator,
        *,
        updater: Updater,
        config: LearningConfig,
        distribution: Distribution,
    ):
        self._compiled, self._generator, self._discriminator = compiled, compiled.generator, discriminator
        self._updater, self._config, self._distribution = updater, config, distribution

    @tf.function
    def __call__(self, batch: GeneratorBatch) -> StepResult:
        """Takes the step."""
        return self._distribution.run(self._step, (batch,))

    def _step(self, batch):
        objective, objectives = self._config.generator_objective, []
        if objective in ("adversarial", "both"):
            objectives.append((self._config.adversarial_weight, self._adversarial_gradient(batch.rollouts)))
        if objective in ("likelihood", "both"):
            objectives.append((1.0, self._likelihood_gradient(batch)))
        return self._updater.apply(objectives)

    def _likelihood_gradient(self, batch):
        def loss(series, label, latent_noise, dropout_noise):
            noise = {"latent_noise": latent_noise, "dropout_noise": dropout_noise}
            return self._compiled.likelihood_loss(series, label, **noise)

        arrays_of_rows = batch[:-1]  # All but the inputs of rollouts.
        return self._updater.mean_gradient(loss, *arrays_of_rows)

    @tf.function(jit_compile=True)
    def _adversarial_gradient(self, rollouts):
        # Forward and backward pass are compiled together: the backward loop needs what the forward loop stored, which
        # cannot leave a function that XLA compiles. The choice of a component passes its gradient straight through.
        variables = self._updater.variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            generated = self._generator.generate(rollouts.noise, rollouts.label)
            logits = self._discriminator(generated, Condition.of_label(rollouts.label))
            loss = losses.non_saturating_generator_loss(logits) / self._distribution.replicas
        return LossAndGradient(loss, tape.gradient(loss, variables, unconnected_gradients="zero"))


class DiscriminatorStep:
    """A step of the discriminator on real series and as many generated ones (Goodfellow et al., 2014, equation 1).

    Args:
      compiled: the generator and its compiled functions; this step does not update it.
      discriminator: built.
      updater: of the discriminator.
      distribution: of the replicas.
    """

    def __init__(
        self,
        compiled: CompiledGenerator,
        discriminator: Discriminator,
        *,
        updater: Updater,
        distribution: Distribution,
    ):
        self._compiled, self._discriminator = compiled, discriminator
        self._updater, self._distribution = updater, distribution

    @tf.function
    def __call__(self, batch: DiscriminatorBatch) -> StepResult:
        """Takes the step."""
        return self._distribution.run(self._step, (batch,))

    def _step(self, batch):
        def loss(real, generated, label):
            condition = Condition.of_label(tf.concat([label, label], 0))
            logits = self._discriminator(tf.concat([real, generated], 0), condition)  # [2 B]
            return losses.discriminator_loss(*tf.split(logits, 2))

        generated = self._compiled.generate(*batch.rollouts)
        found = self._updater.mean_gradient(loss, batch.series, generated, batch.rollouts.label)
        return self._updater.apply([(1.0, found)])
