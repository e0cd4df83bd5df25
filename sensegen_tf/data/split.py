"""From recordings in memory to a dataset: the split by subject, and the cutting into windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sensegen_tf.data import plan
from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.recording import Collection, Recording, Sensor
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import WindowConfig, WindowSet


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
      InputError: a constant channel; a subject to leave away that does not exist; whatever `plan.plan` refuses.
    """
    recordings = plan.wanted(collection.recordings, config)
    outlines = [recording.outline for recording in recordings]
    planned = plan.plan(outlines, config, test_subjects=collection.test_subjects, labels_asked=labels_asked)
    planned = planned.in_double() if collection.double else planned
    splits = {name: cuts.read(_from(recordings)) for name, cuts in planned.splits.items()}
    measured = standardizer is None
    sensors = collection.sensors or (Sensor(),) * len(splits["training"].channels)
    if standardizer is None:
        standardizer = Standardizer.measure(splits["training"], sensors, resampled=collection.resampled)
    return Dataset(
        **splits,
        standardizer=standardizer,
        sensors=sensors if measured else standardizer.sensors,
        terms=collection.terms,
        notes=planned.notes,
        resampled=collection.resampled,
        measured=measured,
        attributes=plan.attributes(outlines),
    )


class Divided(NamedTuple):
    """Recordings for training, and those for testing."""

    training: list[Recording]
    test: list[Recording]


def split(recordings: Sequence[Recording], config: WindowConfig) -> Divided:
    """Splits recordings into training and test ones; see `plan.divide`.

    Args:
      recordings: at least one.
      config: which subjects, or what share of them, are never trained on.

    Raises:
      InputError: a test subject that does not exist, or no subject left to train on.
    """
    division = plan.divide([recording.outline for recording in recordings], config)
    return Divided(*([recordings[each.recording].slice(each.start, each.stop) for each in side] for side in division))


def cut(recordings: Sequence[Recording], config: WindowConfig, *, name: str, labelled: bool) -> WindowSet:
    """Cuts recordings into windows; what is left of a stretch after its last window is dropped.

    Args:
      recordings: with the same channels, units and rate.
      config: length and stride of the windows.
      name: of the set, for messages.
      labelled: whether to cut inside labelled spans alone.

    Raises:
      InputError: nothing is as long as a window.
    """
    outlines = [recording.outline for recording in recordings]
    found = plan.cuts(outlines, plan.whole(outlines), config=config, name=name, labelled=labelled)
    return found.read(_from(recordings))


def _from(recordings):
    """Reads pieces of recordings in memory."""
    return lambda piece: recordings[piece.recording].signals[piece.start : piece.stop]
