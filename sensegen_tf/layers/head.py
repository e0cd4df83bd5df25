"""What the heads of a mixture density network have in common: a dense layer to raw parameters, and what these are of.

Bishop, "Mixture density networks" (1994), as in Graves, "Generating sequences with recurrent neural networks" (2013)
and SenseGen (2017), section III: logits, location and scale of Gaussians.
"""

import typing

import keras
import tensorflow as tf


class Anchor(typing.NamedTuple):
    """What the samples of a block are relative to.

    Attributes:
      base: [..., n, C], added to all locations.
      unit: [..., n, C] or what broadcasts to it: what a location or scale of 1 is worth.
      regressors: [..., n, R, C], what the coefficients of the autoregression multiply; R may be 0.
    """

    base: tf.Tensor
    unit: tf.Tensor
    regressors: tf.Tensor


class Mixture(typing.NamedTuple):
    """Parameters of a mixture before they are anchored.

    Attributes:
      logits: [..., K] (channelwise: [..., n, C, K]), or None of one component.
      loc, scale: [..., K, n, C] (channelwise: [..., n, C, K]), without K of one component; scales are above 0.
      factor: with full covariance the strict lower triangle of the scale matrix, [..., K, n, C, C] (channelwise: of the
        regression on the channels before, [..., n, C, C]); or None.
      coefficients: [..., n, R, C], the same for all components; or None where R is 0.
    """

    logits: tf.Tensor
    loc: tf.Tensor
    scale: tf.Tensor
    factor: tf.Tensor | None
    coefficients: tf.Tensor | None


class Head(keras.layers.Layer):
    """A dense layer to the raw parameters of the distribution of a block of n samples, packed on the last axis.

    A kind of head says what they are: `sizes`, the last of which are the n R C coefficients of the autoregression;
    `unpack`, raw parameters -> `Mixture`; `distribution`, what the blocks are drawn from, by TFP; `uniforms`, U, how
    many it takes to choose a block's components, `choose` and `sample`, which draw by noise that is given; and
    `sequential`, which scores samples one by one.

    Args:
      channels: C.
      components: K, of each mixture.
      scale_floor: the smallest scale, in standardised units; scale = floor + unit * softplus(raw).
      block: n.
      full_covariance: whether the channels of a sample are correlated, apart from what they share of the past.
      regressors: R, of the autoregression; 0 for none.
      seed: of the initial weights.
    """

    def __init__(
        self, channels, components, scale_floor, block=1, full_covariance=False, regressors=0, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        self.channels, self.components, self.scale_floor = channels, components, scale_floor
        self.block, self.full_covariance, self.regressors, self.seed = block, full_covariance, regressors, seed
        self.dense = keras.layers.Dense(self.size, kernel_initializer=self._initial, name="parameters")

    @property
    def size(self):
        """P, the number of raw parameters."""
        return sum(self.sizes)

    @property
    def noise_size(self):
        """U + n C: how many noise values a block takes, uniforms first, then a normal for each of its values."""
        return self.uniforms + self.block * self.channels

    def _initial(self, shape, dtype=None):
        """Glorot's uniform, but zero for the autoregression: a random one can run away."""
        weights = keras.initializers.GlorotUniform(self.seed)(shape, dtype)
        coefficients = self.sizes[-1]
        return tf.concat([weights[:, : self.size - coefficients], tf.zeros([shape[0], coefficients], dtype)], 1)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, inputs):
        """Features [..., F] -> raw parameters [..., P]; F may be 0."""
        if inputs.shape[-1] == 0:  # oneDNN refuses a product over nothing.
            return tf.reduce_sum(inputs[..., None] * self.dense.kernel, -2) + self.dense.bias
        return self.dense(inputs)

    def _coefficients(self, values):
        """Those of the autoregression [..., n R C] -> [..., n, R, C], or None."""
        return unpacked(values, self.block, self.regressors, self.channels) if self.regressors else None

    def get_config(self):
        names = ("channels", "components", "scale_floor", "block", "full_covariance", "regressors", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def unpacked(values, *shape):
    """The last axis of an array as several."""
    return tf.reshape(values, tf.concat([tf.shape(values)[:-1], shape], 0))


def picked(logits, uniform):
    """Which component a uniform picks, by the inverse of the cumulative mixture probabilities.

    The choice passes its gradient straight through to the probabilities (Bengio et al., 2013), so that every parameter
    can learn from what is made of the sample.

    Args:
      logits: [..., K].
      uniform: [..., 1], in [0, 1).

    Returns:
      [..., K]: 1 at the component, 0 elsewhere.
    """
    probabilities = tf.nn.softmax(logits)
    below = tf.cumsum(probabilities, axis=-1)[..., :-1] <= uniform  # [..., K - 1]
    component = tf.reduce_sum(tf.cast(below, tf.int32), -1)  # [...]
    return tf.one_hot(component, logits.shape[-1]) + (probabilities - tf.stop_gradient(probabilities))


def strict_lower(triangles, size):
    """Strict lower triangles [..., size (size - 1) / 2], row by row -> matrices [..., size, size]."""
    rows, start = [], 0
    for row in range(size):
        padding = [[0, 0]] * (triangles.shape.rank - 1) + [[0, size - row]]
        rows.append(tf.pad(triangles[..., start : start + row], padding))
        start += row
    return tf.stack(rows, -2)
