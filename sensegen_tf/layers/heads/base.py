"""What all heads share: a dense layer to raw parameters, and the contract between parameters, density and samples.

A mixture density network (Bishop, "Mixture density networks", 1994; as in Graves, "Generating sequences with recurrent
neural networks", 2013, and SenseGen, 2017, section III) ends in a layer whose outputs are the parameters of a density.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence

import keras
import tensorflow as tf

from sensegen_tf.layers.taps import Dense


class Reference(typing.NamedTuple):
    """What the samples of a block are relative to: a sample is location + scale * (regression + noise).

    Attributes:
      location: [..., n, C], added to all locations.
      scale: [..., n, C] or what broadcasts to it: the unit of locations and scales.
      regressors: [..., n, R, C], what the coefficients of the autoregression multiply; R may be 0.
    """

    location: tf.Tensor
    scale: tf.Tensor
    regressors: tf.Tensor


class Mixture(typing.NamedTuple):
    """Parameters of a mixture in units of its `Reference`.

    Attributes:
      logits: [..., K] (channelwise: [..., n, C, K]), or None of one component.
      loc, scale: [..., K, n, C] (channelwise: [..., n, C, K]), without K of one component; scales are above 0.
      factor: with full covariance the strict lower triangle of the scale matrix, [..., K, n, C, C] (channelwise: of the
        regression on the channels before, [..., n, C, C]); or None.
      coefficients: [..., n, R, C], the same for all components; or None where R is 0.
    """

    logits: tf.Tensor | None
    loc: tf.Tensor
    scale: tf.Tensor
    factor: tf.Tensor | None
    coefficients: tf.Tensor | None


class SequentialDensity(typing.NamedTuple):
    """A block of samples, scored one by one.

    Attributes:
      log_density: [..., n], of each sample given those before it, in nats; they add up to the block's `log_prob`.
      pit: [..., n, C], the probability integral transform of each value given those before it, channel after channel
        (Rosenblatt, 1952): uniform in [0, 1] where the model is right.
    """

    log_density: tf.Tensor
    pit: tf.Tensor


class Head(keras.layers.Layer):
    """A dense layer to the raw parameters of the density of a block of n samples, packed on the last axis.

    A subclass defines:
      sizes: how many raw parameters there are of each kind; the last are the n R C coefficients of the autoregression,
        which start at zero.
      uniforms: U, how many uniform numbers choose the components of a block; 0 where there is nothing to choose.
      unpack(raw): raw parameters -> what `distribution` and `sequential` take.
      distribution(parameters, reference): the density of blocks, as a TFP distribution.
      choose(raw, uniform, temperature): raw parameters and uniforms -> what `sample` takes.
      sample(chosen, number, reference, normal): sample `number` of a block, without any random operation.
      sequential(parameters, reference, values): `SequentialDensity`.

    Args:
      channels: C, at least 1.
      scale_floor: the smallest scale, in standardised units, above 0.
      block: n, at least 1.
      full_covariance: whether the channels of a sample are correlated, apart from what they share of the past.
      regressors: R, of the autoregression; 0 for none.
      seed: of the initial weights.
    """

    uniforms: int = 1

    def __init__(
        self,
        channels: int,
        *,
        scale_floor: float,
        block: int = 1,
        full_covariance: bool = False,
        regressors: int = 0,
        seed: int = 0,
        **kwargs: typing.Any,
    ):
        super().__init__(**kwargs)
        self.channels, self.scale_floor = channels, scale_floor
        self.block, self.full_covariance, self.regressors, self.seed = block, full_covariance, regressors, seed

    @property
    def sizes(self) -> Sequence[int]:
        """Numbers of raw parameters, kind by kind."""
        raise NotImplementedError(f"{type(self).__name__} does not say how many raw parameters it has")

    @property
    def size(self) -> int:
        """P, the number of raw parameters."""
        return sum(self.sizes)

    @property
    def noise_size(self) -> int:
        """U + n C: how many noise values a block takes, uniforms first, then a normal for each of its values."""
        return self.uniforms + self.block * self.channels

    def _initial(self, shape, dtype=None):
        """Glorot's uniform, but zero for the autoregression: a random one can run away."""
        weights = keras.initializers.GlorotUniform(self.seed)(shape, dtype)
        coefficients = self.sizes[-1]
        return tf.concat([weights[:, : self.size - coefficients], tf.zeros([shape[0], coefficients], dtype)], 1)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Makes the weights for features of size `input_shape[-1]`."""
        # A layer that is made here does not hear of what was said of `trainable` before.
        self.dense = Dense(self.size, kernel_initializer=self._initial, trainable=self.trainable, name="parameters")
        self.dense.build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Features [..., F] -> raw parameters [..., P]; F may be 0."""
        return self.dense(inputs)

    def coefficients(self, values: tf.Tensor) -> tf.Tensor | None:
        """The raw coefficients of the autoregression [..., n R C] -> [..., n, R, C]; None where R is 0."""
        return reshape_last(values, self.block, self.regressors, self.channels) if self.regressors else None

    def get_config(self) -> dict[str, typing.Any]:
        """What the constructor takes."""
        names = ("channels", "scale_floor", "block", "full_covariance", "regressors", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class MixtureOfGaussiansHead(Head):
    """A head of K Gaussians a mixture; scale = floor + unit * softplus(raw).

    Args:
      channels: C.
      components: K, at least 1.
      **kwargs: as `Head`.
    """

    def __init__(self, channels: int, components: int, **kwargs: typing.Any):
        super().__init__(channels, **kwargs)
        self.components = components

    def get_config(self) -> dict[str, typing.Any]:
        """What the constructor takes."""
        return {**super().get_config(), "components": self.components}


def reshape_last(values: tf.Tensor, *shape: int) -> tf.Tensor:
    """The last axis of an array as several axes of this shape."""
    return tf.reshape(values, tf.concat([tf.shape(values)[:-1], shape], 0))


def straight_through_categorical(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """The component that a uniform number chooses, by the inverse of the cumulative mixture probabilities.

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


def strict_lower(triangles: tf.Tensor, size: int) -> tf.Tensor:
    """Strict lower triangles [..., size (size - 1) / 2], row by row -> matrices [..., size, size]."""
    rows, start = [], 0
    for row in range(size):
        padding = [[0, 0]] * (triangles.shape.rank - 1) + [[0, size - row]]
        rows.append(tf.pad(triangles[..., start : start + row], padding))
        start += row
    return tf.stack(rows, -2)
