"""Whether the samples give the people away who were trained on: nearest neighbours and membership inference.

A distance is the root mean square difference of two windows, in standard deviations of the real values, at the best of
all shifts in time up to a quarter of a window: so a recording that was returned from another moment on is still found.

Distances to the closest record alone miss leaks ("The DCR Delusion", arXiv 2505.01524), so they stand beside membership
inference: an attacker has a window and the samples (or the model), and must say whether that window was trained on.
From samples alone he asks how much nearer the nearest sample is than the nearest recording of anybody else (calibrated
by difficulty, after Watson et al., 2022), since a plain window is near to everything.
"""

import numpy as np
import scipy.stats

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
    # In float64, since ranks of float32 would be summed in float32.
    members, others = np.asarray(members, np.float64), np.asarray(others, np.float64)
    return float(scipy.stats.mannwhitneyu(members, others).statistic / (len(members) * len(others)))


def true_positive_rate(members, others, false_positive_rate=0.01):
    """Share of the members that score above all but `false_positive_rate` of the others (Carlini et al., 2022)."""
    allowed = int(false_positive_rate * len(others))
    return float((members > np.sort(others)[len(others) - 1 - allowed]).mean())


def _draw_people(rows, people, rng):
    """As many people as there are, drawn with replacement: the rows of all of them."""
    names = np.unique(people[rows])
    return np.concatenate([rows[people[rows] == name] for name in rng.choice(names, len(names))])


def _deal_people(training, heldout, people, rng):
    """The same people dealt out at random, but not as they were: the rows of as many trained on and held out."""
    rows, true = np.concatenate([training, heldout]), np.unique(people[heldout])
    names = np.unique(people[rows])
    while True:
        chosen = rng.permutation(names)[: len(true)]
        if set(chosen) != set(true):
            apart = np.isin(people[rows], chosen)
            return rows[~apart], rows[apart]


def _spread(values):
    """Mean, and the bounds of the middle 95 %."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(np.mean(values)), float(low), float(high)


def _share(each):
    """Mean of values in [0, 1], and its 95 % confidence interval (Wilson's)."""
    found = scipy.stats.binomtest(round(float(each.sum())), len(each)).proportion_ci(method="wilson")
    return float(each.mean()), float(found.low), float(found.high)


def _repeated(measures, training, heldout, people, rng):
    """Values with intervals, and their floors.

    Args:
      measures: a function of the rows trained on and those held out: name -> value.
      training, heldout: row numbers.
      people: of all rows.
      rng: a `numpy.random.Generator`.

    Returns:
      Name -> (value, low, high) by drawing people with replacement; and name -> (floor, low, high) by dealing the same
      people out at random: what the measure says where nothing is known of who was trained on.
    """
    values = measures(training, heldout)
    drawn = [
        measures(_draw_people(training, people, rng), _draw_people(heldout, people, rng)) for _ in range(_BOOTSTRAP)
    ]
    dealt = [measures(*_deal_people(training, heldout, people, rng)) for _ in range(_BOOTSTRAP)]
    return (
        {name: (value, *_spread([each[name] for each in drawn])[1:]) for name, value in values.items()},
        {name: _spread([each[name] for each in dealt]) for name in values},
    )


def likelihood_attack(members, others, member_people, other_people, seed):
    """Membership inference by a model's own likelihood of windows.

    Args:
      members, others: log-likelihood of windows trained on and of windows held out.
      member_people, other_people: whose they are.
      seed: an integer.

    Returns:
      Name of the metric -> value and interval; and -> floor and interval.
    """
    scores, people = np.concatenate([members, others]), np.concatenate([member_people, other_people])

    def measures(training, heldout):
        pair = scores[training], scores[heldout]
        return {"likelihood_auc": auc(*pair), "likelihood_tpr": true_positive_rate(*pair)}

    training, heldout = np.split(np.arange(len(scores)), [len(members)])
    return _repeated(measures, training, heldout, people, np.random.default_rng([seed, 5]))


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
        real_people = self._people[: bounds[1]]
        # Of each real window, to the nearest of another person.
        apart = real_people[:, None] != real_people
        self._usual = np.where(apart, self._distances[: bounds[1]], np.inf).min(1)

    def _some(self, rows, count):
        return np.sort(self._rng.choice(rows, min(count, len(rows)), replace=False))

    def _membership(self, training, heldout):
        members, others = (
            np.log(self._usual[rows] + _TINY) - np.log(self._distances[np.ix_(self._synthetic, rows)].min(0) + _TINY)
            for rows in (training, heldout)
        )
        return {"membership_auc": auc(members, others), "membership_tpr": true_positive_rate(members, others)}

    def _nearer(self, training, heldout):
        """Which samples are nearer to training than to held-out windows, among as many of each, since more windows are
        nearer by their number alone; a half where they are equally near: float [N]."""
        size = min(len(training), len(heldout))
        first, second = (
            self._distances[np.ix_(self._synthetic, self._some(rows, size))].min(1) for rows in (training, heldout)
        )
        return (first < second) + (first == second) / 2

    def _copies(self, samples, training):
        """Which samples are close copies of training windows: bool [samples]."""
        usual = self._distances[np.ix_(self._heldout, training)].min(1)
        return self._distances[np.ix_(samples, training)].min(1) < np.quantile(usual, _CLOSE)

    def _stand_ins(self):
        """Half of the people trained on, in the place of the samples, and the other half: row numbers."""
        people = self._people[self._training]
        some = np.isin(people, self._rng.permutation(np.unique(people))[: len(np.unique(people)) // 2])
        return self._training[some], self._training[~some]

    def measure(self):
        """Name of the metric -> value and interval; and -> floor and interval.

        The floor of close copies is what other people's real windows get, when half of those trained on stand in for
        the samples; the others' floor is that of people dealt out at random.
        """
        values, floors = _repeated(self._membership, self._training, self._heldout, self._people, self._rng)
        values["nearer_to_training"] = _share(self._nearer(self._training, self._heldout))
        values["close_copies"] = _share(self._copies(self._synthetic, self._training))
        rows = self._training, self._heldout
        dealt = [_deal_people(*rows, self._people, self._rng) for _ in range(_BOOTSTRAP)]
        floors["nearer_to_training"] = _spread([self._nearer(*each).mean() for each in dealt])
        floors["close_copies"] = _spread([self._copies(*self._stand_ins()).mean() for _ in range(_BOOTSTRAP // 2)])
        return values, floors
