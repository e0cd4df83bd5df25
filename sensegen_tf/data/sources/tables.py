"""A person's own recordings: CSV and Parquet through pyarrow (extra `tables`), NPZ through NumPy."""

import dataclasses
import glob
import os
import zipfile

import numpy as np

from sensegen_tf.data.recording import Collection, Recording, Span
from sensegen_tf.errors import InputError

_TERMS = "the owner's own"
# A step of the time column may differ from the usual one by this share before the sampling counts as irregular.
_TOLERANCE = 0.05


@dataclasses.dataclass(frozen=True)
class TableConfig:
    """What the columns of a table mean.

    Attributes:
      channels: channel columns; for NPZ the names of the last axis.
      units: of the channels, one each; "1" for all where left out.
      rate_hz: samples a second; None to take it from the time column (or from `rate` in an NPZ).
      time_column: seconds; or a timestamp type of Parquet, or ISO 8601 text in CSV.
      gap_seconds: a step of time longer than this starts another recording; None for 10 usual steps.
      subject_column, label_column: text or numbers; "" where there is none.
      array: of an NPZ; "" where it holds one array of two or three dimensions.
      resample_hz: where irregular sampling is to be mended by interpolation to this rate; None to refuse it.
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


def table(path, config):
    """Recordings from a file, or from every `.csv`, `.parquet` and `.npz` file of a folder.

    Args:
      path: file or folder.
      config: a `TableConfig`.

    Returns:
      A `Collection`; a file without a subject column is a subject of its own, named after the file.

    Raises:
      InputError: what is wrong, with file, line or row, and column.
    """
    if os.path.isdir(path):
        paths = sorted(p for suffix in _READERS for p in glob.glob(os.path.join(glob.escape(path), f"*{suffix}")))
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
    return Collection(recordings, _TERMS)


def _units(config, count):
    if config.units and len(config.units) != count:
        raise InputError(f"--units gives {len(config.units)} units for {count} channels")
    return config.units or ("1",) * count


def _arrow(path):
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(f"{path} needs pyarrow, which is not installed: pip install 'sensegen_tf[tables]'") from error
    return pyarrow


def _from_csv(path, config):
    arrow = _arrow(path)
    types = {name: arrow.float64() for name in config.channels}
    types |= {name: arrow.string() for name in (config.subject_column, config.label_column) if name}
    try:
        # One thread, since only then the errors name the row.
        columns = arrow.csv.read_csv(
            path,
            arrow.csv.ReadOptions(use_threads=False),
            convert_options=arrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False),
        )
    except arrow.ArrowException as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return _from_columns(path, columns, config)


def _from_parquet(path, config):
    arrow = _arrow(path)
    try:
        columns = arrow.parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return _from_columns(path, columns, config)


def _from_columns(path, columns, config):
    if not config.channels:
        raise InputError(f"{path}: name the channel columns with --channels; it has {', '.join(columns.column_names)}")
    named = [*config.channels, config.time_column, config.subject_column, config.label_column]
    missing = [name for name in named if name and name not in columns.column_names]
    if missing:
        raise InputError(f"{path} has no column {', '.join(missing)}; it has {', '.join(columns.column_names)}")
    if len(columns) == 0:
        raise InputError(f"{path} has a header but no rows")
    signals = np.stack([_numbers(path, columns, name) for name in config.channels], -1)
    times = _times(path, columns, config.time_column) if config.time_column else None
    subjects = _texts(columns, config.subject_column, os.path.splitext(os.path.basename(path))[0])
    labels = _texts(columns, config.label_column, "")
    recordings = []
    # A change of subject, or a gap in time, starts another recording.
    for start, stop in _runs(subjects):
        for first, last in _gaps(path, times, start, stop, config):
            rows = slice(first, last)
            part_times = None if times is None else times[rows]
            recordings.append(_recording(path, first, signals[rows], part_times, subjects[first], labels[rows], config))
    return recordings


def _numbers(path, columns, name):
    try:
        values = columns.column(name).cast("float64").to_numpy()
    except (ValueError, NotImplementedError) as error:
        raise InputError(f"{path}, column {name}: {error}") from error
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise InputError(
            f"{path}, column {name}: {len(bad)} values are empty or not finite, the first in data row {bad[0] + 1}. "
            "Repair or cut them out first"
        )
    return values


def _texts(columns, name, default):
    if not name:
        return np.full(len(columns), default, object)
    return np.array([str(value) for value in columns.column(name).to_pylist()], object)


def _times(path, columns, name):
    """The time column in seconds, float64."""
    column = columns.column(name)
    if str(column.type).startswith(("timestamp", "date", "time")):
        column = column.cast("timestamp[ns]").cast("int64")
        return column.to_numpy().astype(np.float64) / 1e9
    return _numbers(path, columns, name)


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
            "rows by time, or name the --subject_column if people follow each other"
        )
    longest = config.gap_seconds or 10 * np.median(steps)
    edges = (start + np.flatnonzero(steps > longest) + 1).tolist()
    return list(zip([start, *edges], [*edges, stop], strict=True))


def _recording(path, first, signals, times, subject, labels, config):
    name = f"{path} from data row {first + 1}"
    rate = config.rate_hz
    if times is not None and len(times) > 1:
        signals, labels, rate = _regular(name, first, signals, times, labels, config)
    if rate is None:
        raise InputError(f"{path}: give the rate with --rate_hz, or a --time_column")
    spans = tuple(Span(start, stop, labels[start]) for start, stop in _runs(labels) if labels[start])
    return Recording(name, signals, float(rate), config.channels, _units(config, len(config.channels)), subject, spans)


def _regular(name, first, signals, times, labels, config):
    """Signals, labels and the rate on a regular grid of time."""
    steps = np.diff(times)
    usual = float(np.median(steps))
    # A mean over thousands of steps is finer than the digits of one time stamp.
    rate = (len(times) - 1) / (times[-1] - times[0])
    rate = float(np.round(rate, 1)) if abs(rate - np.round(rate, 1)) < 1e-3 * rate else float(rate)
    irregular = np.flatnonzero(np.abs(steps - usual) > _TOLERANCE * usual)
    if len(irregular) and not config.resample_hz:
        row = first + int(irregular[0]) + 1
        raise InputError(
            f"{name}: the sampling is irregular: {len(irregular)} of {len(steps)} steps differ from the usual "
            f"{usual:.6g} s by more than {_TOLERANCE:.0%}, the first from data row {row} to {row + 1} "
            f"({steps[irregular[0]]:.6g} s). --resample_hz={1 / usual:.6g} interpolates to a regular rate"
        )
    if len(irregular):
        grid = np.arange(times[0], times[-1], 1 / config.resample_hz)
        nearest = np.clip(np.searchsorted(times, grid), 0, len(times) - 1)
        signals = np.stack([np.interp(grid, times, channel) for channel in signals.T], -1)
        return signals, labels[nearest], config.resample_hz
    if config.rate_hz and abs(config.rate_hz - rate) > _TOLERANCE * rate:
        raise InputError(f"{name}: --rate_hz={config.rate_hz:g}, but the time column says {rate:.6g} Hz")
    return signals, labels, config.rate_hz or rate


def _from_npz(path, config):
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
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    values = _npz_array(path, arrays, config.array)
    series = values[None] if values.ndim == 2 else values  # [N, T, C]
    count = series.shape[-1]
    channels = config.channels or tuple(map(str, arrays.get("channels", ()))) or tuple(f"x{i}" for i in range(count))
    if len(channels) != count:
        raise InputError(f"{path}: {len(channels)} channel names for the {count} columns of its array")
    rate = config.rate_hz or (float(arrays["rate"]) if "rate" in arrays else None)
    if rate is None:
        raise InputError(f"{path} holds no `rate`: give it with --rate_hz")
    units = config.units or tuple(map(str, arrays.get("units", ()))) or ("1",) * count
    if len(units) != count:
        raise InputError(f"{path}: {len(units)} units for {count} channels")
    stem = os.path.splitext(os.path.basename(path))[0]
    # Without subjects, series are as independent as anything tells, so each counts as one.
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
            spans=(Span(0, len(signals), str(labels[index])),) if str(labels[index]) else (),
        )
        for index, signals in enumerate(series)
    ]


def _npz_array(path, arrays, name):
    if name and name not in arrays:
        raise InputError(f"{path} has no array {name}; it has {', '.join(arrays)}")
    candidates = {key: value for key, value in arrays.items() if value.ndim in (2, 3) and value.dtype.kind in "fiu"}
    if name:
        candidates = {key: value for key, value in candidates.items() if key == name}
    if len(candidates) != 1:
        shapes = ", ".join(f"{key} {value.shape}" for key, value in arrays.items())
        raise InputError(
            f"{path}: expected one array of numbers of shape [series, time, channel] or [time, channel], found "
            f"{len(candidates)} among {shapes or 'none'}; name it with --array"
        )
    return next(iter(candidates.values()))


_READERS = {".csv": _from_csv, ".parquet": _from_parquet, ".npz": _from_npz}
