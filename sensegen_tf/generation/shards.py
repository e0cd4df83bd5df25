"""Many series as a folder of shards and a manifest, whichever engine makes them.

A shard holds consecutive series of the one file that a seed names, so its bytes follow from the plan and its number
alone: any shard can be made again, on any worker, in any order.

plan.json       what was asked for; written first, so that another start goes on with the same
part-N.SUFFIX   the shards, each of which appears whole or not at all
samples.json    the manifest: the plan, and each shard's file, number of series, first seed and checksum; written last
samples.lock    held by the process that has them made
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Iterator, Sequence
from typing import Any

from sensegen_tf.errors import InputError
from sensegen_tf.files import files_in, lock, read_json, write_json, write_or_verify
from sensegen_tf.generation import local, writers
from sensegen_tf.serving import model_card

_PLAN, _MANIFEST, _LOCK = "plan.json", "samples.json", "samples.lock"
# Of the manifest. The one before it was called `format` 1.
_SCHEMA = 2
# Series that are held in memory at once while a shard is written.
_CHUNK = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked for.

    Attributes:
      version: folder of the SavedModel version.
      num: N, how many series.
      length: T of each.
      seed: of the whole, in [0, 2^31).
      label: of all series, or None for labels as common as in training.
      temperature: above 0.
      xla: whether the model is compiled first, see `local.generate`.
      shard_size: series in a shard, a multiple of `local.batch_size`; the last shard may have fewer.
      shard_format: "parquet" or "tfrecord".

    Raises:
      InputError: the shard size.
    """

    version: str
    num: int
    length: int
    seed: int = 0
    label: str | None = None
    temperature: float = 1.0
    xla: bool = False
    shard_size: int = 16384
    shard_format: str = "parquet"

    def __post_init__(self):
        if self.shard_size < 1 or self.shard_size % self.batch_size:
            raise InputError(
                f"shard_size must be a multiple of {self.batch_size}, got {self.shard_size}", fields=["shard_size"]
            )

    @property
    def batch_size(self) -> int:
        """Series that are made at once."""
        return local.batch_size(self.length, xla=self.xla)

    @property
    def shards(self) -> int:
        """How many."""
        return -(-self.num // self.shard_size)

    def file(self, number: int) -> str:
        """The name of a shard."""
        return f"part-{number:06d}.{self.shard_format}"

    def series(self, number: int) -> tuple[int, int]:
        """The place of the first series of a shard, and how many it has."""
        first = number * self.shard_size
        return first, min(self.shard_size, self.num - first)

    def describe(self) -> dict[str, Any]:
        """What decides the bytes, as JSON can hold it."""
        card = model_card.read_card(self.version)
        asked = dataclasses.asdict(self)
        del asked["version"]
        packages = ("sensegen_tf", "tensorflow", *(["pyarrow"] if self.shard_format == "parquet" else []))
        return {
            "model": {"name": card.name, "sha256": _model_checksum(self.version)},
            "rate": card.rate,
            "channels": list(card.channels),
            "units": list(card.units),
            "labels": list(card.labels),
            **asked,
            "versions": {name: importlib.metadata.version(name) for name in packages},
        }


def _checksum(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _model_checksum(version):
    """Of what samples follow from: the graph and the weights."""
    files = [os.path.join(version, "saved_model.pb"), *files_in(os.path.join(version, "variables"), "*")]
    return hashlib.sha256("".join(_checksum(path) for path in sorted(files)).encode()).hexdigest()


class ShardMaker:
    """Makes shards of a plan with a model in memory, which is loaded at the first shard that is missing.

    Args:
      plan: what is asked for.
      folder: of the shards, which every worker sees under this path.

    Raises:
      InputError: it is not that of the plan, or this machine has another model or other packages.
    """

    def __init__(self, plan: Plan, folder: str | os.PathLike[str]):
        self._plan, self._folder = plan, folder
        self._card = model_card.read_card(plan.version)
        # On another machine the folder, the model or the packages may be others.
        path = os.path.join(folder, _PLAN)
        if not os.path.exists(path):
            raise InputError(
                f"{platform.node()} does not see {path}; output must be on a file system that all workers see",
                fields=["output"],
            )
        what = f"{platform.node()} would make other samples"
        write_or_verify(path, plan.describe(), what=what, otherwise="all machines must have the same")
        self._shares = local.label_shares(self._card, plan.label)

    @functools.cached_property
    def _model(self):
        return local.load(self._plan.version)

    @functools.cached_property
    def _sample(self):
        plan, conditional = self._plan, bool(self._shares)
        return local.sampler(
            self._model, length=plan.length, conditional=conditional, temperature=plan.temperature, xla=plan.xla
        )

    def __call__(self, number: int) -> dict[str, Any]:
        """Makes a shard, unless it is there.

        Returns:
          Its entry in the manifest, a dictionary.

        Raises:
          InputError: it cannot be written; nothing half-written is left.
        """
        plan, path = self._plan, os.path.join(self._folder, self._plan.file(number))
        first, count = plan.series(number)
        if not os.path.exists(path):
            with writers.open_writer(path, self._card, count=count, length=plan.length) as write:
                for chunk in local.chunks(
                    self._sample,
                    plan.batch_size,
                    first=first,
                    count=count,
                    seed=plan.seed,
                    chunk_size=_CHUNK,
                    shares=self._shares,
                ):
                    write(chunk)
        first_seed = int(local.series_seeds(plan.seed, first=first, count=1)[0])
        return {"file": plan.file(number), "first_seed": first_seed, "rows": count, "sha256": _checksum(path)}


class Folder:
    """The folder of a plan's shards, claimed for one process.

    Args:
      plan: what is asked for.
      path: of the folder; made if missing.

    Raises:
      InputError: it cannot be written, holds something else or shards of another plan, or another process has it.
    """

    def __init__(self, plan: Plan, path: str | os.PathLike[str]):
        self._plan, self.path = plan, path
        writers.check_suffix(plan.file(0))
        there = set(os.listdir(path)) if os.path.isdir(path) else set()
        if there and not there & {_PLAN, _LOCK}:
            raise InputError(f"{path} holds something else; choose another output", fields=["output"])
        try:
            os.makedirs(path, exist_ok=True)
            self._lock = lock(os.path.join(path, _LOCK), f"another process makes samples in {path}; wait for it")
        except OSError as error:
            raise InputError(f"cannot write output={path}: {error.strerror}", fields=["output"]) from error
        self._sweep()
        plan_path = os.path.join(path, _PLAN)
        if os.path.exists(plan_path) and not any(name.startswith("part-") for name in there):
            # It came to nothing, so it binds nobody.
            os.remove(plan_path)
        write_or_verify(
            plan_path,
            plan.describe(),
            what=f"{path} holds samples of another plan",
            otherwise="for others, choose another folder",
        )

    def _sweep(self):
        """Removes what workers that were killed have left."""
        for left in files_in(self.path, ".*.tmp-*"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(left)

    def finish(self, entries: Sequence[dict[str, Any]]) -> None:
        """Writes the manifest, or checks the shards by the one that is there.

        Args:
          entries: of all shards, in order.

        Raises:
          InputError: a shard is not there, or not what the manifest says.
        """
        manifest_path = os.path.join(self.path, _MANIFEST)
        before = read_json(manifest_path)["shards"] if os.path.exists(manifest_path) else entries
        for expected, found in zip(before, entries, strict=True):
            path = os.path.join(self.path, found["file"])
            if not os.path.exists(path):
                raise InputError(
                    f"{path} is not there: output must be on a file system that all workers see", fields=["output"]
                )
            if expected != found:
                raise InputError(
                    f"{path} is damaged: its checksum is {found['sha256']}, the manifest says {expected['sha256']}. "
                    "Remove it, and the same command makes it again"
                )
        self._sweep()
        write_json(manifest_path, {"schema": _SCHEMA, **self._plan.describe(), "shards": list(entries)})


def in_this_process(plan: Plan, folder: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The engine `local`: an iterator of the entries of all shards, one after the other."""
    yield from map(ShardMaker(plan, folder), range(plan.shards))
