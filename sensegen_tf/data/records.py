"""The one TFRecord format: a `tf.train.Example` a series, and prepared sets of them in shards with a manifest.

    signals   float list, T * C values, row by row      channels, units   bytes lists, C each
    shape     int64 list, [T, C]                        rate              float list, Hz
    subject, label   bytes lists of one                 seed   int64 list, of generated series: the row's seed

A prepared set is a folder of shards, each a random mixture of the windows of one split, and `manifest.json`, which
names them with their sizes and checksums and holds what a `Dataset` needs beside the windows.
"""

import os
import zlib

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from sensegen_tf.data.recording import Collection, Recording, Span
from sensegen_tf.data.windows import Windows
from sensegen_tf.errors import InputError
from sensegen_tf.files import files_in, os_errors, read_json, whole_folder, write_json

MANIFEST = "manifest.json"
_FORMAT = 2
# Windows that are parsed at once.
_PART = 256


def example(series, rate, channels, units, subject="", label="", seed=None):
    """One series as a serialised `tf.train.Example`.

    Args:
      series: float32 [T, C], physical units.
      rate: Hz.
      channels, units: C strings each.
      subject, label: of the series; "" where there is none.
      seed: of a generated series; None for a real one.

    Returns:
      Bytes.
    """

    def texts(*values):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode() for value in values]))

    feature = {
        "signals": tf.train.Feature(float_list=tf.train.FloatList(value=series.ravel())),
        "shape": tf.train.Feature(int64_list=tf.train.Int64List(value=series.shape)),
        "rate": tf.train.Feature(float_list=tf.train.FloatList(value=[rate])),
        "channels": texts(*channels),
        "units": texts(*units),
        "subject": texts(subject),
        "label": texts(label),
    }
    if seed is not None:
        feature["seed"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[seed]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)


def write_file(path, examples):
    """Writes serialised examples to a TFRecord file.

    Raises:
      OSError: the disk is full, or the file cannot be written.
    """
    with os_errors(), tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for each in examples:
            writer.write(each)


def read_series(path):
    """The series of a TFRecord file or of a folder of them, such as `sample` writes, as recordings.

    Args:
      path: a `.tfrecord` file, or the folder.

    Returns:
      A `Collection`; series without a subject are a subject of their own each.

    Raises:
      InputError: no such file, or a broken one.
    """
    if is_prepared(path):
        raise InputError(f"{path} is a prepared set: it is cut and split already, and can be trained on")
    path = os.fspath(path)
    files = files_in(path, "*.tfrecord") if os.path.isdir(path) else [path]
    if not files or not os.path.exists(files[0]):
        raise InputError(
            f"{path} is no TFRecord file, no folder of them, nor a prepared set (a folder that holds {MANIFEST})"
        )
    recordings = []
    try:
        for index, record in enumerate(tf.data.TFRecordDataset(files).as_numpy_iterator()):
            recordings.append(_recording(f"{path} series {index}", record, index))
    except (tf.errors.OpError, DecodeError, LookupError, ValueError) as error:
        raise InputError(f"{path} is damaged or not of our format after {len(recordings)} series: {error}") from error
    if not recordings:
        raise InputError(f"{path} is empty")
    return Collection(recordings, "as of the recordings behind them")


def _recording(name, record, index):
    feature = tf.train.Example.FromString(record).features.feature
    texts = {key: [value.decode() for value in feature[key].bytes_list.value] for key in ("channels", "units")}
    subject, label = (b"".join(feature[key].bytes_list.value).decode() for key in ("subject", "label"))
    signals = np.reshape(feature["signals"].float_list.value, feature["shape"].int64_list.value)
    return Recording(
        name=name,
        signals=signals,
        rate=feature["rate"].float_list.value[0],
        channels=tuple(texts["channels"]),
        units=tuple(texts["units"]),
        subject=subject or f"series {index:06d}",
        spans=(Span(0, len(signals), label),) if label else (),
    )


def write_prepared(dataset, folder, shard_windows):
    """Writes a `Dataset` as a prepared set, which appears whole or not at all.

    Args:
      dataset: a `data.windows.Dataset` with its windows in memory.
      folder: to make; must not exist.
      shard_windows: windows in a shard; a reader holds about three shards in memory.

    Raises:
      InputError: the folder exists, or the disk is full. Nothing half-written is left.
    """
    if os.path.exists(folder):
        raise InputError(f"{folder} exists; remove it or choose another --output")
    with whole_folder(folder) as temporary:
        splits = {
            name: {**windows.describe(), "shards": _write_shards(dataset, windows, temporary, name, shard_windows)}
            for name, windows in dataset.splits().items()
        }
        manifest = {"format": _FORMAT, **dataset.describe_channels(), "splits": splits}
        write_json(os.path.join(temporary, MANIFEST), manifest)


def _write_shards(dataset, windows, folder, name, shard_windows):
    # A shard is a random mixture of the split, so that minibatches from a shard in memory are as good as any.
    order = np.random.default_rng(0).permutation(windows.count)
    starts = range(0, windows.count, shard_windows)
    shards = []
    for index, start in enumerate(starts):
        rows = order[start : start + shard_windows]
        file = f"{name}-{index:05d}-of-{len(starts):05d}.tfrecord"
        path = os.path.join(folder, file)
        write_file(
            path,
            (
                example(
                    windows.values[row],
                    dataset.rate,
                    dataset.channels,
                    dataset.units,
                    str(windows.subjects[row]),
                    str(windows.labels[row]),
                )
                for row in rows
            ),
        )
        shards.append({"file": file, "windows": len(rows), "crc32": checksum(path)})
    return shards


def checksum(path):
    """CRC-32 of a file, read in pieces."""
    value = 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 22):
            value = zlib.crc32(piece, value)
    return value


def is_prepared(path):
    """Whether a path is the folder of a prepared set."""
    return os.path.exists(os.path.join(path, MANIFEST))


def read_manifest(folder):
    """The manifest of a prepared set.

    Raises:
      InputError: it is missing, broken, or of another format.
    """
    path = os.path.join(folder, MANIFEST)
    manifest = read_json(path)
    if manifest.get("format") != _FORMAT:
        raise InputError(f"{path} has format {manifest.get('format')}; this version reads format {_FORMAT}")
    return manifest


def read_shard(folder, shard, length, channels):
    """The windows of one shard.

    Args:
      folder: of the prepared set.
      shard: its entry in the manifest.
      length, channels: T and C.

    Returns:
      `Windows`.

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
    text = tf.io.FixedLenFeature([], tf.string)
    features = {"signals": tf.io.FixedLenFeature([length, channels], tf.float32), "subject": text, "label": text}
    # In parts, so that what was read and what it says are not in memory twice.
    parts = tf.data.TFRecordDataset(path).batch(_PART).map(lambda each: tf.io.parse_example(each, features))
    values, texts = np.empty([shard["windows"], length, channels], np.float32), {"subject": [], "label": []}
    for start, part in zip(range(0, shard["windows"], _PART), parts.as_numpy_iterator(), strict=True):
        values[start : start + _PART] = part["signals"]
        for name, found in texts.items():
            found.append(part[name].astype(bytes))
    subject, label = (np.char.decode(np.concatenate(found), "utf-8") for found in texts.values())
    return Windows(values, subject, label)
