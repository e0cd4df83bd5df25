import os

import numpy as np
import pytest

from sensegen_tf.data.recording import Event
from sensegen_tf.data.sources.wfdb import mitbih
from sensegen_tf.errors import InputError
from tests.data.making import span

wfdb = pytest.importorskip("wfdb")


@pytest.fixture
def folder(tmp_path):
    """Two records: `1` with MLII second and annotations, `2` without MLII."""
    rng = np.random.default_rng(0)
    signals = rng.normal(size=[1000, 2]).cumsum(0) / 20
    for name, leads in (("1", ["V5", "MLII"]), ("2", ["V5", "V2"])):
        wfdb.wrsamp(
            name,
            fs=360,
            units=["mV", "mV"],
            sig_name=leads,
            p_signal=signals,
            fmt=["212", "212"],
            write_dir=str(tmp_path),
        )
    wfdb.wrann(
        "1",
        "atr",
        np.array([10, 100, 300, 500, 700]),
        symbol=["+", "N", "V", "+", "N"],
        aux_note=["(N", "", "", "(AFIB", ""],
        write_dir=str(tmp_path),
    )
    return tmp_path, signals


def test_the_lead_is_chosen_by_name_and_a_record_without_it_is_reported(folder):
    path, signals = folder
    collection = mitbih(os.fspath(path))
    (recording,) = collection.recordings
    np.testing.assert_allclose(recording.signals[:, 0], signals[:, 1], atol=0.01)
    assert recording.channels == ("MLII",) and recording.units == ("mV",) and recording.rate == 360
    assert collection.notes == (
        "2 records, 1 with the lead MLII, 1 skipped",
        "record 2 has no lead MLII; it has V5, V2",
    )
    assert [r.channels for r in mitbih(os.fspath(path), ("V5",)).recordings] == [("V5",)] * 2
    both = mitbih(os.fspath(path), ("MLII", "V5")).recordings[0]
    np.testing.assert_allclose(both.signals, signals[:, ::-1], atol=0.01)


def test_beats_are_events_and_rhythms_are_spans(folder):
    (recording,) = mitbih(os.fspath(folder[0])).recordings
    assert recording.events == (Event(100, "N"), Event(300, "V"), Event(700, "N"))
    assert recording.spans == (span(10, 500, "N"), span(500, 1000, "AFIB"))


def test_a_truncated_file_is_named(folder):
    path = folder[0] / "1.dat"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"1\.dat is truncated: 2900 bytes.*1000 samples of 2 leads, 3000 bytes"):
        mitbih(os.fspath(folder[0]))


def test_unreadable_and_missing_files_are_named(folder):
    (folder[0] / "1.atr").write_bytes(b"\xff" * 7)
    with pytest.raises(InputError, match=r"cannot read .*1\.atr"):
        mitbih(os.fspath(folder[0]))
    (folder[0] / "1.hea").write_text("nonsense")
    with pytest.raises(InputError, match=r"cannot read .*1\.hea"):
        mitbih(os.fspath(folder[0]))


def test_no_records_and_no_lead_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match=r"no \.hea files in") as error:
        mitbih(os.fspath(tmp_path / "nowhere"))
    assert error.value.fields == ("data_dir",)
    with pytest.raises(InputError, match=r"has the leads aVR:\n  record 1 has no lead aVR; it has V5, MLII"):
        mitbih(os.fspath(folder[0]), ("aVR",))
