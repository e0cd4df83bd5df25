"""The mixture density head: parameters <-> a TFP `MixtureSameFamily`; noise -> sample.

Bishop, "Mixture density networks" (1994), as in Graves, "Generating sequences with recurrent neural networks" (2013)
and SenseGen (2017), section III: logits, location and scale of K Gaussians with diagonal covariance over the C-vector.
Densities stay in log space throughout.
"""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd


def noise_size(channels):
    """How many noise values one sampled step takes: one uniform to choose the component, C normals."""
    return 1 + channels


def row_noise(seed, steps, channels):
    """The noise of each row, from the row's seed alone.

    A row's noise does not depend on the other rows, and a longer series begins with the noise of a shorter one.

    Args:
      seed: int64 [B].
      steps: T.
      channels: C.

    Returns:
      float32 [B, T, 1 + C]: a uniform in [0, 1), then C standard normals.
    """

    def one(row_seed):
        # The second word keeps a row's two streams apart. The algorithm is named, since "auto" may differ by device.
        uniform = tf.random.stateless_uniform([steps, 1], tf.stack([row_seed, 0]), alg="philox")
        normal = tf.random.stateless_normal([steps, channels], tf.stack([row_seed, 1]), alg="philox")
        return tf.concat([uniform, normal], -1)  # [T, 1 + C]

    return tf.map_fn(one, seed, fn_output_signature=tf.TensorSpec([None, noise_size(channels)], tf.float32))


@keras.saving.register_keras_serializable("sensegen_tf")
class MixtureHead(keras.layers.Layer):
    """A dense layer to the parameters of a Gaussian mixture, and what can be done with them.

    Parameters are packed on the last axis: K logits, K * C locations, K * C raw scales.

    Args:
      channels: C.
      components: K.
      scale_floor: the smallest scale, in standardised units; scale = floor + softplus(raw).
      seed: of the initial weights.
    """

    def __init__(self, channels, components, scale_floor, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.components, self.scale_floor, self.seed = channels, components, scale_floor, seed
        self.dense = keras.layers.Dense(
            self.size,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            name="parameters",
        )

    @property
    def size(self):
        """P = K * (1 + 2 C), the number of packed parameters."""
        return self.components * (1 + 2 * self.channels)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, inputs):
        """Features [..., F] -> packed parameters [..., K * (1 + 2 C)]."""
        return self.dense(inputs)

    def unpack(self, parameters):
        """Packed parameters -> logits [..., K], loc [..., K, C], scale [..., K, C]."""
        k, c = self.components, self.channels
        logits, loc, raw = tf.split(parameters, [k, k * c, k * c], axis=-1)
        components_shape = tf.concat([tf.shape(parameters)[:-1], [k, c]], 0)
        loc = tf.reshape(loc, components_shape)  # [..., K, C]
        scale = self.scale_floor + tf.nn.softplus(tf.reshape(raw, components_shape))  # [..., K, C]
        return logits, loc, scale

    def shift(self, parameters, offset):
        """Packed parameters with every location moved by `offset` [..., C]."""
        k, c = self.components, self.channels
        logits, loc, raw = tf.split(parameters, [k, k * c, k * c], axis=-1)
        return tf.concat([logits, loc + tf.tile(offset, [1] * (offset.shape.rank - 1) + [k]), raw], -1)

    def distribution(self, parameters):
        """The `tfd.MixtureSameFamily` over C-vectors with batch shape [...]."""
        logits, loc, scale = self.unpack(parameters)
        return tfd.MixtureSameFamily(
            mixture_distribution=tfd.Categorical(logits=logits),
            components_distribution=tfd.MultivariateNormalDiag(loc=loc, scale_diag=scale),
        )

    def sample(self, parameters, noise):
        """Turns noise into a sample, without a random operation.

        The uniform picks the component by the inverse of the cumulative mixture probabilities; the normals are scaled
        and shifted by that component.

        Args:
          parameters: packed [..., K * (1 + 2 C)].
          noise: [..., 1 + C], see `row_noise`.

        Returns:
          [..., C].
        """
        logits, loc, scale = self.unpack(parameters)
        uniform, normal = noise[..., :1], noise[..., 1:]
        below = tf.cumsum(tf.nn.softmax(logits), axis=-1)[..., :-1] <= uniform  # [..., K - 1]
        component = tf.reduce_sum(tf.cast(below, tf.int32), -1)  # [...]
        chosen = tf.one_hot(component, self.components)[..., None]  # [..., K, 1]
        return tf.reduce_sum(chosen * loc, -2) + tf.reduce_sum(chosen * scale, -2) * normal  # [..., C]

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "components": self.components,
            "scale_floor": self.scale_floor,
            "seed": self.seed,
        }
