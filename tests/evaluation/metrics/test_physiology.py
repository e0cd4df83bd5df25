import numpy as np
import pytest

from sensegen_tf.data import sources
from sensegen_tf.evaluation.metrics import physiology
from tests.conftest import shared


def walking(hertz, count=40, rate=50.0, seconds=2.56):
    """Steps: the norm of the acceleration swings around gravity."""
    time = np.arange(int(rate * seconds)) / rate
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, count)
    swing = 0.3 * np.sin(2 * np.pi * hertz * time[None] + phases[:, None])
    return np.stack([0.6 * (1 + swing), 0.8 * (1 + swing), 0 * swing], -1)


@pytest.mark.parametrize("hertz", [1.5, 1.87, 2.6])
def test_the_cadence_of_steps_is_found(hertz):
    measured = physiology.motion(walking(hertz), 50.0, unit="g")
    np.testing.assert_allclose(measured.cadence, hertz, atol=0.15)
    np.testing.assert_allclose(measured.gravity, 1, atol=0.1)


def test_stillness_and_trembling_are_no_steps():
    rng = np.random.default_rng(1)
    still = np.array([0, 0, 1.0]) + 0.01 * rng.normal(size=[20, 128, 3])
    time = np.arange(128) / 50
    trembling = np.array([0, 0, 1.0]) * (1 + 0.3 * np.sin(2 * np.pi * 8 * time))[None, :, None]
    assert not physiology.motion(still, 50.0, unit="g").cadence.any()
    assert not physiology.motion(trembling, 50.0, unit="g").cadence.any()


def test_units_do_not_matter():
    in_g, in_si = (physiology.motion(s * walking(2.0), 50.0, unit=u) for s, u in ((1, "g"), (9.80665, "m/s^2")))
    np.testing.assert_allclose(in_g.gravity, in_si.gravity)
    np.testing.assert_allclose(in_g.energy, in_si.energy)
    assert physiology.accelerations(("rad/s", "g", "g", "g")) == [1, 2, 3]
    assert physiology.accelerations(("g", "rad/s")) == [0] and physiology.accelerations(("mV",)) == []
    assert physiology.leads(("mV", "g", "uV")) == [0, 2]


def test_a_cadence_that_is_off_is_measured_in_hertz():
    values = np.concatenate([walking(1.8), walking(2.1)])
    measured = physiology.motion(values, 50.0, unit="g")
    found = physiology.compare_motion(np.arange(40), np.arange(40, 80), measured=measured)
    assert found["cadence"] == pytest.approx(0.3, abs=0.1) and found["rhythm"] == 0
    assert found["energy"] == pytest.approx(0, abs=0.05)


def test_energy_is_compared_label_by_label():
    values = np.concatenate([0.5 * walking(2.0), walking(2.0), walking(2.0), 0.5 * walking(2.0)])
    labels = np.repeat(["slow", "fast", "slow", "fast"], 40)
    measured = physiology.motion(values, 50.0, unit="g")
    found = physiology.compare_motion(np.arange(80), np.arange(80, 160), measured=measured, labels=labels)
    assert found["energy"] == pytest.approx(0, abs=1e-6)
    assert found["energy_by_label"] == pytest.approx((1 + 0.5) / 2, abs=0.01)  # slow doubled, fast halved


@pytest.mark.slow
@pytest.mark.data
def test_beats_agree_with_the_annotations_of_cardiologists():
    recordings = sources.load(sources.SourceConfig(source="mitbih", data_dir=shared("mitdb"))).recordings
    (recording,) = [each for each in recordings if each.subject == "100"]
    length = int(10 * recording.rate)
    windows = recording.signals[: 60 * length, 0].reshape(60, length)
    measured = physiology.heart(windows, recording.rate, unit="mV")
    beats = np.array([event.sample for event in recording.events])
    of_window = [beats[(beats >= i * length) & (beats < (i + 1) * length)] for i in range(60)]
    annotated = [60 * recording.rate / np.diff(each).mean() for each in of_window]
    variation = [1000 * np.diff(each).std() / recording.rate for each in of_window]
    assert np.median(np.abs(measured.heart_rate - annotated)) < 0.5
    assert np.median(np.abs(measured.sdnn - variation)) < 5


def test_the_mean_beat_is_upright_with_its_peak_in_the_middle():
    (recording,) = sources.load(sources.SourceConfig(source="ecg")).recordings
    windows = recording.signals[: 3600 * 30, 0].reshape(30, 3600)
    measured = physiology.heart(windows, recording.rate, unit="mV")
    mean = np.nanmean(measured.beats, 0)
    assert abs(measured.times[np.argmax(mean)]) < 0.03 and mean.max() > 0.5
    assert 90 < np.median(measured.heart_rate) < 120


def test_a_flat_line_has_no_beats_and_counts_as_wrong():
    (recording,) = sources.load(sources.SourceConfig(source="ecg", resample_hz=120)).recordings
    windows = recording.signals[: 360 * 60, 0].reshape(60, 360)
    measured = physiology.heart(np.concatenate([windows, 0 * windows]), 120.0, unit="mV")
    assert np.isnan(measured.heart_rate[60:]).all()
    found = physiology.compare_hearts(np.arange(60), np.arange(60, 120), measured=measured)
    assert found["beat_shape"] == 1 and found["heart_rate"] > 60
