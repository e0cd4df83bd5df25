"""Folders of an Empatica E4."""

import os

import numpy as np
import pytest

from sensegen_tf.data.sources import SourceConfig, load
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.errors import InputError
from tests.conftest import shared
from tests.data.sources.devices.making import START, devices, e4, wave


def test_a_signal_has_its_rate_and_its_unit_and_what_is_no_signal_is_said(tmp_path):
    e4(tmp_path / "S02")
    e4(tmp_path / "S03")
    found = devices(tmp_path, ["ACC.x", "ACC.z"])
    assert [(each.subject, each.rate, each.units) for each in found.recordings] == [
        ("S02", 32.0, ("g", "g")),
        ("S03", 32.0, ("g", "g")),
    ]
    np.testing.assert_allclose(found.recordings[0].signals, wave(640)[:, [0, 2]], atol=0.5 / 64 + 1e-6)
    assert "IBI.csv" in found.notes[0] and "tags.csv" in found.notes[0] and not found.resampled
    assert found.sensors[0].resolution == pytest.approx(1 / 64)
    for name, rate, unit in (("BVP", 64, "1"), ("EDA", 4, "µS"), ("TEMP", 4, "°C"), ("HR", 1, "1/min")):
        [recording, _] = devices(tmp_path, [name]).recordings
        assert (recording.rate, recording.units) == (rate, (unit,))


def test_channels_of_several_rates_need_one_and_the_message_says_it(tmp_path):
    e4(tmp_path)
    with pytest.raises(InputError, match=r"ACC.x 32 Hz; BVP 64 Hz.*resample_hz, such as 64") as error:
        devices(tmp_path, ["ACC.x", "BVP"])
    assert set(error.value.fields) == {"channels", "resample_hz"}
    with pytest.raises(InputError, match="HR 1 Hz"):
        devices(tmp_path)
    found = devices(tmp_path, ["BVP", "ACC.x"], table=TableConfig(resample_hz=32.0))
    [recording] = found.recordings
    assert (recording.channels, recording.units, recording.rate) == (("BVP", "ACC.x"), ("1", "g"), 32.0)
    # Acceleration has this rate already, and its samples stay what they were.
    np.testing.assert_allclose(recording.signals[:, 1], wave(640)[: len(recording.signals), 0], atol=0.5 / 64 + 1e-5)
    assert found.resampled and found.sensors[1].resolution == pytest.approx(1 / 64)


def test_signals_that_start_later_are_put_where_they_belong(tmp_path):
    later = f"{START + 10}.0\n1.0\n" + "".join(f"{10 + second}\n" for second in range(30))
    quarter = f"{START + 0.5}\n4.0\n" + "".join(f"{0.5 + index / 4}\n" for index in range(160))
    e4(tmp_path, EDA=quarter, HR=later, TEMP=f"{START}.0\n4.0\n" + "".join(f"{i / 4}\n" for i in range(160)))
    [recording] = devices(tmp_path, ["EDA", "HR", "TEMP"], table=TableConfig(resample_hz=8.0)).recordings
    # Every signal holds the seconds since the start of the session.
    inner = recording.signals[8:-8]
    np.testing.assert_allclose(inner, np.repeat(inner[:, :1], 3, 1), atol=0.05)
    assert recording.signals[0, 1] == pytest.approx(10, abs=0.02)


def test_the_subject_is_the_folder_or_what_the_pattern_says(tmp_path):
    e4(tmp_path / "anna" / "1700000000_A01234")
    e4(tmp_path / "bert" / "1700000000_A01234")
    assert [each.subject for each in devices(tmp_path, ["BVP"]).recordings] == ["anna", "bert"]
    pattern = TableConfig(path_pattern="{subject}/{session}")
    assert [each.subject for each in devices(tmp_path, ["BVP"], table=pattern).recordings] == ["anna", "bert"]
    assert devices(tmp_path / "anna" / "1700000000_A01234", ["BVP"]).recordings[0].subject == "1700000000_A01234"
    labelled = devices(tmp_path, ["BVP"], table=TableConfig(path_pattern="{label}/1{rest}")).recordings
    assert [each.spans[0].label for each in labelled] == ["anna", "bert"]
    with pytest.raises(InputError, match="P_") as error:
        devices(tmp_path, ["BVP"], table=TableConfig(path_pattern="P_{subject}"))
    assert "path_pattern" in error.value.fields


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("BVP", f"{START}.0\n50.0\n1\n2\n", "50 Hz, but an E4 measures BVP at 64 Hz"),
        ("ACC", f"{START},{START},{START}\n32,32,16\n1,2,3\n", "its rate in line 2, 3 times each"),
        ("ACC", f"{START},{START},{START}\n32,32,32\n1,2,300\n", "sample 0 of ACC is 4.6875 g"),
        ("TEMP", f"{START}.0\n4.0\n30\n3o\n", "cannot read .*TEMP"),
        ("EDA", f"{START}.0\n4.0\n1\n5000\n", "5000 µS, but its sensor measures 0 to 100"),
        ("HR", "17.0\n1.0\n60\n61\n", "not in this century"),
        ("HR", f"{START}.0\n1.0\n", "holds no values"),
    ],
)
def test_what_cannot_be_right_is_refused(name, text, message, tmp_path):
    e4(tmp_path, **{name: text})
    with pytest.raises(InputError, match=message):
        devices(tmp_path, ["ACC.x" if name == "ACC" else name])


def test_missing_values_are_refused_or_cut_or_filled_and_counted(tmp_path):
    values = ["30", "31", "nan", "33", *["34"] * 20]
    e4(tmp_path, TEMP=f"{START}.0\n4.0\n" + "\n".join(values) + "\n")
    with pytest.raises(InputError, match="1 samples are missing.*the first is 2") as error:
        devices(tmp_path, ["TEMP"])
    assert error.value.fields == ("missing",)
    cut = devices(tmp_path, ["TEMP"], table=TableConfig(missing="cut"))
    assert [len(each.signals) for each in cut.recordings] == [2, 21] and cut.notes[-1] == "1 samples cut out"
    filled = devices(tmp_path, ["TEMP"], table=TableConfig(missing="interpolate", longest_gap_seconds=0.25))
    assert filled.recordings[0].signals[2, 0] == 32 and filled.notes[-1] == "1 samples interpolated"


def test_a_signal_that_ends_early_is_said(tmp_path):
    e4(tmp_path, seconds=200, EDA=f"{START}.0\n4.0\n1\n2\n")
    assert any("EDA.csv ends 200 s before" in note for note in devices(tmp_path, ["BVP"]).notes)


@pytest.mark.data
def test_stress_predict_is_read():
    config = {"source": "auto", "data_dir": os.fspath(shared("stress_predict"))}
    found = load(SourceConfig(**config, channels=("ACC.x", "ACC.y", "ACC.z", "BVP"), resample_hz=32.0))
    assert [each.subject for each in found.recordings] == [f"S0{number}" for number in range(2, 10)]
    # At rest the acceleration is 1 g.
    norms = [np.median(np.linalg.norm(each.signals[:, :3], axis=1)) for each in found.recordings]
    np.testing.assert_allclose(norms, 1, atol=0.05)
    assert found.sensors[0].resolution == pytest.approx(1 / 64) and found.resampled
    assert "source device" in found.notes[0] and sum(each.seconds for each in found.recordings) > 26_000
