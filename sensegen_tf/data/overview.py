"""What a set of recordings holds, as text and as a picture."""

from __future__ import annotations

import collections

import numpy as np

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.recording import Collection
from sensegen_tf.errors import InputError
from sensegen_tf.files import atomic_write

# Texts of an attribute that are counted one by one.
_SHOWN = 8


def _table(header, rows):
    cells = [list(map(str, row)) for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _number(value):
    return "-" if value is None else f"{value:.6g}"


def describe_recordings(collection: Collection) -> str:
    """Recordings, minutes, subjects, rate and notes; ranges of the channels; events where there are some."""
    recordings = collection.recordings
    first, subjects = recordings[0], {recording.subject for recording in recordings}
    minutes = sum(recording.seconds for recording in recordings) / 60
    names = "recording" if len(recordings) == 1 else "recordings"
    parts = [f"{len(recordings)} {names}, {minutes:.1f} minutes, {len(subjects)} subjects, {first.rate:g} Hz"]
    parts += [f"note: {note}" for note in collection.notes]
    low = np.min([recording.signals.min(0) for recording in recordings], axis=0)
    high = np.max([recording.signals.max(0) for recording in recordings], axis=0)
    ranges = zip(first.channels, map(_number, low), map(_number, high), strict=True)
    parts.append(_table(["channel", "lowest", "highest"], list(ranges)))
    if any(recording.events for recording in recordings):
        counts = [collections.Counter(event.label for event in recording.events) for recording in recordings]
        labels = [label for label, _ in sum(counts, collections.Counter()).most_common()]
        rows = [
            [recording.name, f"{recording.seconds / 60:.1f}", *(count[label] for label in labels)]
            for recording, count in zip(recordings, counts, strict=True)
        ]
        parts.append("events\n" + _table(["recording", "minutes", *labels], rows))
    return "\n\n".join(parts)


def describe_channels(dataset: Dataset) -> str:
    """Units, training statistics and sensors of the channels."""
    statistics = dataset.standardizer.mean, dataset.standardizer.std
    rows = [
        [name, unit, *map(_number, (mean, std, sensor.resolution, sensor.low, sensor.high))]
        for name, unit, mean, std, sensor in zip(
            dataset.channels, dataset.units, *statistics, dataset.sensors, strict=True
        )
    ]
    header = ["channel", "unit", "mean", "std", "resolution", "saturates below", "above"]
    return _table(header, rows)


def describe_windows(dataset: Dataset) -> str:
    """Windows of training and test subjects by label, and who these subjects are."""
    splits = {"training": dataset.training.describe(), "test": dataset.test.describe()}
    total = sum(split["windows"] for split in splits.values())
    subjects = {subject for split in splits.values() for subject in split["subjects"]}
    seconds = dataset.length / dataset.rate
    parts = [f"{total} windows of {dataset.length} samples ({seconds:.3g} s), {len(subjects)} subjects"]
    labels = sorted({label for split in splits.values() for label in split["labels"]})
    rows = [[label or "(no label)", *(split["labels"].get(label, 0) for split in splits.values())] for label in labels]
    rows = [[*row, sum(row[1:])] for row in rows]
    rows.append(["all", *(split["windows"] for split in splits.values()), total])
    parts.append(_table(["label", *splits, "both"], rows))
    parts += [f"{name}: {', '.join(split['subjects'])}" for name, split in splits.items()]
    parts += list(dataset.notes)
    return "\n\n".join(parts[:2]) + "\n\n" + "\n".join(parts[2:])


def describe_attributes(dataset: Dataset) -> str:
    """What a table says of the subjects: the range of numbers, how many subjects have each text; "" without a table."""
    names = list(dict.fromkeys(name for known in dataset.attributes.values() for name in known))
    rows = [[name, _summary([known.get(name, "") for known in dataset.attributes.values()])] for name in names]
    return _table(["attribute", f"of {len(dataset.attributes)} subjects"], rows) if rows else ""


def _summary(texts):
    counts = collections.Counter(texts)
    unknown = counts.pop("", 0)
    try:
        numbers = [float(text) for text in counts]
    except ValueError:
        numbers = []
    words = [f"{count} {text}" for text, count in counts.most_common(_SHOWN)]
    words += [f"{len(counts) - _SHOWN} others"] if len(counts) > _SHOWN else []
    words = [f"{min(numbers):g} to {max(numbers):g}"] if numbers else words
    return ", ".join([*words, *([f"{unknown} unknown"] if unknown else [])])


def draw(collection: Collection, path: str, *, seconds: float = 10.0, most: int = 6) -> None:
    """Writes a PNG of the first seconds of some recordings, evenly spaced over all.

    Args:
      collection: the recordings.
      path: of the PNG.
      seconds: shown of each recording.
      most: recordings that are shown.

    Raises:
      InputError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("picture needs matplotlib: pip install 'sensegen_tf[plots]'", fields=["picture"]) from error
    recordings = collection.recordings
    chosen = np.unique(np.linspace(0, len(recordings) - 1, min(most, len(recordings))).astype(int))
    figure = Figure(figsize=(13, 2.2 * len(chosen)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(chosen), 1, squeeze=False)[:, 0]
    for index, axis in zip(chosen, axes, strict=True):
        recording = recordings[index]
        shown = recording.signals[: int(seconds * recording.rate)]
        for name, unit, values in zip(recording.channels, recording.units, shown.T, strict=True):
            axis.plot(np.arange(len(values)) / recording.rate, values, linewidth=0.9, label=f"{name} [{unit}]")
        axis.set_title(f"{recording.name}, subject {recording.subject}", fontsize=9)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8, loc="upper right")
    axes[-1].set_xlabel("time [s]")
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
