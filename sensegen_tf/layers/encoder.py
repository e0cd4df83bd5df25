"""The encoder of a latent: from a series to a Gaussian over what stays the same in it."""

from __future__ import annotations

import math
import typing

import keras
import tensorflow as tf

from sensegen_tf.layers.lstm import LSTMStack
from sensegen_tf.layers.taps import Dense

# Of the first posteriors: narrow, so that the decoder sees a signal before the encoder has learnt to give one.
_INITIAL_LOG_STD = -1.5


class Posterior(typing.NamedTuple):
    """A Gaussian with a diagonal covariance over the latent of each series, q(z | series).

    Attributes:
      mean, log_std: [B, Z].
    """

    mean: tf.Tensor
    log_std: tf.Tensor

    def sample(self, noise: tf.Tensor) -> tf.Tensor:
        """Latents [..., B, Z] from standard normals of that shape."""
        return self.mean + tf.exp(self.log_std) * noise

    def log_prob(self, latent: tf.Tensor) -> tf.Tensor:
        """Log-densities [..., B] of latents [..., B, Z], nats."""
        return standard_log_prob((latent - self.mean) * tf.exp(-self.log_std)) - tf.reduce_sum(self.log_std, -1)

    def divergence(self) -> tf.Tensor:
        """Kullback-Leibler divergence of each entry from the standard normal prior (Kingma and Welling, 2014, appendix
        B): [B, Z], nats, at least 0."""
        return 0.5 * (tf.square(self.mean) + tf.exp(2.0 * self.log_std) - 1.0) - self.log_std


def standard_log_prob(latent: tf.Tensor) -> tf.Tensor:
    """Log-densities [..., B] of latents [..., B, Z] under the standard normal prior, nats."""
    size = latent.shape[-1]
    return -0.5 * (tf.reduce_sum(tf.square(latent), -1) + size * math.log(2 * math.pi))


class Encoder(keras.layers.Layer):
    """LSTM layers, the mean of their outputs over the steps, a dense layer, and the parameters of a Gaussian.

    Args:
      recurrent, dense: the layers.
      size: Z.
      seed: of the initial weights of the parameters' layer.

    Example:
      >>> import tensorflow as tf
      >>> from sensegen_tf.models.config import LatentConfig, NetworkConfig
      >>> config = LatentConfig(size=2, network=NetworkConfig(units=(4,), dense_units=3))
      >>> encoder = config.build(seed=0, use_xla=False, precision="float32")
      >>> encoder(tf.zeros([5, 7, 3])).mean.shape
      TensorShape([5, 2])
    """

    def __init__(self, recurrent: LSTMStack, dense: Dense, *, size: int, seed: int, **kwargs: typing.Any):
        super().__init__(**kwargs)
        self.recurrent, self.dense, self.size = recurrent, dense, size
        self.parameters = Dense(2 * size, kernel_initializer=keras.initializers.GlorotUniform(seed), name="parameters")

    def build(self, input_shape: typing.Any) -> None:
        """Makes the weights for inputs of size `input_shape[-1]`."""
        self.recurrent.build(input_shape)
        self.dense.build((None, self.recurrent.units[-1]))
        self.parameters.build((None, self.dense.units))
        self.parameters.bias.assign([0.0] * self.size + [_INITIAL_LOG_STD] * self.size)

    def call(self, inputs: tf.Tensor, *, steps: tf.Tensor | None = None) -> Posterior:
        """The posterior of series.

        Args:
          inputs: [B, S, F].
          steps: int32 [B], how many of the steps count; None for all.
        """
        outputs, _ = self.recurrent(inputs)  # [B, S, U]
        if steps is None:
            mean = tf.reduce_mean(outputs, 1)
        else:
            inside = tf.sequence_mask(steps, tf.shape(outputs)[1], outputs.dtype)[..., None]
            mean = tf.reduce_sum(outputs * inside, 1) / tf.cast(tf.maximum(steps, 1), outputs.dtype)[:, None]
        mean, log_std = tf.split(tf.cast(self.parameters(self.dense(mean)), tf.float32), 2, -1)
        return Posterior(mean, log_std)
