"""Repetition: equally large random parts of two sets, for a value, and of two groups of real people, for its floor."""

import dataclasses

import numpy as np
import scipy.stats

from sensegen_tf.errors import InputError

# With fewer people than this, stretches of the recordings stand in for people.
_FEWEST_PEOPLE = 4
_STRETCHES = 12


def people_are_known(*sets):
    """Whether the subjects of all these `Samples` are known, and are at least four people."""
    known = [each.subjects for each in sets]
    return all(each is not None for each in known) and len(set(np.concatenate(known))) >= _FEWEST_PEOPLE


def _stretches(samples):
    """Which stretch of its file each window is from: N strings."""
    stretches = np.arange(samples.count) * _STRETCHES // samples.count
    return np.array([f"{samples.name} stretch {index}" for index in stretches])


@dataclasses.dataclass(frozen=True, eq=False)
class Pool:
    """All windows behind one another: those trained on, those held out (may be none), the synthetic ones.

    Attributes:
      values: float32 [M, T, C].
      kinds: M strings: "training", "heldout", "synthetic", "unseen" (of the training people, not trained on).
      people: M strings, whose they are; which stretch of their file, where fewer than four people are known; "" for
        synthetic ones.
      rate: Hz.
    """

    values: np.ndarray
    kinds: np.ndarray
    people: np.ndarray
    rate: float

    def rows(self, kind):
        """Numbers of the windows of one kind."""
        return np.flatnonzero(self.kinds == kind)


def pool(real, synthetic, heldout=None, unseen=None):
    """The `Pool` of `Samples`."""
    parts = {"training": real, "heldout": heldout, "synthetic": synthetic, "unseen": unseen}
    parts = {kind: part for kind, part in parts.items() if part is not None}
    known = people_are_known(*filter(None, (real, heldout)))
    people = [
        np.full(part.count, "") if kind == "synthetic" else part.subjects if known else _stretches(part)
        for kind, part in parts.items()
    ]
    kinds = np.repeat(list(parts), [part.count for part in parts.values()])
    return Pool(np.concatenate([p.values for p in parts.values()]), kinds, np.concatenate(people), real.rate)


@dataclasses.dataclass(frozen=True, eq=False)
class Draws:
    """What is compared with what, several times over; every part has the same number of windows.

    Attributes:
      against: "training", "heldout" or "unseen".
      values: pairs of row numbers of a `Pool`: real windows, synthetic windows.
      floors: pairs of row numbers: two disjoint groups of real people.
    """

    against: str
    values: list[tuple[np.ndarray, np.ndarray]]
    floors: list[tuple[np.ndarray, np.ndarray]]


def draw(windows, against, values, floors, largest, seed):
    """Draws parts to compare.

    The floor of "training" is between two halves of the people; that of "heldout" between as many people as are held
    out, chosen at random, and the others: so the floor is what an honest recording of other people would get. The floor
    of "unseen" is between the windows trained on and those of the same people that were not.

    Args:
      windows: a `Pool`.
      against: "training", "heldout" or "unseen".
      values, floors: how many pairs of each kind.
      largest: most windows in a part.
      seed: an integer.

    Returns:
      `Draws`.

    Raises:
      InputError: there are windows of one person or stretch alone.
    """
    rng = np.random.default_rng([seed, ("training", "heldout", "unseen").index(against)])
    if against == "unseen":
        sides = [(windows.rows("unseen"), windows.rows("training"))] * floors
        return _draw(windows, against, values, sides, largest, rng)
    real = np.flatnonzero(np.isin(windows.kinds, ("training", "heldout")))
    everybody = np.unique(windows.people[real])
    chosen = len(everybody) // 2 if against == "training" else len(np.unique(windows.people[windows.rows("heldout")]))
    if not 0 < chosen < len(everybody):
        raise InputError("a floor needs real windows of at least two people")
    sides = []
    for _ in range(floors):
        some = rng.permutation(everybody)[:chosen]
        inside = np.isin(windows.people[real], some)
        sides.append((real[inside], real[~inside]))
    return _draw(windows, against, values, sides, largest, rng)


def _draw(windows, against, values, sides, largest, rng):
    reference, synthetic = windows.rows(against), windows.rows("synthetic")
    size = min(largest, len(reference), len(synthetic), *(len(side) for pair in sides for side in pair))

    def part(rows):
        return np.sort(rng.choice(rows, size, replace=False))

    return Draws(
        against,
        [(part(reference), part(synthetic)) for _ in range(values)],
        [(part(first), part(second)) for first, second in sides],
    )


def confidence(values):
    """Mean and 95 % confidence interval of the mean (Student's t).

    Args:
      values: float [R].

    Returns:
      Mean, low, high; all the same with one value.
    """
    return _interval(values, np.sqrt(1 / len(values)))


def prediction(values):
    """Mean and the 95 % interval in which one more such value is expected (Student's t).

    Args:
      values: float [R].

    Returns:
      Mean, low, high; all the same with one value.
    """
    return _interval(values, np.sqrt(1 + 1 / len(values)))


def _interval(values, factor):
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean, mean
    half = float(scipy.stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) * factor)
    return mean, mean - half, mean + half
