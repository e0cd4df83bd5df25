"""Generated series to files, a chunk at a time, so that memory stays bounded; the suffix chooses the format."""

from __future__ import annotations

import contextlib
import csv
import os
import zipfile
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from sensegen_tf.data import records
from sensegen_tf.data.arrow import pyarrow
from sensegen_tf.errors import InputError
from sensegen_tf.files import atomic_write, os_errors
from sensegen_tf.generation import local
from sensegen_tf.generation.local import Chunk
from sensegen_tf.serving.model_card import ModelCard

Write = Callable[[Chunk], None]


def _member(archive, name):
    """A member of an NPZ with a fixed date, so that equal content gives equal bytes."""
    return archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)


@contextlib.contextmanager
def _npz(path, card, count, length):
    """NPZ: `samples` float32 [N, T, C], `seeds` int64 [N], `rate`, `channels`, `units`, where known `labels` [N]."""
    seeds, labels = [], []
    with zipfile.ZipFile(path, "w") as archive:
        with _member(archive, "samples") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (count, length, len(card.channels))}
            np.lib.format.write_array_header_1_0(file, header)

            def write(chunk):
                file.write(np.ascontiguousarray(chunk.values, "<f4").data)
                seeds.append(chunk.seeds)
                labels.append(chunk.labels)

            yield write
        rest = {
            "seeds": np.concatenate(seeds),
            "rate": np.float64(card.rate),
            "channels": np.array(card.channels),
            "units": np.array(card.units),
        }
        if card.labels:
            rest["labels"] = np.array(card.labels)[np.concatenate(labels)]
        for name, value in rest.items():
            with _member(archive, name) as file:
                np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)


def _columns(card):
    """Names of the channels' columns, with their units."""
    return [f"{channel} [{unit}]" for channel, unit in zip(card.channels, card.units, strict=True)]


@contextlib.contextmanager
def _csv(path, card, count, length):
    """CSV, a row a sample: number of the series, time in seconds, one column a channel with its unit, where known the
    label."""
    del count
    times = [f"{index / card.rate:.6f}" for index in range(length)]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["series", "time [s]", *_columns(card), *(["label"] if card.labels else [])])

        def write(chunk):
            numbers = local.series_numbers(chunk.seeds)
            for series, label, values in zip(numbers, chunk.labels, chunk.values, strict=True):
                # str of a float32 is the shortest text that reads back as the same float32.
                rows, name = zip(times, values, strict=True), card.labels[label : label + 1]
                writer.writerows([series, time, *map(str, row), *name] for time, row in rows)

        yield write


@contextlib.contextmanager
def _parquet(path, card, count, length):
    """Parquet with the columns of the CSV and the seed of the series; a row group holds 256 series."""
    del count
    arrow = pyarrow(path)
    numbers = {"series": arrow.int64(), "seed": arrow.int64(), "time [s]": arrow.float64()}
    names = arrow.dictionary(arrow.int32(), arrow.string())
    fields = {**numbers, **dict.fromkeys(_columns(card), arrow.float32()), **({"label": names} if card.labels else {})}
    few = [name for name, kind in fields.items() if kind != arrow.float32()]
    times = np.arange(length) / card.rate
    with arrow.parquet.ParquetWriter(path, arrow.schema(fields.items()), use_dictionary=few) as writer:

        def write(chunk):
            for start in range(0, len(chunk.values), local.BATCH_SIZE):
                rows = slice(start, start + local.BATCH_SIZE)
                seeds, values = chunk.seeds[rows], chunk.values[rows]
                columns = [np.repeat(local.series_numbers(seeds), length), np.repeat(seeds, length)]
                columns += [np.tile(times, len(seeds)), *values.reshape(-1, values.shape[-1]).T]
                if card.labels:
                    label = np.repeat(chunk.labels[rows], length)
                    columns.append(arrow.DictionaryArray.from_arrays(label, list(card.labels)))
                writer.write_table(arrow.table(dict(zip(fields, columns, strict=True)), schema=writer.schema))

        yield write


@contextlib.contextmanager
def _tfrecord(path, card, count, length):
    """TFRecord of `data.records.example`."""
    del count, length
    with os_errors():
        writer = tf.io.TFRecordWriter(path)

    def write(chunk):
        with os_errors():
            for seed, number, series in zip(chunk.seeds, chunk.labels, chunk.values, strict=True):
                label = card.labels[number] if card.labels else ""
                example = records.example(
                    series, rate=card.rate, channels=card.channels, units=card.units, label=label, seed=int(seed)
                )
                writer.write(example)

    try:
        yield write
    finally:
        with os_errors():
            writer.close()


_WRITERS = {".npz": _npz, ".csv": _csv, ".parquet": _parquet, ".tfrecord": _tfrecord}


def check_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix of a path, which must name a format that this machine can write.

    Raises:
      InputError: it names none; the message lists those that there are. Or a package that it needs is missing.
    """
    suffix = os.path.splitext(path)[1]
    if suffix not in _WRITERS:
        raise InputError(
            f"output must end in one of {', '.join(_WRITERS)}, or in none for a folder of shards; got {path}",
            fields=["output"],
        )
    if suffix == ".parquet":
        pyarrow(path)
    return suffix


@contextlib.contextmanager
def open_writer(path: str | os.PathLike[str], card: ModelCard, *, count: int, length: int) -> Iterator[Write]:
    """Opens a file of generated series, which appears whole or not at all.

    Args:
      path: ends in .npz, .csv, .parquet or .tfrecord.
      card: of the model.
      count: how many series will be written.
      length: T of each.

    Yields:
      A function of a `local.Chunk` that writes it.

    Raises:
      InputError: an unknown suffix, or a file that cannot be written.
    """
    writer = _WRITERS[check_suffix(path)]
    with atomic_write(os.fspath(path)) as temporary, writer(temporary, card, count, length) as write:
        yield write
