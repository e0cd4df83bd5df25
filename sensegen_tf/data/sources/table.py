"""A user's own recordings: CSV and Parquet through pyarrow (extra `tables`), NPZ through NumPy."""

from __future__ import annotations

import dataclasses
import os
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from sensegen_tf.data.arrow import pyarrow
from sensegen_tf.data.recording import Collection, Recording, Span
from sensegen_tf.errors import InputError
from sensegen_tf.files import files_in

_TERMS = "the owner's own"
# A step of the time column may differ from the usual one by this share before the sampling counts as irregular.
_TOLERANCE = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableConfig:
    """What the columns of a table mean.

    Attributes:
      channels: channel columns; for an NPZ without `channels` the names of the last axis.
      units: of the channels, one each; "1" for all where left out.
      rate_hz: samples a second; None to take it from the time column (or from `rate` in an NPZ).
      time_column: seconds; or a timestamp type of Parquet, or ISO 8601 text in CSV.
      gap_seconds: a step of time longer than this starts another recording; None for 10 usual steps.
      subject_column, label_column: text or numbers; "" where there is none.
      array: of an NPZ; "" where it holds one array of two or three dimensions.
      resample_hz: given where the recordings are to be resampled, so that irregular sampling may be interpolated; None
        to refuse it.
    """

    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    rate_hz: float | None = None
    time_column: str = ""
    gap_seconds: float | None = None
    subject_column: str = ""
    label_column: str = ""
    array: str = ""
    resample_hz: float | None = None

    def __post_init__(self) -> None:
        for name in ("rate_hz", "gap_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise InputError(f"{name} must be above 0, got {value}", fields=[name])


def table(path: str, config: TableConfig) -> Collection:
    """Recordings from a file, or from every `.csv`, `.parquet` and `.npz` file of a folder.

    Args:
      path: file or folder.
      config: what its columns mean.

    Returns:
      The recordings; a file without a subject column is a subject of its own, named after the file.

    Raises:
      InputError: what is wrong, with file, line or row, and column.
    """
    if os.path.isdir(path):
        paths = sorted(p for suffix in _READERS for p in files_in(path, f"*{suffix}"))
        if not paths:
            raise InputError(f"{path} holds no {', '.join(_READERS)} file")
    else:
        paths = [path]
    recordings = []
    for each in paths:
        suffix = os.path.splitext(each)[1].lower()
        if suffix not in _READERS:
            raise InputError(f"{each}: the suffix must be one of {', '.join(_READERS)}")
        if not os.path.exists(each):
            raise InputError(f"there is no file {each}")
        if os.path.getsize(each) == 0:
            raise InputError(f"{each} is empty")
        recordings += _READERS[suffix](each, config)
    return Collection(recordings=recordings, terms=_TERMS)


def _units(config, count):
    if config.units and len(config.units) != count:
        raise InputError(f"units has {len(config.units)} entries, but there are {count} channels", fields=["units"])
    return config.units or ("1",) * count


def _from_csv(path, config):
    arrow = pyarrow(path)
    types = {name: arrow.float64() for name in config.channels}
    types |= {name: arrow.string() for name in (config.subject_column, config.label_column) if name}
    try:
        # One thread, since only then the errors name the row.
        columns = arrow.csv.read_csv(
            path,
            arrow.csv.ReadOptions(use_threads=False),
            convert_options=arrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False),
        )
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return _from_columns(path, columns, config)


def parquet_columns(path: str) -> list[str]:
    """The names of the columns of a Parquet file.

    Raises:
      InputError: it cannot be read.
    """
    arrow = pyarrow(path)
    try:
        return arrow.parquet.read_schema(path).names
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _from_parquet(path, config):
    arrow = pyarrow(path)
    try:
        columns = arrow.parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return _from_columns(path, columns, config)


def _from_columns(path, columns, config):
    names = columns.column_names
    if not config.channels:
        raise InputError(
            f"{path}: name the columns to read with channels; it has {', '.join(names)}", fields=["channels"]
        )
    for name in [*config.channels, config.time_column, config.subject_column, config.label_column]:
        if name and names.count(name) != 1:
            how = "has no column" if name not in names else "has more than one column"
            raise InputError(f"{path} {how} {name}; it has {', '.join(names)}")
    if len(columns) == 0:
        raise InputError(f"{path} has a header but no rows")
    signals = np.stack([_numbers(path, columns, name) for name in config.channels], -1)
    times = _times(path, columns, config.time_column) if config.time_column else None
    subjects = _texts(columns, config.subject_column, os.path.splitext(os.path.basename(path))[0])
    labels = _texts(columns, config.label_column, "")
    if not all(subjects):
        raise InputError(f"{path}, column {config.subject_column}: empty in data row {list(subjects).index('') + 1}")
    # A change of subject, or a gap in time, starts another recording.
    runs = [(first, last) for run in _runs(subjects) for first, last in _gaps(path, times, *run, config)]
    if times is None:
        rate = config.rate_hz
        if rate is None:
            raise InputError(f"{path}: give rate_hz or time_column", fields=["rate_hz", "time_column"])
    else:
        # A row alone between two gaps says nothing of its rate.
        runs = [(first, last) for first, last in runs if last - first > 1]
        rate = _rate(path, times, runs, config)
    return [
        _recording(
            path,
            first,
            signals[first:last],
            None if times is None else times[first:last],
            rate,
            subjects[first],
            labels[first:last],
            config,
        )
        for first, last in runs
    ]


def _numbers(path, columns, name):
    try:
        values = columns.column(name).cast("float64").to_numpy()
    except (ValueError, NotImplementedError) as error:
        raise InputError(f"{path}, column {name}: {error}") from error
    return _finite(path, name, values)


def _finite(path, name, values):
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise InputError(
            f"{path}, column {name}: {len(bad)} values are empty or not finite, the first in data row {bad[0] + 1} "
            "(counted below the header). Repair or cut them out first"
        )
    return values


def _texts(columns, name, default):
    if not name:
        return np.full(len(columns), default, object)
    return np.array(["" if value is None else str(value) for value in columns.column(name).to_pylist()], object)


def _times(path, columns, name):
    """The time column in seconds, float64."""
    column = columns.column(name)
    if not str(column.type).startswith(("timestamp", "date")):
        return _numbers(path, columns, name)
    moments = column.cast("timestamp[ns]").to_numpy()
    seconds = np.where(np.isnat(moments), np.nan, moments.astype("int64") / 1e9)
    return _finite(path, name, seconds)


def _runs(values):
    """(start, stop) of runs of equal values."""
    edges = np.flatnonzero(values[1:] != values[:-1]) + 1
    return list(zip([0, *edges.tolist()], [*edges.tolist(), len(values)], strict=True))


def _gaps(path, times, start, stop, config):
    """(start, stop) of the stretches of a run of rows without a gap in time."""
    if times is None or stop - start < 2:
        return [(start, stop)]
    steps = np.diff(times[start:stop])
    if (steps <= 0).any():
        row = start + int(np.argmax(steps <= 0)) + 1
        raise InputError(
            f"{path}: time does not increase from data row {row} to {row + 1} in column {config.time_column}. Sort the "
            "rows by time, or name the subject_column if subjects follow each other",
            fields=["subject_column"],
        )
    longest = config.gap_seconds or 10 * np.median(steps)
    edges = (start + np.flatnonzero(steps > longest) + 1).tolist()
    return list(zip([start, *edges], [*edges, stop], strict=True))


def _rate(path, times, runs, config):
    """The one rate of a file, from the time column, and whether it agrees with `rate_hz`."""
    if not runs:
        raise InputError(f"{path}: no two rows follow each other without a gap in column {config.time_column}")
    # Over all steps, since a mean over thousands of them is finer than the digits of one time stamp.
    steps = np.concatenate([np.diff(times[first:last]) for first, last in runs])
    usual = steps[np.abs(steps - np.median(steps)) <= _TOLERANCE * np.median(steps)]
    rate = 1 / usual.mean()
    if abs(rate - np.round(rate, 1)) < 1e-3 * rate:
        rate = np.round(rate, 1)
    if config.rate_hz and abs(config.rate_hz - rate) > _TOLERANCE * rate:
        raise InputError(
            f"{path}: rate_hz is {config.rate_hz:g}, but the time column says {rate:.6g} Hz", fields=["rate_hz"]
        )
    return float(config.rate_hz or rate)


def _recording(path, first, signals, times, rate, subject, labels, config):
    name = f"{path} from data row {first + 1}"
    if times is not None:
        signals, labels = _regular(name, first, signals, times, rate, labels, config)
    spans = [Span(start=start, stop=stop, label=labels[start]) for start, stop in _runs(labels) if labels[start]]
    return Recording(
        name=name,
        signals=signals,
        rate=rate,
        channels=config.channels,
        units=_units(config, len(config.channels)),
        subject=subject,
        spans=tuple(spans),
    )


def _regular(name, first, signals, times, rate, labels, config):
    """Signals and labels at the file's rate; irregular sampling is interpolated where resampling is asked for."""
    steps = np.diff(times)
    irregular = np.flatnonzero(np.abs(steps * rate - 1) > _TOLERANCE)
    if not len(irregular):
        return signals, labels
    if not config.resample_hz:
        row = first + int(irregular[0]) + 1
        raise InputError(
            f"{name}: the sampling is irregular: {len(irregular)} of {len(steps)} steps differ from the usual "
            f"{1 / rate:.6g} s by more than {_TOLERANCE:.0%}, the first from data row {row} to {row + 1} "
            f"({steps[irregular[0]]:.6g} s). With resample_hz, such as {rate:g}, they are interpolated",
            fields=["resample_hz"],
        )
    # At the file's own rate: the polyphase filter of `Recording.resample` takes it from there, without aliasing.
    grid = np.arange(times[0], times[-1] + 0.5 / rate, 1 / rate)
    nearest = np.searchsorted((times[1:] + times[:-1]) / 2, grid)
    return np.stack([np.interp(grid, times, channel) for channel in signals.T], -1), labels[nearest]


def read_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays of an NPZ file by name.

    Raises:
      InputError: it is no NPZ, damaged, or holds pickled objects.
    """
    if not zipfile.is_zipfile(path):
        raise InputError(f"cannot read {path}: it is no NPZ archive, or a damaged one")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise InputError(f"cannot read {path}: {error}") from error
        raise InputError(
            f"{path} holds pickled Python objects, which can run code when they are read, and is refused. "
            "Save plain arrays of numbers and texts"
        ) from error
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    foreign = [name for name, value in arrays.items() if not isinstance(value, np.ndarray)]
    if foreign:
        raise InputError(f"{path} holds {', '.join(foreign)}, which is no array")
    return arrays


def _from_npz(path, config):
    arrays = read_npz(path)
    values = npz_array(arrays, config.array, path=path)
    series = values[None] if values.ndim == 2 else values  # [N, T, C]
    channels, units = _npz_names(path, arrays, series.shape[-1], config)
    rate = config.rate_hz
    if rate is None:
        if "rate" not in arrays or arrays["rate"].shape != () or arrays["rate"].dtype.kind not in "fiu":
            raise InputError(f"{path} holds no `rate`, one number: give it as rate_hz", fields=["rate_hz"])
        rate = float(arrays["rate"])
    stem = os.path.splitext(os.path.basename(path))[0]
    # Without subjects, each series counts as a subject of its own.
    subjects = arrays.get("subjects", [stem] if values.ndim == 2 else [f"{stem} {i}" for i in range(len(series))])
    labels = arrays.get("labels", [""] * len(series))
    for what, given in (("subjects", subjects), ("labels", labels)):
        if len(given) != len(series):
            raise InputError(f"{path}: {len(given)} {what} for {len(series)} series")
    return [
        Recording(
            name=f"{path} series {index}",
            signals=signals,
            rate=rate,
            channels=channels,
            units=units,
            subject=str(subjects[index]),
            spans=(Span(start=0, stop=len(signals), label=str(labels[index])),) if str(labels[index]) else (),
        )
        for index, signals in enumerate(series)
    ]


def _npz_names(path, arrays, count, config):
    """Channel names and units: the file's own, or the configuration's where it has none."""
    channels = tuple(np.atleast_1d(arrays.get("channels", ())).astype(str).tolist())
    channels = channels or config.channels or tuple(f"x{index}" for index in range(count))
    units = tuple(np.atleast_1d(arrays.get("units", ())).astype(str).tolist()) or _units(config, len(channels))
    for what, names in (("channel names", channels), ("units", units)):
        if len(names) != count:
            raise InputError(f"{path}: {len(names)} {what} for the {count} columns of its array")
    return channels, units


def npz_array(arrays: Mapping[str, np.ndarray], name: str, *, path: str) -> np.ndarray:
    """The one array of series among the arrays of an NPZ, or the one that is named.

    Args:
      arrays: see `read_npz`.
      name: "" where there is one array of numbers of two or three dimensions.
      path: of the file, for messages.

    Raises:
      InputError: there is none, or more than one.
    """
    if name and name not in arrays:
        raise InputError(f"{path} has no array {name}; it has {', '.join(arrays)}")
    candidates = {key: value for key, value in arrays.items() if value.ndim in (2, 3) and value.dtype.kind in "fiu"}
    if name:
        candidates = {key: value for key, value in candidates.items() if key == name}
    if len(candidates) != 1:
        shapes = ", ".join(f"{key} {value.shape}" for key, value in arrays.items())
        raise InputError(
            f"{path}: expected numbers of shape [series, time, channel] or [time, channel] under one name, found "
            f"{len(candidates)} among {shapes or 'none'}; name the one to read with array",
            fields=["array"],
        )
    return next(iter(candidates.values()))


_READERS = {".csv": _from_csv, ".parquet": _from_parquet, ".npz": _from_npz}
