"""A folder of an Empatica E4, as the maker's site writes it: a CSV a signal, the start and the rate before its values.

The rates are those of the device; acceleration is in 1/64 g. `IBI.csv` and `tags.csv` hold moments and are not read.
"""

from __future__ import annotations

import functools
import os
import warnings

import numpy as np

from sensegen_tf.data.detect import E4_SIGNALS
from sensegen_tf.data.sources.devices.signals import (
    Opened,
    Signal,
    Stretch,
    channels_of,
    check_range,
    check_start,
    unit_of,
)
from sensegen_tf.errors import InputError

_RATES = {"ACC": 32.0, "BVP": 64.0, "EDA": 4.0, "TEMP": 4.0, "HR": 1.0}
_PER_G, _RANGE = 64, 2.0
# Signals of one session end together, but for so many seconds.
_ENDS = 60.0


def files_of(folder: str) -> dict[str, str]:
    """Name of a signal -> path of its file, as far as the folder has it."""
    paths = {name: os.path.join(folder, f"{name}.csv") for name in E4_SIGNALS}
    return {name: path for name, path in paths.items() if os.path.exists(path)}


def open_e4(folder: str) -> Opened:
    """The signals of a session.

    Args:
      folder: its path.

    Raises:
      InputError: a file whose first two lines cannot be right.
    """
    files = files_of(folder)
    return Opened([_signal(name, path) for name, path in files.items()], notes=tuple(_cut_off(folder, files)))


def _signal(name, path):
    axes = 3 if name == "ACC" else 1
    head = _numbers(path, skip=0, rows=2)
    if head.shape != (2, axes) or (head != head[:, :1]).any():
        raise InputError(f"{path}: expected its start in line 1 and its rate in line 2, {axes} times each")
    start, rate = head[:, 0].tolist()
    check_start(start, path)
    if rate != _RATES[name]:
        raise InputError(
            f"{path}, line 2: {rate:g} Hz, but an E4 measures {name} at {_RATES[name]:g} Hz. Other rates can be read "
            "as source table, with skip_lines 2, column_names and rate_hz",
            fields=["source", "skip_lines", "column_names", "rate_hz"],
        )
    load = functools.partial(_load, name, path, start, axes)
    return Signal(channels_of(name, axes=axes), (unit_of(name),) * axes, rate, load)


def _load(name, path, start, axes):
    values = _numbers(path, skip=2, rows=None)
    if not len(values):
        raise InputError(f"{path} holds no values")
    if values.shape[1] != axes:
        raise InputError(f"{path}, line 3: {values.shape[1]} columns, expected {axes}")
    if name == "ACC":
        values = values / _PER_G
    check_range(name, values, where=path, highest=_RANGE if name == "ACC" else None)
    return [Stretch(start, values)]


def _numbers(path, *, skip, rows):
    try:
        with warnings.catch_warnings():
            # Of a file without values, which is refused here.
            warnings.simplefilter("ignore", UserWarning)
            return np.loadtxt(
                path, delimiter=",", skiprows=skip, max_rows=rows, ndmin=2, comments=None, encoding="utf-8"
            )
    except (ValueError, OSError) as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _cut_off(folder, files):
    """Notes on signals that end long before the others."""
    ends = {}
    for name, path in files.items():
        with open(path, "rb") as file:
            start = float(file.readline().split(b",")[0])
            ends[name] = start + (sum(1 for _ in file) - 1) / _RATES[name]
    last = max(ends.values())
    return [
        f"{folder}: {name}.csv ends {last - end:.0f} s before the other signals"
        for name, end in ends.items()
        if last - end > _ENDS
    ]
