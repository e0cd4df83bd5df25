"""Prepared sets: windows that are cut and split already, written in shards and read as a stream."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from sensegen_tf.data import records
from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import Dataset, WindowSet, label_names
from sensegen_tf.errors import InputError
from sensegen_tf.files import atomic_folder, write_json

_NAMES = {"training": "training windows", "test": "test windows", "heldout": "held-out windows"}


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


class Shards:
    """Windows of one split of a prepared set, which are not in memory; each shard is a random mixture of the split.

    Args:
      folder: of the prepared set.
      manifest: see `records.read_manifest`.
      split: a key of its "splits".

    Attributes:
      folder: as given.
      name, rate, channels, units, length, count, subject_names, label_names: as those of a `WindowSet`.
      sizes: windows of each shard, int64 [shards].
    """

    def __init__(self, folder: str | os.PathLike[str], manifest: Mapping[str, Any], *, split: str):
        self.folder, self.name = os.fspath(folder), _NAMES[split]
        self._manifest, self._split = manifest, manifest["splits"][split]
        self._shards = self._split["shards"]
        self.rate: float = manifest["rate"]
        self.channels, self.units = tuple(manifest["channels"]), tuple(manifest["units"])
        self.length: int = manifest["length"]
        self.count: int = self._split["windows"]
        self.subject_names: tuple[str, ...] = tuple(self._split["subjects"])
        self.label_names = label_names(list(self._split["labels"]))
        self.sizes = np.array([shard["windows"] for shard in self._shards])

    def describe(self) -> dict[str, Any]:
        """Counts and checksum, as the windows had them before they were written, and one of the list of shards."""
        counts = {key: value for key, value in self._split.items() if key != "shards"}
        return {**counts, "shards_checksum": zlib.crc32(json.dumps(self._shards).encode())}

    def read(self, index: int) -> WindowSet:
        """The windows of one shard.

        Raises:
          InputError: it is missing or corrupted.
        """
        return records.read_shard(self.folder, self._shards[index], manifest=self._manifest, name=self.name)

    def subsample(self, count: int) -> WindowSet:
        """At most `count` of the windows, in memory: the first, since shards are random mixtures.

        Raises:
          InputError: a shard is missing or corrupted.
        """
        parts, missing = [], min(count, self.count)
        for index in range(len(self.sizes)):
            if missing:
                part = self.read(index)
                # A copy, since a view would keep the whole shard in memory.
                parts.append(part.take(np.arange(min(missing, part.count))))
                missing -= parts[-1].count
        return _joined(parts)


def _joined(parts):
    """One `WindowSet` of several that are alike."""

    def rows(what):
        given = [getattr(part, what) for part in parts]
        if all(each is None for each in given):
            return None
        return np.concatenate([np.full(p.count, "") if g is None else g for p, g in zip(parts, given, strict=True)])

    first = parts[0]
    return WindowSet(
        values=np.concatenate([part.values for part in parts]),
        name=first.name,
        rate=first.rate,
        channels=first.channels,
        units=first.units,
        subjects=rows("subjects"),
        labels=rows("labels"),
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
