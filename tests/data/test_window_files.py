import types

import numpy as np
import pytest

from sensegen_tf.data import records
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.prepared import write_prepared
from sensegen_tf.data.window_files import read_windows
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.generation import writers
from sensegen_tf.generation.local import Chunk
from tests.data.making import dataset, windows


def values(count=6, length=16):
    return np.random.default_rng(0).normal(size=[count, length, 2]).astype(np.float32)


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


@pytest.mark.parametrize("suffix", ["npz", "csv", "parquet", "tfrecord"])
@pytest.mark.parametrize("labels", [(), ("rest", "walk")])
def test_what_sample_writes_is_read_back_to_the_bit(suffix, labels, tmp_path):
    if suffix in ("csv", "parquet"):
        pytest.importorskip("pyarrow")
    path, chosen = str(tmp_path / f"samples.{suffix}"), np.arange(6, dtype=np.int32) % 2 * bool(labels)
    card = types.SimpleNamespace(rate=50.0, channels=("ax", "ay"), units=("g", "g"), labels=labels)
    with writers.open_writer(path, card, count=6, length=16) as write:
        write(Chunk(np.arange(6), chosen, values()))
    read = read_windows(path, TableConfig())
    np.testing.assert_array_equal(read.values, values())
    assert (read.rate, read.channels, read.units) == (50.0, ("ax", "ay"), ("g", "g"))
    assert read.log_likelihood is None and read.label_names == labels
    assert not labels or read.labels.tolist() == ["rest", "walk"] * 3
    found = read_windows(path, TableConfig(channels=("ay",)))
    np.testing.assert_array_equal(found.values[..., 0], values()[..., 1])


def test_a_tfrecord_says_all_of_itself(tmp_path):
    path = str(tmp_path / "f.tfrecord")
    known = {"rate": 50.0, "channels": ("ax", "ay"), "units": ("g", "g")}
    records.write_file(path, [records.example(each, **known, label="walk") for each in values()])
    read = read_windows(path, TableConfig(rate_hz=7.0, units=("mV", "mV")))
    np.testing.assert_array_equal(read.values, values())
    assert (read.rate, read.channels, read.units) == (50.0, ("ax", "ay"), ("g", "g"))
    assert read.label_names == ("walk",) and read.subjects is None and read.log_likelihood is None
    assert read.name == path
    chosen = read_windows(path, TableConfig(channels=("ay",)), name="chosen")
    np.testing.assert_array_equal(chosen.values[..., 0], values()[..., 1])
    assert chosen.channels == ("ay",) and chosen.units == ("g",) and chosen.name == "chosen"


def test_long_series_are_cut_with_their_labels(tmp_path):
    labels = np.array(["x", "x", "y", "y"])
    path = save(tmp_path / "f.npz", a=values(4, 50), labels=labels, log_likelihood=np.zeros(4))
    read = read_windows(path, TableConfig(), length=20)
    assert read.values.shape == (8, 20, 2) and read.labels.tolist() == ["x"] * 4 + ["y"] * 4
    np.testing.assert_array_equal(read.values[1], values(4, 50)[0, 20:40])
    assert read.log_likelihood is None
    whole = read_windows(path, TableConfig(), length=50)
    assert whole.count == 4 and whole.log_likelihood.tolist() == [0] * 4
    with pytest.raises(InputError, match="series of 50 samples are shorter than the windows of 60"):
        read_windows(path, TableConfig(), length=60)


def test_names_are_given_to_an_array_without_names(tmp_path):
    path = save(tmp_path / "f.npz", a=values())
    assert read_windows(path, TableConfig(channels=("p", "q"))).channels == ("p", "q")


def test_what_a_file_does_not_say_is_taken_from_the_configuration_or_has_a_default(tmp_path):
    path = save(tmp_path / "f.npz", a=values())
    bare = read_windows(path, TableConfig())
    assert (bare.rate, bare.channels, bare.units) == (1.0, ("x0", "x1"), ("1", "1"))
    given = read_windows(path, TableConfig(rate_hz=20.0, units=("g", "mV")))
    assert (given.rate, given.channels, given.units) == (20.0, ("x0", "x1"), ("g", "mV"))
    said = save(tmp_path / "g.npz", a=values(), rate=50.0, units=["g", "g"], channels=["p", "q"])
    read = read_windows(said, TableConfig(rate_hz=20.0, units=("mV", "mV")))
    assert (read.rate, read.channels, read.units) == (50.0, ("p", "q"), ("g", "g"))


def test_what_a_file_does_not_say_is_taken_from_the_windows_to_compare_with(tmp_path):
    like = WindowSet(values=values(), rate=25.0, channels=("p", "q"), units=("g", "mV"), name="real")
    path = save(tmp_path / "f.npz", a=values())
    read = read_windows(path, TableConfig(rate_hz=20.0, units=("m", "m")), like=like, name="synthetic")
    assert (read.rate, read.channels, read.units) == (25.0, ("p", "q"), ("g", "mV")) and read.name == "synthetic"
    partly = save(tmp_path / "g.npz", a=values(), rate=50.0)
    read = read_windows(partly, TableConfig(), like=like)
    assert (read.rate, read.channels) == (50.0, ("p", "q"))
    with pytest.raises(InputError, match="2 channel names and 2 units for 1 channels"):
        read_windows(save(tmp_path / "h.npz", a=values()[..., :1]), TableConfig(), like=like)


def test_the_splits_of_a_prepared_set_are_read_by_name(tmp_path):
    write_prepared(dataset(heldout=windows(3)), tmp_path / "set", shard_windows=16)
    for split, count in (("training", 50), ("test", 7), ("heldout", 3)):
        read = read_windows(tmp_path / "set", TableConfig(), split=split)
        assert sorted(read.values[:, 0, 0]) == list(range(count)) and read.rate == 50.0
        assert read.subject_names == ("p0", "p1", "p2")
    write_prepared(dataset(), tmp_path / "other", shard_windows=16)
    with pytest.raises(InputError, match="has no split heldout; it has training, test"):
        read_windows(tmp_path / "other", TableConfig(), split="heldout")


@pytest.mark.parametrize("content", [values()[0], None])
def test_recordings_need_a_length(tmp_path, content):
    if content is None:
        path = str(tmp_path / "f.tfrecord")
        series = [values(1, length)[0] for length in (16, 17)]
        known = {"rate": 50.0, "channels": ("ax", "ay"), "units": ("g", "g")}
        records.write_file(path, [records.example(each, **known) for each in series])
    else:
        path = save(tmp_path / "f.npz", a=content)
    with pytest.raises(InputError, match="length must be given") as error:
        read_windows(path, TableConfig())
    assert error.value.fields == ("length",)
    assert read_windows(path, TableConfig(), length=8).length == 8


def test_a_subject_for_every_window_says_nothing(tmp_path):
    path = save(tmp_path / "f.npz", a=values(), subjects=np.arange(6).astype(str))
    assert read_windows(path, TableConfig()).subjects is None
    path = save(tmp_path / "g.npz", a=values(), subjects=["a", "a", "b", "b", "c", "c"])
    assert read_windows(path, TableConfig()).subject_names == ("a", "b", "c")


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_windows(tmp_path / "f.npz", TableConfig())
    with pytest.raises(InputError, match="`rate` must be one number above 0"):
        read_windows(save(tmp_path / "f.npz", a=values(), rate=-1.0), TableConfig())
    broken = values()
    broken[1, 2, 0] = np.inf
    with pytest.raises(InputError, match="first is sample 2 of channel x0 in window 1"):
        read_windows(save(tmp_path / "g.npz", a=broken), TableConfig())
