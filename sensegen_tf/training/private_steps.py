"""A step of the generator with a guarantee for each subject (DP-SGD; Abadi et al., 2016, algorithm 1).

Each subject who was drawn gives one gradient, of the mean loss of some of his windows. It is clipped to a norm; the sum
gets Gaussian noise and is divided by the number of subjects that a step expects, so that it does not tell how many
there were. The windows pass in micro-batches of a fixed number of subjects, which bounds the memory; replicas divide
the subjects of each among them.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Iterable, Sequence

import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.layers import taps
from sensegen_tf.training.compiled import CompiledGenerator
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.parameters import Parameters
from sensegen_tf.training.update import StepResult, SummedAdam


class SubjectBatch(typing.NamedTuple):
    """A micro-batch of G subjects with m windows each.

    Attributes:
      series: [G m, T, C], real series, standardised; those of a subject follow each other.
      label: int32 [G m].
      latent_noise: [G m, Z], standard normals.
      dropout_noise: [G m, S, D], uniform in [0, 1).
      present: [G], 1 of a subject who was drawn; 0 of one who only fills the micro-batch.
    """

    series: tf.Tensor
    label: tf.Tensor
    latent_noise: tf.Tensor
    dropout_noise: tf.Tensor
    present: tf.Tensor


class PrivateBatch(typing.NamedTuple):
    """What a private step learns from.

    Attributes:
      micro_batches: of all subjects who were drawn; none where nobody was.
      number: of the step; the noise is a function of it.
    """

    micro_batches: Iterable[SubjectBatch]
    number: int


class SubjectGradients(typing.NamedTuple):
    """Of a micro-batch of G subjects.

    Attributes:
      loss: the mean loss.
      gradients: [G, ...] of the mean loss of each subject's windows, one for each variable that learns.
    """

    loss: tf.Tensor
    gradients: Sequence[tf.Tensor]


class GaussianMechanism(typing.NamedTuple):
    """How the sum of the subjects' gradients is made harmless.

    Attributes:
      clip_norm: C, above 0: the largest norm of a subject's gradient.
      noise_multiplier: sigma, at least 0: standard deviation of the noise in units of C.
      expected: subjects that a step expects, above 0.
      seed: two integers, of the noise. Whoever knows them can subtract the noise, so they are a secret of the run.
    """

    clip_norm: float
    noise_multiplier: float
    expected: float
    seed: tuple[int, int]


def clipped_sum(
    gradients: Sequence[tf.Tensor], *, present: tf.Tensor, clip_norm: float
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The sum of gradients, each clipped to a norm over all variables together.

    Args:
      gradients: [G, ...], one a variable.
      present: [G], 1 of those that count and 0 of the others.
      clip_norm: above 0.

    Returns:
      The sums, one a variable, and the norms [G] before clipping.

    Example:
      >>> import tensorflow as tf
      >>> sums, norms = clipped_sum([tf.constant([[3.0], [0.3]])], present=tf.ones([2]), clip_norm=1.0)
      >>> round(float(sums[0][0]), 3), norms.numpy().round(1).tolist()
      (1.3, [3.0, 0.30000001192092896])
    """
    flat = [tf.reshape(each, [tf.shape(present)[0], math.prod(each.shape[1:])]) for each in gradients]
    norms = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(each), 1) for each in flat]))
    weights = present * tf.minimum(1.0, clip_norm / tf.maximum(norms, 1e-12))
    sums = [
        tf.reshape(tf.matmul(weights[None], rows), each.shape[1:]) for rows, each in zip(flat, gradients, strict=True)
    ]
    return sums, norms


class PrivateGeneratorStep:
    """A private step of the generator by likelihood.

    Args:
      compiled: the generator and its compiled functions.
      optimizer: built for what learns.
      parameters: of the generator that learn; each of the variables behind them is of a linear map.
      mechanism: how the gradients are made harmless.
      distribution: of the replicas.

    Raises:
      InputError: a variable is trained that is not of a linear map, so that its gradients cannot be clipped.
    """

    def __init__(
        self,
        compiled: CompiledGenerator,
        *,
        optimizer: SummedAdam,
        parameters: Parameters,
        mechanism: GaussianMechanism,
        distribution: Distribution,
    ):
        self._compiled, self._mechanism, self._distribution = compiled, mechanism, distribution
        self._optimizer, self._parameters = optimizer, parameters
        self._sums = [tf.Variable(tf.zeros(variable.shape)) for variable in self._parameters.learnt]

    def __call__(self, batch: PrivateBatch) -> StepResult:
        """Takes the step.

        Returns:
          The mean loss, and the mean norm of the subjects' gradients before clipping. Both tell of the data and are for
          the eyes of the one who trains.
        """
        for total in self._sums:
            total.assign(tf.zeros_like(total))
        found = [self._accumulate(self._distribution.shard(each)) for each in batch.micro_batches]
        self._apply(tf.constant(batch.number, tf.int64))
        if not found:
            return StepResult(tf.constant(0.0), tf.constant(0.0))
        return StepResult(*(tf.reduce_mean(tf.stack(each)) for each in zip(*found, strict=True)))

    def subject_gradients(self, batch: SubjectBatch) -> SubjectGradients:
        """The gradient of every subject of a micro-batch, not yet clipped."""
        groups = batch.present.shape[0]
        with tf.GradientTape(watch_accessed_variables=False) as tape, taps.recording(tape) as found:
            loss = self._compiled.likelihood_loss(
                batch.series, batch.label, latent_noise=batch.latent_noise, dropout_noise=batch.dropout_noise
            )
            total = loss * groups  # The sum of the subjects' mean losses.
        of_probes = tape.gradient(total, [each.probe for each in found], unconnected_gradients="zero")
        gradients = taps.group_gradients(found, of_probes, groups=groups)
        sources = self._parameters.sources
        missing = [variable.path for variable in sources if id(variable) not in gradients]
        if missing:
            raise InputError(f"{', '.join(missing)} cannot be trained with a guarantee: not of a linear map")
        mine = self._parameters.gradients([gradients[id(variable)] for variable in sources])
        return SubjectGradients(loss, mine)

    @tf.function
    def _accumulate(self, batch):
        """Adds the clipped gradients of a micro-batch; its mean loss and mean norm."""
        loss, norm, count, *sums = self._distribution.run(self._clipped, (batch,))
        for variable, each in zip(self._sums, sums, strict=True):
            variable.assign_add(each)
        return loss / self._distribution.replicas, norm / tf.maximum(count, 1.0)

    def _clipped(self, batch):
        """Sums over the replicas: of the mean losses, of the norms, of who is present, and the clipped gradients."""
        loss, mine = self.subject_gradients(batch)
        sums, norms = clipped_sum(mine, present=batch.present, clip_norm=self._mechanism.clip_norm)
        of_those = tf.reduce_sum(norms * batch.present), tf.reduce_sum(batch.present)
        return self._distribution.sum_over_replicas([loss, *of_those, *sums])

    @tf.function
    def _apply(self, number):
        """Adds the noise and updates the model."""
        mechanism, gradients = self._mechanism, []
        of_step = tf.random.experimental.stateless_fold_in(mechanism.seed, number)
        for index, total in enumerate(self._sums):
            seed = tf.random.experimental.stateless_fold_in(of_step, index)
            noise = tf.random.stateless_normal(total.shape, seed, alg="philox")
            noisy = total + mechanism.noise_multiplier * mechanism.clip_norm * noise
            gradients.append(noisy / mechanism.expected)
        # The same in every replica.
        self._distribution.run(self._parameters.update, (self._optimizer, gradients))
