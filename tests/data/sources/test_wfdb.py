import os

import numpy as np
import pytest

from sensegen_tf.data.recording import Event
from sensegen_tf.data.sources.wfdb import cinc2017, mitbih
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


def challenge(folder, rhythms):
    """Records of the challenge's form: 16 bits after the 24 bytes of a MATLAB header, 1000 steps a millivolt."""
    for number, name in enumerate(rhythms):
        values = (np.arange(900) % 300 + number).astype("<i2")
        (folder / f"{name}.hea").write_text(
            f"{name} 1 300 900\n{name}.mat 16+24 1000/mV 16 0 {values[0]} 0 0 ECG\n", encoding="utf-8"
        )
        (folder / f"{name}.mat").write_bytes(bytes(24) + values.tobytes())
    table = "".join(f"{name},{rhythm}\n" for name, rhythm in rhythms.items())
    (folder / "REFERENCE.csv").write_text(table, encoding="utf-8")


def test_every_recording_of_the_challenge_is_a_subject_with_one_rhythm(tmp_path):
    challenge(tmp_path, {"A00001": "N", "A00002": "A", "A00003": "~"})
    collection = cinc2017(tmp_path)
    assert [each.subject for each in collection.recordings] == ["A00001", "A00002", "A00003"]
    second = collection.recordings[1]
    np.testing.assert_allclose(second.signals[:3, 0], [0.001, 0.002, 0.003], atol=1e-6)
    assert (second.rate, second.units, second.spans) == (300.0, ("mV",), (span(0, 900, "A"),))
    kept = cinc2017(tmp_path, ("N", "A"))
    assert [each.name for each in kept.recordings] == ["record A00001", "record A00002"]
    assert kept.notes == ("2 of 3 records",)


def test_what_is_missing_of_the_challenge_is_named(tmp_path):
    with pytest.raises(InputError, match="REFERENCE.csv") as error:
        cinc2017(tmp_path)
    assert error.value.fields == ("data_dir",)
    challenge(tmp_path, {"A00001": "N"})
    (tmp_path / "REFERENCE.csv").write_text("A00001,N\nA00002\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 2"):
        cinc2017(tmp_path)
    (tmp_path / "REFERENCE.csv").write_text("A00001,N\nA00009,N\n", encoding="utf-8")
    with pytest.raises(InputError, match="A00009"):
        cinc2017(tmp_path)
