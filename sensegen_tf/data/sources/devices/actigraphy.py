"""Files of wrist-worn accelerometers, through actfast (extra `native`): Axivity .cwa, ActiGraph .gt3x, GENEActiv .bin.

These devices write blocks, each with the time of its first sample. Their rate is a few percent off what they were set
to, so samples lie evenly between the beginnings of two blocks. What they measure beside motion (light, temperature,
battery) is not read.
"""

from __future__ import annotations

import functools
import os
import re
from typing import NamedTuple

import numpy as np

from sensegen_tf.data import clock
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.devices.signals import Opened, Signal, Stretch, channels_of, check_range, unit_of
from sensegen_tf.errors import InputError

_SENSORS = {"acceleration": "ACC", "gyroscope": "GYRO"}
# A rate may differ by this share from that to which the device was set.
_DISAGREES = 0.1
_CWA_HEADER, _CWA_BLOCK = 1024, 512
# Samples in a page of a GENEActiv; none is shorter than so many bytes.
_PAGE, _SHORTEST_PAGE = 300, 200
_PAGES = re.compile(rb"Number of Pages:(\d+)")


class _Settings(NamedTuple):
    """What the header says: rate in Hz and highest acceleration in g; None where it does not."""

    rate: float | None
    highest: float | None


def open_actigraphy(path: str, config: TableConfig) -> Opened:
    """The signals of a file.

    Args:
      path: of the file.
      config: what is done where blocks are damaged (`missing`), and where stamps are uneven (`resample_hz`).

    Raises:
      InputError: a damaged block, unless those are to be left out; a rate or a value that cannot be right; or actfast
        is not installed.
    """
    lenient = config.missing != "refuse"
    data = _read(path, lenient)
    table = data["timeseries"].get("high_frequency") or data["timeseries"].get("acceleration") or {"datetime": []}
    if len(table["datetime"]) < 2:
        raise InputError(f"{path} holds no acceleration that actfast knows ({data['format']})")
    settings, stamps = _settings(data["metadata"]), _stamps(table["datetime"])
    faults = _faults(data, stamps)
    if faults and not lenient:
        raise InputError(f"{path}: {faults[0]}. What is whole is read with missing=cut", fields=["missing"])
    pieces = _pieces(stamps)
    if not pieces:
        raise InputError(f"{path}: no two samples follow each other without a gap")
    rate = clock.rate([stamps[piece] for piece in pieces], 0.0)
    if settings.rate and abs(rate - settings.rate) > _DISAGREES * settings.rate:
        raise InputError(f"{path}: set to {settings.rate:g} Hz, but its clock says {rate:.4g} Hz; it is damaged")
    start, signals = float(table["datetime"][0]) / 1e9, []
    for key, name in _SENSORS.items():
        if key in table:
            check_range(name, table[key], where=path, highest=settings.highest if name == "ACC" else None)
            load = functools.partial(_load, path, start, stamps, pieces, table[key], rate, config)
            signals.append(Signal(channels_of(name, axes=3), (unit_of(name),) * 3, rate, load))
    return Opened(signals, notes=tuple(f"{path}: {fault}" for fault in faults))


def _read(path, lenient):
    try:
        import actfast
    except ImportError as error:
        raise InputError(f"{path} needs actfast, which is not installed: pip install 'sensegen_tf[native]'") from error
    _check_size(path)
    try:
        return actfast.read(path, lenient)
    except (ValueError, OSError) as error:
        more = "" if lenient else ". What is whole is read with missing=cut"
        raise InputError(f"cannot read {path}: {error}{more}", fields=["missing"]) from error


def _check_size(path):
    """Refuses what actfast would pass over, or take so much memory for that it ends the program."""
    size = os.path.getsize(path)
    if path.lower().endswith(".cwa") and (size - _CWA_HEADER) % _CWA_BLOCK:
        raise InputError(f"{path} is truncated: its last block is not whole. Fetch it again")
    if path.lower().endswith(".bin"):
        with open(path, "rb") as file:
            pages = _PAGES.search(file.read(8192))
        if pages and int(pages[1]) * _SHORTEST_PAGE > size:
            raise InputError(f"{path} says {int(pages[1])} pages, but has {size} bytes; it is truncated or damaged")


def _faults(data, stamps):
    """What is wrong with what actfast read, in words."""
    found = [f"{len(data['warnings'])} damaged blocks left out"] if data["warnings"] else []
    pages = data["metadata"].get("Memory Status", {}).get("Number of Pages")
    if pages and len(stamps) != _PAGE * int(pages):
        found.append(f"truncated: {len(stamps)} samples, but its header says {int(pages)} pages of {_PAGE}")
    back = np.flatnonzero(np.diff(stamps) < 0)
    if len(back):
        found.append(f"its clock goes back {len(back)} times, the first behind sample {back[0]}")
    return found


def _settings(metadata):
    configuration, info = metadata.get("configuration", {}), metadata.get("info", {})
    rate = (
        configuration.get("sample_rate_hz")
        or info.get("Sample Rate")
        or metadata.get("Configuration Info", {}).get("Measurement Frequency")
    )
    highest = (
        configuration.get("accelerometer_range_g")
        or info.get("Acceleration Max")
        or metadata.get("Device Capabilities", {}).get("Accelerometer Range")
    )
    return _Settings(_last_number(rate), _last_number(highest))


def _last_number(text):
    """Of "-8 to 8" 8.0."""
    found = re.findall(r"\d+(?:\.\d+)?", text or "")
    return float(found[-1]) if found else None


def _stamps(times):
    """Seconds since the first sample, those of a block even between its beginning and that of the next."""
    steps = np.diff(times)
    usual = np.median(steps)
    first = np.concatenate([[0], np.flatnonzero(steps != usual) + 1])
    counts = np.diff(np.append(first, len(times)))
    begins = (times[first] - times[0]).astype(np.float64)
    passed = np.append(np.diff(begins), 0.0)
    whole = np.abs(passed - counts * usual) <= clock.TOLERANCE * counts * usual
    whole[-1] = False
    # At a gap, and at the end, the step is that of the other blocks.
    other = passed[whole].sum() / counts[whole].sum() if whole.any() else usual
    block = np.repeat(np.arange(len(first)), counts)
    step = np.where(whole, passed / counts, other)
    return (begins[block] + (np.arange(len(times)) - first[block]) * step[block]) / 1e9


def _pieces(stamps):
    """Slices of samples without a gap and without a step back."""
    steps = np.diff(stamps)
    edges = (steps < 0) | (steps > clock.GAP * clock.usual_step(np.maximum(steps, 0)))
    return [piece for piece in clock.slices(edges) if piece.stop - piece.start > 1]


def _load(path, start, stamps, pieces, values, rate, config):
    stretches = []
    for piece in pieces:
        times, signals = stamps[piece], values[piece]
        found = clock.fault(times, rate=rate, grain=0.0, first_row=piece.start + 1)
        if found:
            if not config.resample_hz:
                raise InputError(
                    f"{path}: the sampling is irregular: {found.words}. Give resample_hz, such as {rate:g}",
                    fields=["resample_hz"],
                )
            signals = signals if found.spread else clock.even(times, signals, rate=rate)
        stretches.append(Stretch(start + times[0], signals))
    return stretches
