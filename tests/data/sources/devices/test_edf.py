"""EDF and BDF files."""

import os

import numpy as np
import pytest

from sensegen_tf.data.sources import SourceConfig, load
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.errors import InputError
from tests.data.sources.devices.making import devices, edf, wave

pyedflib = pytest.importorskip("pyedflib")
SIGNALS = {
    "EEG Fpz-Cz": (100, "uV", 30 * wave(1000, axes=1)[:, 0]),
    "EEG Pz-Oz": (100, "uV", 20 * wave(1000, axes=1)[:, 0]),
    "Temp": (1, "degC", 36 + wave(10, axes=1)[:, 0]),
}


@pytest.mark.parametrize("kind", ["EDF", "EDFPLUS", "BDF", "BDFPLUS"])
def test_signals_have_their_rates_and_units(kind, tmp_path):
    path = tmp_path / f"night1.{kind[:3].lower()}"
    edf(path, SIGNALS, kind=getattr(pyedflib, f"FILETYPE_{kind}"))
    [recording] = devices(path, ["EEG Pz-Oz", "EEG Fpz-Cz"]).recordings
    assert (recording.subject, recording.rate, recording.units) == ("night1", 100.0, ("uV", "uV"))
    expected = np.stack([SIGNALS[name][2] for name in recording.channels], -1)
    np.testing.assert_allclose(recording.signals, expected, atol=200 / 65535)
    [slow] = devices(path, ["Temp"]).recordings
    assert (slow.rate, slow.units, len(slow.signals)) == (1.0, ("degC",), 10)
    with pytest.raises(InputError, match=r"EEG Fpz-Cz, EEG Pz-Oz 100 Hz; Temp 1 Hz.*resample_hz"):
        devices(path)


def test_files_of_one_subject_come_together_by_the_pattern(tmp_path):
    for name in ("S1_night1", "S1_night2", "S2_night1"):
        edf(tmp_path / f"{name}.edf", SIGNALS)
    pattern = TableConfig(path_pattern="{subject}_night{session}.edf")
    found = load(SourceConfig(source="auto", data_dir=os.fspath(tmp_path), channels=("Temp",), table=pattern))
    assert [each.subject for each in found.recordings] == ["S1", "S1", "S2"]


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "a.edf"
    edf(path, SIGNALS)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"cannot read .*a\.edf"):
        devices(path)


def test_labels_that_stand_twice_get_a_number(tmp_path):
    edf(tmp_path / "a.edf", {"EEG": (10, "uV", wave(20, axes=1)[:, 0]), "EEG ": (10, "uV", wave(20, axes=1)[:, 0])})
    assert devices(tmp_path / "a.edf").recordings[0].channels == ("EEG", "EEG 2")
