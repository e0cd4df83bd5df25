"""Whether samples or the model reveal who was trained on: nearest neighbours and membership inference.

A distance is the root mean square difference of two windows, in standard deviations of the real values, at the best of
all shifts in time up to a quarter of a window: so a recording that was returned from another moment is still found.

Distances to the closest record alone miss leaks ("The DCR Delusion", arXiv 2505.01524), so membership inference stands
beside them: an attacker has recordings, and the samples or the model, and decides who was trained on. A window's score
is how much nearer the nearest sample is than the nearest recording of anybody else (calibrated by difficulty, after
Watson et al., 2022), how much denser the samples lie there than the recordings of everybody else (DOMIAS, van Breugel
et al., 2023), or its likelihood under the model. A subject's score is the mean over all windows of the subject.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.special
import scipy.stats

from sensegen_tf.evaluation.baselines import Estimate, Pool, middle, rows_by_subject
from sensegen_tf.evaluation.metrics.fidelity import squared_distances
from sensegen_tf.evaluation.scores import Reference, Score, make_score

_BOOTSTRAP = 100
_FALSE_POSITIVE_RATE = 0.01
# Test subjects, of whom 1 % must be one or more.
FEWEST_FOR_TPR = 100
_COMPONENTS = 8
# Of a logarithm of densities, where one of them is 0.
_FAR = 700.0
# Operations that the distances may take: some minutes.
_MOST_OPERATIONS = 2e13
# A sample is a close copy if it is nearer to a training window than all but this share of test windows are.
_CLOSE = 0.01
# Far below the noise of any sensor, in standard deviations: the distance of an exact copy.
_TINY = 1e-4


def shifts(length: int, step: int) -> list[int]:
    """Shifts in time to try: 0 and multiples of `step` up to a quarter of a window, both ways."""
    return [shift for shift in range(-(length // 4), length // 4 + 1) if shift % step == 0]


def distances(first: np.ndarray, second: np.ndarray, *, tried: Sequence[int]) -> np.ndarray:
    """Distances of all pairs of windows, each at its best shift.

    Args:
      first, second: float32 [N, T, C], [M, T, C], standardised.
      tried: shifts in time steps.

    Returns:
      float32 [N, M].
    """
    length = first.shape[1]
    least = np.full([len(first), len(second)], np.inf, np.float32)
    for shift in tried:
        early, late = slice(0, length - abs(shift)), slice(abs(shift), length)
        a, b = (first[:, early], second[:, late]) if shift > 0 else (first[:, late], second[:, early])
        np.minimum(least, squared_distances(a.reshape(len(a), -1), b.reshape(len(b), -1)) / a[0].size, out=least)
    return np.sqrt(least)


def auc(members: np.ndarray, others: np.ndarray) -> float:
    """Area under the ROC curve of a score that should be higher for members: 0.5 is chance.

    Args:
      members, others: float [N], [M].
    """
    # In float64, since ranks of float32 would be summed in float32.
    members, others = np.asarray(members, np.float64), np.asarray(others, np.float64)
    return float(scipy.stats.mannwhitneyu(members, others).statistic / (len(members) * len(others)))


def true_positive_rate(members: np.ndarray, others: np.ndarray) -> float:
    """TPR at 1 % FPR: share of the members that score above all but 1 % of the others (Carlini et al., 2022)."""
    allowed = int(_FALSE_POSITIVE_RATE * len(others))
    return float((members > np.sort(others)[len(others) - 1 - allowed]).mean())


def _proportion(each):
    """Mean of values in [0, 1], and its 95 % confidence interval (Wilson's)."""
    found = scipy.stats.binomtest(round(float(each.sum())), len(each)).proportion_ci(method="wilson")
    return Estimate(float(each.mean()), float(found.low), float(found.high))


class _Attack:
    """Membership inference with one score a window.

    Args:
      name: of the attack; its measures are `NAME_auc` of windows, and `subject_NAME_auc` and `subject_NAME_tpr`.
      training, test: scores of windows of training and of test subjects.
      training_subjects, test_subjects: their subjects.
    """

    def __init__(self, name, training, test, *, training_subjects, test_subjects):
        self._name = name
        self._scores = _by_subject(training, training_subjects) | _by_subject(test, test_subjects)
        self._means = {subject: float(scores.mean()) for subject, scores in self._scores.items()}
        self._training, self._test = np.unique(training_subjects), np.unique(test_subjects)

    def _measures(self, training, test):
        windows = (np.concatenate([self._scores[each] for each in names]) for names in (training, test))
        members, others = (np.array([self._means[each] for each in names]) for names in (training, test))
        found = {
            f"{self._name}_auc": auc(*windows),
            f"subject_{self._name}_auc": auc(members, others),
        }
        if len(self._test) >= FEWEST_FOR_TPR:
            found[f"subject_{self._name}_tpr"] = true_positive_rate(members, others)
        return found

    def measure(self, rng: np.random.Generator) -> list[Score]:
        """A score for each measure.

        Its interval is a bootstrap over subjects; its reference is what the measure is where membership is permuted, so
        that nothing can be known of who was trained on.
        """
        values = self._measures(self._training, self._test)
        sides = self._training, self._test
        bootstrap = [self._measures(*(rng.choice(names, len(names)) for names in sides)) for _ in range(_BOOTSTRAP)]
        permuted = [self._measures(*_permute(*sides, rng)) for _ in range(_BOOTSTRAP)]
        return [
            make_score(
                name,
                against="training",
                value=Estimate(value, *middle([each[name] for each in bootstrap])[1:]),
                reference=Reference.null(middle([each[name] for each in permuted])),
            )
            for name, value in values.items()
        ]


def _permute(training, test, rng):
    """Membership permuted among the subjects, but not as it was: names of as many training and test subjects."""
    names, true = np.sort(np.concatenate([training, test])), set(test)
    while True:
        order = rng.permutation(names)
        if set(order[: len(true)]) != true:
            return order[len(true) :], order[: len(true)]


def _by_subject(scores, subjects):
    return {name: scores[rows] for name, rows in rows_by_subject(subjects).items()}


def likelihood_attack(
    members: np.ndarray,
    others: np.ndarray,
    *,
    member_subjects: np.ndarray,
    other_subjects: np.ndarray,
    seed: int,
) -> list[Score]:
    """Membership inference by a model's own likelihood of windows.

    Args:
      members, others: log-likelihood of windows trained on, and of windows of test subjects.
      member_subjects, other_subjects: their subjects.
      seed: an integer.
    """
    attack = _Attack("likelihood", members, others, training_subjects=member_subjects, test_subjects=other_subjects)
    return attack.measure(np.random.default_rng([seed, 5]))


def likelihood_ratios(target: np.ndarray, shadows: np.ndarray, *, trained: np.ndarray) -> np.ndarray:
    """Scores of the likelihood-ratio attack, offline variant (LiRA, Carlini et al., 2022, section V).

    A subject's score is how many standard deviations the likelihood under the attacked model lies above that under
    shadow models which were not trained on the subject.

    Args:
      target: log-likelihood of S subjects under the attacked model, [S].
      shadows: the same under K shadow models, [K, S].
      trained: whether a shadow model was trained on a subject, bool [K, S].

    Returns:
      [S]; NaN for a subject whom fewer than two shadow models were not trained on.

    Example:
      >>> trained = np.array([[True, False], [False, False], [False, True], [True, False]])
      >>> shadows = np.array([[0.0, 1.0], [1.0, 3.0], [3.0, 9.0], [9.0, 2.0]])
      >>> likelihood_ratios(np.array([4.0, 2.0]), shadows, trained=trained).tolist()
      [2.0, 0.0]
    """
    out = np.where(trained, np.nan, shadows)
    counts = (~trained).sum(0)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(out, 0) / counts
        std = np.sqrt(np.nansum((out - mean) ** 2, 0) / counts)
    ratios = (target - mean) / np.maximum(std, _TINY)
    return np.where(counts < 2, np.nan, ratios)


def density_attack(
    training: np.ndarray,
    test: np.ndarray,
    *,
    synthetic: np.ndarray,
    training_subjects: np.ndarray,
    test_subjects: np.ndarray,
    seed: int,
) -> list[Score]:
    """Membership inference by the ratio of two densities: of samples, and of recordings of everybody else (DOMIAS).

    Both are kernel estimates (Gaussian, Scott's bandwidth) in the first eight principal components.

    Args:
      training, test, synthetic: features of windows, [N, F], [M, F], [K, F], see `utility.features`.
      training_subjects, test_subjects: of the real windows.
      seed: an integer.
    """
    real, subjects = np.concatenate([training, test]), np.concatenate([training_subjects, test_subjects])
    mean, std = real.mean(0), np.maximum(real.std(0), 1e-12)
    real, synthetic = (((each - mean) / std).astype(np.float64) for each in (real, synthetic))
    _, scale, axes = np.linalg.svd(real, full_matrices=False)
    kept = [number for number in range(min(_COMPONENTS, len(scale))) if scale[number] > 1e-6 * scale[0]]
    # Whitened, so that one bandwidth serves all directions.
    whiten = (axes[kept] / scale[kept, None] * np.sqrt(len(real))).T
    real, synthetic = (each @ whiten for each in (real, synthetic))
    bandwidth = len(real) ** (-1 / (real.shape[1] + 4))

    def log_density(points, mask):
        exponents = -squared_distances(real, points) / (2 * bandwidth**2)
        weights = mask / mask.sum(1, keepdims=True)
        return scipy.special.logsumexp(exponents, axis=1, b=weights)

    apart = (subjects[:, None] != subjects).astype(float)
    scores = log_density(synthetic, np.ones([len(real), len(synthetic)])) - log_density(real, apart)
    # Where both vanish there is nothing to tell.
    scores = np.nan_to_num(scores, nan=0.0, posinf=_FAR, neginf=-_FAR)
    members, others = np.split(scores, [len(training)])
    attack = _Attack("density", members, others, training_subjects=training_subjects, test_subjects=test_subjects)
    return attack.measure(np.random.default_rng([seed, 13]))


class Neighbours:
    """Attacks by the distances between samples and real windows.

    Args:
      pool: all windows, some of test subjects among them.
      largest: most windows of each kind that are looked at; fewer where they are so long that it would take hours.
      shift_step: see `shifts`.
      seed: an integer.
    """

    def __init__(self, pool: Pool, *, largest: int, shift_step: int, seed: int):
        self._rng = np.random.default_rng([seed, 6])
        length, channels = pool.values.shape[1:]
        tried = shifts(length, shift_step)
        largest = min(largest, int(np.sqrt(_MOST_OPERATIONS / (12 * length * channels * len(tried)))))
        rows = {kind: self._some(pool.rows(kind), largest) for kind in ("training", "test", "synthetic")}
        chosen = np.concatenate(list(rows.values()))
        real = pool.values[pool.kinds != "synthetic"]
        values = ((pool.values[chosen] - real.mean((0, 1))) / real.std((0, 1))).astype(np.float32)
        self._subjects = pool.subjects[chosen]
        bounds = np.cumsum([len(each) for each in rows.values()])
        self._training, self._test, self._synthetic = np.split(np.arange(len(chosen)), bounds[:-1])
        # To real windows alone: rows are numbered training, test, synthetic.
        self._distances = distances(values, values[: bounds[1]], tried=tried)
        subjects = self._subjects[: bounds[1]]
        # Of each real window, to the nearest of another subject.
        apart = subjects[:, None] != subjects
        self._usual = np.where(apart, self._distances[: bounds[1]], np.inf).min(1)

    def _some(self, rows, count):
        return np.sort(self._rng.choice(rows, min(count, len(rows)), replace=False))

    def _membership(self):
        members, others = (
            np.log(self._usual[rows] + _TINY) - np.log(self._distances[np.ix_(self._synthetic, rows)].min(0) + _TINY)
            for rows in (self._training, self._test)
        )
        subjects = {"training_subjects": self._subjects[self._training], "test_subjects": self._subjects[self._test]}
        return _Attack("membership", members, others, **subjects).measure(self._rng)

    def _permute(self):
        """Rows of training and test windows, with permuted membership."""
        _, test = _permute(*(np.unique(self._subjects[rows]) for rows in (self._training, self._test)), self._rng)
        rows = np.arange(len(self._usual))
        apart = np.isin(self._subjects[rows], test)
        return rows[~apart], rows[apart]

    def _nearer(self, training, test):
        """Which samples are nearer to training than to test windows, among as many of each, since more windows are
        nearer by their number alone; a half where they are equally near: float [N]."""
        size = min(len(training), len(test))
        first, second = (
            self._distances[np.ix_(self._synthetic, self._some(rows, size))].min(1) for rows in (training, test)
        )
        return (first < second) + (first == second) / 2

    def _copies(self, samples, training):
        """Which samples are close copies of training windows: bool [samples]."""
        usual = self._distances[np.ix_(self._test, training)].min(1)
        return self._distances[np.ix_(samples, training)].min(1) < np.quantile(usual, _CLOSE)

    def _stand_ins(self):
        """Half of the training subjects in the place of the samples, and the other half: row numbers."""
        subjects = self._subjects[self._training]
        names = np.unique(subjects)
        some = np.isin(subjects, self._rng.permutation(names)[: len(names) // 2])
        return self._training[some], self._training[~some]

    def measure(self) -> list[Score]:
        """All scores.

        The reference of close copies is a baseline: what real windows of one half of the training subjects get in the
        place of the samples, beside the other half. The others' is a permutation null.
        """
        membership = self._membership()
        nearer = _proportion(self._nearer(self._training, self._test))
        copies = _proportion(self._copies(self._synthetic, self._training))
        nearer_null = middle([self._nearer(*self._permute()).mean() for _ in range(_BOOTSTRAP)])
        copies_baseline = middle([self._copies(*self._stand_ins()).mean() for _ in range(_BOOTSTRAP // 2)])
        return [
            *membership,
            make_score("nearer_to_training", against="training", value=nearer, reference=Reference.null(nearer_null)),
            make_score("close_copies", against="training", value=copies, reference=Reference.baseline(copies_baseline)),
        ]
