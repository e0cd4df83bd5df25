"""A run's folder: who owns it, what it was made with, and its metrics.

flags.json  versions.json  data.json  models.json    what the run was started with
checkpoints/  logs/                                   to go on; TensorBoard
metrics.jsonl                                         a line an outer iteration
finished.json                                         where the model and the picture are
"""

import importlib.metadata
import json
import os
import platform
import re

from sensegen_tf.errors import InputError
from sensegen_tf.files import agree, lock, read_json, whole_file, write_json

_PACKAGES = ("sensegen_tf", "tensorflow", "keras", "tf-keras", "tensorflow-probability", "numpy", "scipy")

# These change where things lie, how often they are saved and how they are judged, not what they are; data is compared
# by its checksum.
_FREE_FLAGS = {"data_dir", "run_dir", "model_dir", "checkpoint_seconds", "report", "quick_report", "strategy"}


def what_counts(started_with):
    """What a run was started with, without what may change from one start to the next."""
    flags = {name: value for name, value in started_with["flags"].items() if name not in _FREE_FLAGS}
    return {**started_with, "flags": flags}


def package_versions():
    """Name -> version of Python and of the packages that decide a run's bytes."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in _PACKAGES}}


def machine():
    """Cores that this process may use, and their processor."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = re.search(r"model name\s*: (.*)", file.read())
    except OSError:
        name = None
    return f"{cores} core{'s' * (cores > 1)}, {name[1] if name else platform.processor() or 'unknown processor'}"


def read_metrics(run):
    """The rows of the outer iterations of a run's folder so far, a list of dictionaries."""
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
      InputError: it cannot be written, or another process trains in it.
    """

    def __init__(self, path):
        self.path = path
        try:
            os.makedirs(path, exist_ok=True)
            taken = f"another process is training in {path}; wait for it, or choose another --run_dir"
            self._lock = lock(os.path.join(path, "lock"), taken)
        except OSError as error:
            raise InputError(f"cannot write --run_dir={path}: {error.strerror}") from error

    def file(self, *names):
        """The path of something in the folder."""
        return os.path.join(self.path, *names)

    def read(self, name):
        """What `agree` wrote under `name`."""
        return read_json(self.file(f"{name}.json"))

    def agree(self, name, values):
        """Writes what the run was started with, or compares it with what is there.

        Args:
          name: of the JSON file, such as "flags".
          values: a dictionary that JSON can hold.

        Raises:
          InputError: the run was started with other values; all differences are listed.
        """
        what = f"{self.path} holds a run with other {name}"
        agree(self.file(f"{name}.json"), values, what, "to start another, give another --run_dir", _FREE_FLAGS)

    def metrics(self):
        """The rows of the outer iterations so far, a list of dictionaries."""
        return read_metrics(self.path)

    def add_metrics(self, row):
        """Adds the row of an outer iteration, in the place of what an interrupted run wrote from there on."""
        rows = [old for old in self.metrics() if old["outer"] < row["outer"]] + [row]
        with whole_file(self.file("metrics.jsonl")) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(each) + "\n" for each in rows)

    def finished(self):
        """What `finish` wrote, or None."""
        path = self.file("finished.json")
        return read_json(path) if os.path.exists(path) else None

    def finish(self, results):
        """Marks the run as finished."""
        write_json(self.file("finished.json"), results)
