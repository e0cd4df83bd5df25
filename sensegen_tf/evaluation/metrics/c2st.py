"""The classifier two-sample test (C2ST): how well a trained network separates two sets of windows.

Lopez-Paz and Oquab, 2017. The classifier also serves as one of those that measure utility.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

_BATCH = 64
_PATIENCE = 6
_LEARNING_RATE = 1e-3
_DROPOUT = 0.3


class _Network(keras.Model):
    """[B, T, F] -> logits [B, classes]: three convolutions, then means, maxima and a GRU over what they found."""

    def __init__(self, classes):
        super().__init__(name="c2st")
        self._convolutions = [
            keras.layers.Conv1D(filters, width, strides, padding="same", activation="relu")
            for filters, width, strides in ((32, 7, 2), (64, 5, 2), (64, 3, 1))
        ]
        self._recurrent = keras.layers.GRU(32)
        self._logits = keras.layers.Dense(classes)

    def call(self, features, dropout_seed=None):
        for convolution in self._convolutions:
            features = convolution(features)
        found = tf.concat([tf.reduce_mean(features, 1), tf.reduce_max(features, 1), self._recurrent(features)], -1)
        if dropout_seed is not None:
            found = tf.nn.experimental.stateless_dropout(found, _DROPOUT, dropout_seed)
        return self._logits(found)


class LabelledWindows(NamedTuple):
    """Windows and their classes.

    Attributes:
      values: [N, T, C].
      classes: int [N].
    """

    values: np.ndarray
    classes: np.ndarray


class WindowFeatures:
    """A network's view of windows: standardised values and, so that it sees the sensor's noise, their increments.

    Increments are on a scale that is linear for small ones and logarithmic for large ones (arcsinh, in units of the
    median increment).

    Args:
      values: the windows that set the scales, [N, T, C].
    """

    def __init__(self, values: np.ndarray):
        self._mean, self._std = values.mean((0, 1)), np.maximum(values.std((0, 1)), 1e-12)
        self._increment = np.maximum(np.median(np.abs(np.diff(values, axis=1)), (0, 1)), 1e-6 * self._std)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Features of windows [N, T, C]: float32 [N, T, 2 C]."""
        increments = np.diff(values, axis=1, prepend=values[:, :1])
        scaled = [(values - self._mean) / self._std, np.arcsinh(increments / self._increment)]
        return np.concatenate(scaled, -1).astype(np.float32)


class WindowClassifier:
    """Classifies `WindowFeatures`. One object may be fitted many times: each time it starts anew from its seed.

    Args:
      length, channels: T and C.
      classes: how many.
      epochs: at most; early stopping ends most fits before.
    """

    def __init__(self, length: int, channels: int, *, classes: int, epochs: int):
        self._epochs = epochs
        self._network = _Network(classes)
        self._network(tf.zeros([1, length, 2 * channels]))
        self._optimizer = keras.optimizers.Adam(_LEARNING_RATE)
        self._optimizer.build(self._network.trainable_variables)
        features = tf.TensorSpec([None, length, 2 * channels], tf.float32)
        self._compiled_step = tf.function(
            self._step, input_signature=[features, tf.TensorSpec([None], tf.int32), tf.TensorSpec([2], tf.int32)]
        )
        self._predict = tf.function(self._network.call, input_signature=[features])

    def _step(self, features, classes, seed):
        with tf.GradientTape() as tape:
            logits = self._network(features, dropout_seed=seed)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits))
        weights = self._network.trainable_variables
        self._optimizer.apply(tape.gradient(loss, weights), weights)

    def _start(self, seed):
        for index, variable in enumerate(self._network.trainable_variables):
            shape = variable.shape
            initial = keras.initializers.GlorotUniform(seed=seed * 1000 + index) if len(shape) > 1 else tf.zeros
            variable.assign(initial(shape))
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros(variable.shape, variable.dtype))
        self._optimizer.learning_rate = _LEARNING_RATE

    def fit(self, training: LabelledWindows, validation: LabelledWindows, *, seed: int) -> WindowClassifier:
        """Trains until the loss on the validation windows has not fallen for six epochs; keeps the best weights.

        Args:
          training: windows to train on.
          validation: windows that decide when to stop.
          seed: an integer: of the weights, the order and the dropout.

        Returns:
          Itself.
        """
        values, classes = training
        self._features = WindowFeatures(values)
        self._start(seed)
        features, validation_features = self._features(values), self._features(validation.values)
        rng = np.random.default_rng(seed)
        best, kept, worse, step = np.inf, self._network.get_weights(), 0, 0
        for _ in range(self._epochs):
            order = rng.permutation(len(features))
            for start in range(0, max(len(order) - _BATCH + 1, 1), _BATCH):
                rows = order[start : start + _BATCH]
                self._compiled_step(features[rows], classes[rows].astype(np.int32), np.array([seed, step], np.int32))
                step += 1
            loss = self._loss(validation_features, validation.classes)
            if loss < best:
                best, kept, worse = loss, self._network.get_weights(), 0
            else:
                worse += 1
                if worse == _PATIENCE:
                    break
        self._network.set_weights(kept)
        return self

    def _logits_of(self, features):
        return np.concatenate([self._predict(features[i : i + 512]).numpy() for i in range(0, len(features), 512)])

    def _loss(self, features, classes):
        logits = self._logits_of(features).astype(np.float64)
        normaliser = np.logaddexp.reduce(logits, axis=1)
        return float(np.mean(normaliser - logits[np.arange(len(logits)), classes]))

    def predict(self, values: np.ndarray) -> np.ndarray:
        """The most likely class of each window: int [N]."""
        return self._logits_of(self._features(values)).argmax(1)


class Split(NamedTuple):
    """Boolean masks [N] of disjoint rows."""

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def contiguous_split(count: int, rng: np.random.Generator, *, pieces: int = 20) -> Split:
    """Splits rows in order into 60, 20 and 20 %: in contiguous pieces, since neighbours may overlap.

    Args:
      count: of rows.
      rng: a random generator.
      pieces: into which the rows are cut, to be assigned at random.
    """
    pieces = min(pieces, count)
    rank = rng.permutation(pieces)[np.arange(count) * pieces // count] / pieces
    return Split(rank < 0.6, (rank >= 0.6) & (rank < 0.8), rank >= 0.8)


def c2st_accuracy(real: np.ndarray, synthetic: np.ndarray, *, classifier: WindowClassifier, seed: int) -> float:
    """Balanced accuracy of a classifier that separates two sets of windows, on windows that it was not trained on.

    Args:
      real, synthetic: [N, T, C], in the order of their recordings.
      classifier: of two classes; it is trained here.
      seed: an integer.

    Returns:
      Near 0.5 where the two are alike, 1 where every window is recognised. Below 0.5 where windows of one set are
      copies of the other's.
    """
    rng = np.random.default_rng([seed, 2])
    windows = LabelledWindows(
        np.concatenate([real, synthetic]),
        np.repeat([1, 0], [len(real), len(synthetic)]),
    )
    of_each = [contiguous_split(len(each), rng) for each in (real, synthetic)]
    training, validation, test = (
        LabelledWindows(*(rows[np.concatenate(pair)] for rows in windows)) for pair in zip(*of_each, strict=True)
    )
    classifier.fit(training, validation, seed=seed)
    right = classifier.predict(test.values) == test.classes
    return float(np.mean([right[test.classes == each].mean() for each in (0, 1)]))
