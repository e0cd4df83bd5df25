"""What is done where values are missing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

HOW = ("refuse", "cut", "interpolate")


class Complete(NamedTuple):
    """Signals without missing values.

    Attributes:
      signals: [N, C], of which the rows of `runs` have no missing value.
      runs: slices of rows, two rows each at least.
      interpolated, cut: rows that were filled, and that belong to no run.
    """

    signals: np.ndarray
    runs: list[slice]
    interpolated: int
    cut: int


def complete(signals: np.ndarray, *, longest: float) -> Complete:
    """Fills short stretches of missing values, by straight lines, and cuts at others.

    Args:
      signals: float [N, C], NaN or infinite where a value is missing.
      longest: rows of a stretch that is filled, at most; 0 to fill none. At the ends there is nothing to fill from.

    Example:
      >>> found = complete(np.array([[0.0], [np.nan], [2.0], [np.nan], [np.nan], [5.0], [6.0]]), longest=1)
      >>> found.signals[found.runs[0]].ravel().tolist(), found.runs[1], found.interpolated, found.cut
      ([0.0, 1.0, 2.0], slice(5, 7, None), 1, 2)
    """
    missing = ~np.isfinite(signals).all(1)
    signals, filled = signals.copy(), 0
    for gap in _runs(missing):
        size = gap.stop - gap.start
        if gap.start > 0 and gap.stop < len(missing) and size <= longest:
            _fill(signals[gap.start - 1 : gap.stop + 1])
            missing[gap] = False
            filled += size
    runs = [run for run in _runs(~missing) if run.stop - run.start > 1]
    kept = sum(run.stop - run.start for run in runs)
    return Complete(signals, runs, filled, len(signals) - kept)


def _runs(marks):
    """Slices of rows that carry a mark."""
    edges = np.flatnonzero(np.diff(marks.astype(int), prepend=0, append=0)).reshape(-1, 2).tolist()
    return [slice(start, stop) for start, stop in edges]


def _fill(signals):
    """Fills what is missing between the first and the last row, in place."""
    at = np.arange(len(signals))
    for channel in signals.T:
        known = np.isfinite(channel)
        channel[~known] = np.interp(at[~known], at[known], channel[known])
