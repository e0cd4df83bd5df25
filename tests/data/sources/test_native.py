import os

import numpy as np
import pytest

from sensegen_tf.data import records
from sensegen_tf.data.sources import native
from sensegen_tf.errors import InputError


def write(path, count=5, **given):
    rng = np.random.default_rng(0)
    series = rng.normal(size=[count, 6, 2]).astype("f")
    known = {"rate": 50.0, "channels": ("x", "y"), "units": ("g", "mV"), "subject": "anna", "label": "walk", **given}
    records.write_file(path, [records.example(each, **known) for each in series])
    return series


def test_series_read_back_as_recordings(tmp_path):
    series = write(tmp_path / "a.tfrecord")
    recordings = native.read_series(tmp_path / "a.tfrecord").recordings
    np.testing.assert_array_equal([r.signals for r in recordings], series)
    first = recordings[0]
    assert (first.rate, first.channels, first.units, first.subject) == (50, ("x", "y"), ("g", "mV"), "anna")
    assert first.spans[0].label == "walk"


def test_a_folder_of_files_is_read_in_the_order_of_names(tmp_path):
    series = write(tmp_path / "b.tfrecord", subject="", label="")
    write(tmp_path / "a.tfrecord", 2)
    recordings = native.read_series(tmp_path).recordings
    assert [r.subject for r in recordings] == ["anna"] * 2 + [f"series {index:06d}" for index in range(2, 7)]
    np.testing.assert_array_equal(recordings[2].signals, series[0])
    assert recordings[2].spans == ()


def test_damaged_and_empty_files_are_named(tmp_path):
    write(tmp_path / "a.tfrecord")
    content = bytearray((tmp_path / "a.tfrecord").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a.tfrecord").write_bytes(content)
    with pytest.raises(InputError, match="is damaged or not of our format after 2 series"):
        native.read_series(os.fspath(tmp_path / "a.tfrecord"))
    records.write_file(tmp_path / "c.tfrecord", [b"something else"])
    with pytest.raises(InputError, match="is damaged or not of our format after 0 series"):
        native.read_series(os.fspath(tmp_path / "c.tfrecord"))
    (tmp_path / "b.tfrecord").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        native.read_series(os.fspath(tmp_path / "b.tfrecord"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is no TFRecord file, no folder of them, nor a prepared set"):
        native.read_series(tmp_path / "empty")


TABLE = """series,time [s],ax [g],w,label
0,0.000000,1.0,2.0,walk
0,0.020000,1.5,2.5,walk
1,0.000000,3.0,4.0,rest
1,0.020000,3.5,4.5,rest
"""


def test_tables_of_samples_are_known_by_their_columns(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "s.csv").write_text(TABLE)
    columns = native.sample_columns(tmp_path / "s.csv")
    assert columns == ["series", "time [s]", "ax [g]", "w", "label"]
    first, second = native.read_samples(tmp_path / "s.csv", columns).recordings
    np.testing.assert_array_equal(first.signals, [[1, 2], [1.5, 2.5]])
    assert (first.rate, first.channels, first.units) == (50.0, ("ax", "w"), ("g", "1"))
    assert first.spans[0].label == "walk" and second.spans[0].label == "rest"
    (tmp_path / "own.csv").write_text("time,x\n0,1\n1,2\n")
    assert native.sample_columns(tmp_path / "own.csv") is None and native.sample_columns(tmp_path / "a.npz") is None
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"cannot read .*bytes\.csv"):
        native.sample_columns(tmp_path / "bytes.csv")
