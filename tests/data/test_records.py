import os

import numpy as np
import pytest

from sensegen_tf.data import records
from sensegen_tf.errors import InputError


def write(path, count=5):
    rng = np.random.default_rng(0)
    series = rng.normal(size=[count, 6, 2]).astype("f")
    records.write_file(path, [records.example(s, 50.0, ("x", "y"), ("g", "mV"), "anna", "walk") for s in series])
    return series


def test_series_read_back_as_recordings(tmp_path):
    series = write(tmp_path / "a.tfrecord")
    recordings = records.read_series(os.fspath(tmp_path / "a.tfrecord")).recordings
    np.testing.assert_array_equal([r.signals for r in recordings], series)
    first = recordings[0]
    assert (first.rate, first.channels, first.units, first.subject) == (50, ("x", "y"), ("g", "mV"), "anna")
    assert first.spans[0].label == "walk"


def test_damaged_and_empty_files_are_named(tmp_path):
    write(tmp_path / "a.tfrecord")
    content = bytearray((tmp_path / "a.tfrecord").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a.tfrecord").write_bytes(content)
    with pytest.raises(InputError, match="is damaged or not of our format after 2 series"):
        records.read_series(os.fspath(tmp_path / "a.tfrecord"))
    records.write_file(tmp_path / "c.tfrecord", [b"something else"])
    with pytest.raises(InputError, match="is damaged or not of our format after 0 series"):
        records.read_series(os.fspath(tmp_path / "c.tfrecord"))
    (tmp_path / "b.tfrecord").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        records.read_series(os.fspath(tmp_path / "b.tfrecord"))
    with pytest.raises(InputError, match="is no TFRecord file, no folder of them, nor a prepared set"):
        (tmp_path / "empty").mkdir()
        records.read_series(tmp_path / "empty")
