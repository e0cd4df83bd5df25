"""From recordings to a dataset: the split by subject, and the cutting into windows."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.recording import Collection, Recording, Sensor, check_alike
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import WindowConfig, WindowSet
from sensegen_tf.errors import InputError


def prepare(
    collection: Collection,
    config: WindowConfig,
    *,
    labels_asked: bool = False,
    standardizer: Standardizer | None = None,
) -> Dataset:
    """Splits, cuts and measures recordings.

    Args:
      collection: the recordings.
      config: how they become windows.
      labels_asked: whether the user named the labels, so that one without a window is an error.
      standardizer: statistics and sensors that are known without these recordings; None to measure them.

    Raises:
      InputError: recordings that differ in channels, units or rate; no window; a constant channel; a named label
        without a window; a subject to leave away that does not exist; whatever `split` refuses.
    """
    recordings = _wanted(collection.recordings, config)
    check_alike(recordings, ["channels", "units", "rate"])
    if collection.test_subjects and not config.test_subjects:
        config = dataclasses.replace(config, test_subjects=collection.test_subjects)
    training_recordings, test_recordings = split(recordings, config)
    labelled = _labelled(recordings, config)
    training, heldout = _cut_training(training_recordings, config, labelled)
    test = cut(test_recordings, config, name="test windows", labelled=labelled)
    if labels_asked and labelled:
        _check_labels([training, test], recordings, config)
    measured = standardizer is None
    sensors = collection.sensors or (Sensor(),) * len(training.channels)
    if standardizer is None:
        standardizer = Standardizer.measure(training, sensors, resampled=collection.resampled)
    return Dataset(
        training=training,
        test=test,
        heldout=heldout,
        standardizer=standardizer,
        sensors=sensors if measured else standardizer.sensors,
        terms=collection.terms,
        notes=(*_by_time(recordings, config), *_left_out(recordings, config.length, labelled)),
        resampled=collection.resampled,
        measured=measured,
    )


def split(recordings: Sequence[Recording], config: WindowConfig) -> tuple[list[Recording], list[Recording]]:
    """Splits recordings into training and test ones: by subject, or by time where there is one subject.

    By time, the end of every recording is for testing, or of every labelled span where windows are cut inside those, so
    that each label is on both sides. One window is left out before and after it, so that no sample and no neighbourhood
    is.

    Args:
      recordings: at least one.
      config: which subjects, or what share of them, are never trained on.

    Returns:
      The recordings for training, and those for testing.

    Raises:
      InputError: a test subject that does not exist, or no subject left to train on.
    """
    _check_known("test_subjects", config.test_subjects, recordings)
    subjects = sorted({recording.subject for recording in recordings})
    if len(subjects) == 1 and not config.test_subjects:
        return _split_by_time(recordings, config)
    test = set(config.test_subjects) or set(subjects[-math.ceil(config.test_fraction * len(subjects)) :])
    if test == set(subjects):
        raise InputError(
            f"nobody is left to train on: all subjects ({', '.join(subjects)}) would be for testing. Lower "
            "test_fraction, name fewer test_subjects, or, with one subject, leave them away to split by time",
            fields=["test_fraction", "test_subjects"],
        )
    training = [recording for recording in recordings if recording.subject not in test]
    return training, [recording for recording in recordings if recording.subject in test]


def cut(
    recordings: Sequence[Recording],
    config: WindowConfig,
    *,
    name: str,
    labelled: bool,
    chosen: Callable[[int], bool] = lambda number: True,
) -> WindowSet:
    """Cuts recordings into windows; what is left of a stretch after its last window is dropped.

    Args:
      recordings: with the same channels, units and rate.
      config: length and stride of the windows.
      name: of the set, for messages.
      labelled: whether to cut inside labelled spans alone.
      chosen: a function of a stretch's number among those of its label that says whether it is cut.

    Raises:
      InputError: nothing is as long as a window.
    """
    values, subjects, labels = [], [], []
    numbers: collections.Counter[str] = collections.Counter()
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
        raise InputError(_no_window(recordings, config, name, labelled), fields=["length"])
    return WindowSet(
        values=np.stack(values),
        name=name,
        rate=recordings[0].rate,
        channels=recordings[0].channels,
        units=recordings[0].units,
        subjects=np.array(subjects),
        labels=np.array(labels),
    )


def _wanted(recordings, config):
    """The recordings of the subjects that are not left away."""
    _check_known("exclude_subjects", config.exclude_subjects, recordings)
    wanted = [recording for recording in recordings if recording.subject not in config.exclude_subjects]
    if not wanted:
        raise InputError("exclude_subjects leaves nobody", fields=["exclude_subjects"])
    return wanted


def _check_known(field, named, recordings):
    subjects = sorted({recording.subject for recording in recordings})
    unknown = sorted(set(named) - set(subjects))
    if unknown:
        raise InputError(f"{field}: no subject {', '.join(unknown)}; there are {', '.join(subjects)}", fields=[field])


def _split_by_time(recordings, config):
    training, test = [], []
    labelled = _labelled(recordings, config)
    for recording in recordings:
        tested = -config.length
        for start, stop, _ in _stretches(recording, labelled):
            edge, start = stop - int((stop - start) * config.test_fraction), max(start, tested + config.length)
            training.append(recording.slice(start, max(edge - config.length, start)))
            test.append(recording.slice(edge, stop))
            tested = stop
    return training, test


def _by_time(recordings, config):
    """A note where the split was by time."""
    if config.test_subjects or len({recording.subject for recording in recordings}) > 1:
        return ()
    what = "labelled span" if _labelled(recordings, config) else "recording"
    return (f"one subject: the test windows are the last {config.test_fraction:.0%} of each {what}",)


def _cut_training(recordings, config, labelled):
    """Training windows, and the held-out windows of the same subjects or None."""
    if not config.heldout_fraction:
        return cut(recordings, config, name="training windows", labelled=labelled), None
    every = round(1 / config.heldout_fraction)
    heldout = cut(
        recordings, config, name="held-out windows", labelled=labelled, chosen=lambda number: number % every == 0
    )
    training = cut(
        recordings, config, name="training windows", labelled=labelled, chosen=lambda number: number % every > 0
    )
    return training, heldout


def _labelled(recordings, config):
    """Whether windows are cut inside labelled spans."""
    return config.label_policy == "single" and any(recording.spans for recording in recordings)


def _stretches(recording, labelled):
    """(start, stop, label) of what is cut on its own."""
    if labelled:
        return [(span.start, span.stop, span.label) for span in recording.spans]
    return [(0, len(recording.signals), "")]


def _no_window(recordings, config, name, labelled):
    stretches = [stretch for recording in recordings for stretch in _stretches(recording, labelled)]
    longest = max((stop - start for start, stop, _ in stretches), default=0)
    return (
        f"{name}: there are none. The {len(recordings)} recordings have at most {longest} samples"
        f"{' under one label' if labelled else ''}, a window needs {config.length}. Lower length, or change the split"
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


def _check_labels(sets, recordings, config):
    """Refuses a label without a window in any of the sets: nothing could be learnt or measured of it."""
    wanted = {span.label for recording in recordings for span in recording.spans}
    for windows in sets:
        missing = sorted(wanted - set(windows.label_names))
        if missing:
            raise InputError(
                f"{windows.name}: none of {config.length} samples has the label {', '.join(missing)}. Leave it out of "
                "labels, lower length, or set label_policy to ignore",
                fields=["labels", "length", "label_policy"],
            )
