"""Where recordings begin and end in a table."""

import os

import numpy as np
import pytest

from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.table import table
from sensegen_tf.errors import InputError

pytest.importorskip("pyarrow")


def read(path, lines, **config):
    path.write_text("\n".join(lines) + "\n")
    return table(os.fspath(path), TableConfig(channels=("ax",), **config)).load()


def test_subjects_in_turn_are_put_one_after_the_other(tmp_path):
    times = np.repeat(np.arange(120) / 50, 2)
    lines = ["time,ax,person", *(f"{t:.2f},{row % 2},P{row % 2}" for row, t in enumerate(times))]
    for known in ({"time_column": "time"}, {"rate_hz": 50.0}):
        found = read(tmp_path / "a.csv", lines, subject_column="person", **known)
        assert [(each.subject, len(each.signals), each.rate) for each in found.recordings] == [
            ("P0", 120, 50),
            ("P1", 120, 50),
        ]
        assert all(np.ptp(each.signals) == 0 for each in found.recordings) and "mixed" in found.notes[0]


def test_a_session_is_a_recording_and_an_index_that_starts_again_begins_one(tmp_path):
    lines = ["index,person,session,ax"]
    lines += [f"{i},{s // 2},{s},{s}" for s in range(4) for i in range(60)]
    session = read(tmp_path / "a.csv", lines, rate_hz=50.0, subject_column="person", session_column="session")
    again = read(tmp_path / "a.csv", lines, time_column="index", time_unit="s", subject_column="person")
    for found in (session, again):
        assert [len(each.signals) for each in found.recordings] == [60] * 4
        assert [each.subject for each in found.recordings] == ["0", "0", "1", "1"]
        assert all(np.ptp(each.signals) == 0 for each in found.recordings)
    assert "starts again 2 times" in again.notes[0]


def test_a_rate_that_contradicts_the_clock_is_refused_with_both(tmp_path):
    lines = ["time,ax", *(f"{t:.5f},{t:.2f}" for t in np.arange(230) / 46)]
    with pytest.raises(InputError, match="the time column says 46 Hz, but rate_hz is 50.*resample_hz"):
        read(tmp_path / "a.csv", lines, time_column="time", rate_hz=50.0)
    (found,) = read(tmp_path / "a.csv", lines, time_column="time", rate_hz=46.0).recordings
    assert found.rate == 46 and len(found.resample(50.0).signals) == 250


def test_the_unit_of_the_time_is_said(tmp_path):
    lines = ["t,ax", *(f"{1700000000000 + 20 * i},{i}" for i in range(160))]
    found = read(tmp_path / "a.csv", lines, time_column="t")
    assert found.recordings[0].rate == 50 and "column t: milliseconds since 1970" in found.notes[0]
    lines = ["t,ax", *(f"{20 * i},{i}" for i in range(160))]
    with pytest.raises(InputError, match="a.csv, column t steps by 20"):
        read(tmp_path / "a.csv", lines, time_column="t")
    assert read(tmp_path / "a.csv", lines, time_column="t", time_unit="ms").recordings[0].rate == 50


def test_packets_are_refused_by_name_and_spread_when_asked(tmp_path):
    lines = ["time,ax", *(f"{t:.2f},{i}" for i, t in enumerate(np.repeat(np.arange(20) * 0.32, 16)))]
    with pytest.raises(InputError, match="packets: one stamp stands for 16 rows.*spread evenly"):
        read(tmp_path / "a.csv", lines, time_column="time")
    found = read(tmp_path / "a.csv", lines, time_column="time", resample_hz=25.0)
    assert found.recordings[0].signals.ravel().tolist() == list(range(320)) and found.recordings[0].rate == 50
    assert "packets: rows were spread evenly at 50 Hz" in found.notes[0]


def test_missing_values_end_a_recording_or_are_filled_as_asked(tmp_path):
    values = [str(i) for i in range(100)]
    values[0], values[40:43], values[60:80] = "", ["NaN"] * 3, [""] * 20
    lines = ["time,ax", *(f"{i / 50:.2f},{value}" for i, value in enumerate(values))]
    with pytest.raises(InputError, match="column ax: 24 values are empty or not finite, the first in data row 1 "):
        read(tmp_path / "a.csv", lines, time_column="time")
    cut = read(tmp_path / "a.csv", lines, time_column="time", missing="cut")
    assert [each.signals[[0, -1], 0].tolist() for each in cut.recordings] == [[1, 39], [43, 59], [80, 99]]
    assert "24 rows cut out" in cut.notes[0]
    filled = read(tmp_path / "a.csv", lines, time_column="time", missing="interpolate")
    assert [each.signals[:, 0].tolist() for each in filled.recordings] == [
        [float(i) for i in range(1, 60)],
        [float(i) for i in range(80, 100)],
    ]
    assert {note.partition(": ")[2] for note in filled.notes} == {"21 rows cut out", "3 rows interpolated"}


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"missing": "guess"}, "missing"),
        ({"longest_gap_seconds": 0.0}, "longest_gap_seconds"),
        ({"time_unit": "h"}, "time_unit"),
    ],
)
def test_nonsense_is_refused_by_name(config, field):
    with pytest.raises(InputError) as error:
        TableConfig(**config)
    assert error.value.fields == (field,)
