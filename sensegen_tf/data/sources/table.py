"""A user's own recordings: CSV and Parquet through pyarrow (extra `tables`), NPZ through NumPy."""

from __future__ import annotations

import dataclasses
import functools
import os

import numpy as np

from sensegen_tf.data import clock, dialect, moments, paths
from sensegen_tf.data.arrow import pyarrow
from sensegen_tf.data.readers import Read, Readers
from sensegen_tf.data.sources import npz
from sensegen_tf.data.sources.columns import TableConfig, text_of
from sensegen_tf.data.sources.rows import Rows, recordings
from sensegen_tf.errors import InputError

_TERMS = "the owner's own"


def table(path: str, config: TableConfig) -> Readers:
    """Recordings from a file, or from all files of a folder and the folders in it that have a known suffix.

    Args:
      path: file or folder.
      config: what its columns mean.

    Returns:
      The recordings; a file without a subject column is a subject of its own, named after the file.

    Raises:
      InputError: what is wrong, with file, line or row, and column.
    """
    if os.path.isdir(path):
        folder = paths.files_below(path, tuple(_READERS), pattern=config.path_pattern)
    else:
        folder = paths.Folder([paths.Located(path, paths.stem(path), _parts(path, config))], [])
    readers = [functools.partial(_read, each, config) for each in folder.files]
    return Readers(readers=readers, terms=_TERMS, notes=folder.notes(path))


def _parts(path, config):
    """What the pattern says of a file that was named itself."""
    if not config.path_pattern:
        return {}
    matched = paths.compiled(config.path_pattern).search(path)
    if not matched:
        message = f"the path {path} does not end like path_pattern {config.path_pattern}"
        raise InputError(message, fields=["path_pattern"])
    return paths.parts_of(matched)


def _read(file, config):
    suffix = paths.suffix(file.path)
    if suffix not in _READERS:
        raise InputError(f"{file.path}: the suffix must be one of {', '.join(_READERS)}")
    if not os.path.exists(file.path):
        raise InputError(f"there is no file {file.path}")
    if os.path.getsize(file.path) == 0:
        raise InputError(f"{file.path} is empty")
    try:
        return _READERS[suffix](file, config)._replace(where=file.path)
    except InputError:
        raise
    except Exception as error:  # Whatever a package stumbles over in a damaged file.
        raise InputError(f"cannot read {file.path}: {type(error).__name__}: {error}") from error


def _from_npz(file, config):
    return npz.read(file, config)


def _from_text(file, config):
    path, arrow = file.path, pyarrow(file.path)
    how = {name: getattr(config, name) for name in ("delimiter", "decimal", "encoding", "skip_lines", "column_names")}
    found = dialect.find(path, **how)
    if not found.names:
        raise InputError(
            f"{path} has no line of names: its first row is {found.first!r}. Name its columns with column_names",
            fields=["column_names"],
        )
    types = {name: arrow.float64() for name in config.channels}
    texts = [config.subject_column, config.session_column, config.label_column]
    texts += [config.time_column] if config.time_format else []
    types |= {name: arrow.string() for name in texts if name}
    names = [*found.names, *(f"column {number}" for number in range(len(found.names) + 1, found.columns + 1))]
    try:
        # One thread, since only then the errors name the row.
        columns = arrow.csv.read_csv(
            dialect.readable(path, found),
            arrow.csv.ReadOptions(use_threads=False, skip_rows=found.skipped, column_names=names),
            arrow.csv.ParseOptions(delimiter=found.readable_delimiter),
            arrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False, decimal_point=found.decimal),
        )
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if found.units and not config.units:
        units = dict(zip(found.names, found.units, strict=True))
        config = dataclasses.replace(config, units=tuple(units.get(name) or "1" for name in config.channels))
    return _from_columns(file, columns, config)


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


def _from_parquet(file, config):
    path, arrow = file.path, pyarrow(file.path)
    try:
        columns = arrow.parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return _from_columns(file, columns, config)


def _from_columns(file, columns, config):
    path = file.path
    _check_columns(path, columns, config)
    subjects = _texts(columns, config.subject_column, file.parts.get("subject", file.name))
    if not all(subjects):
        raise InputError(f"{path}, column {config.subject_column}: empty in data row {list(subjects).index('') + 1}")
    found, words = _clock(path, columns, config) if config.time_column else (None, "")
    rows = Rows(
        path,
        np.stack([_numbers(path, columns, name) for name in config.channels], -1),
        np.arange(1, len(columns) + 1),
        found,
        subjects,
        _texts(columns, config.session_column, file.parts.get("session", "")),
        _texts(columns, config.label_column, file.parts.get("label", "")),
    )
    read = recordings(rows, config)
    return Read(read.recordings, [*([f"{path}, column {config.time_column}: {words}"] if words else []), *read.notes])


def _check_columns(path, columns, config):
    names = columns.column_names
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
    return np.array([text_of(value) for value in columns.column(name).to_pylist()], object)


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


_READERS = {**dict.fromkeys(dialect.SUFFIXES, _from_text), ".parquet": _from_parquet, ".npz": _from_npz}
