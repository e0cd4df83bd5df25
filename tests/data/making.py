"""Recordings and windows that the tests of this folder make up."""

import numpy as np

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.recording import Recording, Sensor, Span
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import WindowSet


def span(start, stop, label):
    return Span(start=start, stop=stop, label=label)


def ramp(length, subject="1", *, offset=0.0, spans=(), rate=50.0):
    """A recording of one channel that counts its samples from an offset."""
    return Recording(
        name=f"of {subject}",
        signals=(offset + np.arange(length, dtype=np.float32))[:, None],
        rate=rate,
        channels=("x",),
        units=("g",),
        subject=subject,
        spans=tuple(spans),
    )


def windows(count, labels=None):
    """Windows of [2, 1] that hold their own number, of three subjects in turn."""
    return WindowSet(
        values=np.repeat(np.arange(count, dtype="f"), 2).reshape(count, 2, 1),
        rate=50.0,
        channels=("x",),
        units=("g",),
        subjects=[f"p{i % 3}" for i in range(count)],
        labels=labels,
    )


def standardizer(**changes):
    given = {"mean": [3.0], "std": [2.0], "increment": [0.5], "sensors": (Sensor(resolution=0.5, high=9.0),)}
    return Standardizer(**{**given, **changes})


def dataset(**changes):
    given = {
        "training": windows(50),
        "test": windows(7),
        "standardizer": standardizer(),
        "sensors": (Sensor(resolution=0.5, high=9.0),),
        "terms": "terms",
    }
    return Dataset(**{**given, **changes})
