"""Prepared sets: windows that are cut and split already, written in shards and read as a stream."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from sensegen_tf.data import records
from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.shards import Shards
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.errors import InputError
from sensegen_tf.files import atomic_folder, write_json


def write_prepared(dataset: Dataset, folder: str | os.PathLike[str], *, shard_windows: int) -> None:
    """Writes a dataset as a prepared set, which appears whole or not at all.

    Args:
      dataset: with its windows in memory.
      folder: to make; must not exist.
      shard_windows: windows in a shard; a reader holds about three shards in memory.

    Raises:
      InputError: the folder exists, or the disk is full. Nothing half-written is left.
    """
    folder = os.fspath(folder)
    if os.path.exists(folder):
        raise InputError(f"{folder} exists; remove it or choose another output", fields=["output"])
    with atomic_folder(folder) as temporary:
        splits = {
            name: {**windows.describe(), "shards": _write_shards(windows, temporary, name, shard_windows)}
            for name, windows in dataset.splits().items()
        }
        write_json(os.path.join(temporary, records.MANIFEST), {**dataset.describe_channels(), "splits": splits})


def _write_shards(windows, folder, split, shard_windows):
    # A shard is a random mixture of the split, so that minibatches from a shard in memory are as good as any.
    order = np.random.default_rng(0).permutation(windows.count)
    starts = range(0, windows.count, shard_windows)
    shards = []
    for index, start in enumerate(starts):
        rows = order[start : start + shard_windows]
        file = f"{split}-{index:05d}-of-{len(starts):05d}.tfrecord"
        path = os.path.join(folder, file)
        records.write_file(path, (_example_of_window(windows, row) for row in rows))
        shards.append({"file": file, "windows": len(rows), "crc32": records.checksum(path)})
    return shards


def _example_of_window(windows, row):
    return records.example(
        windows.values[row],
        rate=windows.rate,
        channels=windows.channels,
        units=windows.units,
        subject="" if windows.subjects is None else str(windows.subjects[row]),
        label="" if windows.labels is None else str(windows.labels[row]),
    )


def open_prepared(folder: str | os.PathLike[str]) -> Dataset:
    """A prepared set as a `Dataset` whose windows are read as a stream.

    Args:
      folder: that `write_prepared` made.

    Raises:
      InputError: it is missing, broken, or of a later version.
    """
    manifest = records.read_manifest(folder)
    try:
        splits: dict[str, Any] = {name: Shards(folder, manifest, split=name) for name in manifest["splits"]}
        return Dataset(
            **splits,
            standardizer=Standardizer.from_description(manifest),
            sensors=tuple(Sensor(**sensor) for sensor in manifest["sensors"]),
            terms=manifest["terms"],
            resampled=manifest["resampled"],
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"the manifest of {os.fspath(folder)} is incomplete: {error}") from error
