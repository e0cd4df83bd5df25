"""Files of windows, anybody's: what `sample` and `data prepare` write, arrays, tables. Read as far as they say."""

import csv
import dataclasses
import os
import re

import numpy as np

from sensegen_tf.data import pipeline, records
from sensegen_tf.data.recording import check_alike, find_channels
from sensegen_tf.data.sources import tables
from sensegen_tf.data.windows import WindowConfig, cut
from sensegen_tf.errors import InputError
from sensegen_tf.files import files_in


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """Windows of a file, and what it says of them; None where it says nothing.

    Attributes:
      values: [N, T, C].
      rate: Hz.
      channels, units: C strings each.
      subjects, labels: N strings each.
      log_likelihood: float [N].
    """

    values: np.ndarray
    rate: float | None = None
    channels: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    subjects: np.ndarray | None = None
    labels: np.ndarray | None = None
    log_likelihood: np.ndarray | None = None


def read(path, config, length=None, split="training"):
    """Windows from a file.

    Args:
      path: `.npz`, `.csv`, `.parquet` or `.tfrecord` file, or the folder of a prepared set or of shards that `sample`
        wrote.
      config: a `tables.TableConfig`: what the columns of a table mean; its channels are chosen, or, where the file has
        no names, are the names.
      length: T, to which longer series are cut without overlap; None to take them as they are.
      split: of a prepared set: "training" or "heldout".

    Returns:
      `Series`.

    Raises:
      InputError: a file that cannot be read, or series of different lengths without a `length` to cut them to.
    """
    if not os.path.exists(path):
        raise InputError(f"there is no file {path}")
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".npz":
        return _read_npz(path, config, length)
    if records.is_prepared(path):
        return _read_prepared(path, split, config, length)
    if suffix == ".tfrecord" or files_in(path, "*.tfrecord"):
        recordings = records.read_series(path).recordings
    elif header := _header_of_ours(path):
        recordings = _read_ours(path, header)
    else:
        recordings = tables.table(path, config).recordings
    if config.channels:
        recordings = [recording.select(config.channels) for recording in recordings]
    return _from_recordings(path, recordings, length)


def _from_recordings(path, recordings, length):
    check_alike(recordings, "channels", "units", "rate")
    lengths = {len(recording.signals) for recording in recordings}
    if length is None and (len(lengths) > 1 or len(recordings) == 1):
        raise InputError(f"{path} holds recordings, not windows of one length: cut them with --window_length=L")
    length = length or lengths.pop()
    labelled = any(recording.spans for recording in recordings)
    windows = cut(recordings, WindowConfig(length, length), path, labelled)
    first = recordings[0]
    return Series(
        windows.values,
        first.rate,
        first.channels,
        first.units,
        _people(windows.subjects),
        windows.labels if labelled else None,
    )


def _read_prepared(path, split, config, length):
    dataset = pipeline.open_prepared(path)
    part = dataset.training if split == "training" else dataset.heldout
    windows = part.spread(part.count)
    labels = windows.labels if any(windows.labels) else None
    series = Series(windows.values, dataset.rate, dataset.channels, dataset.units, windows.subjects, labels)
    return _cut(path, _choose(path, series, config.channels), length)


def _people(subjects):
    """None where every window has a subject of its own, which says nothing."""
    return None if len(set(subjects)) == len(subjects) else np.asarray(subjects).astype(str)


def _read_npz(path, config, length):
    arrays = tables.read_npz(path)
    values = tables.npz_array(path, arrays, config.array if config.array in arrays else "")
    if values.ndim == 2 and length is None:
        raise InputError(f"{path} holds one long series {values.shape}: cut it with --window_length=L")
    values = values[None] if values.ndim == 2 else values
    rate = arrays.get("rate")
    if rate is not None and (rate.shape != () or rate.dtype.kind not in "fiu" or not rate > 0):
        raise InputError(f"{path}: `rate` must be one number above 0, got {rate!r}")
    names = {what: _texts(arrays, what) for what in ("channels", "units")}
    rows = {what: _texts(arrays, what) for what in ("subjects", "labels")}
    series = Series(
        values,
        None if rate is None else float(rate),
        None if names["channels"] is None else tuple(names["channels"].tolist()),
        None if names["units"] is None else tuple(names["units"].tolist()),
        None if rows["subjects"] is None else _people(rows["subjects"]),
        None if rows["labels"] is None or not any(rows["labels"]) else rows["labels"],
        arrays.get("log_likelihood"),
    )
    return _cut(path, _choose(path, series, config.channels), length)


def _texts(arrays, name):
    return np.atleast_1d(arrays[name]).astype(str) if name in arrays else None


def _choose(path, series, channels):
    """The named channels; the names of the channels where the file has none."""
    if not channels:
        return series
    if series.channels is None:
        return dataclasses.replace(series, channels=channels)
    columns = find_channels(path, series.channels, channels)
    units = series.units and tuple(series.units[column] for column in columns)
    return dataclasses.replace(series, values=series.values[..., columns], channels=channels, units=units)


def _cut(path, series, length):
    count, whole, channels = series.values.shape
    if length is None or whole == length:
        return series
    pieces = whole // length
    if not pieces:
        raise InputError(f"{path}: series of {whole} samples are shorter than the windows of {length} to compare with")

    def each(rows):
        return None if rows is None else np.repeat(rows, pieces)

    return dataclasses.replace(
        series,
        values=series.values[:, : pieces * length].reshape(count * pieces, length, channels),
        subjects=each(series.subjects),
        labels=each(series.labels),
        log_likelihood=None,
    )


def _header_of_ours(path):
    """The columns of a CSV, a Parquet file or a folder of these that `sample` wrote, or None."""
    [path, *_] = [*files_in(path, "*.parquet"), path]
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".parquet":
        header = tables.parquet_columns(path)
    elif suffix == ".csv":
        try:
            with open(path, newline="", encoding="utf-8") as file:
                header = next(csv.reader(file), [])
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read {path}: {error}") from error
    else:
        return None
    return header if {"series", "time [s]"} <= set(header) else None


def _read_ours(path, header):
    label = "label" if header[-1] == "label" else ""
    columns = [name for name in header if name not in ("series", "seed", "time [s]", label)]
    config = tables.TableConfig(
        channels=tuple(columns), time_column="time [s]", subject_column="series", label_column=label
    )
    matches = [re.fullmatch(r"(.+) \[(.*)\]", name) for name in columns]
    channels = tuple(match[1] if match else name for match, name in zip(matches, columns, strict=True))
    units = tuple(match[2] if match else "1" for match in matches)
    recordings = tables.table(path, config).recordings
    return [dataclasses.replace(recording, channels=channels, units=units) for recording in recordings]
