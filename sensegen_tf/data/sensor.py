"""What the sensor is: each channel's resolution and the values at which it saturates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensegen_tf.data.recording import Recording, Sensor

# A value counts as lying on the grid within this share of a step; nearly all values must.
_TOLERANCE, _SHARE = 0.1, 0.999
# Samples in a row at the extreme value that count as saturation.
_RUN = 3


def measure(recordings: Sequence[Recording]) -> tuple[Sensor, ...]:
    """Measures every channel over all recordings, before any resampling.

    Args:
      recordings: at least one, all with the same channels.

    Returns:
      C sensors.
    """
    return tuple(
        _measure_channel([recording.signals[:, column] for recording in recordings])
        for column in range(recordings[0].signals.shape[1])
    )


def _measure_channel(parts):
    values = np.unique(np.concatenate(parts)).astype(np.float64)
    low, high = values[0], values[-1]
    return Sensor(
        resolution=_resolution(values),
        low=float(low) if any(_longest_run(part == np.float32(low)) >= _RUN for part in parts) else None,
        high=float(high) if any(_longest_run(part == np.float32(high)) >= _RUN for part in parts) else None,
    )


def _resolution(values):
    """The step of the grid on which sorted distinct values lie, or None."""
    # Neighbours nearer than the rounding of float32 are the same value.
    rounding = np.spacing(np.float32(np.abs(values).max()))
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
