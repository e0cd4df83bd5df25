"""Files of windows, anybody's: what `sample` and `data prepare` write, arrays, tables."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from sensegen_tf.data import records
from sensegen_tf.data.recording import check_alike, find_channels
from sensegen_tf.data.sources import native, npz
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.prepared import open_prepared
from sensegen_tf.data.sources.table import table
from sensegen_tf.data.split import cut
from sensegen_tf.data.windows import WindowConfig, WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.files import files_in


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class _Found:
    """Windows of a file and what it says of them: the attributes of a `WindowSet`, None where it says nothing."""

    values: np.ndarray
    rate: float | None = None
    channels: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    subjects: np.ndarray | None = None
    labels: np.ndarray | None = None
    log_likelihood: np.ndarray | None = None


def read_windows(
    path: str | os.PathLike[str],
    config: TableConfig,
    *,
    length: int | None = None,
    split: str = "training",
    like: WindowSet | None = None,
    name: str | None = None,
) -> WindowSet:
    """Windows from a file.

    What the file does not say of itself is taken from `like`; without it from `config`: `rate_hz` and `units`.

    Args:
      path: `.npz`, `.csv`, `.parquet` or `.tfrecord` file, or the folder of a prepared set or of shards that `sample`
        wrote.
      config: what the columns of a table mean; its channels are chosen, or, where the file has no names, are the names.
      length: T, to which longer series are cut without overlap; None to take them as they are.
      split: of a prepared set: "training", "test" or "heldout".
      like: windows with which these will be compared.
      name: what messages and the report call the windows; None for the path.

    Raises:
      InputError: a file that cannot be read, or series of different lengths without a `length` to cut them to.
    """
    path = os.fspath(path)
    if not os.path.exists(path):
        raise InputError(f"there is no file {path}")
    found = _read(path, config, length, split)
    known: dict[str, Any] = {"rate": config.rate_hz or 1.0, "units": config.units}
    if like is not None:
        known = {"rate": like.rate, "channels": like.channels, "units": like.units}
    said = {what: value for what, value in vars(found).items() if value is not None}
    return WindowSet(name=name or path, **{**known, **said})


def _read(path, config, length, split):
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".npz":
        return _read_npz(path, config, length)
    if records.is_prepared(path):
        return _read_prepared(path, split, config, length)
    if suffix == ".tfrecord" or files_in(path, "*.tfrecord"):
        recordings = native.read_series(path).recordings
    elif columns := native.sample_columns(path):
        recordings = native.read_samples(path, columns).recordings
    else:
        recordings = table(path, config).load().recordings
    if config.channels:
        recordings = [recording.select(config.channels) for recording in recordings]
    return _from_recordings(path, recordings, length)


def _from_recordings(path, recordings, length):
    check_alike(recordings, ["channels", "units", "rate"])
    lengths = {len(recording.signals) for recording in recordings}
    if length is None and (len(lengths) > 1 or len(recordings) == 1):
        raise _uncut(f"{path} holds recordings, not windows of one length")
    length = length or lengths.pop()
    labelled = any(recording.spans for recording in recordings)
    windows = cut(recordings, WindowConfig(length=length, stride=length), name=path, labelled=labelled)
    return _Found(
        values=windows.values,
        rate=windows.rate,
        channels=windows.channels,
        units=windows.units,
        subjects=_repeated(windows.subjects),
        labels=windows.labels,
    )


def _uncut(what):
    return InputError(f"{what}: length must be given, to cut windows", fields=["length"])


def _read_prepared(path, split, config, length):
    dataset = open_prepared(path)
    splits = dataset.splits()
    if split not in splits:
        raise InputError(f"{path} has no split {split}; it has {', '.join(splits)}")
    windows = splits[split].subsample(splits[split].count)
    found = _Found(
        values=windows.values,
        rate=windows.rate,
        channels=windows.channels,
        units=windows.units,
        subjects=windows.subjects,
        labels=windows.labels,
    )
    return _cut(path, _choose(path, found, config.channels), length)


def _repeated(subjects):
    """None where every window has a subject of its own, which says nothing."""
    return None if len(set(subjects)) == len(subjects) else np.asarray(subjects).astype(str)


def _read_npz(path, config, length):
    arrays = npz.read_npz(path)
    values = npz.npz_array(arrays, config.array if config.array in arrays else "", path=path)
    if values.ndim == 2 and length is None:
        raise _uncut(f"{path} holds one long series {values.shape}")
    values = values[None] if values.ndim == 2 else values
    rate = arrays.get("rate")
    if rate is not None and (rate.shape != () or rate.dtype.kind not in "fiu" or not rate > 0):
        raise InputError(f"{path}: `rate` must be one number above 0, got {rate!r}")
    texts = {
        what: np.atleast_1d(arrays[what]).astype(str)
        for what in ("channels", "units", "subjects", "labels")
        if what in arrays
    }
    found = _Found(
        values=values,
        rate=None if rate is None else float(rate),
        channels=tuple(texts["channels"].tolist()) if "channels" in texts else None,
        units=tuple(texts["units"].tolist()) if "units" in texts else None,
        subjects=_repeated(texts["subjects"]) if "subjects" in texts else None,
        labels=texts.get("labels"),
        log_likelihood=arrays.get("log_likelihood"),
    )
    return _cut(path, _choose(path, found, config.channels), length)


def _choose(path, found, channels):
    """The named channels; the names of the channels where the file has none."""
    if not channels:
        return found
    if found.channels is None:
        return dataclasses.replace(found, channels=channels)
    columns = find_channels(found.channels, channels, name=path)
    units = found.units and tuple(found.units[column] for column in columns)
    return dataclasses.replace(found, values=found.values[..., columns], channels=channels, units=units)


def _cut(path, found, length):
    count, whole, channels = found.values.shape
    if length is None or whole == length:
        return found
    pieces = whole // length
    if not pieces:
        raise InputError(f"{path}: series of {whole} samples are shorter than the windows of {length} to compare with")

    def each(rows):
        return None if rows is None else np.repeat(rows, pieces)

    return dataclasses.replace(
        found,
        values=found.values[:, : pieces * length].reshape(count * pieces, length, channels),
        subjects=each(found.subjects),
        labels=each(found.labels),
        log_likelihood=None,
    )
