"""An update of a model from the gradients of its objectives: mean over micro-batches and replicas, clipped, by Adam."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from sensegen_tf.layers.micro_batches import micro_batches
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.learning import LearningConfig
from sensegen_tf.training.parameters import Parameters


class StepResult(typing.NamedTuple):
    """What a training step returns: the weighted loss, and the global norm of the gradients before clipping."""

    loss: tf.Tensor
    gradient_norm: tf.Tensor


class LossAndGradient(typing.NamedTuple):
    """This replica's share of a mean loss and of its gradient, one tensor a variable."""

    loss: tf.Tensor
    gradient: Sequence[tf.Tensor]


class SummedAdam(keras.optimizers.Adam):
    """Adam of gradients that are summed over the replicas already: Keras sums them after clipping, we before it."""

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars


class Updater:
    """What of a model learns, and its optimiser.

    Args:
      parameters: of a model that is built.
      learning_rate: at the first step.
      steps: in the whole run, for the decay.
      config: how it learns.
      distribution: whose replicas learn; each has its shard of the batches.

    Attributes:
      optimizer: the Keras optimiser, which a checkpoint must hold.
      parameters: as given.
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        learning_rate: float,
        steps: int,
        config: LearningConfig,
        distribution: Distribution,
    ):
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, max(1, steps))
        self.optimizer = SummedAdam(schedule if config.learning_rate_decay == "cosine" else learning_rate)
        self.optimizer.build(parameters.learnt)
        self.parameters, self._config, self._distribution = parameters, config, distribution

    @property
    def variables(self) -> list[tf.Variable]:
        """The variables of the model whose gradients are needed."""
        return [variable.value for variable in self.parameters.sources]

    def mean_gradient(self, loss_function: Callable[..., tf.Tensor], *batch: tf.Tensor) -> LossAndGradient:
        """The gradient of the mean loss of a batch, taken in micro-batches side by side.

        Args:
          loss_function: of the arrays of a batch, [B, ...] each; a mean over its rows.
          *batch: this replica's shard.
        """
        replicas, variables = self._distribution.replicas, self.variables
        rows = batch[0].shape[0]
        total, sums = 0.0, [0.0] * len(variables)
        for part in micro_batches(rows):
            with tf.GradientTape() as tape:
                loss = loss_function(*(each[part] for each in batch)) * ((part.stop - part.start) / (rows * replicas))
            gradients = tape.gradient(loss, variables)
            total, sums = total + loss, [a + b for a, b in zip(sums, gradients, strict=True)]
        return LossAndGradient(total, sums)

    def apply(self, objectives: Sequence[tuple[float, LossAndGradient]]) -> StepResult:
        """Updates the model in every replica.

        Args:
          objectives: weights, and what `mean_gradient` returned.
        """
        weights = tuple(weight for weight, _ in objectives)
        losses = tuple(each.loss for _, each in objectives)
        gradients = tuple(list(each.gradient) for _, each in objectives)
        if self._distribution.is_single:
            return StepResult(*self._compiled_update(weights, losses, gradients))
        # Replicas meet in the update, which they cannot do in a function that is compiled for each.
        summed = self._distribution.sum_over_replicas(tf.nest.flatten((losses, gradients)))
        return StepResult(*self._update(weights, *tf.nest.pack_sequence_as((losses, gradients), summed)))

    def _update(self, weights, losses, gradients):
        # Each on its own: one that explodes on its way through a long rollout would leave nothing of the other.
        gradients = [self.parameters.gradients(each) for each in gradients]
        clipped = [tf.clip_by_global_norm(each, self._config.gradient_clip_norm)[0] for each in gradients]
        total = [_weighted(weights, of_variable) for of_variable in zip(*clipped, strict=True)]
        self.parameters.update(self.optimizer, total)
        return _weighted(weights, losses), tf.linalg.global_norm(tf.nest.flatten(gradients))

    _compiled_update = tf.function(_update, jit_compile=True)


def _weighted(weights, terms):
    return sum(weight * term for weight, term in zip(weights, terms, strict=True))
