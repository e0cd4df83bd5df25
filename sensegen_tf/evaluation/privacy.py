"""Whether the samples give the people away who were trained on: nearest neighbours and membership inference.

A distance is the root mean square difference of two windows, in standard deviations of the real values, at the best of
all shifts in time up to a quarter of a window: so a recording that was returned from another moment on is still found.

Distances to the closest record alone miss leaks ("The DCR Delusion", arXiv 2505.01524), so they stand beside membership
inference: an attacker has a window and the samples (or the model), and must say whether that window was trained on.
From samples alone he asks how much nearer the nearest sample is than the nearest recording of anybody else (calibrated
by difficulty, after Watson et al., 2022), since a plain window is near to everything.
"""

import numpy as np

from sensegen_tf.evaluation.draws import prediction
from sensegen_tf.evaluation.fidelity import squared_distances

_BOOTSTRAP = 100
# A sample is a close copy if it is nearer to a training window than all but this share of held-out windows are.
_CLOSE = 0.01
# Far below the noise of any sensor, in standard deviations: the distance of an exact copy.
_TINY = 1e-4


def shifts(length, step):
    """Shifts in time to try: 0 and multiples of `step` up to a quarter of a window, both ways."""
    return [shift for shift in range(-(length // 4), length // 4 + 1) if shift % step == 0]


def distances(first, second, tried):
    """Distances of all pairs of windows, each at its best shift.

    Args:
      first, second: float32 [N, T, C], [M, T, C], standardised.
      tried: shifts in samples.

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


def auc(members, others):
    """Area under the ROC curve of a score that should be higher for members: 0.5 is chance.

    Args:
      members, others: float [N], [M].
    """
    others = np.sort(others)
    below, not_above = (np.searchsorted(others, members, side=side) for side in ("left", "right"))
    return float((below + not_above).mean() / (2 * len(others)))


def true_positive_rate(members, others, false_positive_rate=0.01):
    """Share of the members that score above all but `false_positive_rate` of the others (Carlini et al., 2022)."""
    allowed = int(false_positive_rate * len(others))
    return float((members > np.sort(others)[len(others) - 1 - allowed]).mean())


def _draw_people(rows, people, rng):
    """As many people as there are, drawn with replacement: the rows of all of them."""
    names = np.unique(people[rows])
    return np.concatenate([rows[people[rows] == name] for name in rng.choice(names, len(names))])


def _percentiles(values):
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def likelihood_attack(members, others, member_people, other_people, seed):
    """Membership inference by a model's own likelihood of windows.

    The intervals come from drawing people (not windows, which are alike within one) with replacement.

    Args:
      members, others: log-likelihood of windows trained on and of windows held out.
      member_people, other_people: whose they are.
      seed: an integer.

    Returns:
      Name of the metric -> value, low, high.
    """
    rng = np.random.default_rng([seed, 5])
    attacks = {"likelihood_auc": auc, "likelihood_tpr": true_positive_rate}
    drawn = {name: [] for name in attacks}
    for _ in range(_BOOTSTRAP):
        first = members[_draw_people(np.arange(len(members)), member_people, rng)]
        second = others[_draw_people(np.arange(len(others)), other_people, rng)]
        for name, attack in attacks.items():
            drawn[name].append(attack(first, second))
    return {name: (attack(members, others), *_percentiles(drawn[name])) for name, attack in attacks.items()}


class Neighbours:
    """How near samples and real windows are to one another.

    Args:
      windows: a `draws.Pool` with held-out windows.
      largest: most windows of each kind that are looked at.
      shift_step: see `shifts`.
      seed: an integer.
    """

    def __init__(self, windows, largest, shift_step, seed):
        self._rng = np.random.default_rng([seed, 6])
        rows = {kind: self._some(windows.rows(kind), largest) for kind in ("training", "heldout", "synthetic")}
        chosen = np.concatenate(list(rows.values()))
        real = windows.values[windows.kinds != "synthetic"]
        values = ((windows.values[chosen] - real.mean((0, 1))) / real.std((0, 1))).astype(np.float32)
        self._people = windows.people[chosen]
        bounds = np.cumsum([len(each) for each in rows.values()])
        self._training, self._heldout, self._synthetic = np.split(np.arange(len(chosen)), bounds[:-1])
        # To real windows alone: rows are numbered training, held-out, synthetic.
        self._distances = distances(values, values[: bounds[1]], shifts(values.shape[1], shift_step))
        self._usual = self._to_others(np.arange(bounds[1]))

    def _some(self, rows, count):
        return np.sort(self._rng.choice(rows, min(count, len(rows)), replace=False))

    def _to_others(self, rows):
        """Distance of each of these real windows to the nearest of another person among them: [rows]."""
        apart = self._people[rows][:, None] != self._people[rows][None]
        return np.where(apart, self._distances[np.ix_(rows, rows)], np.inf).min(1)

    def _measures(self, samples, training, heldout, usual):
        """Name of the metric -> value, for row numbers, and the distances to others of training and held-out rows."""
        to_training, to_heldout = (self._distances[np.ix_(samples, rows)] for rows in (training, heldout))
        nearest = to_training.min(1)
        # As many of each, since more windows are nearer by their number alone.
        size = min(len(training), len(heldout))
        fair = [
            each[:, self._some(np.arange(each.shape[1]), size)].min(1) if each.shape[1] > size else each.min(1)
            for each in (to_training, to_heldout)
        ]
        close = np.quantile(self._distances[np.ix_(heldout, training)].min(1), _CLOSE)
        members, others = (
            np.log(distance + _TINY) - np.log(each.min(0) + _TINY)
            for distance, each in zip(usual, (to_training, to_heldout), strict=True)
        )
        return {
            "nearer_to_training": float((fair[0] < fair[1]).mean() + (fair[0] == fair[1]).mean() / 2),
            "close_copies": float((nearest < close).mean()),
            "membership_auc": auc(members, others),
            "membership_tpr": true_positive_rate(members, others),
        }

    def values(self):
        """Name of the metric -> value and 95 % interval, from drawing samples and real people with replacement."""

        def measures(samples, training, heldout):
            return self._measures(samples, training, heldout, (self._usual[training], self._usual[heldout]))

        measured = measures(self._synthetic, self._training, self._heldout)
        drawn = [
            measures(
                self._rng.choice(self._synthetic, len(self._synthetic)),
                _draw_people(self._training, self._people, self._rng),
                _draw_people(self._heldout, self._people, self._rng),
            )
            for _ in range(_BOOTSTRAP // 2)
        ]
        return {name: (value, *_percentiles([each[name] for each in drawn])) for name, value in measured.items()}

    def floors(self, repeats):
        """Name of the metric -> mean and 95 % prediction interval of what an honest recording would get.

        Half of the people trained on, chosen at random, stand in for the samples, the other half for those trained on.
        """
        people = np.unique(self._people[self._training])
        drawn = []
        for _ in range(repeats):
            inside = np.isin(self._people[self._training], self._rng.permutation(people)[: len(people) // 2])
            members = self._training[~inside]
            usual = np.split(self._to_others(np.concatenate([members, self._heldout])), [len(members)])
            drawn.append(self._measures(self._training[inside], members, self._heldout, usual))
        return {name: prediction([each[name] for each in drawn]) for name in drawn[0]}
