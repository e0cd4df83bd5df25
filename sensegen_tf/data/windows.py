"""From recordings to standardised windows: the split by subject, cutting, statistics, minibatches."""

import dataclasses
import math
import zlib

import numpy as np
import tensorflow as tf

from sensegen_tf.data.recording import Span
from sensegen_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class WindowConfig:
    """How recordings become windows.

    Attributes:
      length: samples in a window, at least 2.
      stride: samples from the start of one window to the start of the next, at least 1.
      holdout_subjects: subjects that are held out; where empty, the last `holdout_fraction` of the sorted subjects.
      holdout_fraction: share of the subjects (or, with one subject, of the time) that is held out, in (0, 1).
    """

    length: int
    stride: int
    holdout_subjects: tuple[str, ...] = ()
    holdout_fraction: float = 0.2

    def __post_init__(self):
        if self.length < 2:
            raise InputError(f"a window must have at least 2 samples, got --window_length={self.length}")
        if self.stride < 1:
            raise InputError(f"the stride must be at least 1 sample, got --stride={self.stride}")
        if not 0 < self.holdout_fraction < 1:
            raise InputError(f"--holdout_fraction must lie between 0 and 1, got {self.holdout_fraction}")


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one split.

    Attributes:
      values: float32 [N, T, C], in physical units.
      subjects: N strings.
      labels: N strings; "" where no labelled span covers the whole window.
    """

    values: np.ndarray
    subjects: np.ndarray
    labels: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Standardizer:
    """Channel means and standard deviations of the training split, in physical units; float32 [C] each."""

    mean: np.ndarray
    std: np.ndarray

    def to_standard(self, values):
        """Physical [..., C] -> standardised."""
        return (values - self.mean) / self.std

    def to_physical(self, values):
        """Standardised [..., C] -> physical."""
        return values * self.std + self.mean


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
    subjects = sorted({recording.subject for recording in recordings})
    unknown = sorted(set(config.holdout_subjects) - set(subjects))
    if unknown:
        raise InputError(f"--holdout_subjects: no subject {', '.join(unknown)}; there are {', '.join(subjects)}")
    if len(subjects) == 1 and not config.holdout_subjects:
        return _split_by_time(recordings, config)
    held_out = set(config.holdout_subjects) or set(subjects[-math.ceil(config.holdout_fraction * len(subjects)) :])
    if held_out == set(subjects):
        raise InputError(
            f"all {len(subjects)} subjects would be held out and none left to train on; lower --holdout_fraction "
            "or name fewer --holdout_subjects"
        )
    training = [recording for recording in recordings if recording.subject not in held_out]
    return training, [recording for recording in recordings if recording.subject in held_out]


def _split_by_time(recordings, config):
    training, held_out = [], []
    for recording in recordings:
        length = len(recording.signals)
        start = length - int(length * config.holdout_fraction)
        training.append(_slice(recording, 0, max(start - config.length, 0)))
        held_out.append(_slice(recording, start, length))
    return training, held_out


def _slice(recording, start, stop):
    spans = [
        Span(max(span.start, start) - start, min(span.stop, stop) - start, span.label)
        for span in recording.spans
        if span.start < stop and span.stop > start
    ]
    return dataclasses.replace(recording, signals=recording.signals[start:stop], spans=tuple(spans))


def cut(recordings, config, name):
    """Cuts recordings into windows; a rest shorter than a window is dropped.

    Args:
      recordings: a list of `Recording` with the same channels.
      config: a `WindowConfig`.
      name: of the split, for messages.

    Returns:
      `Windows`.

    Raises:
      InputError: no recording is as long as a window.
    """
    values, subjects, labels = [], [], []
    for recording in recordings:
        for start in range(0, len(recording.signals) - config.length + 1, config.stride):
            stop = start + config.length
            values.append(recording.signals[start:stop])
            subjects.append(recording.subject)
            covering = [span.label for span in recording.spans if span.start <= start and stop <= span.stop]
            labels.append(covering[0] if covering else "")
    if not values:
        longest = max((len(recording.signals) for recording in recordings), default=0)
        raise InputError(
            f"no window in the {name} split: its {len(recordings)} recordings have at most {longest} samples, a window "
            f"needs {config.length}; lower --window_length, or change the split"
        )
    return Windows(np.stack(values), np.array(subjects), np.array(labels))


def standardizer(windows, channels):
    """The statistics of the training windows.

    Args:
      windows: training `Windows`.
      channels: C names, for messages.

    Returns:
      A `Standardizer`.

    Raises:
      InputError: a channel that never changes.
    """
    flat = windows.values.reshape(-1, windows.values.shape[-1]).astype(np.float64)
    mean, std = flat.mean(0), flat.std(0)
    for channel, low, high in zip(channels, flat.min(0), flat.max(0), strict=True):
        if low == high:
            raise InputError(
                f"channel {channel} is constant at {low:g} in the training windows; leave it out with --channels"
            )
    return Standardizer(mean.astype(np.float32), std.astype(np.float32))


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """What a model is trained and measured on.

    Attributes:
      rate: Hz.
      channels, units: C strings each.
      training, heldout: `Windows` of disjoint subjects (or, with one subject, of disjoint times).
      standardizer: of the training windows.
    """

    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...]
    training: Windows
    heldout: Windows
    standardizer: Standardizer

    def describe(self):
        """The statistics, as a dictionary that JSON can hold."""
        splits = {"training": self.training, "heldout": self.heldout}
        return {
            "rate": self.rate,
            "channels": list(self.channels),
            "units": list(self.units),
            "windows": {name: len(split.values) for name, split in splits.items()},
            "subjects": {name: sorted(set(split.subjects.tolist())) for name, split in splits.items()},
            "mean": self.standardizer.mean.tolist(),
            "std": self.standardizer.std.tolist(),
            "checksum": {name: zlib.crc32(split.values.tobytes()) for name, split in splits.items()},
        }


def prepare(recordings, config):
    """Splits, cuts and measures recordings.

    Args:
      recordings: a list of `Recording` of the same channels and rate.
      config: a `WindowConfig`.

    Returns:
      A `Dataset`.

    Raises:
      InputError: recordings that differ in channels, units or rate, and whatever `split`, `cut` and `standardizer`
        refuse.
    """
    first = recordings[0]
    for recording in recordings[1:]:
        for what in ("rate", "channels", "units"):
            if getattr(recording, what) != getattr(first, what):
                raise InputError(
                    f"{recording.name} has {what} {getattr(recording, what)}, "
                    f"but {first.name} has {getattr(first, what)}; choose --channels that all have, or --resample_hz"
                )
    training, heldout = split(recordings, config)
    training, heldout = cut(training, config, "training"), cut(heldout, config, "held-out")
    statistics = standardizer(training, first.channels)
    return Dataset(first.rate, first.channels, first.units, training, heldout, statistics)


def minibatches(values, batch_size, seed, first):
    """Shuffled minibatches without end, as a pure function of the seed and the minibatch's number.

    Every epoch visits every window once, in an order of its own; a minibatch may reach into the next epoch.

    Args:
      values: float32 [N, T, C].
      batch_size: B.
      seed: two integers.
      first: number of the first minibatch, so that a run can go on where it stopped.

    Returns:
      A `tf.data.Dataset` of float32 [B, T, C].
    """
    values = tf.constant(values)
    count = tf.shape(values, tf.int64)[0]

    def minibatch(number):
        position = number * batch_size + tf.range(batch_size, dtype=tf.int64)  # [B]
        epoch = position // count
        seeds = tf.stack([tf.fill([batch_size], tf.constant(s, tf.int64)) for s in seed] + [epoch], -1)  # [B, 3]
        # The raw op, since tf.random.experimental.index_shuffle pads a batch of seeds on the wrong axis.
        rows = tf.raw_ops.RandomIndexShuffle(index=position % count, seed=seeds, max_index=count - 1, rounds=4)
        return tf.ensure_shape(tf.gather(values, rows), [batch_size, *values.shape[1:]])

    return tf.data.Dataset.counter(first).map(minibatch).prefetch(2)
