"""The mixture density head: parameters <-> a TFP `MixtureSameFamily`; noise -> sample.

Bishop, "Mixture density networks" (1994), as in Graves, "Generating sequences with recurrent neural networks" (2013)
and SenseGen (2017), section III: logits, location and scale of K Gaussians over the D-vector of a step (its C
channels, or a block of n samples of them). Their covariance is diagonal as published, full (`MultivariateNormalTriL`),
or diagonal plus low rank (`MultivariateNormalDiagPlusLowRankCovariance`, for blocks). Densities stay in log space.
"""

import typing
import warnings

import keras
import numpy as np
import scipy.cluster.vq
import tensorflow as tf
from tensorflow_probability import distributions as tfd

COVARIANCES = ("diagonal", "full", "low_rank")
_FEWEST_IN_CLUSTER = 8


class Anchor(typing.NamedTuple):
    """What locations and scales are relative to.

    Attributes:
      base: [..., D], added to all locations.
      unit: [..., D] or [D], what a location or scale of 1 is worth.
      regressors: [..., R, C], what the coefficients of the autoregression multiply; R may be 0.
    """

    base: tf.Tensor
    unit: tf.Tensor
    regressors: tf.Tensor


class Mixture(typing.NamedTuple):
    """Parameters of a mixture: logits [..., K], loc and scale [..., K, D], and a factor or None.

    The factor is the strict lower triangle of the scale matrix, [..., K, D, D] (full covariance), or [..., D, rank]
    (low rank, the same for all components).
    """

    logits: tf.Tensor
    loc: tf.Tensor
    scale: tf.Tensor
    factor: tf.Tensor | None


def row_noise(seed, steps, size, stream=0):
    """The noise of each row, from the row's seed and the stream alone.

    A row's noise does not depend on the other rows, and a longer series begins with the noise of a shorter one.

    Args:
      seed: int64 [B].
      steps: S.
      size: 1 + N, how many numbers a step takes, see `MixtureHead.noise_size`.
      stream: an integer; other streams are other noise.

    Returns:
      float32 [B, S, 1 + N]: a uniform in [0, 1), then N standard normals.
    """

    def one(row_seed):
        # The second word keeps a row's streams apart. The algorithm is named, since "auto" may differ by device.
        uniform = tf.random.stateless_uniform([steps, 1], tf.stack([row_seed, 2 * stream]), alg="philox")
        normal = tf.random.stateless_normal([steps, size - 1], tf.stack([row_seed, 2 * stream + 1]), alg="philox")
        return tf.concat([uniform, normal], -1)  # [S, 1 + N]

    return tf.map_fn(one, seed, fn_output_signature=tf.TensorSpec([None, size], tf.float32))


@keras.saving.register_keras_serializable("sensegen_tf")
class MixtureHead(keras.layers.Layer):
    """A dense layer to the raw parameters of a Gaussian mixture, and what can be done with them.

    Raw parameters are packed on the last axis: K logits, K * D locations, K * D raw scales, the factor of the
    covariance, R * D coefficients of the autoregression.

    Args:
      dimensions: D, the size of the vector.
      components: K.
      scale_floor: the smallest scale, in standardised units; scale = floor + unit * softplus(raw).
      covariance: "diagonal", "full", or "low_rank".
      rank: of the low rank.
      regressors: R, of the autoregression; 0 for none.
      seed: of the initial weights.
    """

    def __init__(
        self, dimensions, components, scale_floor, covariance="diagonal", rank=0, regressors=0, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        if covariance not in COVARIANCES:
            raise ValueError(f"covariance must be one of {', '.join(COVARIANCES)}, got {covariance!r}")
        self.dimensions, self.components, self.scale_floor = dimensions, components, scale_floor
        self.covariance, self.rank, self.regressors, self.seed = covariance, rank, regressors, seed
        self.dense = keras.layers.Dense(
            self.size,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            name="parameters",
        )

    @property
    def sizes(self):
        """Numbers of raw logits, locations, scales, of the factor, and of coefficients."""
        k, d = self.components, self.dimensions
        factor = {"diagonal": 0, "full": k * d * (d - 1) // 2, "low_rank": d * self.rank}[self.covariance]
        return k, k * d, k * d, factor, self.regressors * d

    @property
    def size(self):
        """P, the number of raw parameters; K (1 + 2 D) with diagonal covariance and without autoregression."""
        return sum(self.sizes)

    @property
    def noise_size(self):
        """How many noise values a sampled step takes: a uniform to choose the component, a normal a dimension and a
        rank."""
        return 1 + self.dimensions + (self.rank if self.covariance == "low_rank" else 0)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, inputs):
        """Features [..., F] -> raw parameters [..., P]."""
        return self.dense(inputs)

    def unpack(self, raw, anchor):
        """Raw parameters [..., P] and their `Anchor` -> `Mixture`."""
        k, d = self.components, self.dimensions
        logits, loc, scale, factor, coefficients = tf.split(raw, self.sizes, axis=-1)
        batch = tf.shape(raw)[:-1]
        components_shape = tf.concat([batch, [k, d]], 0)
        unit = anchor.unit[..., None, :]  # [..., 1, D]
        loc = anchor.base[..., None, :] + unit * tf.reshape(loc, components_shape)  # [..., K, D]
        scale = self.scale_floor + unit * tf.nn.softplus(tf.reshape(scale, components_shape))  # [..., K, D]
        if self.regressors:
            loc += unit * self._regression(coefficients, anchor.regressors)[..., None, :]
        return Mixture(logits, loc, scale, self._factor(factor, unit, batch))

    def _regression(self, coefficients, regressors):
        """What the autoregression predicts, [..., D]; each of the block's samples has coefficients of its own."""
        channels = regressors.shape[-1]
        shape = tf.concat([tf.shape(coefficients)[:-1], [self.regressors, self.dimensions // channels, channels]], 0)
        predicted = tf.reduce_sum(tf.reshape(coefficients, shape) * regressors[..., None, :], -3)  # [..., n, C]
        return tf.reshape(predicted, tf.concat([tf.shape(coefficients)[:-1], [self.dimensions]], 0))

    def _factor(self, raw, unit, batch):
        k, d = self.components, self.dimensions
        if self.covariance == "diagonal":
            return None
        if self.covariance == "low_rank":
            return tf.linalg.matrix_transpose(unit * tf.reshape(raw, tf.concat([batch, [self.rank, d]], 0)))
        below = tf.reshape(raw, tf.concat([batch, [k, d * (d - 1) // 2]], 0))  # [..., K, D (D - 1) / 2]
        rows, start = [tf.zeros_like(unit * below[..., :1])], 0  # a first row of zeros, [..., K, D]
        for row in range(1, d):
            rows.append(tf.pad(below[..., start : start + row], _pad_last(below.shape.rank, d - row)))
            start += row
        return tf.stack(rows, -2) * unit[..., None]  # [..., K, D, D]

    def fitted(self, values):
        """Raw parameters [P] of a mixture around the clusters of `values` [N, D] (k-means), to start learning from.

        The base must be 0, the unit 1; a cluster's Gaussian is diagonal.
        """
        k = self.components
        count = min(k, max(1, len(values) // _FEWEST_IN_CLUSTER))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of empty clusters, which are left out below
            centres, member = scipy.cluster.vq.kmeans2(values, count, minit="++", seed=self.seed)
        sizes = np.bincount(member, minlength=count)
        # Empty ones, and those beyond `count`, stand where the first one stands and start with little weight.
        cluster = np.where(np.arange(k) < count, np.arange(k) % count, np.argmax(sizes))
        cluster = np.where(sizes[cluster] > 0, cluster, np.argmax(sizes))
        weights = np.bincount(cluster, minlength=count)
        spread = np.stack([values[member == c].std(0) if sizes[c] else values.std(0) for c in range(count)])
        spread = np.maximum(spread, 10 * self.scale_floor)
        logits = np.log(sizes[cluster] / weights[cluster] / len(values))
        scales = np.log(np.expm1(spread[cluster] - self.scale_floor))
        factor = 0.01 * np.random.default_rng(self.seed).normal(size=self.sizes[3])
        parts = logits, centres[cluster].ravel(), scales.ravel(), factor, np.zeros(self.sizes[4])
        return np.concatenate(parts).astype(np.float32)

    def distribution(self, mixture):
        """The `tfd.MixtureSameFamily` over D-vectors of a `Mixture`, with batch shape [...]."""
        logits, loc, scale, factor = mixture
        if self.covariance == "diagonal":
            components = tfd.MultivariateNormalDiag(loc=loc, scale_diag=scale)
        elif self.covariance == "full":
            components = tfd.MultivariateNormalTriL(loc=loc, scale_tril=factor + tf.linalg.diag(scale))
        else:
            components = tfd.MultivariateNormalDiagPlusLowRankCovariance(
                loc=loc, cov_diag_factor=tf.square(scale), cov_perturb_factor=factor[..., None, :, :]
            )
        return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), components)

    def sample(self, mixture, noise):
        """Turns noise into a sample, without a random operation.

        The uniform picks the component by the inverse of the cumulative mixture probabilities; the normals are scaled
        and shifted by that component. The choice passes its gradient straight through to the probabilities (Bengio et
        al., 2013), so that every parameter can learn from what is made of the sample.

        Args:
          mixture: a `Mixture`.
          noise: [..., 1 + N], see `row_noise`.

        Returns:
          [..., D].
        """
        logits, loc, scale, factor = mixture
        uniform, normal, further = tf.split(noise, [1, self.dimensions, -1], -1)
        probabilities = tf.nn.softmax(logits)
        below = tf.cumsum(probabilities, axis=-1)[..., :-1] <= uniform  # [..., K - 1]
        component = tf.reduce_sum(tf.cast(below, tf.int32), -1)  # [...]
        chosen = tf.one_hot(component, self.components) + (probabilities - tf.stop_gradient(probabilities))
        chosen = chosen[..., None]  # [..., K, 1]
        sample = tf.reduce_sum(chosen * loc, -2) + tf.reduce_sum(chosen * scale, -2) * normal  # [..., D]
        if self.covariance == "full":
            sample += tf.linalg.matvec(tf.reduce_sum(chosen[..., None] * factor, -3), normal)
        elif self.covariance == "low_rank":
            sample += tf.linalg.matvec(factor, further)
        return sample

    def get_config(self):
        names = ("dimensions", "components", "scale_floor", "covariance", "rank", "regressors", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _pad_last(rank, count):
    return [[0, 0]] * (rank - 1) + [[0, count]]
