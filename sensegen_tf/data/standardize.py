"""From physical values to standardised ones and back: the statistics of the channels, and the sensor's grid and range.

The only place that standardises. A model sees standardised values; files and requests hold physical ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.statistics import BLOCK, WindowMoments
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError

# NumPy arrays stay NumPy arrays, tensors stay tensors.
Values = TypeVar("Values", np.ndarray, tf.Tensor)

_STATISTICS = ("mean", "std", "increment")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Standardizer:
    """Statistics of the channels in the training windows, and the sensors that samples are put on.

    Attributes:
      mean, std: in physical units, float32 [C].
      increment: standard deviation of the differences of one sample and the next, standardised; float32 [C].
      sensors: C `Sensor`, without a resolution where the windows were resampled; where empty, without grid and range.

    Raises:
      InputError: statistics or sensors of different numbers of channels.

    Example:
      >>> standardizer = Standardizer(mean=[1.0], std=[2.0], increment=[0.5], sensors=[Sensor(resolution=0.5)])
      >>> standardizer.to_standard(np.array([3.0], np.float32)), standardizer.grid
      (array([1.], dtype=float32), array([0.5], dtype=float32))
    """

    mean: np.ndarray
    std: np.ndarray
    increment: np.ndarray
    sensors: tuple[Sensor, ...] = ()

    def __post_init__(self) -> None:
        for name in _STATISTICS:
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float32))
        channels = self.mean.size
        object.__setattr__(self, "sensors", tuple(self.sensors) or (Sensor(),) * channels)
        shapes = {name: getattr(self, name).shape for name in _STATISTICS}
        if set(shapes.values()) != {(channels,)} or len(self.sensors) != channels:
            raise InputError(f"{len(self.sensors)} sensors, and statistics of shapes {shapes}: expected one a channel")

    @classmethod
    def measure(cls, windows: WindowSet, sensors: Sequence[Sensor], *, resampled: bool = False) -> Standardizer:
        """Measures training windows.

        Args:
          windows: in physical units.
          sensors: C `Sensor`, as measured on the recordings.
          resampled: whether the windows are at another rate than the sensors', so that they left the grid.

        Raises:
          InputError: a channel that never changes.
        """
        moments = WindowMoments()
        for start in range(0, windows.count, BLOCK):
            moments.add(windows.values[start : start + BLOCK])
        return cls.of_moments(moments, sensors, channels=windows.channels, resampled=resampled)

    @classmethod
    def of_moments(
        cls, moments: WindowMoments, sensors: Sequence[Sensor], *, channels: Sequence[str], resampled: bool = False
    ) -> Standardizer:
        """As `measure`, of training windows that came in blocks.

        Args:
          moments: of the windows, in physical units.
          sensors: C `Sensor`, as measured on the recordings.
          channels: C names.
          resampled: whether the windows are at another rate than the sensors', so that they left the grid.

        Raises:
          InputError: a channel that never changes.
        """
        found = moments.values
        for channel, low, high in zip(channels, found.low, found.high, strict=True):
            if low == high:
                raise InputError(
                    f"channel {channel} is constant at {low:g} in the training windows; leave it out of channels",
                    fields=["channels"],
                )
        std = found.std
        increment = moments.steps.std / std
        return cls(mean=found.mean, std=std, increment=increment, sensors=_targets(sensors, resampled))

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Standardizer:
        """The standardizer of a dictionary that `Dataset.describe` made, as a run, a card or a manifest holds it.

        Raises:
          InputError: a key is missing.
        """
        missing = [name for name in (*_STATISTICS, "sensors", "resampled") if name not in description]
        if missing:
            raise InputError(f"the description of the data has no {', '.join(missing)}")
        sensors = [Sensor(**sensor) for sensor in description["sensors"]]
        statistics = {name: description[name] for name in _STATISTICS}
        return cls(**statistics, sensors=_targets(sensors, description["resampled"]))

    def describe(self) -> dict[str, list[float]]:
        """The statistics, as a dictionary that JSON can hold."""
        return {name: getattr(self, name).tolist() for name in _STATISTICS}

    @property
    def grid(self) -> np.ndarray:
        """The step of the grid on which each channel's values lie, in physical units, 0 where there is none: [C]."""
        return np.array([sensor.resolution or 0.0 for sensor in self.sensors], np.float32)

    @property
    def has_grid(self) -> bool:
        """Whether the values of any channel lie on a grid."""
        return bool(self.grid.any())

    def to_standard(self, values: Values) -> Values:
        """Physical [..., C] -> standardised; of float64, whose steps float32 would lose, float32 all the same."""
        if values.dtype == np.float64:
            exact = (values - self.mean.astype(np.float64)) / self.std.astype(np.float64)
            return exact.astype(np.float32) if isinstance(exact, np.ndarray) else tf.cast(exact, tf.float32)
        return (values - self.mean) / self.std

    def to_physical(self, values: Values) -> Values:
        """Standardised [..., C] -> physical."""
        return values * self.std + self.mean

    def dequantize(self, standard: Values, noise: Values) -> Values:
        """Standardised values [..., C], each moved by noise within the step of the grid on which it lies.

        A likelihood can then not be won by spikes on the grid (Theis et al., 2016, section 3.1).

        Args:
          standard: standardised values.
          noise: of the same shape, uniform in [-0.5, 0.5).
        """
        return standard + self.grid / self.std * noise

    def as_measured(self, physical: tf.Tensor) -> tf.Tensor:
        """Physical values [..., C] as the sensors would write them: on their grid, inside their range."""
        columns = []
        for column, sensor in zip(tf.unstack(physical, axis=-1), self.sensors, strict=True):
            if sensor.resolution:
                column = tf.round(column / sensor.resolution) * sensor.resolution
            if sensor.low is not None:
                column = tf.maximum(column, sensor.low)
            if sensor.high is not None:
                column = tf.minimum(column, sensor.high)
            columns.append(column)
        return tf.stack(columns, -1)


def _targets(sensors, resampled):
    """What samples are put on: resampled values left the grid, but not the range."""
    return tuple(dataclasses.replace(sensor, resolution=None) if resampled else sensor for sensor in sensors)
