import dataclasses
import os

import numpy as np
import pytest

from sensegen_tf.data.recording import Event
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.wfdb import WfdbConfig, cinc2017, mitbih, records
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
    collection = mitbih(os.fspath(path)).load()
    (recording,) = collection.recordings
    np.testing.assert_allclose(recording.signals[:, 0], signals[:, 1], atol=0.01)
    assert recording.channels == ("MLII",) and recording.units == ("mV",) and recording.rate == 360
    assert collection.notes == (
        "2 records, 1 with the lead MLII, 1 skipped",
        "record 2 has no lead MLII; it has V5, V2",
    )
    assert [r.channels for r in mitbih(os.fspath(path), ("V5",)).load().recordings] == [("V5",)] * 2
    both = mitbih(os.fspath(path), ("MLII", "V5")).load().recordings[0]
    np.testing.assert_allclose(both.signals, signals[:, ::-1], atol=0.01)


def test_beats_are_events_and_rhythms_are_spans(folder):
    (recording,) = mitbih(os.fspath(folder[0])).load().recordings
    assert recording.events == (Event(100, "N"), Event(300, "V"), Event(700, "N"))
    assert recording.spans == (span(10, 500, "N"), span(500, 1000, "AFIB"))


def test_a_truncated_file_is_named(folder):
    path = folder[0] / "1.dat"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"1\.dat is truncated: 2900 bytes.*1000 samples of 2 leads, 3000 bytes"):
        mitbih(os.fspath(folder[0])).load()


def test_unreadable_and_missing_files_are_named(folder):
    (folder[0] / "1.atr").write_bytes(b"\xff" * 7)
    with pytest.raises(InputError, match=r"cannot read .*1\.atr"):
        mitbih(os.fspath(folder[0])).load()
    (folder[0] / "1.hea").write_text("nonsense")
    with pytest.raises(InputError, match=r"cannot read .*1\.hea"):
        mitbih(os.fspath(folder[0])).load()


def test_no_records_and_no_lead_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match=r"no \.hea files in") as error:
        mitbih(os.fspath(tmp_path / "nowhere")).load()
    assert error.value.fields == ("data_dir",)
    with pytest.raises(InputError, match=r"has the leads aVR:\n  record 1 has no lead aVR; it has V5, MLII"):
        mitbih(os.fspath(folder[0]), ("aVR",)).load()


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
    collection = cinc2017(tmp_path).load()
    assert [each.subject for each in collection.recordings] == ["A00001", "A00002", "A00003"]
    second = collection.recordings[1]
    np.testing.assert_allclose(second.signals[:3, 0], [0.001, 0.002, 0.003], atol=1e-6)
    assert (second.rate, second.units, second.spans) == (300.0, ("mV",), (span(0, 900, "A"),))
    kept = cinc2017(tmp_path, ("N", "A")).load()
    assert [each.name for each in kept.recordings] == ["record A00001", "record A00002"]
    assert kept.notes == ("2 of 3 records",)


def test_what_is_missing_of_the_challenge_is_named(tmp_path):
    with pytest.raises(InputError, match="REFERENCE.csv") as error:
        cinc2017(tmp_path).load()
    assert error.value.fields == ("data_dir",)
    challenge(tmp_path, {"A00001": "N"})
    (tmp_path / "REFERENCE.csv").write_text("A00001,N\nA00002\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 2"):
        cinc2017(tmp_path).load()
    (tmp_path / "REFERENCE.csv").write_text("A00001,N\nA00009,N\n", encoding="utf-8")
    with pytest.raises(InputError, match="A00009"):
        cinc2017(tmp_path).load()


def write(folder, name, signals, *, rate=125, leads=("II",), **given):
    folder.mkdir(parents=True, exist_ok=True)
    count = len(leads)
    how = {"fs": rate, "units": ["mV"] * count, "sig_name": list(leads), "fmt": ["16"] * count, **given}
    if "e_p_signal" not in how:
        how["p_signal"] = signals
    wfdb.wrsamp(name, **how, write_dir=str(folder))


WAVE = np.sin(np.arange(1000) / 9)[:, None] * 0.8


def test_beats_without_rhythms_are_read(tmp_path):
    write(tmp_path, "b", WAVE)
    wfdb.wrann("b", "atr", np.array([10, 110, 210]), symbol=["N"] * 3, write_dir=str(tmp_path))
    (found,) = records(tmp_path).load().recordings
    assert [event.sample for event in found.events] == [10, 110, 210] and found.spans == ()


def test_only_changes_of_rhythm_are_rhythms(tmp_path):
    write(tmp_path, "e", WAVE)
    marks = [(20, "+", "(N"), (300, "s", "(ST0+"), (500, "s", "ST0+)"), (600, "T", "(T1-"), (700, '"', "(note")]
    at, symbols, notes = map(list, zip(*marks, strict=True))
    wfdb.wrann("e", "qrs", np.array(at), symbol=symbols, aux_note=notes, write_dir=str(tmp_path))
    (found,) = records(tmp_path, config=WfdbConfig(annotator="qrs")).load().recordings
    assert found.spans == (span(20, 1000, "N"),)
    assert records(tmp_path).load().recordings[0].spans == ()


def test_a_lead_is_read_at_its_own_rate(tmp_path):
    slow, fast = np.arange(100.0) / 100, np.sin(np.arange(400) / 5)
    signals = {"e_p_signal": [fast, slow], "samps_per_frame": [4, 1]}
    write(tmp_path, "f", None, rate=50, leads=("ECG", "RESP"), **signals)
    wfdb.wrann("f", "atr", np.array([25, 50]), symbol=["N", "N"], fs=50, write_dir=str(tmp_path))
    (found,) = records(tmp_path, ("ECG",)).load().recordings
    assert found.rate == 200 and [event.sample for event in found.events] == [100, 200]
    np.testing.assert_allclose(found.signals[:, 0], fast, atol=1e-3)
    assert records(tmp_path, ("RESP",)).load().recordings[0].rate == 50
    with pytest.raises(InputError, match="ECG 200 Hz, RESP 50 Hz") as error:
        records(tmp_path).load()
    assert error.value.fields == ("channels",)


def test_the_segments_of_a_record_are_no_records(tmp_path):
    for name in ("m_1", "m_2"):
        write(tmp_path, name, WAVE)
    (tmp_path / "m.hea").write_text("m/2 1 125 2000\nm_1 1000\nm_2 1000\n")
    (found,) = records(tmp_path).load().recordings
    assert (found.subject, len(found.signals), found.channels) == ("m", 2000, ("II",))


def test_missing_samples_are_refused_or_cut(tmp_path):
    broken = WAVE.copy()
    broken[400:410] = np.nan
    write(tmp_path, "gap", broken)
    with pytest.raises(InputError, match="record gap: 10 samples are missing, the first is 400") as error:
        records(tmp_path).load()
    assert error.value.fields == ("missing",)
    found = records(tmp_path, table=TableConfig(missing="cut")).load()
    assert [len(each.signals) for each in found.recordings] == [400, 590] and "10 samples cut out" in found.notes
    (filled,) = records(tmp_path, table=TableConfig(missing="interpolate")).load().recordings
    np.testing.assert_allclose(filled.signals, WAVE, atol=0.2)


def test_a_table_says_who_was_recorded(tmp_path):
    for name in ("1_hr", "2_hr", "3_hr"):
        write(tmp_path / "records" / "0", name, WAVE)
    (tmp_path / "people.csv").write_text(
        "id,patient,rhythm,file\n" + "".join(f"{i},p{i // 2},N,records/0/{i}_hr\n" for i in (1, 2, 3))
    )
    config = WfdbConfig(subject_table="people.csv", record_column="file")
    found = records(tmp_path, config=config, table=TableConfig(subject_column="patient", label_column="rhythm")).load()
    assert [each.subject for each in found.recordings] == ["p0", "p1", "p1"]
    assert found.recordings[0].spans == (span(0, 1000, "N"),)
    patients = TableConfig(subject_column="patient")
    for change, fact in (({"record_column": "id"}, "no row of the record"), ({"record_column": "x"}, "no column x")):
        with pytest.raises(InputError, match=fact):
            records(tmp_path, config=dataclasses.replace(config, **change), table=patients).load()
    with pytest.raises(InputError, match=r"there is no file other\.csv") as error:
        records(tmp_path, config=WfdbConfig(subject_table="other.csv")).load()
    assert error.value.fields == ("subject_table",)


def test_what_holds_for_mitbih_is_not_said_of_other_records(tmp_path):
    for name in ("201", "202"):
        write(tmp_path, name, WAVE, leads=("MLII",))
    other = mitbih(tmp_path).load()
    assert [each.subject for each in other.recordings] == ["201", "202"] and "Moody" not in other.terms


def test_the_records_of_mitbih_have_its_terms_and_202_is_201(tmp_path):
    for name in ("201", "202"):
        write(tmp_path, name, np.zeros([650_000, 1]), rate=360, leads=("MLII",))
    found = mitbih(tmp_path).load()
    assert [each.subject for each in found.recordings] == ["201", "201"] and "Moody and Mark" in found.terms
