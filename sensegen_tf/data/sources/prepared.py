"""Prepared sets: windows that are cut and split already, written in shards and read as a stream."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sensegen_tf.data import records
from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.shards import Shards
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.files import atomic_folder, read_json, write_json

# What a table says of the subjects, beside the manifest: it goes no further than the set.
SUBJECTS = "subjects.json"
_SCHEMA = 1


def write_prepared(dataset: Dataset, folder: str | os.PathLike[str], *, shard_windows: int) -> None:
    """Writes a dataset as a prepared set, which appears whole or not at all.

    Args:
      dataset: with its windows in memory.
      folder: to make; must not exist.
      shard_windows: windows in a shard; a reader holds about three shards in memory.

    Raises:
      InputError: the folder exists, or the disk is full. Nothing half-written is left.
    """
    folder = refuse_existing(folder)
    with atomic_folder(folder) as temporary:
        splits = {
            name: {
                **windows.describe(),
                "shards": [
                    write_shard(_in_memory(windows).take(shard.rows), temporary, file=shard.file)
                    for shard in layout(windows.count, name, shard_windows=shard_windows)
                ],
            }
            for name, windows in dataset.splits().items()
        }
        write_manifest(temporary, {**dataset.describe_channels(), "splits": splits}, attributes=dataset.attributes)


def _in_memory(windows: WindowSet | Shards) -> WindowSet:
    assert isinstance(windows, WindowSet), "a prepared set is not prepared again"
    return windows


def refuse_existing(folder: str | os.PathLike[str]) -> str:
    """The path of a folder that is to be made.

    Raises:
      InputError: it exists.
    """
    folder = os.fspath(folder)
    if os.path.exists(folder):
        raise InputError(f"{folder} exists; remove it or choose another output", fields=["output"])
    return folder


class ShardRows(NamedTuple):
    """A shard: the name of its file, and the numbers of its windows in their split, in its order."""

    file: str
    rows: np.ndarray


def layout(count: int, split: str, *, shard_windows: int) -> list[ShardRows]:
    """Which windows each shard of a split holds.

    Args:
      count: windows in the split.
      split: its name.
      shard_windows: windows in a shard.
    """
    # A shard is a random mixture of the split, so that minibatches from a shard in memory are as good as any.
    order = np.random.default_rng(0).permutation(count)
    starts = range(0, count, shard_windows)
    return [
        ShardRows(f"{split}-{index:05d}-of-{len(starts):05d}.tfrecord", order[start : start + shard_windows])
        for index, start in enumerate(starts)
    ]


def write_shard(windows: WindowSet, folder: str, *, file: str) -> dict[str, Any]:
    """Writes a shard; what the manifest says of it.

    Args:
      windows: of the shard, in its order.
      folder: of the set.
      file: its name.

    Raises:
      OSError: the disk is full.
    """
    path = os.path.join(folder, file)
    records.write_file(path, (_example_of_window(windows, row) for row in range(windows.count)))
    return {"file": file, "windows": windows.count, "crc32": records.checksum(path)}


def _example_of_window(windows, row):
    return records.example(
        windows.values[row],
        rate=windows.rate,
        channels=windows.channels,
        units=windows.units,
        subject="" if windows.subjects is None else str(windows.subjects[row]),
        label="" if windows.labels is None else str(windows.labels[row]),
    )


def write_manifest(folder: str, manifest: Mapping[str, Any], *, attributes: Mapping[str, Mapping[str, str]]) -> None:
    """Writes what a prepared set holds beside its shards.

    Args:
      folder: of the set.
      manifest: see `records`.
      attributes: subject -> name -> text; empty where nothing is known of the subjects.
    """
    if attributes:
        known = {subject: dict(attributes[subject]) for subject in sorted(attributes)}
        write_json(os.path.join(folder, SUBJECTS), {"schema": _SCHEMA, "attributes": known})
    write_json(os.path.join(folder, records.MANIFEST), manifest)


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
            attributes=_read_attributes(os.path.join(folder, SUBJECTS)),
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"the manifest of {os.fspath(folder)} is incomplete: {error}") from error


def _read_attributes(path):
    if not os.path.exists(path):
        return {}
    found = read_json(path)
    if not isinstance(found, dict) or found.get("schema") != _SCHEMA or not isinstance(found.get("attributes"), dict):
        raise InputError(f"{path} is damaged or of a later version; this one reads schema {_SCHEMA}")
    return found["attributes"]
