"""A head that draws the channels of a sample one after the other, each from a mixture of its own.

p(x) = prod_c p(x_c | x_1 .. x_{c-1}), as NADE (Larochelle and Murray, 2011) and its real-valued kin: K Gaussians for
each channel around a linear regression on those before it. C mixtures of K Gaussians have K^C modes in a C-th of the
parameters that K Gaussians with full covariance take, so it suits many channels, and channels that do not jump
together.
"""

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from sensegen_tf.layers.head import Head, Mixture, strict_lower, unpacked


@keras.saving.register_keras_serializable("sensegen_tf")
class ChannelwiseHead(Head):
    """A head whose components are of single values; arguments as `Head`, where `full_covariance` says whether a channel
    is regressed on those before it.

    Raw parameters are n C K logits, as many locations and raw scales, n C (C - 1) / 2 coefficients of the regression on
    the channels before, n R C of the autoregression.
    """

    @property
    def uniforms(self):
        """One for each value."""
        return self.block * self.channels

    @property
    def sizes(self):
        """Numbers of raw logits, locations, scales, and of both kinds of coefficients."""
        k, n, c = self.components, self.block, self.channels
        before = n * c * (c - 1) // 2 if self.full_covariance else 0
        return k * n * c, k * n * c, k * n * c, before, n * self.regressors * c

    def unpack(self, raw):
        """Raw parameters [..., P] -> `Mixture`."""
        n, c = self.block, self.channels
        *of_components, before, coefficients = tf.split(raw, self.sizes, axis=-1)
        logits, loc, scale = (unpacked(each, n, c, self.components) for each in of_components)
        factor = strict_lower(unpacked(before, n, c * (c - 1) // 2), c) if self.full_covariance else None
        return Mixture(logits, loc, tf.nn.softplus(scale), factor, self._coefficients(coefficients))

    def _innovations(self, mixture, anchor):
        """What is new in a sample, in units of the anchor: batch shape [...], event shape [n, C]."""
        scale = self.scale_floor / anchor.unit[..., None] + mixture.scale
        values = tfd.MixtureSameFamily(tfd.Categorical(logits=mixture.logits), tfd.Normal(mixture.loc, scale))
        return tfd.Independent(values, reinterpreted_batch_ndims=2)

    def _from_innovations(self, mixture, anchor):
        """The bijector that makes samples of them."""
        base = anchor.base
        if self.regressors:
            base += anchor.unit * tf.reduce_sum(mixture.coefficients * anchor.regressors, -2)
        steps = [tfb.Shift(base), tfb.Scale(anchor.unit)]
        if self.full_covariance:
            steps.append(tfb.Invert(tfb.ScaleMatvecTriL(tf.eye(self.channels) - mixture.factor)))
        return tfb.Chain(steps)

    def distribution(self, mixture, anchor):
        """The distribution of a `Mixture` around its `Anchor`: batch shape [...], event shape [n, C]."""
        return tfd.TransformedDistribution(
            self._innovations(mixture, anchor), self._from_innovations(mixture, anchor), name="channelwise"
        )

    def choose(self, raw, uniform, temperature=1.0):
        """As `MixtureHead.choose`, for every value: uniform [..., n C]."""
        mixture = self.unpack(raw)
        temperature = tf.convert_to_tensor(temperature)[..., None, None]
        probabilities = tf.nn.softmax(mixture.logits / temperature)  # [..., n, C, K]
        below = tf.cumsum(probabilities, axis=-1)[..., :-1] <= unpacked(uniform, self.block, self.channels, 1)
        component = tf.reduce_sum(tf.cast(below, tf.int32), -1)  # [..., n, C]
        chosen = tf.one_hot(component, self.components) + (probabilities - tf.stop_gradient(probabilities))
        loc, scale = (tf.reduce_sum(chosen * each, -1) for each in (mixture.loc, mixture.scale))
        return mixture._replace(logits=None, loc=loc, scale=scale)

    def sample(self, chosen, number, anchor, normal):
        """As `MixtureHead.sample`."""
        loc, scale = chosen.loc[..., number, :], chosen.scale[..., number, :]
        new = tf.unstack(loc + (self.scale_floor / anchor.unit + scale) * normal, axis=-1)  # C times [...]
        if self.full_covariance:
            for channel in range(1, self.channels):
                before = chosen.factor[..., number, channel, :channel]
                new[channel] += tf.reduce_sum(before * tf.stack(new[:channel], -1), -1)
        step = tf.stack(new, -1)
        if self.regressors:
            step += tf.reduce_sum(chosen.coefficients[..., number, :, :] * anchor.regressors, -2)
        return anchor.base + anchor.unit * step

    def sequential(self, mixture, anchor, values):
        """As `MixtureHead.sequential`."""
        new = self._from_innovations(mixture, anchor).inverse(values)
        of_values = self._innovations(mixture, anchor).distribution
        unit = tf.broadcast_to(anchor.unit, tf.shape(values))
        return tf.reduce_sum(of_values.log_prob(new) - tf.math.log(unit), -1), of_values.cdf(new)
