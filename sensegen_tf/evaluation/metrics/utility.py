"""Whether samples work as training data: classifiers trained on them, tested on test subjects."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import scipy.signal
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import confusion_matrix

from sensegen_tf.evaluation.baselines import confidence, prediction
from sensegen_tf.evaluation.metrics.c2st import LabelledWindows, WindowClassifier
from sensegen_tf.evaluation.metrics.definitions import PAIRS
from sensegen_tf.evaluation.scores import Reference, Score, make_score
from sensegen_tf.evaluation.settings import Settings

_BANDS = 8
_EPOCHS = 15


class Classify(Protocol):
    """Trains a classifier and predicts the classes of other windows: int [M]."""

    def __call__(self, training: LabelledWindows, test_values: np.ndarray, *, rate: float, seed: int) -> np.ndarray: ...


class Sets(NamedTuple):
    """What a classifier is trained and tested on.

    Attributes:
      real: windows of training subjects.
      synthetic: samples.
      test: windows of test subjects.
      half: windows of half of the training subjects.
    """

    real: LabelledWindows
    synthetic: LabelledWindows
    test: LabelledWindows
    half: LabelledWindows


class Utility(NamedTuple):
    """What was found.

    Attributes:
      scores: of all classifiers.
      confusions: classifier -> name of the pair -> counts [classes, classes], summed over the repeats; see `compare`.
    """

    scores: list[Score]
    confusions: dict[str, dict[str, np.ndarray]]


def features(values: np.ndarray, rate: float) -> np.ndarray:
    """The inputs of the trees: a window's quantiles, increments, spectrum and correlations of channels.

    Args:
      values: [N, T, C].
      rate: Hz.

    Returns:
      float32 [N, F].
    """
    values = values.astype(np.float64)
    increments = np.diff(values, axis=1)
    groups = [
        np.moveaxis(np.quantile(values, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1], axis=1), 0, 1),
        np.stack([values.mean(1), values.std(1), increments.std(1), np.abs(increments).mean(1)], 1),
        _band_powers(values, rate),
    ]
    columns = [group.reshape(len(values), -1) for group in groups]
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


def trees(training: LabelledWindows, test_values: np.ndarray, *, rate: float, seed: int) -> np.ndarray:
    """Predictions of extremely randomised trees (scikit-learn) on `features`: int [M]."""
    forest = ExtraTreesClassifier(200, min_samples_leaf=2, class_weight="balanced", n_jobs=-1, random_state=seed)
    return forest.fit(features(training.values, rate), training.classes).predict(features(test_values, rate))


class Network:
    """Predictions of the network that also serves the classifier two-sample test.

    Args:
      length, channels: T and C.
      classes: how many.
    """

    def __init__(self, length: int, channels: int, *, classes: int):
        self._classifier = WindowClassifier(length, channels, classes=classes, epochs=_EPOCHS)

    def __call__(self, training: LabelledWindows, test_values: np.ndarray, *, rate: float, seed: int) -> np.ndarray:
        """Int [M]; a fifth of the training windows decides when to stop."""
        del rate
        order = np.random.default_rng([seed, 7]).permutation(len(training.values))
        fitted, validation = (
            LabelledWindows(training.values[rows], training.classes[rows])
            for rows in np.split(order, [round(0.8 * len(order))])
        )
        return self._classifier.fit(fitted, validation, seed=seed).predict(test_values)


def confusion(true: np.ndarray, predicted: np.ndarray, *, classes: int) -> np.ndarray:
    """Counts [classes, classes]: rows are the true class."""
    return confusion_matrix(true, predicted, labels=range(classes))


def balanced_accuracy(counts: np.ndarray) -> float:
    """Mean over the classes that occur of the share that is recognised."""
    occurs = counts.sum(1) > 0
    return float((np.diag(counts)[occurs] / counts.sum(1)[occurs]).mean())


def compare(classify: Classify, sets: Sets, *, classes: int, rate: float, seed: int) -> dict[str, np.ndarray]:
    """Confusion matrices of one classifier on the published pairs of training and test sets.

    Args:
      classify: `trees`, or a `Network`.
      sets: the windows.
      classes: how many there are, of which these windows need not have all.
      rate: Hz.
      seed: an integer.

    Returns:
      Name -> counts [classes, classes]: `trtr` (trained on real, tested on test subjects), `tstr` (trained on
      synthetic, tested on test subjects), `trts` (trained on real, tested on synthetic; Esteban et al., 2017),
      `augmented` (trained on real and synthetic together, tested on test subjects), and `half` (trained on half of the
      training subjects, tested on test subjects), which is the baseline.
    """
    real, synthetic, test, half = sets
    both = LabelledWindows(*(np.concatenate(pair) for pair in zip(real, synthetic, strict=True)))
    values = np.concatenate([test.values, synthetic.values])

    def tested(training):
        """Confusion matrices on the windows of test subjects and on the synthetic ones."""
        predicted = np.split(classify(training, values, rate=rate, seed=seed), [len(test.values)])
        return [
            confusion(true.classes, each, classes=classes)
            for true, each in zip((test, synthetic), predicted, strict=True)
        ]

    trtr, trts = tested(real)
    others = {"tstr": synthetic, "augmented": both, "half": half}
    return {"trtr": trtr, "trts": trts, **{name: tested(training)[0] for name, training in others.items()}}


def measure(
    windows: dict[str, LabelledWindows],
    subjects: np.ndarray,
    *,
    classes: int,
    rate: float,
    settings: Settings,
    progress: Callable[[str], None],
) -> Utility:
    """Measures utility with trees and, where the settings ask for it, with a network.

    Args:
      windows: "real", "synthetic" and "test" windows.
      subjects: of the real windows.
      classes: how many there are.
      rate: Hz.
      settings: how much is measured.
      progress: called with what is being done, before each repeat.
    """
    classifiers: dict[str, tuple[Classify, int]] = {"trees": (trees, settings.trees)}
    if settings.networks:
        network = Network(*windows["real"].values.shape[1:], classes=classes)
        classifiers["network"] = network, settings.networks
    scores: list[Score] = []
    confusions = {}
    for name, (classify, repeats) in classifiers.items():
        found = []
        for number, sets in enumerate(_repeated_sets(windows, subjects, repeats=repeats, settings=settings)):
            progress(f"utility: {name}")
            found.append(compare(classify, sets, classes=classes, rate=rate, seed=settings.seed_of(number)))
        scores += _scores(name, found)
        confusions[name] = {pair: np.sum([each[pair] for each in found], axis=0) for pair in found[0]}
    return Utility(scores, confusions)


def _repeated_sets(windows, subjects, *, repeats, settings):
    """Yields so many random `Sets`."""
    rng = np.random.default_rng([settings.seed, 8])
    size = min(settings.classifier_windows, *(len(windows[kind].classes) for kind in ("real", "synthetic")))
    names = np.unique(subjects)

    def some(kind, rows):
        chosen = np.sort(rng.choice(rows, min(size, len(rows)), replace=False))
        return LabelledWindows(*(each[chosen] for each in windows[kind]))

    for _ in range(repeats):
        half = np.flatnonzero(np.isin(subjects, rng.permutation(names)[: max(len(names) // 2, 1)]))
        everything = [some(kind, np.arange(len(windows[kind].classes))) for kind in ("real", "synthetic", "test")]
        yield Sets(*everything, some("real", half))


def _scores(name, found):
    accuracies = {pair: [balanced_accuracy(each[pair]) for each in found] for pair in found[0]}
    references = {"tstr": Reference.baseline(prediction(accuracies["half"]))}
    return [
        make_score(f"{pair}_{name}", against="test", value=confidence(accuracies[pair]), reference=references.get(pair))
        for pair in PAIRS
    ]
