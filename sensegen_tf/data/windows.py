"""From recordings to windows: the split by subject, cutting, statistics."""

import collections
import dataclasses
import math
import zlib

import numpy as np

from sensegen_tf.data.recording import Sensor, check_alike
from sensegen_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class WindowConfig:
    """How recordings become windows.

    Attributes:
      length: samples in a window, at least 2.
      stride: samples from the start of one window to the start of the next, at least 1.
      label_policy: "single" cuts inside labelled spans, so that a window belongs to one label or is dropped (recordings
        are cut whole where none of them has a label); "ignore" cuts every recording from its start to its end.
      exclude_subjects: subjects that are left away altogether.
      holdout_subjects: subjects that are held out; where empty, the last `holdout_fraction` of the sorted subjects.
      holdout_fraction: share of the subjects (or, with one subject, of the time) that is held out, in (0, 1).
      unseen_fraction: share of the training stretches of each label (every fifth, say) that are not trained on, in
        [0, 0.5]: windows of the training people that the model has not seen.
    """

    length: int
    stride: int
    label_policy: str = "single"
    holdout_subjects: tuple[str, ...] = ()
    holdout_fraction: float = 0.2
    unseen_fraction: float = 0.0
    exclude_subjects: tuple[str, ...] = ()

    def __post_init__(self):
        if self.length < 2:
            raise InputError(f"a window must have at least 2 samples, got {self.length}")
        if self.stride < 1:
            raise InputError(f"the stride must be at least 1 sample, got {self.stride}")
        if not 0 < self.holdout_fraction < 1:
            raise InputError(f"--holdout_fraction must lie between 0 and 1, got {self.holdout_fraction}")
        if not 0 <= self.unseen_fraction <= 0.5:
            raise InputError(f"--unseen_fraction must lie between 0 and 0.5, got {self.unseen_fraction}")


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one split, in memory.

    Attributes:
      values: float32 [N, T, C], in physical units.
      subjects: N strings.
      labels: N strings; "" where there is no label.
    """

    values: np.ndarray
    subjects: np.ndarray
    labels: np.ndarray

    @property
    def count(self):
        """N."""
        return len(self.values)

    @property
    def label_names(self):
        """The labels that occur, sorted; none where no window has one."""
        return label_names(self.labels)

    @property
    def people(self):
        """The subjects that occur, sorted."""
        return tuple(np.unique(self.subjects).tolist())

    def spread(self, count):
        """At most `count` of the windows, evenly spread over all."""
        rows = np.linspace(0, self.count - 1, min(count, self.count)).astype(int)
        return Windows(self.values[rows], self.subjects[rows], self.labels[rows])

    def describe(self):
        """Counts and a checksum, as a dictionary that JSON can hold."""
        names, counts = np.unique(self.labels, return_counts=True)
        return {
            "windows": self.count,
            "subjects": sorted(set(self.subjects.tolist())),
            "labels": dict(zip(names.tolist(), counts.tolist(), strict=True)),
            "checksum": zlib.crc32(self.values.tobytes()),
        }


def label_names(labels):
    """The distinct labels, sorted; none where all are ""."""
    names = tuple(np.unique(labels).tolist())
    return () if names == ("",) else names


def numbered(names, values):
    """The numbers of `values` in the sorted `names`: int32; zeros where there are no names.

    Raises:
      InputError: a value that is no name.
    """
    if not names:
        return np.zeros(len(values), np.int32)
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise InputError(
            f"no training window is labelled {unknown[0] or '(nothing)'}, but a held-out one is; the model can only be "
            f"conditional on {', '.join(names)}: keep to them with --labels, or train a model that is not conditional"
        )
    return np.searchsorted(names, values).astype(np.int32)


@dataclasses.dataclass(frozen=True, eq=False)
class Standardizer:
    """Statistics of the channels in the training split, float32 [C] each.

    Attributes:
      mean, std: in physical units.
      increment: standard deviation of the steps from one sample to the next, standardised.
    """

    mean: np.ndarray
    std: np.ndarray
    increment: np.ndarray

    def to_standard(self, values):
        """Physical [..., C] -> standardised."""
        return (values - self.mean) / self.std

    def to_physical(self, values):
        """Standardised [..., C] -> physical."""
        return values * self.std + self.mean


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """What a model is trained and measured on.

    Attributes:
      rate: Hz.
      channels, units: C strings each.
      sensors: C `Sensor`.
      length: T.
      training, heldout: `Windows` (or `data.pipeline.Shards`) of disjoint subjects or, with one subject, times.
      standardizer: of the training windows.
      terms: licence and citation of the recordings.
      notes: what cutting left out.
      unseen: `Windows` of the training subjects that are not trained on, or None.
      resampled: whether the windows are at another rate than the sensor's, so that they left its grid.
    """

    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...]
    sensors: tuple[Sensor, ...]
    length: int
    training: Windows
    heldout: Windows
    standardizer: Standardizer
    terms: str
    notes: tuple[str, ...] = ()
    resampled: bool = False
    unseen: Windows | None = None

    @property
    def grid(self):
        """The step of the grid on which each channel's values lie, in physical units, 0 where there is none: [C]."""
        steps = [0.0 if self.resampled else sensor.resolution or 0.0 for sensor in self.sensors]
        return np.array(steps, np.float32)

    def splits(self):
        """Name -> windows of the splits that there are."""
        parts = {"training": self.training, "heldout": self.heldout, "unseen": self.unseen}
        return {name: part for name, part in parts.items() if part is not None}

    def describe_channels(self):
        """What holds for both splits, as a dictionary that JSON can hold."""
        return {
            "rate": self.rate,
            "channels": list(self.channels),
            "units": list(self.units),
            "sensors": [dataclasses.asdict(sensor) for sensor in self.sensors],
            "length": self.length,
            "mean": self.standardizer.mean.tolist(),
            "std": self.standardizer.std.tolist(),
            "increment": self.standardizer.increment.tolist(),
            "resampled": self.resampled,
            "terms": self.terms,
        }

    def describe(self):
        """The statistics, as a dictionary that JSON can hold."""
        splits = {name: part.describe() for name, part in self.splits().items()}
        return {**self.describe_channels(), "splits": splits}


def split(recordings, config):
    """Splits recordings into training and held-out ones: by subject, or by time where there is one subject.

    By time, the end of every recording is held out, with a gap of one window before it, so that no sample and no
    neighbourhood is on both sides.

    Args:
      recordings: at least one `Recording`.
      config: a `WindowConfig`.

    Returns:
      Two lists of recordings.

    Raises:
      InputError: a subject to hold out that does not exist, or a side without recordings.
    """
    _check_known("holdout_subjects", config.holdout_subjects, recordings)
    subjects = sorted({recording.subject for recording in recordings})
    if len(subjects) == 1 and not config.holdout_subjects:
        return _split_by_time(recordings, config)
    held_out = set(config.holdout_subjects) or set(subjects[-math.ceil(config.holdout_fraction * len(subjects)) :])
    if held_out == set(subjects):
        raise InputError(
            f"nobody is left to train on: all subjects ({', '.join(subjects)}) would be held out. Lower "
            "--holdout_fraction, name fewer --holdout_subjects, or, with one subject, leave them away to split by time"
        )
    training = [recording for recording in recordings if recording.subject not in held_out]
    return training, [recording for recording in recordings if recording.subject in held_out]


def _wanted(recordings, config):
    """The recordings of those who are not left away."""
    _check_known("exclude_subjects", config.exclude_subjects, recordings)
    wanted = [recording for recording in recordings if recording.subject not in config.exclude_subjects]
    if not wanted:
        raise InputError("--exclude_subjects leaves nobody")
    return wanted


def _check_known(flag, named, recordings):
    subjects = sorted({recording.subject for recording in recordings})
    unknown = sorted(set(named) - set(subjects))
    if unknown:
        raise InputError(f"--{flag}: no subject {', '.join(unknown)}; there are {', '.join(subjects)}")


def _split_by_time(recordings, config):
    training, held_out = [], []
    for recording in recordings:
        length = len(recording.signals)
        start = length - int(length * config.holdout_fraction)
        training.append(recording.slice(0, max(start - config.length, 0)))
        held_out.append(recording.slice(start, length))
    return training, held_out


def cut(recordings, config, name, labelled, chosen=lambda number: True):
    """Cuts recordings into windows; a rest shorter than a window is dropped.

    Args:
      recordings: a list of `Recording` with the same channels.
      config: a `WindowConfig`.
      name: of the split, for messages.
      labelled: whether to cut inside labelled spans alone.
      chosen: a function of a stretch's number among those of its label that says whether it is cut.

    Returns:
      `Windows`.

    Raises:
      InputError: nothing is as long as a window.
    """
    values, subjects, labels, numbers = [], [], [], collections.Counter()
    for recording in recordings:
        for start, stop, label in _stretches(recording, labelled):
            numbers[label] += 1
            if not chosen(numbers[label]):
                continue
            for first in range(start, stop - config.length + 1, config.stride):
                values.append(recording.signals[first : first + config.length])
                subjects.append(recording.subject)
                labels.append(label)
    if not values:
        raise InputError(_no_window(recordings, config, name, labelled))
    return Windows(np.stack(values), np.array(subjects), np.array(labels))


def _stretches(recording, labelled):
    """(start, stop, label) of what is cut on its own."""
    if labelled:
        return [(span.start, span.stop, span.label) for span in recording.spans]
    return [(0, len(recording.signals), "")]


def _no_window(recordings, config, name, labelled):
    stretches = [stretch for recording in recordings for stretch in _stretches(recording, labelled)]
    longest = max((stop - start for start, stop, _ in stretches), default=0)
    return (
        f"no window in the {name} split: its {len(recordings)} recordings have at most {longest} samples"
        f"{' under one label' if labelled else ''}, a window needs {config.length}. Take shorter windows, or change "
        "the split"
    )


def _left_out(recordings, length, labelled):
    """A note where stretches are too short for a window, by label."""
    short = collections.Counter(
        label
        for recording in recordings
        for start, stop, label in _stretches(recording, labelled)
        if stop - start < length
    )
    if not short:
        return ()
    what = ", ".join(f"{count} {label}".strip() for label, count in sorted(short.items()))
    return (f"too short for a window, left out: {what}{' spans' if labelled else ' recordings'}",)


def _measure(windows, channels):
    """The `Standardizer` of training windows; refuses a channel that never changes."""
    flat = windows.values.reshape(-1, windows.values.shape[-1])
    for channel, low, high in zip(channels, flat.min(0), flat.max(0), strict=True):
        if low == high:
            raise InputError(
                f"channel {channel} is constant at {low:g} in the training windows; leave it out with --channels"
            )
    mean, std = flat.mean(0, dtype=np.float64), flat.std(0, dtype=np.float64)
    increment = np.diff(windows.values, axis=1).std((0, 1), dtype=np.float64) / std
    return Standardizer(*(each.astype(np.float32) for each in (mean, std, increment)))


def _check_labels(windows, recordings, config):
    """Refuses a label without a window, in either split: nothing could be learnt or measured of it."""
    wanted = {span.label for recording in recordings for span in recording.spans}
    for name, part in windows.items():
        missing = sorted(wanted - set(part.labels.tolist()))
        if missing:
            raise InputError(
                f"no window of {config.length} samples in the {name} split is labelled {', '.join(missing)}. Name the "
                "others with --labels, take shorter windows, or give --label_policy=ignore"
            )


def prepare(collection, config, labels_asked=False):
    """Splits, cuts and measures recordings.

    Args:
      collection: a `Collection`.
      config: a `WindowConfig`.
      labels_asked: whether the user named the labels, so that one without a window is an error.

    Returns:
      A `Dataset`.

    Raises:
      InputError: recordings that differ in channels, units or rate; no window; a constant channel; a named label
        without a window; a subject to leave away that does not exist; whatever `split` refuses.
    """
    recordings = _wanted(collection.recordings, config)
    check_alike(recordings, "channels", "units", "rate")
    if collection.holdout_subjects and not config.holdout_subjects:
        config = dataclasses.replace(config, holdout_subjects=collection.holdout_subjects)
    training, heldout = split(recordings, config)
    labelled = config.label_policy == "single" and any(recording.spans for recording in recordings)
    unseen = None
    if config.unseen_fraction:
        every = round(1 / config.unseen_fraction)
        unseen = cut(training, config, "unseen", labelled, lambda number: number % every == 0)
        training = cut(training, config, "training", labelled, lambda number: number % every > 0)
    else:
        training = cut(training, config, "training", labelled)
    heldout = cut(heldout, config, "held-out", labelled)
    if labels_asked and labelled:
        _check_labels({"training": training, "held-out": heldout}, recordings, config)
    first = recordings[0]
    standardizer = _measure(training, first.channels)
    return Dataset(
        first.rate,
        first.channels,
        first.units,
        collection.sensors or (Sensor(),) * len(first.channels),
        config.length,
        training,
        heldout,
        standardizer,
        collection.terms,
        _left_out(recordings, config.length, labelled),
        collection.resampled,
        unseen,
    )
