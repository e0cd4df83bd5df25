"""Windows that are not in memory: the shards of one split of a prepared set."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from sensegen_tf.data import records
from sensegen_tf.data.windows import WindowSet, label_names

_NAMES = {"training": "training windows", "test": "test windows", "heldout": "held-out windows"}


class Shards:
    """Windows of one split of a prepared set, which are not in memory; each shard is a random mixture of the split.

    Args:
      folder: of the prepared set.
      manifest: see `records.read_manifest`.
      split: a key of its "splits".

    Attributes:
      folder: as given.
      name, rate, channels, units, length, double, count, subject_names, label_names: as those of a `WindowSet`.
      sizes: windows of each shard, int64 [shards].
    """

    def __init__(self, folder: str | os.PathLike[str], manifest: Mapping[str, Any], *, split: str):
        self.folder, self.name = os.fspath(folder), _NAMES[split]
        self._manifest, self._split = manifest, manifest["splits"][split]
        self._shards = self._split["shards"]
        self.rate: float = manifest["rate"]
        self.channels, self.units = tuple(manifest["channels"]), tuple(manifest["units"])
        self.length: int = manifest["length"]
        self.double: bool = manifest.get("double", False)
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
        double=first.double,
    )
