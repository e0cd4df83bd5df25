"""A network that maps windows to points, those of one subject near to each other.

It learns from windows of some subjects and is applied to others, as in the recognition of speakers. The loss is the
prototypical one with cosine similarities (Snell et al., 2017; "angular prototypical" in Chung et al., 2020): a window
must lie nearer to the mean of other windows of its subject than to the means of other subjects.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from sensegen_tf.evaluation.metrics.c2st import WindowFeatures

_SIZE = 64
# Windows in a step, and subjects at most: at least two windows of each.
_BATCH, _SUBJECTS = 64, 32
_LEARNING_RATE = 1e-3
# Of a window in training, so that two crops of a subject's only window differ.
_CROP = 0.75
# Most noise on a crop, in standard deviations, so that noise does not hide a subject.
_NOISE = 0.1
# Factor of the cosine similarities.
_SCALE = 10.0
_FILTERS, _WIDTHS = (32, 64, 96, 96, 128, 128), (7, 5, 5, 5, 5, 5)


class _Network(keras.Model):
    """[B, T, F] -> unit vectors [B, E]: convolutions that halve time, means and standard deviations, a dense layer."""

    def __init__(self, length):
        super().__init__(name="embedding")
        layers = int(np.clip(np.log2(length / 8), 2, len(_FILTERS)))
        self._convolutions = [
            keras.layers.Conv1D(filters, width, strides=2, padding="same", activation="relu")
            for filters, width in zip(_FILTERS[:layers], _WIDTHS[:layers], strict=True)
        ]
        self._dense = keras.layers.Dense(_SIZE)

    def call(self, features):
        for convolution in self._convolutions:
            features = convolution(features)
        mean, variance = tf.nn.moments(features, 1)
        return tf.math.l2_normalize(self._dense(tf.concat([mean, tf.sqrt(variance + 1e-6)], -1)), -1)


class SubjectEmbedding:
    """Maps windows to unit vectors [E], E = 64; the cosine of two says how alike they are as windows of a person.

    Args:
      values: windows to learn from, [N, T, C].
      subjects: of these windows, integers [N] from 0; at least two subjects.
      steps: of training.
      seed: an integer.

    Example:
      >>> rng = np.random.default_rng(0)
      >>> subjects = np.repeat([0, 1, 2], 8)
      >>> values = subjects[:, None, None] + rng.normal(size=[24, 32, 1])
      >>> embedding = SubjectEmbedding(values, subjects, steps=2, seed=0)
      >>> embedding(values).shape
      (24, 64)
    """

    def __init__(self, values: np.ndarray, subjects: np.ndarray, *, steps: int, seed: int):
        self._features = WindowFeatures(values)
        length, channels = values.shape[1:]
        self._network = _Network(length)
        self._network(tf.zeros([1, length, 2 * channels]))
        for index, variable in enumerate(self._network.trainable_variables):
            if len(variable.shape) > 1:
                variable.assign(keras.initializers.GlorotUniform(seed=seed * 1000 + index)(variable.shape))
        self._embed = tf.function(
            self._network.call, input_signature=[tf.TensorSpec([None, length, 2 * channels], tf.float32)]
        )
        self._train(values, subjects, steps, np.random.default_rng([seed, 9]))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Unit vectors of windows [N, T, C]: float32 [N, E]."""
        pieces = [values[start : start + 512] for start in range(0, len(values), 512)]
        return np.concatenate([self._embed(self._features(piece)).numpy() for piece in pieces])

    def _train(self, values, subjects, steps, rng):
        rows = [np.flatnonzero(subjects == subject) for subject in np.unique(subjects)]
        count = min(len(rows), _SUBJECTS)
        each = 2 * max(_BATCH // count // 2, 1)
        length = max(round(_CROP * values.shape[1]), 1)
        largest = _NOISE * values.std((0, 1))
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps))
        optimizer.build(self._network.trainable_variables)
        shape = [count * each, length, 2 * values.shape[-1]]

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])
        def step(batch):
            with tf.GradientTape() as tape:
                loss = prototypical_loss(tf.reshape(self._network(batch), [count, each, _SIZE]))
            weights = self._network.trainable_variables
            optimizer.apply(tape.gradient(loss, weights), weights)

        for _ in range(steps):
            chosen = [
                rng.choice(rows[i], each, replace=len(rows[i]) < each) for i in rng.permutation(len(rows))[:count]
            ]
            starts = rng.integers(0, values.shape[1] - length + 1, count * each)
            crops = values[np.concatenate(chosen)[:, None], starts[:, None] + np.arange(length)]
            noise = rng.uniform(0, largest, [count * each, 1, values.shape[-1]]) * rng.normal(size=crops.shape)
            step(self._features(crops + noise))


def prototypical_loss(points: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of recognising the subject of a window by the means of other windows of all subjects.

    Args:
      points: unit vectors [S, M, E] of M windows of S subjects, M even: the first half makes the means.
    """
    subjects, each = points.shape[0], points.shape[1] // 2
    prototypes = tf.math.l2_normalize(tf.reduce_mean(points[:, :each], 1), -1)
    logits = _SCALE * tf.einsum("sme,pe->smp", points[:, each:], prototypes)
    truth = tf.repeat(tf.range(subjects)[:, None], each, 1)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits))
