"""What somebody should know before training on recordings: what would hurt, and which preset fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.recording import Collection

# So many standard deviations from the median is no measurement.
_OUTLIER = 1000.0
# A larger share of samples at the end of a sensor's range hides what was beyond.
_SATURATED = 0.01
# Standard deviations of a normal distribution between its quartiles.
_QUARTILES = 1.349
_FEW = 20
_VOLTAGES = {"v", "mv", "uv", "µv"}


def warnings(collection: Collection, dataset: Dataset) -> list[str]:
    """What would hurt a training on these recordings, in sentences; none where nothing was found.

    Args:
      collection: the recordings.
      dataset: the windows that were cut of them.
    """
    return [*_of_subjects(dataset), *_of_labels(dataset), *_of_channels(collection)]


def _of_subjects(dataset):
    count = len(set(dataset.training.subject_names) | set(dataset.test.subject_names))
    if count == 1:
        return ["one subject: the test windows are of the same subject, and privacy cannot be measured"]
    if count < _FEW:
        return [f"{count} subjects are few: samples can give them away, and measures of privacy decide little"]
    return []


def _of_labels(dataset):
    names = [set(split.label_names) for split in (dataset.training, dataset.test)]
    return [
        f"no {where} window is labelled {', '.join(sorted(lacks))}; a model that is conditional on labels needs it"
        for where, lacks in (("training", names[1] - names[0]), ("test", names[0] - names[1]))
        if lacks
    ]


def _of_channels(collection):
    found, recordings = [], collection.recordings
    for column, name in enumerate(recordings[0].channels):
        values = np.concatenate([recording.signals[:, column] for recording in recordings])
        low, quarter, middle, three, high = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
        spread = max((three - quarter) / _QUARTILES, 1e-12 * abs(middle)) or values.std()
        furthest = high if high - middle > middle - low else low
        away = abs(furthest - middle) / spread
        if away > _OUTLIER:
            found.append(f"channel {name} has the value {furthest:.6g}, {away:.3g} standard deviations from its median")
        sensor = collection.sensors[column] if collection.sensors else None
        for end in (sensor.low, sensor.high) if sensor else ():
            share = np.mean(values == end) if end is not None else 0.0
            if share > _SATURATED:
                found.append(f"channel {name}: {share:.1%} of the samples are {end:.6g}, the end of the sensor's range")
    return found


def preset(channels: Sequence[str], units: Sequence[str], *, labelled: bool, rate: float) -> str:
    """The preset for recordings of this kind.

    Args:
      channels, units: C names and C units.
      labelled: whether windows have labels.
      rate: Hz.

    Example:
      >>> preset(["ax", "ay", "az"], ["g"] * 3, labelled=True, rate=50.0)
      'sensegen_accel'
      >>> preset(["II"], ["mV"], labelled=True, rate=120.0)
      'sensegen_ecg'
    """
    if len(channels) == 1 and units[0].lower() in _VOLTAGES and 100 <= rate <= 150:
        return "sensegen_ecg"
    if labelled and len(channels) <= 3:
        return "sensegen_accel"
    if labelled and len(channels) <= 6:
        return "sensegen_imu"
    return "sensegen_small" if len(channels) == 1 else "sensegen_table"
