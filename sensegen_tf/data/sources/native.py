"""What `python -m sensegen_tf.sample` writes, as recordings: TFRecord (which `records.example` makes), CSV and Parquet.

A series is a recording; one without a subject counts as a subject of its own.
"""

from __future__ import annotations

import csv
import dataclasses
import os
import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from sensegen_tf.data import records
from sensegen_tf.data.recording import Collection, Recording, Span
from sensegen_tf.data.sources import table
from sensegen_tf.errors import InputError
from sensegen_tf.files import files_in

_TERMS = "as of the recordings behind them"
# Columns of our tables that are no channels.
_SERIES, _SEED, _TIME, _LABEL = "series", "seed", "time [s]", "label"


def read_series(path: str | os.PathLike[str]) -> Collection:
    """The series of a TFRecord file, or of all in a folder.

    Args:
      path: a `.tfrecord` file, or the folder.

    Raises:
      InputError: no such file, or a broken one.
    """
    if records.is_prepared(path):
        raise InputError(f"{path} is a prepared set: it is cut and split already, and can be trained on")
    path = os.fspath(path)
    files = files_in(path, "*.tfrecord") if os.path.isdir(path) else [path]
    if not files or not os.path.exists(files[0]):
        raise InputError(
            f"{path} is no TFRecord file, no folder of them, nor a prepared set (a folder that holds "
            f"{records.MANIFEST})"
        )
    recordings: list[Recording] = []
    try:
        for index, record in enumerate(tf.data.TFRecordDataset(files).as_numpy_iterator()):
            recordings.append(_recording(f"{path} series {index}", record, index))
    except (tf.errors.OpError, DecodeError, LookupError, ValueError) as error:
        raise InputError(f"{path} is damaged or not of our format after {len(recordings)} series: {error}") from error
    if not recordings:
        raise InputError(f"{path} is empty")
    return Collection(recordings=recordings, terms=_TERMS)


def _recording(name, record, index):
    feature = tf.train.Example.FromString(record).features.feature
    texts = {key: [value.decode() for value in feature[key].bytes_list.value] for key in ("channels", "units")}
    subject, label = (b"".join(feature[key].bytes_list.value).decode() for key in ("subject", "label"))
    signals = np.reshape(feature["signals"].float_list.value, feature["shape"].int64_list.value)
    return Recording(
        name=name,
        signals=signals,
        rate=feature["rate"].float_list.value[0],
        channels=tuple(texts["channels"]),
        units=tuple(texts["units"]),
        subject=subject or f"series {index:06d}",
        spans=(Span(start=0, stop=len(signals), label=label),) if label else (),
    )


def sample_columns(path: str | os.PathLike[str]) -> list[str] | None:
    """The columns of a CSV, a Parquet file or a folder of these that `sample` wrote; None of anything else.

    Raises:
      InputError: the file cannot be read.
    """
    path = os.fspath(path)
    [first, *_] = [*files_in(path, "*.parquet"), path]
    suffix = os.path.splitext(first)[1].lower()
    if suffix == ".parquet":
        header = table.parquet_columns(first)
    elif suffix == ".csv":
        try:
            with open(first, newline="", encoding="utf-8") as file:
                header = next(csv.reader(file), [])
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read {first}: {error}") from error
    else:
        return None
    return header if {_SERIES, _TIME} <= set(header) else None


def read_samples(path: str | os.PathLike[str], columns: Sequence[str]) -> Collection:
    """The series of a CSV, a Parquet file or a folder of these.

    Args:
      path: of what `sample` wrote.
      columns: see `sample_columns`.

    Raises:
      InputError: the file cannot be read.
    """
    label = _LABEL if columns[-1] == _LABEL else ""
    names = [name for name in columns if name not in (_SERIES, _SEED, _TIME, label)]
    config = table.TableConfig(channels=tuple(names), time_column=_TIME, subject_column=_SERIES, label_column=label)
    matches = [re.fullmatch(r"(.+) \[(.*)\]", name) for name in names]
    channels = tuple(match[1] if match else name for match, name in zip(matches, names, strict=True))
    units = tuple(match[2] if match else "1" for match in matches)
    found = table.table(os.fspath(path), config).load().recordings
    recordings = [dataclasses.replace(recording, channels=channels, units=units) for recording in found]
    return Collection(recordings=recordings, terms=_TERMS)
