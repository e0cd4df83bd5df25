import numpy as np
import pytest

from sensegen_tf.data import series
from sensegen_tf.data.sources.tables import TableConfig
from sensegen_tf.errors import InputError
from sensegen_tf.generation import writers
from sensegen_tf.serving.saved_model import ModelCard

CARD = ModelCard("m", 50.0, ("ax", "ay"), ("g", "g"), (), (), {}, 16, 1, 1000, "watch", {}, {}, {}, {}, {}, {})


def values(count=6, length=16):
    return np.random.default_rng(0).normal(size=[count, length, 2]).astype(np.float32)


@pytest.mark.parametrize("suffix", ["npz", "csv", "tfrecord"])
def test_what_sample_writes_is_read_back_to_the_bit(suffix, tmp_path):
    path = tmp_path / f"samples.{suffix}"
    with writers.open_writer(path, CARD, 6, 16) as write:
        write(np.arange(6), np.zeros(6, int), values())
    read = series.read(str(path), TableConfig())
    np.testing.assert_array_equal(np.float32(read.values), values())
    assert (read.rate, read.channels, read.units) == (50.0, ("ax", "ay"), ("g", "g"))
    assert read.labels is None and read.log_likelihood is None
    (chosen,) = np.moveaxis(series.read(str(path), TableConfig(channels=("ay",))).values, -1, 0)
    np.testing.assert_array_equal(np.float32(chosen), values()[..., 1])


def test_long_series_are_cut_with_their_labels(tmp_path):
    np.savez(tmp_path / "f.npz", a=values(4, 50), labels=np.array(["x", "x", "y", "y"]), log_likelihood=np.zeros(4))
    read = series.read(str(tmp_path / "f.npz"), TableConfig(), length=20)
    assert read.values.shape == (8, 20, 2) and read.labels.tolist() == ["x"] * 4 + ["y"] * 4
    np.testing.assert_array_equal(read.values[1], values(4, 50)[0, 20:40])
    assert read.log_likelihood is None and read.rate is None and read.channels is None


def test_names_are_given_to_an_array_without_names(tmp_path):
    np.savez(tmp_path / "f.npz", a=values())
    assert series.read(str(tmp_path / "f.npz"), TableConfig(channels=("p", "q"))).channels == ("p", "q")


def test_one_long_recording_needs_a_length(tmp_path):
    np.savez(tmp_path / "f.npz", a=values()[0])
    with pytest.raises(InputError, match="--window_length"):
        series.read(str(tmp_path / "f.npz"), TableConfig())


def test_a_subject_for_every_window_says_nothing(tmp_path):
    np.savez(tmp_path / "f.npz", a=values(), subjects=np.arange(6).astype(str))
    assert series.read(str(tmp_path / "f.npz"), TableConfig()).subjects is None
