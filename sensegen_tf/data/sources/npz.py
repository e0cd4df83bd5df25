"""Recordings from NPZ files, through NumPy."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from sensegen_tf.data.paths import stem
from sensegen_tf.data.recording import Recording, Span
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.errors import InputError


def read_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays of an NPZ file by name.

    Raises:
      InputError: it is no NPZ, damaged, or holds pickled objects.
    """
    if not zipfile.is_zipfile(path):
        raise InputError(f"cannot read {path}: it is no NPZ archive, or a damaged one")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise InputError(f"cannot read {path}: {error}") from error
        raise InputError(
            f"{path} holds pickled Python objects, which can run code when they are read, and is refused. "
            "Save plain arrays of numbers and texts"
        ) from error
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    foreign = [name for name, value in arrays.items() if not isinstance(value, np.ndarray)]
    if foreign:
        raise InputError(f"{path} holds {', '.join(foreign)}, which is no array")
    return arrays


def read(path: str, config: TableConfig) -> list[Recording]:
    """Recordings from an NPZ file.

    Args:
      path: of the file.
      config: which array, and what the file does not say of it.

    Raises:
      InputError: what is wrong with its arrays.
    """
    arrays = read_npz(path)
    values = npz_array(arrays, config.array, path=path)
    series = values[None] if values.ndim == 2 else values  # [N, T, C]
    channels, units = _npz_names(path, arrays, series.shape[-1], config)
    rate = config.rate_hz
    if rate is None:
        if "rate" not in arrays or arrays["rate"].shape != () or arrays["rate"].dtype.kind not in "fiu":
            raise InputError(f"{path} holds no `rate`, one number: give it as rate_hz", fields=["rate_hz"])
        rate = float(arrays["rate"])
    name = stem(path)
    # Without subjects, each series counts as a subject of its own.
    subjects = arrays.get("subjects", [name] if values.ndim == 2 else [f"{name} {i}" for i in range(len(series))])
    labels = arrays.get("labels", [""] * len(series))
    for what, given in (("subjects", subjects), ("labels", labels)):
        if len(given) != len(series):
            raise InputError(f"{path}: {len(given)} {what} for {len(series)} series")
    return [
        Recording(
            name=f"{path} series {index}",
            signals=signals,
            rate=rate,
            channels=channels,
            units=units,
            subject=str(subjects[index]),
            spans=(Span(start=0, stop=len(signals), label=str(labels[index])),) if str(labels[index]) else (),
        )
        for index, signals in enumerate(series)
    ]


def _npz_names(path, arrays, count, config):
    """Channel names and units: the file's own, or the configuration's where it has none."""
    channels = tuple(np.atleast_1d(arrays.get("channels", ())).astype(str).tolist())
    channels = channels or config.channels or tuple(f"x{index}" for index in range(count))
    units = tuple(np.atleast_1d(arrays.get("units", ())).astype(str).tolist()) or config.units_of(len(channels))
    for what, names in (("channel names", channels), ("units", units)):
        if len(names) != count:
            raise InputError(f"{path}: {len(names)} {what} for the {count} columns of its array")
    return channels, units


def npz_array(arrays: Mapping[str, np.ndarray], name: str, *, path: str) -> np.ndarray:
    """The one array of series among the arrays of an NPZ, or the one that is named.

    Args:
      arrays: see `read_npz`.
      name: "" where there is one array of numbers of two or three dimensions.
      path: of the file, for messages.

    Raises:
      InputError: there is none, or more than one.
    """
    if name and name not in arrays:
        raise InputError(f"{path} has no array {name}; it has {', '.join(arrays)}")
    candidates = {key: value for key, value in arrays.items() if value.ndim in (2, 3) and value.dtype.kind in "fiu"}
    if name:
        candidates = {key: value for key, value in candidates.items() if key == name}
    if len(candidates) != 1:
        shapes = ", ".join(f"{key} {value.shape}" for key, value in arrays.items())
        raise InputError(
            f"{path}: expected numbers of shape [series, time, channel] or [time, channel] under one name, found "
            f"{len(candidates)} among {shapes or 'none'}; name the one to read with array",
            fields=["array"],
        )
    return next(iter(candidates.values()))
