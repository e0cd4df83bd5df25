"""What is said before a training."""

import numpy as np
import pytest

from sensegen_tf.data import advice, sensor
from sensegen_tf.data.recording import Collection, Recording, Span
from sensegen_tf.data.split import prepare
from sensegen_tf.data.windows import WindowConfig


def warnings_of(values, *, subjects=25, labels=("walk",)):
    """Of recordings of sines with these values of three channels, [T, 3] each."""
    recordings = [
        Recording(
            name=f"r{number}",
            signals=values,
            rate=50.0,
            channels=("x", "y", "z"),
            units=("g",) * 3,
            subject=f"{number:02}",
            spans=(Span(start=0, stop=len(values), label=labels[number % len(labels)]),),
        )
        for number in range(subjects)
    ]
    collection = Collection(recordings=recordings, terms="", sensors=sensor.measure(recordings))
    dataset = prepare(collection, WindowConfig(length=20, stride=20))
    return advice.warnings(collection, dataset)


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=[400, 3]).astype("f")


def test_nothing_is_said_of_good_recordings(values):
    assert warnings_of(values) == []


def test_constant_and_saturated_channels_and_outliers_are_named(values):
    values[:, 1] = np.clip(values[:, 1], -0.5, 9)
    values[7, 2] = 4e6
    saturated, outlier = warnings_of(values)
    assert "channel y" in saturated and "-0.5, the end" in saturated
    assert outlier.startswith("channel z has the value 4e+06")
    values[:, 0] = 1.0
    values[0, 0] = np.nextafter(np.float32(1.0), np.float32(2.0))
    assert any("channel x has" in warning for warning in warnings_of(values))


def test_few_subjects_are_named(values):
    assert "one subject" in warnings_of(values, subjects=1)[0]
    assert "4 subjects are few" in warnings_of(values, subjects=4)[0]


def test_labels_of_one_split_alone_are_named(values):
    # The last subjects are test subjects.
    (warning,) = warnings_of(values, labels=("walk",) * 24 + ("rest",))
    assert warning.startswith("no training window is labelled rest")


def test_every_kind_has_a_preset():
    six, eight = ["g"] * 6, ["1"] * 8
    assert advice.preset("abcdef", six, labelled=True, rate=50.0) == "sensegen_imu"
    assert advice.preset("abcdefgh", eight, labelled=True, rate=50.0) == "sensegen_table"
    assert advice.preset("a", ["1"], labelled=False, rate=50.0) == "sensegen_small"
    assert advice.preset("a", ["mV"], labelled=False, rate=360.0) == "sensegen_small"
