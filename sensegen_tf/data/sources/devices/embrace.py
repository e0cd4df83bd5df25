"""Avro files of an Empatica EmbracePlus, as its maker's cloud holds them, through fastavro (extra `native`)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from sensegen_tf.data.clock import roundest
from sensegen_tf.data.sources.devices.signals import (
    Opened,
    Signal,
    Stretch,
    channels_of,
    check_range,
    check_rate,
    check_start,
    unit_of,
)
from sensegen_tf.errors import InputError

# As the file calls a sensor -> as an E4 calls it, and its unit where it is not the same.
_SENSORS = {
    "accelerometer": ("ACC", ""),
    "gyroscope": ("GYRO", ""),
    "eda": ("EDA", ""),
    "temperature": ("TEMP", ""),
    "bvp": ("BVP", "nW"),
    "steps": ("STEPS", ""),
}
# From this version of the schema on the file says itself what a count stands for.
_FACTOR_SINCE = (6, 5)


def open_embrace(path: str) -> Opened:
    """The signals of a file, and the participant's code in it.

    Args:
      path: of the file.

    Raises:
      InputError: it is no file of an EmbracePlus, or fastavro is not installed.
    """
    records = _records(path)
    if not records or not all(isinstance(each, dict) and isinstance(each.get("rawData"), dict) for each in records):
        raise InputError(f"{path} holds no rawData: it is no file of an EmbracePlus")
    subjects = {str((each.get("enrollment") or {}).get("participantID") or "") for each in records}
    if len(subjects) > 1:
        raise InputError(f"{path} holds several participants: {', '.join(sorted(subjects))}")
    signals = []
    for key, (name, unit) in _SENSORS.items():
        found = [(_version(each), each["rawData"][key]) for each in records if _has_values(each["rawData"].get(key))]
        if found:
            signals.append(_signal(path, name, unit, found))
    return Opened(signals, subject=subjects.pop())


def _records(path):
    try:
        import fastavro
    except ImportError as error:
        raise InputError(f"{path} needs fastavro, which is not installed: pip install 'sensegen_tf[native]'") from error
    with open(path, "rb") as file:
        return list(fastavro.reader(file))


def _version(record):
    version = record.get("schemaVersion") or {}
    return (int(version.get("major", 0)), int(version.get("minor", 0)))


def _has_values(sensor):
    """A sensor that was off has no values, and no rate."""
    return bool(sensor and (sensor.get("values") or sensor.get("x")))


def _signal(path, name, unit, found):
    where = f"{path}, {name}"
    axes = 3 if "x" in found[0][1] else 1
    rates = {roundest(float(sensor["samplingFrequency"])) for _, sensor in found}
    if len(rates) > 1:
        raise InputError(f"{where}: several rates, {', '.join(f'{rate:g}' for rate in sorted(rates))} Hz")
    [rate] = rates
    check_rate(rate, where)
    for _, sensor in found:
        check_start(sensor["timestampStart"] / 1e6, where)
    load = functools.partial(_load, where, name, found)
    return Signal(channels_of(name, axes=axes), (unit or unit_of(name),) * axes, rate, load)


def _load(where, name, found):
    stretches = [Stretch(sensor["timestampStart"] / 1e6, _values(where, sensor, version)) for version, sensor in found]
    for stretch in stretches:
        check_range(name, stretch.values, where=where)
    return sorted(stretches, key=lambda stretch: stretch.start)


def _values(where: str, sensor: Mapping[str, Any], version: tuple[int, int]) -> np.ndarray:
    if "x" not in sensor:
        return np.asarray(sensor["values"], np.float64)[:, None]
    axes = [np.asarray(sensor[axis], np.float64) for axis in "xyz"]
    if len({len(axis) for axis in axes}) > 1:
        raise InputError(f"{where}: its axes have {', '.join(str(len(axis)) for axis in axes)} values")
    scale = sensor["imuParams"]
    if version >= _FACTOR_SINCE:
        factor = scale["conversionFactor"]
    else:
        physical, digital = (scale[f"{kind}Max"] - scale[f"{kind}Min"] for kind in ("physical", "digital"))
        if not (physical > 0 and digital > 0):
            raise InputError(f"{where}: its imuParams hold no range")
        factor = physical / digital
    return np.stack(axes, -1) * factor
