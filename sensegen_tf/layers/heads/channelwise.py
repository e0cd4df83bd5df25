"""A head that draws the channels of a sample one after the other, each from a mixture of its own.

p(x) = prod_c p(x_c | x_1 .. x_{c-1}), where a channel's K Gaussians lie around a linear regression on the channels
before it, in their order in the recording: the simplest kin of RNADE (Uria et al., 2013). A sample is thus made of
residuals that are independent of each other. These may have any shape, channel by channel, such as the edges of a
uniform distribution, which K Gaussians over all channels together cannot have; what they have in common, such as a
moment at which all channels are restless, must be in what the network knows of the past. From three channels on it
takes fewer parameters than K Gaussians with full covariance: with 12 Gaussians .63 of them at 7 channels, .27 at 28.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
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
class ChannelwiseHead(MixtureOfGaussiansHead):
    """A mixture for each value; arguments as `MixtureOfGaussiansHead`.

    `full_covariance` says whether a channel is regressed on those before it. Raw parameters are n C K logits, as many
    locations and raw scales, n C (C - 1) / 2 coefficients of the regression on the channels before, and n R C of the
    autoregression.
    """

    @property
    def uniforms(self) -> int:  # type: ignore[override]
        """U, one for each value."""
        return self.block * self.channels

    @property
    def sizes(self) -> Sequence[int]:
        """Numbers of raw logits, locations, scales, and of both kinds of coefficients."""
        k, n, c = self.components, self.block, self.channels
        before = n * c * (c - 1) // 2 if self.full_covariance else 0
        return k * n * c, k * n * c, k * n * c, before, n * self.regressors * c

    def unpack(self, raw: tf.Tensor) -> Mixture:
        """Raw parameters [..., P] -> `Mixture`."""
        n, c = self.block, self.channels
        *of_components, before, coefficients = tf.split(raw, self.sizes, axis=-1)
        logits, loc, scale = (reshape_last(each, n, c, self.components) for each in of_components)
        factor = strict_lower(reshape_last(before, n, c * (c - 1) // 2), c) if self.full_covariance else None
        return Mixture(logits, loc, tf.nn.softplus(scale), factor, self.coefficients(coefficients))

    def _residuals(self, mixture, reference):
        """What the regressions leave of a sample, in units of the reference: batch shape [...], event shape [n, C]."""
        scale = self.scale_floor / reference.scale[..., None] + mixture.scale
        values = tfd.MixtureSameFamily(tfd.Categorical(logits=mixture.logits), tfd.Normal(mixture.loc, scale))
        return tfd.Independent(values, reinterpreted_batch_ndims=2)

    def _from_residuals(self, mixture, reference):
        """The bijector that makes samples of them."""
        base = reference.location
        if self.regressors:
            base += reference.scale * tf.reduce_sum(mixture.coefficients * reference.regressors, -2)
        steps = [tfb.Shift(base), tfb.Scale(reference.scale)]
        if self.full_covariance:
            steps.append(tfb.Invert(tfb.ScaleMatvecTriL(tf.eye(self.channels) - mixture.factor)))
        return tfb.Chain(steps)

    def distribution(self, mixture: Mixture, reference: Reference) -> tfd.TransformedDistribution:
        """The density of blocks: batch shape [...], event shape [n, C]."""
        return tfd.TransformedDistribution(
            self._residuals(mixture, reference), self._from_residuals(mixture, reference)
        )

    def choose(self, raw: tf.Tensor, uniform: tf.Tensor, *, temperature: tf.Tensor | float = 1.0) -> Mixture:
        """As `JointHead.choose`, for every value: uniform [..., n C]."""
        mixture = self.unpack(raw)
        temperature = tf.convert_to_tensor(temperature, tf.float32)[..., None, None]
        chosen = straight_through_categorical(
            mixture.logits / temperature, reshape_last(uniform, self.block, self.channels, 1)
        )  # [..., n, C, K]
        loc, scale = (tf.reduce_sum(chosen * each, -1) for each in (mixture.loc, mixture.scale))
        return mixture._replace(logits=None, loc=loc, scale=scale)

    def sample(self, chosen: Mixture, number: int, *, reference: Reference, normal: tf.Tensor) -> tf.Tensor:
        """As `JointHead.sample`."""
        loc, scale = chosen.loc[..., number, :], chosen.scale[..., number, :]
        step = loc + (self.scale_floor / reference.scale + scale) * normal
        if chosen.factor is not None:
            # Written out, since what serves a graph without TensorFlow's runtime has no triangular solve.
            step = tf.unstack(step, axis=-1)  # C times [...]
            for channel in range(1, self.channels):
                before = chosen.factor[..., number, channel, :channel]
                step[channel] += tf.reduce_sum(before * tf.stack(step[:channel], -1), -1)
            step = tf.stack(step, -1)
        if chosen.coefficients is not None:
            step += tf.reduce_sum(chosen.coefficients[..., number, :, :] * reference.regressors, -2)
        return reference.location + reference.scale * step

    def sequential(self, mixture: Mixture, reference: Reference, *, values: tf.Tensor) -> SequentialDensity:
        """As `JointHead.sequential`."""
        residuals = self._from_residuals(mixture, reference).inverse(values)
        of_each = self._residuals(mixture, reference).distribution
        unit = tf.broadcast_to(reference.scale, tf.shape(values))
        pit = tf.minimum(of_each.cdf(residuals), 1.0)  # A sum of weights may round above it.
        return SequentialDensity(tf.reduce_sum(of_each.log_prob(residuals) - tf.math.log(unit), -1), pit)
