"""Whether the samples serve the purpose: classifiers trained on them, tested on people never seen."""

import itertools

import numpy as np
import scipy.signal
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import confusion_matrix

from sensegen_tf.evaluation.critic import WindowClassifier

_BANDS = 8
_EPOCHS = 15


def features(values, rate):
    """What the trees see of a window: quantiles, increments, spectrum and correlations of channels.

    Args:
      values: [N, T, C].
      rate: Hz.

    Returns:
      float32 [N, F].
    """
    values = values.astype(np.float64)
    increments = np.diff(values, axis=1)
    parts = [
        np.moveaxis(np.quantile(values, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1], axis=1), 0, 1),
        np.stack([values.mean(1), values.std(1), increments.std(1), np.abs(increments).mean(1)], 1),
        _band_powers(values, rate),
    ]
    columns = [part.reshape(len(values), -1) for part in parts]
    around = (values - values.mean(1, keepdims=True)) / np.maximum(values.std(1, keepdims=True), 1e-12)
    first, second = np.triu_indices(values.shape[-1], 1)
    columns.append((around[..., first] * around[..., second]).mean(1))  # correlations: [N, C (C - 1) / 2]
    return np.concatenate(columns, 1).astype(np.float32)


def _band_powers(values, rate):
    """Logarithm of the power in up to eight bands of equal width on a logarithmic scale: [N, bands, C]."""
    _, power = scipy.signal.periodogram(values, rate, window="hann", detrend="constant", axis=1)
    edges = np.unique(np.geomspace(1, power.shape[1], _BANDS + 1).astype(int))
    bands = [power[:, a:b].sum(1) for a, b in itertools.pairwise(edges)]
    return np.log10(np.stack(bands, 1) + 1e-12)


def trees(training_values, training_classes, test_values, rate, seed):
    """Predictions of extremely randomised trees (scikit-learn) on `features`: int [M]."""
    forest = ExtraTreesClassifier(200, min_samples_leaf=2, class_weight="balanced", n_jobs=-1, random_state=seed)
    return forest.fit(features(training_values, rate), training_classes).predict(features(test_values, rate))


class Network:
    """Predictions of the network that is also the critic.

    Args:
      length, channels: T and C.
      classes: how many.
    """

    def __init__(self, length, channels, classes):
        self._classifier = WindowClassifier(length, channels, classes, _EPOCHS)

    def __call__(self, training_values, training_classes, test_values, rate, seed):
        """Int [M]; a fifth of the training windows decides when to stop."""
        del rate
        order = np.random.default_rng([seed, 7]).permutation(len(training_values))
        training, validation = np.split(order, [round(0.8 * len(order))])
        self._classifier.fit(
            training_values[training],
            training_classes[training],
            training_values[validation],
            training_classes[validation],
            seed,
        )
        return self._classifier.predict(test_values)


def confusion(true, predicted, classes):
    """Counts [classes, classes]: rows are the true class."""
    return confusion_matrix(true, predicted, labels=range(classes))


def balanced_accuracy(counts):
    """Mean over the classes that occur of the share that is recognised."""
    occurs = counts.sum(1) > 0
    return float((np.diag(counts)[occurs] / counts.sum(1)[occurs]).mean())


def compare(classify, real, synthetic, heldout, half, classes, rate, seed):
    """Confusion matrices of one classifier on the published pairs of training and test sets.

    Args:
      classify: `trees`, or a `Network`.
      real, synthetic, heldout: (values [N, T, C], classes int [N]) each.
      half: as `real`, of half of its people.
      classes: how many there are, of which these windows need not have all.
      rate: Hz.
      seed: an integer.

    Returns:
      Name -> counts [classes, classes]: `trtr` (trained on real, tested on held-out windows), `tstr` (trained on
      synthetic, tested on held-out), `trts` (trained on real, tested on synthetic; Esteban et al., 2017),
      `augmented` (trained on real and synthetic together, tested on held-out), and `half` (trained on half of the
      real people, tested on held-out), which is the floor.
    """
    both = tuple(np.concatenate(pair) for pair in zip(real, synthetic, strict=True))
    tests = np.concatenate([heldout[0], synthetic[0]])

    def tested(training):
        """Confusion matrices on the held-out and on the synthetic windows."""
        predicted = np.split(classify(*training, tests, rate, seed), [len(heldout[0])])
        return [confusion(test[1], each, classes) for test, each in zip((heldout, synthetic), predicted, strict=True)]

    trtr, trts = tested(real)
    others = {"tstr": synthetic, "augmented": both, "half": half}
    return {"trtr": trtr, "trts": trts, **{name: tested(training)[0] for name, training in others.items()}}
