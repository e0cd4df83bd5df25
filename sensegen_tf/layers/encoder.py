"""The encoder of a latent: from a series to a Gaussian over what stays the same in it; and the prior of the latent.

While a model learns, the prior is standard normal. What the loss does not charge for (free bits) leaves the posteriors
of all series together with another mean and covariance, and between them there is nothing that the decoder has ever
seen. So latents of new series come from a Gaussian that is fitted to the posteriors in the end (Ghosh et al., "From
variational to deterministic autoencoders", 2020).
"""

from __future__ import annotations

import math
import typing

import keras
import numpy as np
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


class Prior(typing.NamedTuple):
    """The Gaussian that the latents of new series come from.

    Attributes:
      mean: [Z].
      scale: [Z, Z], lower triangular; the covariance is scale scale^T.
    """

    mean: tf.Tensor
    scale: tf.Tensor

    def sample(self, noise: tf.Tensor) -> tf.Tensor:
        """Latents [..., Z] from standard normals of that shape."""
        return self.mean + tf.einsum("ij,...j->...i", self.scale, noise)

    def log_prob(self, latent: tf.Tensor) -> tf.Tensor:
        """Log-densities [...] of latents [..., Z], nats."""
        size = self.mean.shape[0]
        flat = tf.reshape(latent - self.mean, [-1, size])
        whitened = tf.transpose(tf.linalg.triangular_solve(self.scale, tf.transpose(flat)))
        log_determinant = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(self.scale)))
        return tf.reshape(standard_log_prob(whitened), tf.shape(latent)[:-1]) - log_determinant


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
        fixed = {"trainable": False, "dtype": "float32"}
        self.prior_mean = self.add_weight(name="prior_mean", shape=[self.size], initializer="zeros", **fixed)
        identity = keras.initializers.Identity()
        self.prior_scale = self.add_weight(
            name="prior_scale", shape=[self.size, self.size], initializer=identity, **fixed
        )

    @property
    def prior(self) -> Prior:
        """The prior, as it was fitted last; at first standard normal."""
        return Prior(tf.convert_to_tensor(self.prior_mean), tf.convert_to_tensor(self.prior_scale))

    def fit_prior(self, posterior: Posterior) -> None:
        """Fits the prior to the mean and the covariance of the latents of N series.

        Args:
          posterior: of the series, [N, Z].
        """
        mean, variance = np.asarray(posterior.mean, np.float64), np.exp(2 * np.asarray(posterior.log_std, np.float64))
        covariance = np.cov(mean.T, bias=True).reshape(self.size, self.size) + np.diag(variance.mean(0))
        self.prior_mean.assign(mean.mean(0))
        self.prior_scale.assign(np.linalg.cholesky(covariance))

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
