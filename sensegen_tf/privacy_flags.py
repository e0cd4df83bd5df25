"""The flags of `train` that ask for a guarantee, and what they say of the recordings in place of measuring them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from sensegen_tf import commands
from sensegen_tf.errors import InputError

if TYPE_CHECKING:
    from sensegen_tf.data.dataset import Dataset
    from sensegen_tf.data.standardize import Standardizer
    from sensegen_tf.training.privacy import PrivacyConfig

FLAGS = flags.FLAGS

_ALL = (
    "epsilon",
    "delta",
    "clip_norm",
    "subjects_per_step",
    "windows_per_subject",
    "physical_range",
    "standardize_by",
)
# Of a channel of which the range alone is known: its standard deviation in parts of the range, and that of its
# increments in standard deviations.
_STD_OF_RANGE, _INCREMENT = 1 / 8, 0.1


def define() -> None:
    """Defines the flags; a command calls it once."""
    with commands.topic("A guarantee for each subject (extra `privacy`)"):
        flags.DEFINE_enum(
            "privacy",
            "none",
            ["none", "subject", "window"],
            "differential privacy of the weights: subject, for all that one subject gave; window, for one window "
            "alone, which protects no person",
        )
        flags.DEFINE_float("epsilon", 8.0, "of the guarantee, above 0", lower_bound=1e-6)
        flags.DEFINE_float("delta", 1e-5, "of the guarantee, well below 1 / subjects", lower_bound=1e-15)
        flags.DEFINE_float("clip_norm", 0.5, "largest norm of a subject's gradient", lower_bound=1e-9)
        flags.DEFINE_integer("subjects_per_step", 256, "subjects that a step expects", lower_bound=1)
        flags.DEFINE_integer("windows_per_subject", 1, "windows of a subject that a step takes", lower_bound=1)
        flags.DEFINE_list(
            "physical_range",
            [],
            "LOW:HIGH of the sensor in physical units, for each channel or for all; values outside are clipped. "
            "Without --standardize_by the values are standardised by it",
        )
        flags.DEFINE_list(
            "standardize_by",
            [],
            "MEAN:STD:INCREMENT, known without the recordings, for each channel or for all; INCREMENT is the standard "
            "deviation of the differences of one sample and the next, in units of STD",
        )
    commands.only_with(_ALL, lambda given: given.privacy != "none", what="--privacy=subject or window")
    commands.only_without(
        ["physical_range", "standardize_by"],
        lambda given: bool(given.initial_run),
        what="--initial_run, whose standardisation is taken",
    )


def config() -> PrivacyConfig | None:
    """The guarantee that the flags ask for."""
    if FLAGS.privacy == "none":
        return None
    from sensegen_tf.training.privacy import PrivacyConfig

    return commands.from_flags(PrivacyConfig, unit=FLAGS.privacy)


def apply(dataset: Dataset) -> Dataset:
    """The dataset as a training with a guarantee may see it: standardised by what the flags say, not as measured.

    Raises:
      InputError: the flags do not say it, or not in numbers that can be.
    """
    if FLAGS.privacy == "none":
        return dataset
    known = _of_initial_run() if FLAGS.initial_run else _of_flags(len(dataset.channels))
    low, high = ([getattr(sensor, name) for sensor in known.sensors] for name in ("low", "high"))
    clipped = {name: _clip(windows, low, high) for name, windows in dataset.splits().items()}
    return dataclasses.replace(dataset, **clipped, standardizer=known, sensors=known.sensors, measured=False)


def _of_initial_run():
    """The standardisation of the run from which the training starts: its weights know no other."""
    from sensegen_tf.data.standardize import Standardizer
    from sensegen_tf.training.record import read_run

    return Standardizer.from_description(read_run(FLAGS.initial_run).data)


def _of_flags(channels) -> Standardizer:
    from sensegen_tf.data.recording import Sensor
    from sensegen_tf.data.standardize import Standardizer

    if not (FLAGS.physical_range or FLAGS.standardize_by):
        raise InputError(
            "a guarantee does not cover what is measured on the recordings to standardise them; give physical_range or "
            "standardize_by, or start from a run on public recordings with initial_run",
            fields=["physical_range", "standardize_by", "initial_run"],
        )
    sensors = (Sensor(),) * channels
    if FLAGS.physical_range:
        ranges = _numbers("physical_range", 2, channels)
        if (ranges[:, 0] >= ranges[:, 1]).any():
            raise InputError("physical_range must be LOW:HIGH with LOW below HIGH", fields=["physical_range"])
        sensors = tuple(Sensor(low=low, high=high) for low, high in ranges.tolist())
        mean, std = ranges.mean(1), (ranges[:, 1] - ranges[:, 0]) * _STD_OF_RANGE
        increment = np.full(channels, _INCREMENT)
    if FLAGS.standardize_by:
        mean, std, increment = _numbers("standardize_by", 3, channels).T
        if not (std > 0).all() or not (increment > 0).all():
            raise InputError(
                "standardize_by must be MEAN:STD:INCREMENT, the last two above 0", fields=["standardize_by"]
            )
    return Standardizer(mean=mean, std=std, increment=increment, sensors=sensors)


def _numbers(name, size, channels):
    """The numbers of a list flag, [channels, size]."""
    entries, shape = FLAGS[name].value, ":".join(["NUMBER"] * size)
    try:
        found = np.array([[float(number) for number in entry.split(":")] for entry in entries])
    except ValueError:
        found = np.zeros([0])
    if found.shape not in ((1, size), (channels, size)) or not np.isfinite(found).all():
        raise InputError(
            f"{name} must be {shape}, once or for each of the {channels} channels, got {','.join(entries)}",
            fields=[name],
        )
    return np.broadcast_to(found, [channels, size])


def _clip(windows, low, high):
    """Windows inside the range; shards on disk, which a training with a guarantee refuses, as they are."""
    from sensegen_tf.data.windows import WindowSet

    if not isinstance(windows, WindowSet):
        return windows
    lowest = [-np.inf if each is None else each for each in low]
    highest = [np.inf if each is None else each for each in high]
    return dataclasses.replace(windows, values=np.clip(windows.values, lowest, highest).astype(np.float32))
