"""What the sensor is: each channel's resolution and the values at which it saturates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensegen_tf.data.recording import Recording, Sensor

# A value counts as lying on the grid within this share of a step; nearly all values must.
_TOLERANCE, _SHARE = 0.1, 0.999
# Samples in a row at the extreme value that count as saturation.
_RUN = 3
# Steps between the lowest and the highest value; with more of them, a step says nothing of the sensor.
_STEPS = 1 << 20
# Distinct values of a channel that are looked at, the first in the order of the recordings.
_MOST = 1 << 20


def measure(recordings: Sequence[Recording]) -> tuple[Sensor, ...]:
    """Measures every channel over all recordings, before any resampling.

    Args:
      recordings: at least one, all with the same channels.

    Returns:
      C sensors.
    """
    levels = Levels()
    for recording in recordings:
        levels.add(recording.measured)
    return levels.sensors()


class Levels:
    """The values that occur in the channels of recordings, as far as they say what the sensors are.

    It holds a part of the values, so that recordings may be read one after the other.

    Example:
      >>> levels = Levels()
      >>> levels.add([np.array([0.5, 1.0, 2.0, 2.0, 2.0])])
      >>> levels.add([np.array([0.0, 1.5])])
      >>> levels.sensors()
      (Sensor(resolution=0.5, low=None, high=2.0),)
    """

    def __init__(self) -> None:
        self._channels: list[_Channel] = []

    def add(self, signals: Sequence[np.ndarray]) -> None:
        """Looks at the signal [T] of each channel, in physical units."""
        if all(map(len, signals)):
            self._merge([_Channel(values) for values in signals])

    def merge(self, other: Levels) -> None:
        """Adds what another one holds, as if its recordings had come after those of this one."""
        self._merge(other._channels)

    def _merge(self, channels):
        if not self._channels or not channels:
            self._channels = self._channels or channels
            return
        for channel, more in zip(self._channels, channels, strict=True):
            channel.merge(more)

    def sensors(self) -> tuple[Sensor, ...]:
        """The sensor of each channel."""
        return tuple(channel.sensor() for channel in self._channels)

    @property
    def double(self) -> bool:
        """Whether float32 would lose the steps of a sensor."""
        return any(channel.double() for channel in self._channels)


class _Channel:
    """Distinct values of a channel, its extremes, and how long these were held."""

    def __init__(self, values):
        distinct = np.unique(values).astype(np.float64)
        self._low, self._high = _Extreme(values, distinct[0]), _Extreme(values, distinct[-1])
        # Values that were put together, and pieces that came since: few large steps instead of many.
        self._values, self._pieces, self._waiting = distinct[:_MOST], [], 0
        self._double = values.dtype == np.float64

    def merge(self, other):
        self._double |= other._double
        self._low.merge(other._low, lower=True)
        self._high.merge(other._high, lower=False)
        for piece in [other._values, *other._pieces]:
            if len(self._values) < _MOST:
                self._pieces.append(piece)
                self._waiting += len(piece)
                if self._waiting > len(self._values):
                    self._together()

    def _together(self):
        if not self._pieces:
            return
        self._values = np.unique(np.concatenate([self._values, *self._pieces]))
        self._pieces, self._waiting = [], 0

    def sensor(self):
        return Sensor(
            resolution=self.coarse_resolution() or self.fine_resolution(),
            low=float(self._low.value) if self._low.run >= _RUN else None,
            high=float(self._high.value) if self._high.run >= _RUN else None,
        )

    def double(self):
        """Whether float32 would lose the steps."""
        return self._double and not self.coarse_resolution() and self.fine_resolution() is not None

    def coarse_resolution(self):
        """The step, as far as float32 shows it."""
        return self._step(np.float32)

    def fine_resolution(self):
        """A step that float32 hides: of counts, or where it is no mere last digit of a text."""
        step = self._step(np.float64) if self._double else None
        counts = bool((self._values == np.round(self._values)).all())
        return step if step and (counts or self._high.value - self._low.value <= _STEPS * step) else None

    def _step(self, kind):
        self._together()
        largest = max(abs(float(self._low.value)), abs(float(self._high.value)))
        return _resolution(self._values, float(np.spacing(kind(largest))))


class _Extreme:
    """An extreme value, and the longest run of samples at it."""

    def __init__(self, values, value):
        self.value, self.run = value, _longest_run(values == value)

    def merge(self, other, *, lower):
        if self.value == other.value:
            self.run = max(self.run, other.run)
        elif (other.value < self.value) == lower:
            self.value, self.run = other.value, other.run


def _resolution(values, rounding):
    """The step of the grid on which sorted distinct values lie, or None; nearer ones than the rounding are the same."""
    values = values[np.concatenate([[True], np.diff(values) > 2 * rounding])]
    if len(values) < 2:
        return None
    steps = np.diff(values)
    # The finest differences are single steps; their mean is nearer to the step than any one of them.
    finest = steps[steps < 1.5 * steps.min()]
    step = finest.mean()
    if rounding > _TOLERANCE * step:
        return None
    # Over a long range a small error of the step adds up, so it is refined on the whole grid numbers themselves.
    for _ in range(3):
        numbers = np.round(np.cumsum(np.round(steps / step)))
        # Sums, not products of vectors, whose last digit depends on how many cores share them: runs go on elsewhere.
        step = float(np.sum(numbers * (values[1:] - values[0])) / np.sum(numbers * numbers))
    off = np.abs(values[1:] - values[0] - numbers * step)
    return step if np.mean(off < _TOLERANCE * step) >= _SHARE else None


def _longest_run(mask):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
