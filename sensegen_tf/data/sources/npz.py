"""Recordings from NPZ files, through NumPy."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from sensegen_tf.data import clock
from sensegen_tf.data.paths import Located
from sensegen_tf.data.readers import Read
from sensegen_tf.data.recording import Recording, Span
from sensegen_tf.data.sources.columns import TableConfig, text_of
from sensegen_tf.errors import InputError

# Where nothing names the channels, the axis that is so many times shorter is theirs.
_CHANNELS_ARE_FEWER = 4


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


def read(file: Located, config: TableConfig) -> Read:
    """Recordings from an NPZ file.

    Args:
      file: its path, and what the path says.
      config: which array, and what the file does not say of it.

    Raises:
      InputError: what is wrong with its arrays.
    """
    path = file.path
    arrays = read_npz(path)
    values = npz_array(arrays, config.array, path=path)
    alone = values.ndim == 2
    values, notes = _time_before_channels(path, arrays, values[None] if alone else values, config)
    channels, units = _names(path, arrays, values.shape[-1], config)
    rate = _rate(path, arrays, config)
    # Without subjects, each series counts as a subject of its own.
    own = [file.name] if alone else [f"{file.name} {i}" for i in range(len(values))]
    subjects = _of_series(file, arrays, "subject", own)
    labels = _of_series(file, arrays, "label", [""] * len(values))
    recordings = [
        Recording(
            name=f"{path} series {index}",
            signals=signals,
            rate=rate,
            channels=channels,
            units=units,
            subject=subjects[index],
            spans=(Span(start=0, stop=len(signals), label=labels[index]),) if labels[index] else (),
        )
        for index, signals in enumerate(values)
    ]
    return Read(recordings, notes)


def _time_before_channels(path, arrays, values, config):
    """The series as [N, T, C]: by the names of the channels where there are any, otherwise by the lengths."""
    named = np.size(arrays["channels"]) if "channels" in arrays else len(config.channels)
    middle, last = values.shape[1:]
    swapped = last != named == middle if named else 0 < middle * _CHANNELS_ARE_FEWER <= last
    if not swapped:
        return values, []
    note = f"{path}: its array is read as {middle} channels of {last} samples, channels first"
    return np.swapaxes(values, 1, 2), [note]


def _rate(path, arrays, config):
    """Samples a second: the file's own, which a given one must not contradict."""
    if "rate" not in arrays:
        if config.rate_hz is None:
            raise InputError(f"{path} holds no `rate`: give it as rate_hz", fields=["rate_hz"])
        return config.rate_hz
    found = arrays["rate"]
    if found.size != 1 or found.dtype.kind not in "fiu":
        raise InputError(f"{path}: its `rate` must be one number, found {found.dtype} of shape {found.shape}")
    return clock.agreed(float(found.item()), config.rate_hz, says=f"{path}: its `rate`")


def _of_series(file, arrays, what, default):
    """A text for each series: of the array of that name, of the path, or the default."""
    path, name, count = file.path, f"{what}s", len(default)
    if name not in arrays:
        return [file.parts[what]] * count if what in file.parts else default
    if what in file.parts:
        message = f"{path} holds `{name}`, and path_pattern says a {what} too: leave it out of the pattern"
        raise InputError(message, fields=["path_pattern"])
    found = arrays[name]
    if found.shape != (count,):
        raise InputError(f"{path}: `{name}` has the shape {found.shape}; expected ({count},), one a series")
    texts = [text_of(value) for value in found.tolist()]
    if what == "subject" and not all(texts):
        raise InputError(f"{path}: `subjects` is empty at series {texts.index('')}")
    return texts


def _names(path, arrays, count, config):
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
