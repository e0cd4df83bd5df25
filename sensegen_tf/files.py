"""Files and folders that appear whole or not at all."""

import contextlib
import fcntl
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import IO, Any

from sensegen_tf.errors import InputError


@contextlib.contextmanager
def os_errors() -> Iterator[None]:
    """Context manager: TensorFlow's errors of reading and writing files become `OSError`."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.error_code, error.message) from error


@contextlib.contextmanager
def _atomic(path, make_temporary, remove):
    """Yields a temporary path beside `path`, which takes its name when the block ends without an exception."""
    path = os.path.abspath(path)
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
        temporary = make_temporary(folder, f".{os.path.basename(path)}.tmp-")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        remove(temporary)
        raise InputError(f"cannot write {path}: {error.strerror or error}; nothing was left behind") from error
    except BaseException:
        remove(temporary)
        raise


def _temporary_file(folder, prefix):
    handle, path = tempfile.mkstemp(prefix=prefix, dir=folder)
    os.fchmod(handle, 0o644)
    os.close(handle)
    return path


def _temporary_folder(folder, prefix):
    path = tempfile.mkdtemp(prefix=prefix, dir=folder)
    os.chmod(path, 0o755)
    return path


def atomic_write(path: str) -> AbstractContextManager[str]:
    """Context manager: a temporary file's path; the file replaces `path` when the block ends without an exception.

    Raises:
      InputError: the folder cannot be written, or the disk is full. Nothing half-written is left.
    """
    return _atomic(path, _temporary_file, os.remove)


def atomic_folder(path: str) -> AbstractContextManager[str]:
    """Context manager: a temporary folder's path; it becomes `path`, which must not exist, when the block succeeds.

    Raises:
      InputError: the folder cannot be written, or the disk is full. Nothing half-written is left.
    """
    return _atomic(path, _temporary_folder, lambda p: shutil.rmtree(p, ignore_errors=True))


def write_json(path: str, value: Any) -> None:
    """Writes `value` as indented JSON, whole or not at all."""
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, allow_nan=False)
        file.write("\n")


def files_in(folder: str, pattern: str) -> list[str]:
    """The paths in a folder whose names match a pattern of `glob`, sorted; none where it is no folder."""
    return sorted(glob.glob(os.path.join(glob.escape(folder), pattern)))


def lock(path: str, taken: str) -> IO[str]:
    """Claims a file for this process, however it ends.

    Args:
      path: of the file, which is made and stays.
      taken: what to say where another process has it.

    Returns:
      What holds the lock as long as it lives.

    Raises:
      InputError: another process has it.
      OSError: it cannot be made.
    """
    file = open(path, "w")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(taken) from error
    return file


def write_or_verify(path: str, values: Mapping[str, Any], *, what: str, otherwise: str) -> None:
    """Writes a JSON file, or compares it with what is there.

    Args:
      path: of the file.
      values: a dictionary that JSON can hold.
      what: how a message begins, such as "RUN holds a run with another config".
      otherwise: how it ends: what to do for something else.

    Raises:
      InputError: other values are there; all differences are listed.
    """
    if not os.path.exists(path):
        write_json(path, values)
        return
    before, now = _flat(read_json(path)), _flat(json.loads(json.dumps(values)))
    changed = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
    if changed:
        lines = [f"  {key}: {before.get(key)!r} before, {now.get(key)!r} now" for key in changed]
        raise InputError(f"{what}:\n" + "\n".join(lines) + f"\nTo go on with that, give the same again; {otherwise}")


def read_json(path: str) -> Any:
    """Reads a JSON file.

    Raises:
      InputError: there is no such file, or it is not JSON.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _flat(values, prefix=""):
    """Nested dictionaries as one, with dotted keys, so that a difference names the value that differs."""
    flat = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return flat
