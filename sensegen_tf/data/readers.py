"""Recordings of a source that are not read yet: a reader for each of its files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sensegen_tf.data.recording import Collection, Recording


class Read(NamedTuple):
    """What was read, and what was done to read it.

    Attributes:
      recordings: in their order.
      notes: sentences for people.
      counts: what was done -> how often; these are summed over all that is read.
      resampled: whether the signals are at another rate than the sensor's.
      where: the file, as the notes name it.
    """

    recordings: Sequence[Recording]
    notes: Sequence[str] = ()
    counts: Mapping[str, int] | None = None
    resampled: bool = False
    where: str = ""


# Reads some of the recordings of a source. It can be sent to another process: `functools.partial` of a function.
Reader = Callable[[], Read]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Readers:
    """The recordings of a source, which are not read yet.

    Attributes:
      readers: of some recordings each, in their order.
      terms, notes, test_subjects: see `Collection`; the notes are those that need no reading.

    Example:
      >>> watch = Recording(name="a", signals=[[0.0]], rate=1.0, channels=("x",), units=("g",), subject="1")
      >>> readers = Readers(readers=[lambda: Read([watch])], terms="mine")
      >>> [recording.name for recording in readers.load().recordings]
      ['a']
    """

    readers: Sequence[Reader]
    terms: str
    notes: tuple[str, ...] = ()
    test_subjects: tuple[str, ...] = ()

    def load(self) -> Collection:
        """All recordings, in memory."""
        found: list[Recording] = []
        notes = Notes(self.notes)
        for reader in self.readers:
            read = reader()
            found += read.recordings
            notes.add(read)
        return Collection(recordings=found, terms=self.terms, notes=notes.texts(), test_subjects=self.test_subjects)


class Notes:
    """The notes of all that is read of a source: each once for all its files, with the sums of what is counted.

    Args:
      first: those that need no reading.

    Example:
      >>> notes = Notes()
      >>> for file in ("a.csv", "b.csv", "c.csv"):
      ...     notes.add(Read([], [f"{file}: in milliseconds"], where=file))
      >>> notes.texts()
      ('a.csv and 2 more: in milliseconds',)
    """

    def __init__(self, first: Sequence[str] = ()):
        # A note without the file that it is of -> the files.
        self._files: dict[str, list[str]] = {text: [""] for text in first}
        self._counts: dict[str, int] = {}

    def add(self, read: Read) -> None:
        """Adds those of what was read."""
        for note in dict.fromkeys(read.notes):
            text = note.removeprefix(read.where)
            self._files.setdefault(text, []).append(read.where if text != note else "")
        for what, count in (read.counts or {}).items():
            self._counts[what] = self._counts.get(what, 0) + count

    def texts(self) -> tuple[str, ...]:
        """The notes."""
        texts = [_of_files(files) + text for text, files in self._files.items()]
        return (*texts, *(f"{count} {what}" for what, count in self._counts.items() if count))


def _of_files(files):
    return files[0] if len(files) == 1 or not files[0] else f"{files[0]} and {len(files) - 1} more"


def of_collection(collection: Collection) -> Readers:
    """What is in memory already, as a source of one reader."""
    return Readers(
        readers=[lambda: Read(collection.recordings)],
        terms=collection.terms,
        notes=collection.notes,
        test_subjects=collection.test_subjects,
    )
