"""What a file of a device holds: signals, each at a rate of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sensegen_tf.data.clock import EPOCH, HIGHEST, LOWEST
from sensegen_tf.errors import InputError

# What a wearable can measure at all: unit, lowest and highest value, which may be exceeded by this share.
_RANGES = {
    "ACC": ("g", -16.0, 16.0),
    "GYRO": ("deg/s", -2000.0, 2000.0),
    "EDA": ("µS", 0.0, 100.0),
    "TEMP": ("°C", -40.0, 115.0),
}
_BEYOND = 0.1
_AXES = ("x", "y", "z")


class Stretch(NamedTuple):
    """Values without a gap.

    Attributes:
      start: of the first, seconds, on one clock for all signals of a device.
      values: float [T, C].
    """

    start: float
    values: np.ndarray


class Signal(NamedTuple):
    """One sensor of a device.

    Attributes:
      channels: C names, such as "ACC.x".
      units: C units.
      rate: Hz.
      load: reads its stretches, in order of time.
    """

    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float
    load: Callable[[], list[Stretch]]


class Opened(NamedTuple):
    """A file of a device, or a folder of its files.

    Attributes:
      signals: in it.
      subject: the code that the device has for the subject; "" where it has none.
      notes: what was done to read it, for people.
    """

    signals: list[Signal]
    subject: str = ""
    notes: tuple[str, ...] = ()


def channels_of(name: str, *, axes: int) -> tuple[str, ...]:
    """The channels of a sensor, as the devices of one maker name it.

    Example:
      >>> channels_of("ACC", axes=3), channels_of("BVP", axes=1)
      (('ACC.x', 'ACC.y', 'ACC.z'), ('BVP',))
    """
    return (name,) if axes == 1 else tuple(f"{name}.{axis}" for axis in _AXES[:axes])


def check_rate(rate: float, where: str) -> None:
    """Refuses a rate that no recording has.

    Raises:
      InputError: it is not in [0.01, 100,000] Hz.
    """
    if not LOWEST <= rate <= HIGHEST:
        raise InputError(f"{where}: a rate of {rate:g} Hz; a recording has {LOWEST:g} to {HIGHEST:,.0f} Hz")


def check_start(start: float, where: str) -> None:
    """Refuses a start, seconds since 1970, that is not in this century.

    Raises:
      InputError: it is not.
    """
    if not EPOCH[0] <= start <= EPOCH[1]:
        raise InputError(f"{where}: it starts {start:.0f} seconds after 1970, which is not in this century")


def check_range(name: str, values: np.ndarray, *, where: str, highest: float | None = None) -> None:
    """Refuses values that a sensor cannot have measured.

    Args:
      name: of the sensor; only those that are known are checked.
      values: float [T, C].
      where: for messages.
      highest: what the device says of its range, which is then -highest to highest.

    Raises:
      InputError: a value is out of the range.
    """
    if name not in _RANGES or not len(values):
        return
    unit, low, high = _RANGES[name]
    low, high = (low, high) if highest is None else (-highest, highest)
    slack = _BEYOND * (high - low) / 2
    wrong = (values < low - slack) | (values > high + slack)
    if wrong.any():
        at, column = np.argwhere(wrong)[0]
        raise InputError(
            f"{where}: sample {at} of {name} is {values[at, column]:.6g} {unit}, but its sensor measures {low:g} to "
            f"{high:g} {unit}: the file is damaged, or of a kind that is not known"
        )


def unit_of(name: str) -> str:
    """The unit of a sensor; "1" where it has none.

    Example:
      >>> unit_of("ACC"), unit_of("BVP")
      ('g', '1')
    """
    return {"HR": "1/min", **{each: known[0] for each, known in _RANGES.items()}}.get(name, "1")
