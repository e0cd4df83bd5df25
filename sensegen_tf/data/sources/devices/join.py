"""From the signals of one device to recordings: one rate, one start, no missing value."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sensegen_tf.data.clock import TOLERANCE
from sensegen_tf.data.missing import complete
from sensegen_tf.data.readers import Read
from sensegen_tf.data.recording import Recording
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.devices.signals import Signal, Stretch
from sensegen_tf.errors import InputError


class _Loaded(NamedTuple):
    """A signal that was read, with the channels that are wanted of it; `raw` is what stood in the file, [N, C]."""

    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float
    stretches: list[Stretch]
    raw: list[np.ndarray]


def join(signals: Sequence[Signal], channels: Sequence[str], *, path: str, subject: str, config: TableConfig) -> Read:
    """Recordings of the channels that are wanted.

    Args:
      signals: of one device, which have these channels.
      channels: names, in order.
      path: for messages.
      subject: of the recordings.
      config: what is done where values are missing; the rate to resample to, which signals of several rates need.

    Returns:
      A recording for every stretch that all signals have.

    Raises:
      InputError: signals of several rates without a rate to resample to, that do not overlap, or with missing values.
    """
    chosen = [each for each in signals if set(each.channels) & set(channels)]
    _check_rates(chosen, channels, path=path, resample_hz=config.resample_hz)
    counts = {"samples interpolated": 0, "samples cut out": 0}
    loaded = [_read(signal, channels, path, config, counts) for signal in chosen]
    together = _side_by_side(loaded)
    resampled = together is None
    if together is None:
        if config.resample_hz is None:
            raise InputError(
                f"{path}: the signals of {', '.join(channels)} have gaps at other moments or do not start together; "
                f"give resample_hz, such as {chosen[0].rate:g}",
                fields=["resample_hz"],
            )
        together = _on_one_grid(loaded, path, subject, config.resample_hz)
    if not together:
        raise InputError(f"{path}: the signals of {', '.join(channels)} do not overlap in time", fields=["channels"])
    rate = config.resample_hz if resampled and config.resample_hz else chosen[0].rate
    names = [name for each in loaded for name in each.channels]
    whole = _Loaded(tuple(names), tuple(unit for each in loaded for unit in each.units), rate, together, [])
    recordings = [_recording(whole, stretch, path, subject) for stretch in together]
    if resampled or any(counts.values()):
        recordings = _with_raw(recordings, [channel for each in loaded for channel in np.concatenate(each.raw).T])
    return Read([recording.select(channels) for recording in recordings], counts=counts, resampled=resampled)


def _with_raw(recordings, raw):
    """The recordings, the first of which has what stood in the file; the others have nothing."""
    nothing = [np.empty(0)] * len(raw)
    return [
        dataclasses.replace(recording, raw=nothing if number else raw) for number, recording in enumerate(recordings)
    ]


def _check_rates(signals, channels, *, path, resample_hz):
    if len({signal.rate for signal in signals}) == 1 or resample_hz is not None:
        return
    rates: dict[float, list[str]] = {}
    for signal in signals:
        rates.setdefault(signal.rate, []).extend(name for name in signal.channels if name in channels)
    each = "; ".join(f"{', '.join(names)} {rate:g} Hz" for rate, names in rates.items())
    raise InputError(
        f"{path}: its channels have several rates ({each}). Choose channels of one rate, or give resample_hz, such as "
        f"{max(rates):g}",
        fields=["channels", "resample_hz"],
    )


def _read(signal, channels, path, config, counts):
    """A signal with the wanted channels alone and without missing values, which are counted."""
    columns = [index for index, name in enumerate(signal.channels) if name in channels]
    stretches, raw = [], []
    for start, values in signal.load():
        values = np.asarray(values)[:, columns]
        missing = int((~np.isfinite(values)).any(1).sum())
        if missing and config.missing == "refuse":
            first = int(np.argmin(np.isfinite(values).all(1)))
            raise InputError(
                f"{path}, {', '.join(signal.channels)}: {missing} samples are missing or not finite, the first is "
                f"{first}. Give missing=cut or missing=interpolate",
                fields=["missing"],
            )
        raw.append(values[np.isfinite(values).all(1)])
        longest = config.longest_gap_seconds * signal.rate if config.missing == "interpolate" else 0
        whole = complete(values, longest=longest) if missing else None
        if whole is None:
            stretches.append(Stretch(start, values))
            continue
        counts["samples interpolated"] += whole.interpolated
        counts["samples cut out"] += whole.cut
        stretches += [Stretch(start + run.start / signal.rate, whole.signals[run]) for run in whole.runs]
    names = tuple(signal.channels[column] for column in columns)
    return _Loaded(names, tuple(signal.units[column] for column in columns), signal.rate, stretches, raw)


def _side_by_side(loaded):
    """The stretches of signals that have one rate and start together, as they are; None of others."""
    first, rate = loaded[0], loaded[0].rate
    starts = [[stretch.start for stretch in each.stretches] for each in loaded]
    if any(each.rate != rate or len(each.stretches) != len(first.stretches) for each in loaded):
        return None
    if np.ptp(np.array(starts), axis=0).max(initial=0.0) * rate > TOLERANCE:
        return None
    together = []
    for stretches in zip(*(each.stretches for each in loaded), strict=True):
        shortest = min(len(stretch.values) for stretch in stretches)
        values = np.concatenate([stretch.values[:shortest] for stretch in stretches], 1)
        together.append(Stretch(stretches[0].start, values))
    return together


def _on_one_grid(loaded, path, subject, rate):
    """The stretches that all signals have, resampled to moments that all share."""
    spans = functools.reduce(_overlaps, [[_span(each.rate, stretch) for stretch in each.stretches] for each in loaded])
    resampled: dict[Any, Recording] = {}
    together = []
    for start, stop in spans:
        if (stop - start) * rate < 1:
            continue
        grid = start + np.arange(int((stop - start) * rate + 1e-6) + 1) / rate
        columns = []
        for number, each in enumerate(loaded):
            index = _around(each, start, stop)
            stretch = each.stretches[index]
            if (number, index) not in resampled:
                resampled[number, index] = _recording(each, stretch, path, subject).resample(rate)
            values = resampled[number, index].signals
            moments = stretch.start + np.arange(len(values)) / rate
            columns += [np.interp(grid, moments, channel) for channel in values.T]
        together.append(Stretch(start, np.stack(columns, -1)))
    return together


def _around(signal, start, stop):
    """The number of the stretch in which these moments lie."""
    spans = [_span(signal.rate, stretch) for stretch in signal.stretches]
    return next(index for index, (first, last) in enumerate(spans) if first <= start and stop <= last)


def _span(rate, stretch):
    """The moments of the first and the last value."""
    return stretch.start, stretch.start + (len(stretch.values) - 1) / rate


def _overlaps(spans, others):
    both = [(max(one[0], other[0]), min(one[1], other[1])) for one in spans for other in others]
    return [(start, stop) for start, stop in both if start < stop]


def _recording(signal, stretch, path, subject):
    first = signal.stretches[0].start
    return Recording(
        name=path if stretch.start == first else f"{path} from {stretch.start - first:.1f} s",
        signals=stretch.values,
        rate=signal.rate,
        channels=signal.channels,
        units=signal.units,
        subject=subject,
    )
