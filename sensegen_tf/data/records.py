"""The one TFRecord format: a `tf.train.Example` a series, and prepared sets of them in shards with a manifest.

    signals   float list, T * C values, row by row      channels, units   bytes lists, C each
    shape     int64 list, [T, C]                        rate              float list, Hz
    subject, label   bytes lists of one                 seed   int64 list, of generated series: the row's seed
    remainder   float list like signals, of float64 series: what signals, rounded to float32, lack

A prepared set is a folder of shards, each a random mixture of the windows of one split, and `manifest.json`, which
names them with their sizes and checksums and holds what a `Dataset` needs beside the windows: `Dataset.describe`, where
each split has a list `shards` of `file`, `windows` and `crc32`.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from sensegen_tf.data.paths import MANIFEST
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.files import os_errors, read_json

# Of `Dataset.describe` and of manifests; `upgrade_description` reads older ones.
SCHEMA = 3
# The number that manifests had before they had a schema.
_OLD_FORMAT = 2
_OLD_SPLITS = {"training": "training", "heldout": "test", "unseen": "heldout"}
_KEYS = (
    "rate", "channels", "units", "sensors", "length", "mean", "std", "increment", "resampled", "terms", "splits"
)  # fmt: skip
_SPLIT_KEYS = ("windows", "subjects", "labels", "checksum")
# Windows that are parsed at once.
_PART = 256


def upgrade_description(
    description: Mapping[str, Any], *, where: str = "the description of the data"
) -> dict[str, Any]:
    """What `Dataset.describe` made, in this or an earlier version, as this version makes it.

    Before schema 3 the split "test" was called "heldout", and the split "heldout" was called "unseen".

    Args:
      description: of a run, a model card, or the manifest of a prepared set.
      where: it stands, for messages.

    Raises:
      InputError: a later schema, or unknown or missing keys.
    """
    found = dict(description)
    schema = found.pop("schema", None)
    if schema not in (None, SCHEMA):
        raise InputError(f"{where} has schema {schema}; this version reads schema {SCHEMA} and older ones")
    if schema is None and found.pop("format", _OLD_FORMAT) != _OLD_FORMAT:
        raise InputError(f"{where} has format {description['format']}; this version reads format {_OLD_FORMAT}")
    _check_keys(where, found, _KEYS, ("double",))
    splits = found["splits"]
    if schema is None:
        _check_keys(f"{where}, splits", splits, ("training", "heldout"), ("unseen",))
        splits = {_OLD_SPLITS[name]: split for name, split in splits.items()}
    _check_keys(f"{where}, splits", splits, ("training", "test"), ("heldout",))
    for name, split in splits.items():
        _check_keys(f"{where}, split {name}", split, _SPLIT_KEYS, ("shards", "shards_checksum"))
    return {"schema": SCHEMA, **found, "splits": splits}


def _check_keys(where, found, required, optional=()):
    if not isinstance(found, Mapping):
        raise InputError(f"{where}: expected a dictionary, got {found!r}")
    missing = [key for key in required if key not in found]
    unknown = sorted(str(key) for key in found if key not in (*required, *optional))
    wrong = [f"{what} {', '.join(keys)}" for what, keys in (("missing", missing), ("unknown", unknown)) if keys]
    if wrong:
        raise InputError(f"{where} has other keys than expected: {'; '.join(wrong)}")


def example(
    series: np.ndarray,
    *,
    rate: float,
    channels: Sequence[str],
    units: Sequence[str],
    subject: str = "",
    label: str = "",
    seed: int | None = None,
) -> bytes:
    """One series as a serialised `tf.train.Example`.

    Args:
      series: float32 or float64 [T, C], physical units.
      rate: Hz.
      channels, units: C strings each.
      subject, label: of the series; "" where there is none.
      seed: of a generated series; None for a real one.
    """

    def texts(*values):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode() for value in values]))

    def numbers(values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values.ravel()))

    feature = {
        "signals": numbers(series),
        "shape": tf.train.Feature(int64_list=tf.train.Int64List(value=series.shape)),
        "rate": tf.train.Feature(float_list=tf.train.FloatList(value=[rate])),
        "channels": texts(*channels),
        "units": texts(*units),
        "subject": texts(subject),
        "label": texts(label),
    }
    if series.dtype == np.float64:
        feature["remainder"] = numbers(series - series.astype(np.float32))
    if seed is not None:
        feature["seed"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[seed]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)


def write_file(path: str | os.PathLike[str], examples: Iterable[bytes]) -> None:
    """Writes serialised examples to a TFRecord file.

    Raises:
      OSError: the disk is full, or the file cannot be written.
    """
    with os_errors(), tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for each in examples:
            writer.write(each)


def checksum(path: str) -> int:
    """CRC-32 of a file, read in pieces."""
    value = 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 22):
            value = zlib.crc32(piece, value)
    return value


def is_prepared(path: str | os.PathLike[str]) -> bool:
    """Whether a path is the folder of a prepared set."""
    return os.path.exists(os.path.join(path, MANIFEST))


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The manifest of a prepared set, as this version writes it.

    Raises:
      InputError: it is missing, broken, or of a later version.
    """
    path = os.path.join(folder, MANIFEST)
    manifest = upgrade_description(read_json(path), where=path)
    for name, split in manifest["splits"].items():
        _check_keys(f"{path}, split {name}", split, (*_SPLIT_KEYS, "shards"))
        for shard in split["shards"]:
            _check_keys(f"{path}, a shard of {name}", shard, ("file", "windows", "crc32"))
    return manifest


def read_shard(
    folder: str | os.PathLike[str], shard: Mapping[str, Any], *, manifest: Mapping[str, Any], name: str = "windows"
) -> WindowSet:
    """The windows of one shard.

    Args:
      folder: of the prepared set.
      shard: its entry in the manifest.
      manifest: see `read_manifest`.
      name: of the windows, for messages.

    Raises:
      InputError: the shard is missing, unreadable, or its checksum differs.
    """
    path = os.path.join(folder, shard["file"])
    try:
        found = checksum(path)
    except OSError as error:
        raise InputError(f"cannot read the shard {path}: {error.strerror}") from error
    if found != shard["crc32"]:
        raise InputError(
            f"the shard {path} is corrupted: its checksum is {found:08x}, the manifest says {shard['crc32']:08x}. "
            "Prepare the set again, or copy the shard again"
        )
    shape, double = (shard["windows"], manifest["length"], len(manifest["channels"])), manifest.get("double", False)
    values, subjects, labels = _parse(path, shape, double)
    return WindowSet(
        values=values,
        name=name,
        rate=manifest["rate"],
        channels=tuple(manifest["channels"]),
        units=tuple(manifest["units"]),
        subjects=subjects if any(subjects) else None,
        labels=labels,
        double=double,
    )


def _parse(path, shape, double):
    """Values, subjects and labels of a shard."""
    windows, *of_window = shape
    text, numbers = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature(of_window, tf.float32)
    features = {"signals": numbers, "subject": text, "label": text, **({"remainder": numbers} if double else {})}
    values, texts = np.empty(shape, np.float64 if double else np.float32), {"subject": [], "label": []}
    # A part after the other, so that serialised and parsed windows are not all in memory together.
    parts = tf.data.TFRecordDataset(path).batch(_PART)
    for start, part in zip(range(0, windows, _PART), parts, strict=True):
        parsed = tf.io.parse_example(part, features)
        values[start : start + _PART] = parsed["signals"].numpy()
        if double:
            values[start : start + _PART] += parsed["remainder"].numpy()
        for name, found in texts.items():
            found.append(parsed[name].numpy().astype(bytes))
    return values, *(np.char.decode(np.concatenate(found), "utf-8") for found in texts.values())
