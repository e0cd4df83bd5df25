"""Which source a path is of, as far as its files say."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from sensegen_tf.data.clock import EPOCH
from sensegen_tf.data.dialect import SUFFIXES
from sensegen_tf.data.paths import MANIFEST, suffix
from sensegen_tf.errors import InputError

AUTO = "auto"
DEVICE_SUFFIXES = (".cwa", ".gt3x", ".bin", ".edf", ".bdf", ".avro")
# The signals of a folder of an Empatica E4; other files in it hold moments.
E4_SIGNALS = ("ACC", "BVP", "EDA", "TEMP", "HR")
_TABLES = (*SUFFIXES, ".parquet", ".npz")
# What every .bin of a GENEActiv begins with, and the first two lines of every signal of an E4: its start and its rate.
_GENEACTIV = b"Device Identity"
_START = re.compile(rb"\s*(\d+(?:\.\d*)?)[^\n]*\n\s*(\d+(?:\.\d*)?)[^\n]*(\n|$)")
_KINDS = {
    "wfdb": "WFDB records (.hea)",
    "device": "files of devices",
    "tfrecord": "TFRecord files",
    "table": "tables",
}


class Detected(NamedTuple):
    """A source, and why it was chosen, for people."""

    source: str
    words: str


def is_e4(folder: str) -> bool:
    """Whether a folder holds a session of an Empatica E4: a signal whose first two lines are its start and its rate."""
    for name in E4_SIGNALS:
        try:
            with open(os.path.join(folder, f"{name}.csv"), "rb") as file:
                match = _START.match(file.read(200))
        except OSError:
            continue
        if match and EPOCH[0] <= float(match[1]) <= EPOCH[1]:
            return True
    return False


def is_device(path: str) -> bool:
    """Whether a file is one of a device; of .bin files those of a GENEActiv are."""
    ending = os.path.splitext(path)[1].lower()
    if ending != ".bin":
        return ending in DEVICE_SUFFIXES
    try:
        with open(path, "rb") as file:
            return file.read(len(_GENEACTIV)) == _GENEACTIV
    except OSError:
        return False


def detect(path: str) -> Detected:
    """The source of a file or of a folder.

    Args:
      path: of the recordings.

    Raises:
      InputError: there is nothing there, nothing that is known, or files of several sources.
    """
    if not path:
        raise InputError("source auto needs a data_dir", fields=["source", "data_dir"])
    if not os.path.exists(path):
        raise InputError(f"there is no file or folder {path}", fields=["data_dir"])
    if not os.path.isdir(path):
        kind = _kind(path)
        if kind in ("", "wfdb"):
            more = "give the folder of the records" if kind else f"known are {', '.join(_suffixes())}"
            raise InputError(f"source auto does not know the file {path}; {more}", fields=["source"])
        return Detected(kind, f"{path}: read as source {kind}, by its suffix")
    if os.path.exists(os.path.join(path, MANIFEST)):
        return Detected("tfrecord", f"{path}: read as source tfrecord, since it is a prepared set")
    found = _kinds_below(path)
    strong = [kind for kind in _KINDS if kind in found and kind != "table"] or [kind for kind in ("table",) if found]
    if not strong:
        raise InputError(f"{path} holds no {', '.join(_suffixes())} file", fields=["data_dir"])
    if len(strong) > 1:
        both = " and ".join(f"{_KINDS[kind]} such as {found[kind][0]}" for kind in strong)
        raise InputError(f"{path} holds {both}: choose source {' or '.join(strong)}", fields=["source"])
    [kind] = strong
    example = f"{len(found[kind])} {_KINDS[kind]}, such as {found[kind][0]}"
    return Detected(kind, f"{path}: read as source {kind}, since it holds {example}")


def source_of(source: str | None, path: str) -> str | None:
    """The source itself, or of "auto" the one that the path is of.

    Raises:
      InputError: see `detect`.
    """
    return detect(path).source if source == AUTO else source


def _suffixes():
    return (".hea", *DEVICE_SUFFIXES, ".tfrecord", *_TABLES)


def _kind(path):
    """The source of a file alone; "" for none."""
    if is_device(path):
        return "device"
    return {".hea": "wfdb", ".tfrecord": "tfrecord"}.get(suffix(path), "table" if suffix(path) in _TABLES else "")


def _kinds_below(path):
    """Source -> files below a folder, E4 folders counted as one."""
    found: dict[str, list[str]] = {}
    for root, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if is_e4(root):
            found.setdefault("device", []).append(os.path.relpath(root, path))
            continue
        for name in sorted(name for name in names if not name.startswith(".")):
            kind = _kind(os.path.join(root, name))
            if kind:
                found.setdefault(kind, []).append(os.path.relpath(os.path.join(root, name), path))
    return found
