"""The mixture density head as published: parameters <-> a TFP `MixtureSameFamily`; noise -> sample.

Logits, location and scale of K Gaussians over the C channels of a sample. Their covariance is diagonal as published, or
full (`MultivariateNormalTriL`). A step may be a block of n samples: then a component is a location and a scale for each
of them, given the samples before it, and one component is chosen for the block. Densities stay in log space throughout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from sensegen_tf.layers.heads.base import (
    Mixture,
    MixtureOfGaussiansHead,
    Reference,
    SequentialDensity,
    reshape_last,
    straight_through_categorical,
    strict_lower,
)


@keras.saving.register_keras_serializable("sensegen_tf")
class JointHead(MixtureOfGaussiansHead):
    """A mixture over whole blocks: one component is chosen for all channels and samples of a block.

    Arguments as `MixtureOfGaussiansHead`; `full_covariance` is that of the channels within a component. Raw parameters
    are K logits, K n C locations, K n C raw scales, the triangles of the covariances, n R C coefficients of the
    autoregression.

    Example:
      >>> import tensorflow as tf
      >>> head = JointHead(2, 3, scale_floor=1e-3)
      >>> head.size  # K (1 + 2 C)
      15
      >>> head(tf.zeros([4, 8])).shape
      TensorShape([4, 15])
    """

    @property
    def sizes(self) -> Sequence[int]:
        """Numbers of raw logits, locations, scales, of the triangles, and of coefficients; in all K (1 + 2 C) as
        published."""
        k, n, c = self.components, self.block, self.channels
        triangles = k * n * c * (c - 1) // 2 if self.full_covariance else 0
        return k, k * n * c, k * n * c, triangles, n * self.regressors * c

    def _split(self, raw):
        """Raw parameters [..., P] -> logits [..., K], those of the components, three of [..., K, n C or
        n C (C - 1) / 2], and the coefficients [..., n R C]."""
        logits, *of_components, coefficients = tf.split(raw, self.sizes, axis=-1)
        k, sizes = self.components, self.sizes[1:-1]
        of_components = [reshape_last(each, k, size // k) for each, size in zip(of_components, sizes, strict=True)]
        return logits, of_components, coefficients

    def _mixture(self, logits, of_components, coefficients):
        """From what `_split` returns, with or without the axis of K."""
        n, c = self.block, self.channels
        loc, scale = (reshape_last(each, n, c) for each in of_components[:2])
        factor = None
        if self.full_covariance:
            factor = strict_lower(reshape_last(of_components[2], n, c * (c - 1) // 2), c)
        return Mixture(logits, loc, tf.nn.softplus(scale), factor, self.coefficients(coefficients))

    def unpack(self, raw: tf.Tensor) -> Mixture:
        """Raw parameters [..., P] -> `Mixture`."""
        return self._mixture(*self._split(raw))

    def distribution(self, mixture: Mixture, reference: Reference) -> tfd.MixtureSameFamily:
        """The density of blocks: batch shape [...], event shape [n, C]."""
        base, unit = reference.location[..., None, :, :], reference.scale[..., None, :, :]  # [..., 1, n, C]
        loc = mixture.loc
        if self.regressors:
            loc += tf.reduce_sum(mixture.coefficients * reference.regressors, -2)[..., None, :, :]
        loc = base + unit * loc
        scale = self.scale_floor + unit * mixture.scale
        if self.full_covariance:
            matrix = mixture.factor * unit[..., None] + tf.linalg.diag(scale)
            samples = tfd.MultivariateNormalTriL(loc=loc, scale_tril=matrix)
        else:
            samples = tfd.MultivariateNormalDiag(loc=loc, scale_diag=scale)
        return tfd.MixtureSameFamily(
            mixture_distribution=tfd.Categorical(logits=mixture.logits),
            components_distribution=tfd.Independent(samples, reinterpreted_batch_ndims=1),
        )

    def choose(self, raw: tf.Tensor, uniform: tf.Tensor, *, temperature: tf.Tensor | float = 1.0) -> Mixture:
        """The component that a uniform number chooses, see `straight_through_categorical`.

        Args:
          raw: [..., P].
          uniform: [..., 1], in [0, 1).
          temperature: [..., 1] or a number above 0, by which the logits are divided.

        Returns:
          A `Mixture` of one component: no logits, loc and scale [..., n, C], factor [..., n, C, C].
        """
        logits, of_components, coefficients = self._split(raw)
        chosen = straight_through_categorical(logits / temperature, uniform)  # [..., K]
        of_chosen = [tf.reduce_sum(chosen[..., None] * each, -2) for each in of_components]
        return self._mixture(None, of_chosen, coefficients)

    def sample(self, chosen: Mixture, number: int, *, reference: Reference, normal: tf.Tensor) -> tf.Tensor:
        """Sample `number` of a block, without a random operation.

        Args:
          chosen: what `choose` returned.
          number: in [0, n).
          reference: of this sample alone: location and scale [..., C], regressors [..., R, C].
          normal: standard normals [..., C].

        Returns:
          [..., C].
        """
        loc = chosen.loc[..., number, :]
        if chosen.coefficients is not None:
            loc += tf.reduce_sum(chosen.coefficients[..., number, :, :] * reference.regressors, -2)
        sample = reference.location + reference.scale * loc
        sample += (self.scale_floor + reference.scale * chosen.scale[..., number, :]) * normal
        if chosen.factor is not None:
            sample += reference.scale * tf.linalg.matvec(chosen.factor[..., number, :, :], normal)
        return sample

    def sequential(self, mixture: Mixture, reference: Reference, *, values: tf.Tensor) -> SequentialDensity:
        """Scores a block sample by sample, each given those before it.

        Args:
          mixture, reference: as `distribution`.
          values: [..., n, C].

        Returns:
          `SequentialDensity`.
        """
        n, c = self.block, self.channels
        normals = self.distribution(mixture, reference).components_distribution.distribution
        centred = values[..., None, :, :] - normals.loc  # [..., K, n, C]
        if self.full_covariance:
            matrix = normals.scale.to_dense()  # [..., K, n, C, C]
            scale = tf.linalg.diag_part(matrix)
            score = tf.linalg.triangular_solve(matrix, centred[..., None])[..., 0]
        else:
            scale = normals.scale.diag_part()
            score = centred / scale
        log_density = -0.5 * tf.square(score) - tf.math.log(scale) - 0.5 * math.log(2 * math.pi)
        flat = tf.concat([tf.shape(values)[:-2], [self.components, n * c]], 0)
        log_density, score = tf.reshape(log_density, flat), tf.reshape(score, flat)  # [..., K, n C]
        before = tf.cumsum(log_density, axis=-1, exclusive=True) + tf.nn.log_softmax(mixture.logits)[..., None]
        pit = tf.reduce_sum(tf.nn.softmax(before, -2) * tfd.Normal(0.0, 1.0).cdf(score), -2)  # [..., n C]
        conditional = tf.reduce_logsumexp(before + log_density, -2) - tf.reduce_logsumexp(before, -2)
        shape = tf.shape(values)
        return SequentialDensity(tf.reduce_sum(tf.reshape(conditional, shape), -1), tf.reshape(pit, shape))
