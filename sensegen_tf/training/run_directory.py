"""A run's folder: who owns it, what it was made with, and its metrics.

config.json  provenance.json  versions.json  data.json  models.json    what the run was started with
checkpoints/  logs/                                                     to go on; TensorBoard
metrics.jsonl                                                           a line an outer iteration
finished.json                                                           what was made of the finished run
secret.json                                                             of a private training: the source of its noise
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import secrets
import weakref
from collections.abc import Mapping
from typing import IO, Any

from sensegen_tf.errors import InputError
from sensegen_tf.files import atomic_write, lock, read_json, write_json, write_or_verify

_PACKAGES = ("sensegen_tf", "tensorflow", "keras", "tf-keras", "tensorflow-probability", "numpy", "scipy")
# The locks that this process holds, by folder, as long as a `RunDirectory` needs them.
_LOCKS: weakref.WeakValueDictionary[str, IO[str]] = weakref.WeakValueDictionary()


def package_versions() -> dict[str, str]:
    """Name -> version of Python and of the packages that decide a run's bytes."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in _PACKAGES}}


def machine() -> str:
    """Cores that this process may use, and their processor."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = re.search(r"model name\s*: (.*)", file.read())
    except OSError:
        name = None
    return f"{cores} core{'s' * (cores > 1)}, {name[1] if name else platform.processor() or 'unknown processor'}"


def read_metrics(run: str) -> list[dict[str, Any]]:
    """The metrics of the outer iterations of a run's folder so far."""
    path = os.path.join(run, "metrics.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class RunDirectory:
    """Claims a folder for one process.

    Args:
      path: the folder; made if missing.

    Raises:
      InputError: it cannot be written, another process trains in it, or it holds a run of version 0.1.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = os.fspath(path)
        if os.path.exists(self.file("flags.json")):
            raise InputError(
                f"{self.path} holds a run of version 0.1, which can be exported but not trained further; give another "
                "run_dir",
                fields=["run_dir"],
            )
        try:
            os.makedirs(self.path, exist_ok=True)
            taken = f"another process is training in {self.path}; wait for it, or choose another run_dir"
            path = os.path.realpath(self.path)
            self._lock = _LOCKS.get(path) or lock(os.path.join(path, "lock"), taken)
            _LOCKS[path] = self._lock
        except OSError as error:
            raise InputError(f"cannot write run_dir {self.path}: {error.strerror}", fields=["run_dir"]) from error

    def file(self, *names: str) -> str:
        """The path of something in the folder."""
        return os.path.join(self.path, *names)

    def write_or_verify(self, name: str, values: Mapping[str, Any]) -> None:
        """Writes what the run was started with, or compares it with what is there.

        Args:
          name: of the JSON file, such as "config".
          values: a dictionary that JSON can hold.

        Raises:
          InputError: the run was started with other values; all differences are listed.
        """
        write_or_verify(
            self.file(f"{name}.json"),
            values,
            what=f"{self.path} holds another run; differences in {name}.json",
            otherwise="to start another, give another run_dir",
        )

    def secret(self) -> tuple[int, int]:
        """Two random integers below 2^63, made at the first call. Whoever knows them can take the noise of a private
        training away, so their file is for the owner's eyes alone, and nothing that is exported holds them."""
        path = self.file("secret.json")
        if not os.path.exists(path):
            with atomic_write(path) as temporary:
                os.chmod(temporary, 0o600)
                with open(temporary, "w", encoding="utf-8") as file:
                    json.dump([secrets.randbits(63), secrets.randbits(63)], file)
        first, second = read_json(path)
        return first, second

    def metrics(self) -> list[dict[str, Any]]:
        """The metrics of the outer iterations so far."""
        return read_metrics(self.path)

    def add_metrics(self, row: Mapping[str, Any]) -> None:
        """Adds the metrics of an outer iteration, in the place of what an interrupted run wrote from there on."""
        rows = [old for old in self.metrics() if old["outer"] < row["outer"]] + [row]
        with atomic_write(self.file("metrics.jsonl")) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(each) + "\n" for each in rows)

    def results(self) -> dict[str, Any] | None:
        """What `finish` wrote, or None."""
        path = self.file("finished.json")
        return read_json(path) if os.path.exists(path) else None

    def finish(self, results: Mapping[str, Any]) -> None:
        """Marks the run as finished, with what was made of it."""
        write_json(self.file("finished.json"), results)
