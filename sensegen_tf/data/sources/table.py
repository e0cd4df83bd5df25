"""A user's own recordings: CSV and Parquet through pyarrow (extra `tables`), NPZ through NumPy."""

from __future__ import annotations

import os

import numpy as np

from sensegen_tf.data import clock, moments
from sensegen_tf.data.arrow import pyarrow
from sensegen_tf.data.recording import Collection
from sensegen_tf.data.sources import npz
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.rows import Read, Rows, recordings
from sensegen_tf.errors import InputError
from sensegen_tf.files import files_in

_TERMS = "the owner's own"


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
    found = [_read(each, config) for each in paths]
    notes = tuple(dict.fromkeys(note for each in found for note in each.notes))
    return Collection(recordings=[one for each in found for one in each.recordings], terms=_TERMS, notes=notes)


def _read(path, config):
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _READERS:
        raise InputError(f"{path}: the suffix must be one of {', '.join(_READERS)}")
    if not os.path.exists(path):
        raise InputError(f"there is no file {path}")
    if os.path.getsize(path) == 0:
        raise InputError(f"{path} is empty")
    return _READERS[suffix](path, config)


def _from_npz(path, config):
    return Read(npz.read(path, config), [])


def _from_csv(path, config):
    arrow = pyarrow(path)
    types = {name: arrow.float64() for name in config.channels}
    texts = (config.subject_column, config.session_column, config.label_column)
    types |= {name: arrow.string() for name in texts if name}
    if config.time_format:
        types[config.time_column] = arrow.string()
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
    _check_columns(path, columns, config)
    subjects = _texts(columns, config.subject_column, os.path.splitext(os.path.basename(path))[0])
    if not all(subjects):
        raise InputError(f"{path}, column {config.subject_column}: empty in data row {list(subjects).index('') + 1}")
    found, words = _clock(path, columns, config) if config.time_column else (None, "")
    rows = Rows(
        path,
        np.stack([_numbers(path, columns, name) for name in config.channels], -1),
        np.arange(1, len(columns) + 1),
        found,
        subjects,
        _texts(columns, config.session_column, ""),
        _texts(columns, config.label_column, ""),
    )
    read = recordings(rows, config)
    return Read(read.recordings, [*([f"{path}, column {config.time_column}: {words}"] if words else []), *read.notes])


def _check_columns(path, columns, config):
    try:
        names = columns.column_names
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {path}: the names of its columns are not UTF-8 ({error})") from error
    if not config.channels:
        raise InputError(
            f"{path}: name the columns to read with channels; it has {', '.join(names)}", fields=["channels"]
        )
    asked = config.time_column, config.subject_column, config.session_column, config.label_column
    for name in [*config.channels, *asked]:
        if name and names.count(name) != 1:
            how = "has no column" if name not in names else "has more than one column"
            raise InputError(f"{path} {how} {name}; it has {', '.join(names)}")
    if len(columns) == 0:
        raise InputError(f"{path} has a header but no rows")


def _numbers(path, columns, name):
    """A column of numbers, NaN where a cell is empty."""
    try:
        return columns.column(name).cast("float64").to_numpy()
    except (ValueError, NotImplementedError) as error:
        raise InputError(f"{path}, column {name}: {error}") from error


def _texts(columns, name, default):
    if not name:
        return np.full(len(columns), default, object)
    return np.array(["" if value is None else str(value) for value in columns.column(name).to_pylist()], object)


def _clock(path, columns, config):
    """The time column, and what it was read as where that is not plain."""
    column, where = columns.column(config.time_column), f"{path}, column {config.time_column}"
    missing = column.is_null(nan_is_null=True).to_numpy()
    if missing.any():
        raise InputError(
            f"{where}: {missing.sum()} values are empty or not finite, the first in data row {missing.argmax() + 1} "
            "(counted below the header). Repair or cut them out first"
        )
    kind = str(column.type)
    if kind in ("string", "large_string"):
        seconds, words = moments.parse(column, time_format=config.time_format, where=where)
        return clock.from_numbers(seconds, unit="s", where=where), words
    if kind.startswith(("timestamp", "date")):
        numbers = column.cast("timestamp[ns]").cast("int64").to_numpy()
        return clock.from_numbers(numbers, unit="ns", where=where), ""
    if kind.startswith(("duration", "time")):
        unit = column.type.unit
        integer = "int32" if column.type.bit_width == 32 else "int64"
        return clock.from_numbers(column.cast(integer).cast("int64").to_numpy(), unit=unit, where=where), ""
    unit = "" if config.time_unit == "auto" else config.time_unit
    numbers = column.to_numpy() if kind.startswith("int") else _numbers(path, columns, config.time_column)
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers))) + 1
        raise InputError(f"{where}: {(~np.isfinite(numbers)).sum()} values are not finite, the first in data row {row}")
    found = clock.from_numbers(numbers.astype(np.int64) if kind.startswith("int") else numbers, unit=unit, where=where)
    return found, "" if found.unit == "seconds" else found.unit


_READERS = {".csv": _from_csv, ".parquet": _from_parquet, ".npz": _from_npz}
