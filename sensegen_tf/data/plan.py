"""Which windows are cut of recordings, and for which split: decided from their outlines alone, without the signals."""

from __future__ import annotations

import collections
import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from sensegen_tf.data.recording import Outline, Span, check_alike
from sensegen_tf.data.windows import WindowConfig, WindowSet, describe_windows
from sensegen_tf.errors import InputError


class Piece(NamedTuple):
    """Samples [start, stop) of the recording of this number."""

    recording: int
    start: int
    stop: int


class Division(NamedTuple):
    """What is trained on, and what is tested on."""

    training: list[Piece]
    test: list[Piece]


class Stretch(NamedTuple):
    """What is cut on its own: samples [start, stop) of the recording of this number, and their label or ""."""

    recording: int
    start: int
    stop: int
    label: str


class Places(NamedTuple):
    """Where windows lie: number of the recording and first sample, int [n]; subjects and labels, str [n]."""

    recording: np.ndarray
    start: np.ndarray
    subjects: np.ndarray
    labels: np.ndarray

    def read(self, length: int, signals: Callable[[Piece], np.ndarray], *, like: dict[str, Any]) -> WindowSet:
        """The windows.

        Args:
          length: samples of a window.
          signals: reads a piece, [length, C].
          like: what holds for all: name, rate, channels, units, double.
        """
        kind = np.float64 if like["double"] else np.float32
        values = np.empty([len(self.start), length, len(like["channels"])], kind)
        for row in np.lexsort([self.start, self.recording]):
            start = int(self.start[row])
            values[row] = signals(Piece(int(self.recording[row]), start, start + length))
        return WindowSet(values=values, subjects=self.subjects, labels=self.labels, **like)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Cuts:
    """The windows of one split, as places in recordings.

    Attributes:
      name: of the split, for messages.
      outlines: of all recordings, in their order.
      stretches: that are cut, each with a window at least.
      length, stride: see `WindowConfig`.
      double: whether the values stay float64.
    """

    name: str
    outlines: Sequence[Outline]
    stretches: Sequence[Stretch]
    length: int
    stride: int
    double: bool = False

    @functools.cached_property
    def _counts(self):
        """Windows of each stretch."""
        longest = np.array([each.stop - each.start for each in self.stretches])
        return (longest - self.length) // self.stride + 1

    @functools.cached_property
    def _stops(self):
        return np.cumsum(self._counts)

    @functools.cached_property
    def _columns(self):
        """Recordings, starts, subjects and labels of the stretches."""
        return Places(
            np.array([each.recording for each in self.stretches]),
            np.array([each.start for each in self.stretches]),
            np.array([self.outlines[each.recording].subject for each in self.stretches]),
            np.array([each.label for each in self.stretches]),
        )

    @property
    def count(self) -> int:
        """How many windows there are."""
        return int(self._stops[-1])

    @property
    def like(self) -> dict[str, Any]:
        """What holds for all windows, as arguments of a `WindowSet`."""
        first = self.outlines[self.stretches[0].recording]
        alike = {"rate": first.rate, "channels": first.channels, "units": first.units}
        return {"name": self.name, **alike, "double": self.double}

    @property
    def label_names(self) -> set[str]:
        """The labels of the windows; "" where one has none."""
        return {each.label for each in self.stretches}

    def places(self, rows: np.ndarray) -> Places:
        """Where the windows of these numbers lie."""
        stretch = np.searchsorted(self._stops, rows, side="right")
        found = Places(*(column[stretch] for column in self._columns))
        within = rows - (self._stops - self._counts)[stretch]
        return found._replace(start=found.start + within * self.stride)

    def read(self, signals: Callable[[Piece], np.ndarray]) -> WindowSet:
        """All windows, in memory; see `Places.read`."""
        return self.places(np.arange(self.count)).read(self.length, signals, like=self.like)

    def describe(self, checksum: int) -> dict[str, Any]:
        """As `WindowSet.describe`, from the checksum of the values."""
        labels: collections.Counter[str] = collections.Counter()
        for stretch, count in zip(self.stretches, self._counts.tolist(), strict=True):
            labels[stretch.label] += count
        return describe_windows(set(self._columns.subjects.tolist()), labels, checksum=checksum)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """The windows of all splits.

    Attributes:
      splits: "training", "test" and, where it was asked for, "heldout" -> its windows.
      notes: what a person should know of the cutting.
    """

    splits: dict[str, Cuts]
    notes: tuple[str, ...]

    def in_double(self) -> Plan:
        """The same, with windows whose values stay float64."""
        splits = {name: dataclasses.replace(cuts, double=True) for name, cuts in self.splits.items()}
        return Plan(splits=splits, notes=self.notes)


def plan(
    outlines: Sequence[Outline],
    config: WindowConfig,
    *,
    test_subjects: tuple[str, ...] = (),
    labels_asked: bool = False,
) -> Plan:
    """Splits and cuts recordings.

    Args:
      outlines: of the recordings.
      config: how they become windows.
      test_subjects: those that the source sets aside, where the configuration names none.
      labels_asked: whether the user named the labels, so that one without a window is an error.

    Raises:
      InputError: recordings that differ in channels, units or rate; no window; a named label without a window;
        whatever `divide` refuses.
    """
    check_alike(outlines, ["channels", "units", "rate"])
    if test_subjects and not config.test_subjects:
        config = dataclasses.replace(config, test_subjects=test_subjects)
    training, test = divide(outlines, config)
    labelled = _labelled(outlines, config)
    how: dict[str, Any] = {"config": config, "labelled": labelled}
    splits = _of_training(outlines, training, **how)
    splits["test"] = cuts(outlines, test, name="test windows", **how)
    if labels_asked and labelled:
        _check_labels([splits["training"], splits["test"]], outlines, config)
    return Plan(
        splits={name: splits[name] for name in ("training", "test", "heldout") if name in splits},
        notes=(*_by_time(outlines, config), *_left_out(outlines, config.length, labelled)),
    )


class _HasSubject(Protocol):
    @property
    def subject(self) -> str: ...


Recorded = TypeVar("Recorded", bound=_HasSubject)


def wanted(recordings: Sequence[Recorded], config: WindowConfig) -> list[Recorded]:
    """The recordings (or their outlines) of the subjects that are not left away.

    Raises:
      InputError: a subject to leave away that does not exist, or none is left.
    """
    _check_known("exclude_subjects", config.exclude_subjects, recordings)
    found = [recording for recording in recordings if recording.subject not in config.exclude_subjects]
    if not found:
        raise InputError("exclude_subjects leaves nobody", fields=["exclude_subjects"])
    return found


def divide(outlines: Sequence[Outline], config: WindowConfig) -> Division:
    """Splits recordings into training and test ones: by subject, or by time where there is one subject.

    By time, the end of every recording is for testing, or of every labelled span where windows are cut inside those, so
    that each label is on both sides. One window is left out before and after it, so that no sample and no neighbourhood
    is.

    Args:
      outlines: at least one.
      config: which subjects, or what share of them, are never trained on.

    Raises:
      InputError: a test subject that does not exist, or no subject left to train on.
    """
    _check_known("test_subjects", config.test_subjects, outlines)
    subjects = sorted({outline.subject for outline in outlines})
    if len(subjects) == 1 and not config.test_subjects:
        return _divide_by_time(outlines, config)
    test = set(config.test_subjects) or set(subjects[-math.ceil(config.test_fraction * len(subjects)) :])
    if test == set(subjects):
        raise InputError(
            f"nobody is left to train on: all subjects ({', '.join(subjects)}) would be for testing. Lower "
            "test_fraction, name fewer test_subjects, or, with one subject, leave them away to split by time",
            fields=["test_fraction", "test_subjects"],
        )
    pieces = whole(outlines)
    return Division(
        [piece for piece in pieces if outlines[piece.recording].subject not in test],
        [piece for piece in pieces if outlines[piece.recording].subject in test],
    )


def attributes(outlines: Iterable[Outline]) -> dict[str, Mapping[str, str]]:
    """Subject -> attributes, of the subjects of whom some are known."""
    return {outline.subject: outline.attributes for outline in outlines if outline.attributes}


def whole(outlines: Iterable[Outline]) -> list[Piece]:
    """All of every recording."""
    return [Piece(number, 0, outline.length) for number, outline in enumerate(outlines)]


def cuts(
    outlines: Sequence[Outline],
    pieces: Iterable[Piece],
    *,
    config: WindowConfig,
    name: str,
    labelled: bool,
    chosen: Callable[[int], bool] = lambda number: True,
) -> Cuts:
    """The windows of pieces of recordings; what is left of a stretch after its last window is dropped.

    Args:
      outlines: of all recordings.
      pieces: that are cut.
      config: length and stride of the windows.
      name: of the split, for messages.
      labelled: whether to cut inside labelled spans alone.
      chosen: a function of a stretch's number among those of its label that says whether it is cut.

    Raises:
      InputError: nothing is as long as a window.
    """
    found, numbers = [], collections.Counter[str]()
    stretches = list(_stretches(outlines, pieces, labelled))
    for stretch in stretches:
        numbers[stretch.label] += 1
        if chosen(numbers[stretch.label]) and stretch.stop - stretch.start >= config.length:
            found.append(stretch)
    if not found:
        longest = max((each.stop - each.start for each in stretches), default=0)
        raise InputError(
            f"{name}: there are none. The {len(list(pieces))} recordings have at most {longest} samples"
            f"{' under one label' if labelled else ''}, a window needs {config.length}. Lower length, or change the "
            "split",
            fields=["length"],
        )
    return Cuts(name=name, outlines=outlines, stretches=found, length=config.length, stride=config.stride)


def _stretches(outlines, pieces, labelled) -> Iterator[Stretch]:
    """What is cut on its own: labelled spans inside the pieces, or the pieces."""
    for number, start, stop in pieces:
        spans: Iterable[Span] = outlines[number].spans if labelled else [Span(start=start, stop=stop, label="")]
        for span in spans:
            if not labelled or (span.start < stop and span.stop > start):
                yield Stretch(number, max(span.start, start), min(span.stop, stop), span.label)


def _check_known(field, named, recordings):
    subjects = sorted({recording.subject for recording in recordings})
    unknown = sorted(set(named) - set(subjects))
    if unknown:
        raise InputError(f"{field}: no subject {', '.join(unknown)}; there are {', '.join(subjects)}", fields=[field])


def _divide_by_time(outlines, config):
    found = Division([], [])
    stretches = _stretches(outlines, whole(outlines), _labelled(outlines, config))
    for number, of_recording in itertools.groupby(stretches, key=lambda stretch: stretch.recording):
        tested = -config.length
        for stretch in of_recording:
            edge = stretch.stop - int((stretch.stop - stretch.start) * config.test_fraction)
            start = max(stretch.start, tested + config.length)
            found.training.append(Piece(number, start, max(edge - config.length, start)))
            found.test.append(Piece(number, edge, stretch.stop))
            tested = stretch.stop
    return found


def _labelled(outlines, config):
    """Whether windows are cut inside labelled spans."""
    return config.label_policy == "single" and any(outline.spans for outline in outlines)


def _of_training(outlines, pieces, *, config, labelled):
    """Training windows, and where they are asked for the held-out windows of the same subjects."""
    how = {"config": config, "labelled": labelled}
    if not config.heldout_fraction:
        return {"training": cuts(outlines, pieces, name="training windows", **how)}
    every = round(1 / config.heldout_fraction)
    return {
        "heldout": cuts(outlines, pieces, name="held-out windows", chosen=lambda number: number % every == 0, **how),
        "training": cuts(outlines, pieces, name="training windows", chosen=lambda number: number % every > 0, **how),
    }


def _by_time(outlines, config):
    """A note where the split was by time."""
    if config.test_subjects or len({outline.subject for outline in outlines}) > 1:
        return ()
    what = "labelled span" if _labelled(outlines, config) else "recording"
    return (f"one subject: the test windows are the last {config.test_fraction:.0%} of each {what}",)


def _left_out(outlines, length, labelled):
    """A note where stretches are too short for a window, by label."""
    short = collections.Counter(
        label for _, start, stop, label in _stretches(outlines, whole(outlines), labelled) if stop - start < length
    )
    if not short:
        return ()
    what = ", ".join(f"{count} {label}".strip() for label, count in sorted(short.items()))
    return (f"too short for a window, left out: {what}{' spans' if labelled else ' recordings'}",)


def _check_labels(splits, outlines, config):
    """Refuses a label without a window in any of the splits: nothing could be learnt or measured of it."""
    asked = {span.label for outline in outlines for span in outline.spans}
    for split in splits:
        missing = sorted(asked - split.label_names)
        if missing:
            raise InputError(
                f"{split.name}: none of {config.length} samples has the label {', '.join(missing)}. Leave it out of "
                "labels, lower length, or set label_policy to ignore",
                fields=["labels", "length", "label_policy"],
            )
