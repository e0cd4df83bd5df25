"""Recordings on disk while a set is prepared of them: signals as plain numbers, the rest in memory."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sensegen_tf.data.plan import Piece
from sensegen_tf.data.readers import Readers
from sensegen_tf.data.recording import Outline
from sensegen_tf.data.sources.lookup import Attributes
from sensegen_tf.data.sources.parts import Part, Parts, TakeConfig, read_part
from sensegen_tf.data.workers import Workers


class Entry(NamedTuple):
    """Where the signals of a recording lie: a file, the first byte in it, the number of channels, the type."""

    path: str
    offset: int
    channels: int
    dtype: np.dtype


class Spooled(NamedTuple):
    """A recording whose signals lie on disk."""

    outline: Outline
    entry: Entry

    @property
    def subject(self) -> str:
        """Who was recorded."""
        return self.outline.subject


class Spool(NamedTuple):
    """The recordings of a source.

    Attributes:
      recordings: at least one.
      found: what else a `Collection` says of them.
    """

    recordings: list[Spooled]
    found: dict[str, Any]


def spool(readers: Readers, folder: str, *, config: TakeConfig, attributes: Attributes, workers: Workers) -> Spool:
    """Reads a source file by file, and keeps the signals on disk.

    Args:
      readers: of the recordings.
      folder: where they lie until it is removed.
      config: what is taken of them.
      attributes: of the subjects.
      workers: that read the files.

    Raises:
      InputError: see `sources.load`.
      OSError: the disk is full.
    """
    parts, recordings = Parts(config, attributes), list[Spooled]()
    read = functools.partial(_spool_part, config=config, folder=folder)
    for part in workers.map(read, enumerate(readers.readers)):
        recordings += map(Spooled, parts.add(part.taken), part.entries)
    return Spool(recordings, parts.found(readers))


def _file(folder, number):
    return os.path.join(folder, f"{number:07d}")


class _SpooledPart(NamedTuple):
    """A part with outlines in the place of its recordings, and where the signals lie."""

    taken: Part
    entries: list[Entry]


def _spool_part(job, *, config: TakeConfig, folder):
    """A part whose signals were written to a file."""
    number, reader = job
    part, path, entries = read_part(reader, config), _file(folder, number), []
    with open(path, "wb") as file:
        for recording in part.recordings:
            signals = np.ascontiguousarray(recording.signals)
            entries.append(Entry(path, file.tell(), signals.shape[1], signals.dtype))
            file.write(signals.data)
    return _SpooledPart(part._replace(recordings=[recording.outline for recording in part.recordings]), entries)


class SpoolReader:
    """Reads pieces of recordings; a context manager. It has the file open that it read last.

    Args:
      entries: number of a recording -> where its signals lie.
    """

    def __init__(self, entries: Mapping[int, Entry] | Sequence[Entry]):
        self._entries = entries
        self._path, self._handle = "", -1

    def __enter__(self) -> SpoolReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def _close(self):
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __call__(self, piece: Piece) -> np.ndarray:
        """The signals of a piece [T, C]."""
        entry = self._entries[piece.recording]
        if entry.path != self._path:
            self._close()
            self._path, self._handle = entry.path, os.open(entry.path, os.O_RDONLY)
        row = entry.dtype.itemsize * entry.channels
        content = os.pread(self._handle, (piece.stop - piece.start) * row, entry.offset + piece.start * row)
        return np.frombuffer(content, entry.dtype).reshape(-1, entry.channels)
