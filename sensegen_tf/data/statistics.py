"""Mean and standard deviation of values that come in blocks."""

from __future__ import annotations

import numpy as np

# Windows of a block: the blocks decide the last digits, so everybody takes the same.
BLOCK = 4096


class Moments:
    """Count, mean, sum of squared deviations, and range of each channel.

    Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983.

    Example:
      >>> moments = Moments()
      >>> for block in ([[1.0], [2.0]], [[6.0]]):
      ...     moments.add(np.array(block))
      >>> moments.mean, moments.std.round(3), moments.low, moments.high
      (array([3.]), array([2.16]), array([1.]), array([6.]))
    """

    def __init__(self) -> None:
        self._count = 0
        self.mean = self._squares = self.low = self.high = np.zeros(0)

    def add(self, values: np.ndarray) -> None:
        """Adds values [N, C], N at least 1."""
        count, mean = len(values), values.mean(0, dtype=np.float64)
        squares = values.var(0, dtype=np.float64) * count
        low, high = values.min(0), values.max(0)
        if not self._count:
            self._count, self.mean, self._squares, self.low, self.high = count, mean, squares, low, high
            return
        total, away = self._count + count, mean - self.mean
        self._squares = self._squares + squares + away**2 * (self._count * count / total)
        self.mean = self.mean + away * (count / total)
        self._count = total
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)

    @property
    def std(self) -> np.ndarray:
        """Standard deviations [C]."""
        return np.sqrt(self._squares / self._count)


class WindowMoments:
    """Moments of windows and of the differences of neighbouring samples, of blocks of `BLOCK` windows.

    Attributes:
      values, steps: `Moments` of the values, and of the differences of one sample and the next.
    """

    def __init__(self) -> None:
        self.values, self.steps = Moments(), Moments()

    def add(self, windows: np.ndarray) -> None:
        """Adds a block of windows [N, T, C] in physical units."""
        channels = windows.shape[-1]
        self.values.add(windows.reshape(-1, channels))
        self.steps.add(np.diff(windows, axis=1).reshape(-1, channels))
