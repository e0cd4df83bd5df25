"""Files as devices write them (extra `native`): a reader a format, and one way from their signals to recordings."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Callable, Sequence

from sensegen_tf.data import detect, paths
from sensegen_tf.data.readers import Read, Readers
from sensegen_tf.data.recording import Recording, Span
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.devices import actigraphy, e4, edf, embrace, join
from sensegen_tf.data.sources.devices.signals import Opened
from sensegen_tf.errors import InputError

_TERMS = "the owner's own"
# How the site of the E4 names the folder of a session: its start and the device.
_SESSION = re.compile(r"\d{10}_\w+")


def devices(
    data_dir: str | os.PathLike[str], channels: Sequence[str] = (), *, table: TableConfig | None = None
) -> Readers:
    """What reads the files of devices: .cwa, .gt3x, .bin of a GENEActiv, EDF, BDF, .avro, and folders of an E4.

    Args:
      data_dir: a file, the folder of an E4, or a folder of any of these and the folders in it.
      channels: names; empty for all of the first file.
      table: what paths say, what is done where values are missing, and the rate to resample to.

    Returns:
      A reader of each file, of a recording for every stretch without a gap. The subject is what `path_pattern` says,
      otherwise the participant of an .avro, otherwise the file or the folder of an E4; of a folder that the E4's site
      named, the one above. A file without the channels has no recordings, and a note.

    Raises:
      InputError: nothing is there. The readers refuse a file that is damaged, or says what cannot be right, channels of
        several rates without `resample_hz`, and a missing package.

    Example:
      >>> recordings = devices("stress_predict", ["BVP"]).load().recordings  # doctest: +SKIP
      >>> recordings[0].subject, recordings[0].rate  # doctest: +SKIP
      ('S02', 64.0)
    """
    table = table or TableConfig()
    folder = _find(os.fspath(data_dir), table.path_pattern)
    if not channels:
        first = folder.files[0].path
        opened = _guarded(first, functools.partial(_open, first, table))
        channels = [name for signal in opened.signals for name in signal.channels]
    readers = [functools.partial(_read, file, tuple(channels), table) for file in folder.files]
    return Readers(readers=readers, terms=_TERMS, notes=folder.notes(os.fspath(data_dir)))


def _read(file, wanted, table):
    opened = _guarded(file.path, functools.partial(_open, file.path, table))
    names = [name for signal in opened.signals for name in signal.channels]
    lacking = [name for name in wanted if name not in names]
    if lacking:
        note = f"{file.path}: no channel {', '.join(lacking)}; there are {', '.join(names) or 'none'}"
        return Read([], [note], where=file.path)
    subject = file.parts.get("subject") or opened.subject or file.name
    join_signals = functools.partial(join.join, opened.signals, wanted, path=file.path, subject=subject, config=table)
    read = _guarded(file.path, join_signals)
    return read._replace(
        recordings=[_labelled(each, file) for each in read.recordings], notes=opened.notes, where=file.path
    )


_READERS: dict[str, Callable[[str, TableConfig], Opened]] = {
    **dict.fromkeys((".cwa", ".gt3x", ".bin"), actigraphy.open_actigraphy),
    **dict.fromkeys((".edf", ".bdf"), lambda path, _: edf.open_edf(path)),
    ".avro": lambda path, _: embrace.open_embrace(path),
}


def _open(path, table):
    if os.path.isdir(path):
        return e4.open_e4(path)
    if os.path.getsize(path) == 0:
        raise InputError(f"{path} is empty")
    return _READERS[os.path.splitext(path)[1].lower()](path, table)


def _guarded(path, read):
    """What a reader returns; whatever a package stumbles over in a damaged file becomes a sentence."""
    try:
        return read()
    except (InputError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # What Rust calls a panic is no Exception.
        raise InputError(f"cannot read {path}: {type(error).__name__}: {error}") from error


def _find(data_dir, pattern):
    """The files of devices and the E4 folders below a folder, or the one that was named."""
    if not os.path.exists(data_dir):
        raise InputError(f"there is no file or folder {data_dir}", fields=["data_dir"])
    matcher = paths.compiled(pattern) if pattern else None
    files: list[paths.Located] = []
    left_out: list[str] = []
    for path, inside in _candidates(data_dir, left_out):
        matched = matcher.search(inside) if matcher else None
        if matcher and not matched:
            left_out.append(inside)
            continue
        name = inside if os.path.isdir(path) else os.path.splitext(inside)[0]
        above, last = os.path.split(inside)
        name = above if above and _SESSION.fullmatch(last) else name
        files.append(paths.Located(path, name, paths.parts_of(matched)))
    if not files:
        like = f" whose path ends like path_pattern {pattern}" if pattern else ""
        raise InputError(
            f"{data_dir} holds no {', '.join(detect.DEVICE_SUFFIXES)} file and no folder of an E4{like}",
            fields=["data_dir", "path_pattern"],
        )
    return paths.Folder(files, left_out)


def _candidates(data_dir, left_out):
    """Paths, and paths below the folder; other files are listed."""
    if detect.is_device(data_dir) and os.path.isfile(data_dir):
        return [(data_dir, os.path.basename(data_dir))]
    found = []
    for root, folders, names in os.walk(data_dir):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = "" if root == data_dir else os.path.relpath(root, data_dir)
        read = set()
        if detect.is_e4(root):
            read = {os.path.basename(path) for path in e4.files_of(root).values()}
            found.append((root, below or os.path.basename(os.path.abspath(root))))
        for name in sorted(set(names) - read):
            path = os.path.join(root, name)
            if detect.is_device(path) and not name.startswith("."):
                found.append((path, os.path.join(below, name)))
            else:
                left_out.append(os.path.join(below, name))
    return found


def _labelled(recording: Recording, file: paths.Located) -> Recording:
    """The recording with the label that its path says."""
    label = file.parts.get("label", "")
    spans = (Span(start=0, stop=len(recording.signals), label=label),) if label else ()
    return dataclasses.replace(recording, spans=spans)
