"""Repeated comparisons: of real with synthetic windows for a value, of two groups of real windows for its baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError

# With fewer subjects than this, stretches of the recordings stand in for subjects.
FEWEST_SUBJECTS = 4
_STRETCHES = 12
# The order is part of the random streams.
_AGAINST = ("training", "test", "heldout")


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


def subjects_are_known(*sets: WindowSet) -> bool:
    """Whether the subjects of all these windows are known, are at least four, and are others in each set."""
    names = [each.subject_names for each in sets]
    distinct = set().union(*names)
    return all(names) and len(distinct) == sum(map(len, names)) >= FEWEST_SUBJECTS


def _stretches(kind: str, count: int) -> np.ndarray:
    """The stretch of its set that each window is from: N strings."""
    return np.array([f"{kind} stretch {index}" for index in np.arange(count) * _STRETCHES // count])


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Pool:
    """All windows, one set after another: training, test, synthetic, held-out.

    Attributes:
      values: float32 [M, T, C].
      kinds: M strings: "training", "test" (of subjects never trained on), "synthetic", "heldout" (of training subjects,
        not trained on).
      subjects: M strings; the stretch of its set, where `subjects_are_known` is False; "" for synthetic windows.
      rate: Hz.
    """

    values: np.ndarray
    kinds: np.ndarray
    subjects: np.ndarray
    rate: float

    def rows(self, kind: str) -> np.ndarray:
        """Row numbers of the windows of one kind."""
        return np.flatnonzero(self.kinds == kind)


def make_pool(
    real: WindowSet, synthetic: WindowSet, *, test: WindowSet | None = None, heldout: WindowSet | None = None
) -> Pool:
    """The `Pool` of the sets that there are; `real` is what was trained on."""
    given = {"training": real, "test": test, "synthetic": synthetic, "heldout": heldout}
    sets = {kind: windows for kind, windows in given.items() if windows is not None}
    known = subjects_are_known(*(sets[kind] for kind in ("training", "test") if kind in sets))

    def subjects(kind: str, windows: WindowSet) -> np.ndarray:
        if kind == "synthetic":
            return np.full(windows.count, "")
        return windows.subjects if known and windows.subjects is not None else _stretches(kind, windows.count)

    return Pool(
        values=np.concatenate([windows.values for windows in sets.values()]),
        kinds=np.repeat(list(sets), [windows.count for windows in sets.values()]),
        subjects=np.concatenate([subjects(kind, windows) for kind, windows in sets.items()]),
        rate=real.rate,
    )


class Pair(NamedTuple):
    """Row numbers of the two sides of a comparison, equally many."""

    first: np.ndarray
    second: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Comparisons:
    """What is compared with what; all sides have the same number of windows.

    Attributes:
      values: pairs of real and synthetic windows.
      baselines: pairs of two disjoint groups of real windows.
    """

    values: list[Pair]
    baselines: list[Pair]


def choose_comparisons(
    pool: Pool, against: str, *, values: int, baselines: int, largest: int, seed: int
) -> Comparisons:
    """Chooses windows at random for repeated comparisons.

    The baseline of "training" is between two halves of the subjects; that of "test" between as many subjects as there
    are test subjects, chosen at random, and the others. So it is what real recordings of other people would get. The
    baseline of "heldout" is between the windows trained on and the held-out windows of the same subjects.

    Args:
      pool: all windows.
      against: "training", "test" or "heldout": the real windows that the synthetic ones are compared with.
      values, baselines: how many pairs of each.
      largest: most windows on a side.
      seed: an integer.

    Returns:
      The pairs.

    Raises:
      InputError: there are windows of one subject or stretch alone.
    """
    rng = np.random.default_rng([seed, _AGAINST.index(against)])
    groups = _groups_of_real(pool, against, baselines, rng)
    reference, synthetic = pool.rows(against), pool.rows("synthetic")
    size = min(largest, len(reference), len(synthetic), *(len(side) for pair in groups for side in pair))

    def some(rows: np.ndarray) -> np.ndarray:
        return np.sort(rng.choice(rows, size, replace=False))

    return Comparisons(
        values=[Pair(some(reference), some(synthetic)) for _ in range(values)],
        baselines=[Pair(some(first), some(second)) for first, second in groups],
    )


def _groups_of_real(pool: Pool, against: str, count: int, rng: np.random.Generator) -> list[Pair]:
    """All rows of two disjoint groups of real windows, `count` times."""
    if against == "heldout":
        return [Pair(pool.rows("heldout"), pool.rows("training"))] * count
    real = np.flatnonzero(np.isin(pool.kinds, ("training", "test")))
    subjects = np.unique(pool.subjects[real])
    chosen = len(subjects) // 2 if against == "training" else len(np.unique(pool.subjects[pool.rows("test")]))
    if not 0 < chosen < len(subjects):
        raise InputError("a baseline needs real windows of at least two subjects", fields=["real"])
    groups = []
    for _ in range(count):
        inside = np.isin(pool.subjects[real], rng.permutation(subjects)[:chosen])
        groups.append(Pair(real[inside], real[~inside]))
    return groups


def middle(values: Sequence[float] | np.ndarray) -> Estimate:
    """Mean, and the bounds of the middle 95 %: of values of a bootstrap or of a null."""
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(float(np.mean(values)), float(low), float(high))


def rows_by_subject(subjects: np.ndarray) -> dict[str, np.ndarray]:
    """Subject -> the row numbers of the subject, ascending.

    Args:
      subjects: N strings.
    """
    order = np.argsort(subjects, kind="stable")
    names, starts = np.unique(subjects[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))


def confidence(values: Sequence[float]) -> Estimate:
    """Mean and 95 % confidence interval of the mean (Student's t); all the same with one value."""
    return _interval(values, np.sqrt(1 / len(values)))


def prediction(values: Sequence[float]) -> Estimate:
    """Mean and 95 % interval of one more such value (Student's t); all the same with one value."""
    return _interval(values, np.sqrt(1 + 1 / len(values)))


def _interval(values: Sequence[float], factor: float) -> Estimate:
    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean, mean, mean)
    half = float(scipy.stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) * factor)
    return Estimate(mean, mean - half, mean + half)
