"""What is taken of the recordings of a source: channels, labels, rate; and what is found in all of them together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from sensegen_tf.data.readers import Notes, Read, Reader, Readers
from sensegen_tf.data.recording import Outline, check_alike
from sensegen_tf.data.sensor import Levels
from sensegen_tf.data.sources.lookup import Attributes
from sensegen_tf.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakeConfig:
    """What is taken of recordings; see `SourceConfig`."""

    channels: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    skip_seconds: float = 0.0
    resample_hz: float | None = None


class Part(NamedTuple):
    """What a reader read, as it was asked for.

    Attributes:
      recordings: that are taken, or the outlines of these.
      seen: outlines of all, as they were before labels and rate were chosen.
      levels: of the recordings that are taken, before any resampling.
      resampled: whether one is at another rate than it was.
      read: notes and counts; without recordings.
    """

    recordings: Sequence[Any]
    seen: Sequence[Outline]
    levels: Levels
    resampled: bool
    read: Read


def read_part(reader: Reader, config: TakeConfig) -> Part:
    """Reads, and takes what is asked for.

    Raises:
      InputError: whatever the reader refuses, a channel that is not there, or nothing would be left.
    """
    read, levels = reader(), Levels()
    resampled = read.resampled
    found = [recording.select(config.channels) if config.channels else recording for recording in read.recordings]
    seen = [recording.outline for recording in found]
    recordings = []
    for recording in filter(None, (_with_labels(each, set(config.labels)) for each in found)):
        if config.skip_seconds and recording.length:
            recording = _without_start(recording, config.skip_seconds)
        levels.add(recording.measured)
        recording = recording if recording.raw is None else dataclasses.replace(recording, raw=None)
        rate = recording.rate
        if config.resample_hz is not None:
            recording = recording.resample(config.resample_hz)
        resampled |= recording.rate != rate
        recordings.append(recording)
    return Part(recordings, seen, levels, resampled, read._replace(recordings=[]))


class Parts:
    """What is found in all parts of a source together.

    Args:
      config: what is taken.
      attributes: of the subjects.
    """

    def __init__(self, config: TakeConfig, attributes: Attributes):
        self._config, self._attributes = config, attributes
        self._first: list[Outline] = []
        self._labels: set[str] = set()
        self._levels, self._notes, self._resampled = Levels(), Notes(), False

    def add(self, part: Part) -> list[Any]:
        """The recordings (or outlines) of the next part, with what is known of their subjects.

        Raises:
          InputError: channels or units differ from those of the recordings before, one is empty, or the table of the
            attributes lacks a subject.
        """
        if part.seen:
            check_alike([*self._first, *part.seen], ["channels", "units"])
            self._first = self._first or [part.seen[0]]
        self._labels |= {span.label for outline in part.seen for span in outline.spans}
        self._levels.merge(part.levels)
        self._resampled |= part.resampled
        self._notes.add(part.read)
        return [self._known(recording) for recording in part.recordings]

    def _known(self, recording):
        attributes = self._attributes.of(recording.subject)
        return dataclasses.replace(recording, attributes=attributes) if attributes else recording

    def found(self, readers: Readers) -> dict[str, Any]:
        """What belongs to a `Collection` beside its recordings, when all parts were added.

        Args:
          readers: that read the parts.

        Raises:
          InputError: there was no recording, or a wanted label did not occur.
        """
        if not self._first:
            raise InputError("\n  ".join(["there are no recordings", *readers.notes, *self._notes.texts()]))
        missing = sorted(set(self._config.labels) - self._labels)
        if missing:
            there = ", ".join(sorted(self._labels)) or "none"
            raise InputError(f"no recording is labelled {', '.join(missing)}; there are {there}")
        return {
            "terms": readers.terms,
            "notes": (*readers.notes, *self._notes.texts()),
            "test_subjects": readers.test_subjects,
            "sensors": self._levels.sensors(),
            "resampled": self._resampled,
            "double": self._levels.double,
        }


def _without_start(recording, seconds):
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"skip_seconds must be at least 0, got {seconds}", fields=["skip_seconds"])
    start = round(seconds * recording.rate)
    if start >= recording.length:
        raise InputError(
            f"{recording.name}: nothing would be left of {recording.seconds:g} s, with skip_seconds {seconds:g}",
            fields=["skip_seconds"],
        )
    return recording.slice(start, recording.length)


def _with_labels(recording, wanted):
    """The recording with the wanted labels alone; None where it has none of them."""
    if not wanted:
        return recording
    spans = tuple(span for span in recording.spans if span.label in wanted)
    return dataclasses.replace(recording, spans=spans) if spans else None
