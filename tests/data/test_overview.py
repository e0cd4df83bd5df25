import dataclasses

import pytest

from sensegen_tf.data import overview
from sensegen_tf.data.recording import Collection, Event
from tests.data.making import dataset, ramp, span, windows


@pytest.fixture
def collection():
    events = (Event(3, "N"), Event(9, "N"), Event(11, "V"))
    first = dataclasses.replace(ramp(100, "a", spans=[span(0, 100, "walk")]), events=events)
    return Collection(recordings=[first, ramp(50, "b")], terms="", notes=("one was skipped",))


def test_recordings_are_counted_with_their_ranges_and_events(collection):
    text = overview.describe_recordings(collection)
    assert "2 recordings, 0.1 minutes, 2 subjects, 50 Hz" in text and "note: one was skipped" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["x", "0", "99"] in lines
    assert ["recording", "minutes", "N", "V"] in lines and ["of", "a", "0.0", "2", "1"] in lines


def test_channels_are_listed_with_their_statistics_and_sensors():
    lines = [line.split() for line in overview.describe_channels(dataset()).splitlines()]
    assert lines[-1] == ["x", "g", "3", "2", "0.5", "-", "9"]


def test_windows_are_counted_by_split_and_label():
    text = overview.describe_windows(dataset(training=windows(4, ["", "run", "run", "sit"]), notes=("too short",)))
    assert text.startswith("11 windows of 2 samples (0.04 s), 3 subjects")
    lines = [line.split() for line in text.splitlines()]
    assert ["label", "training", "test", "both"] in lines and ["run", "2", "0", "2"] in lines
    assert ["(no", "label)", "1", "7", "8"] in lines and ["all", "4", "7", "11"] in lines
    assert "training: p0, p1, p2\ntest: p0, p1, p2\ntoo short" in text


def test_attributes_are_ranges_of_numbers_and_counts_of_texts():
    known = {"a": {"age": "54", "hand": "r"}, "b": {"age": "31.5", "hand": "l"}, "c": {"age": "", "hand": "r"}}
    lines = overview.describe_attributes(dataset(attributes=known)).splitlines()
    assert lines[0].split() == ["attribute", "of", "3", "subjects"]
    assert [line.split(None, 1) for line in lines[2:]] == [["age", "31.5 to 54, 1 unknown"], ["hand", "2 r, 1 l"]]
    assert overview.describe_attributes(dataset()) == ""


def test_a_picture_is_drawn(collection, tmp_path):
    pytest.importorskip("matplotlib")
    overview.draw(collection, str(tmp_path / "p.png"))
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
