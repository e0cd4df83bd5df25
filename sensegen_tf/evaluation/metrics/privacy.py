"""Whether samples or the model reveal who was trained on: nearest neighbours and membership inference.

A distance is the root mean square difference of two windows, in standard deviations of the real values, at the best of
all shifts in time up to a quarter of a window: so a recording that was returned from another moment is still found.

Distances to the closest record alone miss leaks ("The DCR Delusion", arXiv 2505.01524), so membership inference stands
beside them: an attacker has a window, and the samples or the model, and decides whether that window was trained on.
From samples alone, the attacker asks how much nearer the nearest sample is than the nearest recording of anybody else
(calibrated by difficulty, after Watson et al., 2022), since a plain window is near to everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.stats

from sensegen_tf.evaluation.baselines import Estimate, Pool
from sensegen_tf.evaluation.metrics.fidelity import squared_distances
from sensegen_tf.evaluation.scores import Reference, Score, make_score

_BOOTSTRAP = 100
_FALSE_POSITIVE_RATE = 0.01
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


def _bootstrap_subjects(rows, subjects, rng):
    """As many subjects as there are, drawn with replacement: the rows of all of them."""
    names = np.unique(subjects[rows])
    return np.concatenate([rows[subjects[rows] == name] for name in rng.choice(names, len(names))])


def _permute_membership(training, test, subjects, rng):
    """Membership permuted among the subjects, but not as it was: rows of as many training and test subjects."""
    rows, true = np.concatenate([training, test]), np.unique(subjects[test])
    names = np.unique(subjects[rows])
    while True:
        chosen = rng.permutation(names)[: len(true)]
        if set(chosen) != set(true):
            apart = np.isin(subjects[rows], chosen)
            return rows[~apart], rows[apart]


def _estimate(values):
    """Mean, and the bounds of the middle 95 %."""
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(float(np.mean(values)), float(low), float(high))


def _proportion(each):
    """Mean of values in [0, 1], and its 95 % confidence interval (Wilson's)."""
    found = scipy.stats.binomtest(round(float(each.sum())), len(each)).proportion_ci(method="wilson")
    return Estimate(float(each.mean()), float(found.low), float(found.high))


def _attack(
    measures: Callable[[np.ndarray, np.ndarray], dict[str, float]],
    training: np.ndarray,
    test: np.ndarray,
    *,
    subjects: np.ndarray,
    rng: np.random.Generator,
) -> list[Score]:
    """Scores of a membership attack, with intervals by subject and permutation nulls.

    Args:
      measures: a function of the rows trained on and those of test subjects: metric -> value.
      training, test: row numbers.
      subjects: of all rows.
      rng: a random generator.

    Returns:
      A score for each metric. Its interval is a bootstrap over subjects; its reference is what the measure is where
      membership is permuted, so that nothing can be known of who was trained on.
    """
    values = measures(training, test)
    bootstrap = [
        measures(_bootstrap_subjects(training, subjects, rng), _bootstrap_subjects(test, subjects, rng))
        for _ in range(_BOOTSTRAP)
    ]
    permuted = [measures(*_permute_membership(training, test, subjects, rng)) for _ in range(_BOOTSTRAP)]
    return [
        make_score(
            name,
            against="training",
            value=Estimate(value, *_estimate([each[name] for each in bootstrap])[1:]),
            reference=Reference.null(_estimate([each[name] for each in permuted])),
        )
        for name, value in values.items()
    ]


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
    scores, subjects = np.concatenate([members, others]), np.concatenate([member_subjects, other_subjects])

    def measures(training, test):
        pair = scores[training], scores[test]
        return {"likelihood_auc": auc(*pair), "likelihood_tpr": true_positive_rate(*pair)}

    training, test = np.split(np.arange(len(scores)), [len(members)])
    return _attack(measures, training, test, subjects=subjects, rng=np.random.default_rng([seed, 5]))


class Neighbours:
    """Attacks by the distances between samples and real windows.

    Args:
      pool: all windows, some of test subjects among them.
      largest: most windows of each kind that are looked at.
      shift_step: see `shifts`.
      seed: an integer.
    """

    def __init__(self, pool: Pool, *, largest: int, shift_step: int, seed: int):
        self._rng = np.random.default_rng([seed, 6])
        rows = {kind: self._some(pool.rows(kind), largest) for kind in ("training", "test", "synthetic")}
        chosen = np.concatenate(list(rows.values()))
        real = pool.values[pool.kinds != "synthetic"]
        values = ((pool.values[chosen] - real.mean((0, 1))) / real.std((0, 1))).astype(np.float32)
        self._subjects = pool.subjects[chosen]
        bounds = np.cumsum([len(each) for each in rows.values()])
        self._training, self._test, self._synthetic = np.split(np.arange(len(chosen)), bounds[:-1])
        # To real windows alone: rows are numbered training, test, synthetic.
        self._distances = distances(values, values[: bounds[1]], tried=shifts(values.shape[1], shift_step))
        subjects = self._subjects[: bounds[1]]
        # Of each real window, to the nearest of another subject.
        apart = subjects[:, None] != subjects
        self._usual = np.where(apart, self._distances[: bounds[1]], np.inf).min(1)

    def _some(self, rows, count):
        return np.sort(self._rng.choice(rows, min(count, len(rows)), replace=False))

    def _membership(self, training, test):
        members, others = (
            np.log(self._usual[rows] + _TINY) - np.log(self._distances[np.ix_(self._synthetic, rows)].min(0) + _TINY)
            for rows in (training, test)
        )
        return {"membership_auc": auc(members, others), "membership_tpr": true_positive_rate(members, others)}

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
        membership = _attack(self._membership, self._training, self._test, subjects=self._subjects, rng=self._rng)
        nearer = _proportion(self._nearer(self._training, self._test))
        copies = _proportion(self._copies(self._synthetic, self._training))
        permuted = [
            _permute_membership(self._training, self._test, self._subjects, self._rng) for _ in range(_BOOTSTRAP)
        ]
        nearer_null = _estimate([self._nearer(*each).mean() for each in permuted])
        copies_baseline = _estimate([self._copies(*self._stand_ins()).mean() for _ in range(_BOOTSTRAP // 2)])
        return [
            *membership,
            make_score("nearer_to_training", against="training", value=nearer, reference=Reference.null(nearer_null)),
            make_score("close_copies", against="training", value=copies, reference=Reference.baseline(copies_baseline)),
        ]
