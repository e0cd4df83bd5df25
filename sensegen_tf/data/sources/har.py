"""The Human Activity Recognition database: its raw recordings (UCI set 341, "HAPT") and its windowed release (UCI 240).

Reyes-Ortiz, Oneto, Sama, Parra and Anguita, "Transition-aware human activity recognition using smartphones",
Neurocomputing 2016; Anguita et al., "A public domain dataset for human activity recognition using smartphones", 2013.
A smartphone on the waist of 30 people, 50 Hz: acceleration in g with gravity, angular velocity in rad/s.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Sequence

import numpy as np

from sensegen_tf.data.readers import Read, Readers
from sensegen_tf.data.recording import Collection, Recording, Span
from sensegen_tf.errors import InputError
from sensegen_tf.files import files_in

_RATE = 50.0
_TERMS = "UCI Machine Learning Repository; cite Reyes-Ortiz et al. 2016 and Anguita et al. 2013; no commercial use"
_HAPT_FILES = {"ax": "acc", "ay": "acc", "az": "acc", "wx": "gyro", "wy": "gyro", "wz": "gyro"}
_HAPT_UNITS = {"acc": "g", "gyro": "rad/s"}
_ACTIVITIES = (
    "walking",
    "walking upstairs",
    "walking downstairs",
    "sitting",
    "standing",
    "lying",
    "stand to sit",
    "sit to stand",
    "sit to lie",
    "lie to sit",
    "stand to lie",
    "lie to stand",
)
BASIC_ACTIVITIES = _ACTIVITIES[:6]
_UCI_HAR_UNITS = {"total_acc": "g", "body_acc": "g", "body_gyro": "rad/s"}


def _missing(path, what):
    return InputError(
        f"{path} is missing: data_dir must be the folder of {what}. `python -m sensegen_tf.data download` fetches it",
        fields=["data_dir"],
    )


def read_numbers(path: str, columns: int | None = None) -> np.ndarray:
    """A text file of numbers separated by spaces, as float64 [rows, columns].

    Args:
      path: the file.
      columns: how many columns it must have; None for any.

    Raises:
      InputError: no such file, an empty one, a row with another number of columns, or text in numbers; with the line.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text file: {error}") from error
    rows = [line.split() for line in lines]
    if not any(rows):
        raise InputError(f"{path} is empty")
    columns = columns or len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != columns:
            raise InputError(f"{path}, line {number}: {len(row)} columns, expected {columns}")
    try:
        return np.array(rows, np.float64)
    except ValueError:
        number, column, text = next(
            (number, column, text)
            for number, row in enumerate(rows, 1)
            for column, text in enumerate(row, 1)
            if not _is_number(text)
        )
        raise InputError(f"{path}, line {number}, column {column}: {text!r} is not a number") from None


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def hapt(data_dir: str | os.PathLike[str], channels: Sequence[str] = (), *, labels: Sequence[str] = ()) -> Readers:
    """The raw recordings: one an experiment.

    Args:
      data_dir: holds `RawData/` with `acc_expEE_userUU.txt`, `gyro_expEE_userUU.txt` and `labels.txt`.
      channels: of ax, ay, az, wx, wy, wz; empty for all. Files of a sensor that is not asked for need not be there.
      labels: the activities to label; empty for the six basic ones, without the postural transitions.

    Returns:
      Recordings with spans of the activities.

    Raises:
      InputError: a missing folder or file, an unknown channel or activity, a broken line, or sensors of unequal length.
    """
    folder = os.path.join(data_dir, "RawData")
    if not os.path.isdir(folder):
        raise _missing(folder, "the HAPT set (UCI 341), which holds RawData/")
    channels = tuple(channels) or tuple(_HAPT_FILES)
    unknown = [name for name in channels if name not in _HAPT_FILES]
    if unknown:
        raise InputError(f"hapt has no channel named {', '.join(unknown)}; it has {', '.join(_HAPT_FILES)}")
    spans = _hapt_spans(os.path.join(folder, "labels.txt"), set(labels or BASIC_ACTIVITIES))
    sensors = list(dict.fromkeys(_HAPT_FILES[name] for name in channels))
    readers = []
    for path in files_in(folder, f"{sensors[0]}_exp*_user*.txt"):
        named = re.search(r"_exp(\d+)_user(\d+)\.txt$", path)
        if named is None:
            raise InputError(f"{path}: expected a name such as {sensors[0]}_exp01_user01.txt; move it away")
        experiment, user = named.groups()
        found = spans.get((int(experiment), int(user)), ())
        readers.append(functools.partial(_read_hapt, folder, sensors, channels, experiment, user, found))
    if not readers:
        raise _missing(os.path.join(folder, f"{sensors[0]}_exp*_user*.txt"), "the HAPT set (UCI 341)")
    return Readers(readers=readers, terms=_TERMS)


def _read_hapt(folder, sensors, channels, experiment, user, spans):
    columns, length = {}, None
    for sensor in sensors:
        path = os.path.join(folder, f"{sensor}_exp{experiment}_user{user}.txt")
        values = read_numbers(path, 3)
        if length not in (None, len(values)):
            raise InputError(f"{path} has {len(values)} samples, but its {sensors[0]} file has {length}")
        length = len(values)
        names = [name for name, of_sensor in _HAPT_FILES.items() if of_sensor == sensor]
        columns.update(zip(names, values.T, strict=True))
    if spans and spans[-1].stop > length:
        raise InputError(
            f"{os.path.join(folder, 'labels.txt')}: experiment {int(experiment)} is labelled up to sample "
            f"{spans[-1].stop}, but {sensors[0]}_exp{experiment}_user{user}.txt has {length}"
        )
    recording = Recording(
        name=f"hapt experiment {experiment} of user {user}",
        signals=np.stack([columns[name] for name in channels], -1),
        rate=_RATE,
        channels=channels,
        units=tuple(_HAPT_UNITS[_HAPT_FILES[name]] for name in channels),
        subject=user,
        spans=spans,
    )
    return Read([recording])


def _hapt_spans(path, wanted):
    """(experiment, user) -> spans in order of time, of the wanted activities."""
    unknown = sorted(wanted - set(_ACTIVITIES))
    if unknown:
        raise InputError(f"hapt has no activity named {', '.join(unknown)}; it has {', '.join(_ACTIVITIES)}")
    if not os.path.exists(path):
        raise _missing(path, "the HAPT set (UCI 341)")
    spans = {}
    for number, row in enumerate(read_numbers(path, 5).astype(int).tolist(), 1):
        experiment, user, activity, first, last = row
        if not (1 <= activity <= len(_ACTIVITIES) and 1 <= first <= last):
            raise InputError(
                f"{path}, line {number}: {row} is no experiment, user, activity (1 to 12), first, last sample"
            )
        label = _ACTIVITIES[activity - 1]
        if label in wanted:
            # First and last sample are counted from 1 and both belong to the activity.
            spans.setdefault((experiment, user), []).append(Span(start=first - 1, stop=last, label=label))
    return {key: tuple(sorted(value, key=lambda span: span.start)) for key, value in spans.items()}


def uci_har(data_dir: str | os.PathLike[str], channels: Sequence[str] = ()) -> Collection:
    """The windowed release: windows of 128 samples with the published split of the subjects.

    Args:
      data_dir: holds `train/` and `test/`, each with `Inertial Signals/`, `y_*.txt` and `subject_*.txt`.
      channels: of total_acc_x to body_gyro_z; empty for all nine.

    Returns:
      A recording a window; the test subjects are those of `test/`.

    Raises:
      InputError: a missing folder or file, an unknown channel, a broken line, or files of unequal length.
    """
    names = [f"{sensor}_{axis}" for sensor in _UCI_HAR_UNITS for axis in "xyz"]
    channels = tuple(channels) or tuple(names)
    unknown = [name for name in channels if name not in names]
    if unknown:
        raise InputError(f"uci_har has no channel named {', '.join(unknown)}; it has {', '.join(names)}")
    training, test = (_uci_har_part(os.path.join(data_dir, part), part, channels) for part in ("train", "test"))
    test_subjects = {recording.subject for recording in test} - {recording.subject for recording in training}
    return Collection(recordings=training + test, terms=_TERMS, test_subjects=tuple(sorted(test_subjects)))


def _uci_har_part(folder, part, channels):
    """The recordings of `train/` or `test/`."""
    if not os.path.isdir(folder):
        raise _missing(folder, "the UCI HAR set (UCI 240), which holds train/ and test/")
    subjects = read_numbers(os.path.join(folder, f"subject_{part}.txt"), 1)[:, 0].astype(int)
    activities = read_numbers(os.path.join(folder, f"y_{part}.txt"), 1)[:, 0].astype(int)
    signals = []
    for channel in channels:
        path = os.path.join(folder, "Inertial Signals", f"{channel}_{part}.txt")
        signals.append(read_numbers(path, 128))
        if len(signals[-1]) != len(subjects):
            raise InputError(f"{path} has {len(signals[-1])} windows, but subject_{part}.txt has {len(subjects)}")
    if len(activities) != len(subjects):
        raise InputError(f"{folder}: y_{part}.txt has {len(activities)} lines, subject_{part}.txt {len(subjects)}")
    wrong = np.flatnonzero((activities < 1) | (activities > len(BASIC_ACTIVITIES)))
    if len(wrong):
        path = os.path.join(folder, f"y_{part}.txt")
        raise InputError(f"{path}, line {wrong[0] + 1}: {activities[wrong[0]]} is no activity from 1 to 6")
    return [
        Recording(
            name=f"{part} window {row}",
            signals=values,
            rate=_RATE,
            channels=channels,
            units=tuple(_UCI_HAR_UNITS[name[:-2]] for name in channels),
            subject=f"{subjects[row]:02d}",
            spans=(Span(start=0, stop=len(values), label=_ACTIVITIES[activities[row] - 1]),),
        )
        for row, values in enumerate(np.stack(signals, -1))
    ]
