"""The versions of a model: what the serving signature promises, and which version is found."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.serving import graph, model_card, versions


@pytest.fixture(scope="module")
def sample(version):
    """The serving signature: (seeds, lengths) -> samples."""
    model = tf.saved_model.load(version)
    signature = model.signatures["serving_default"]

    def call(seeds, lengths):
        outputs = signature(seed=tf.constant(seeds, tf.int64), length=tf.constant(lengths, tf.int32))
        np.testing.assert_array_equal(outputs["length"], lengths)
        return outputs["samples"].numpy()

    call.keep = model
    return call


@pytest.mark.process
def test_saved_model_cli_shows_the_signature(version):
    cli = os.path.join(os.path.dirname(sys.executable), "saved_model_cli")
    shown = subprocess.run([cli, "show", "--dir", version, "--all"], check=True, capture_output=True, text=True).stdout
    for text in (
        "serving_default",
        "inputs['seed']",
        "DT_INT64",
        "inputs['length']",
        "DT_INT32",
        "outputs['samples']",
        "DT_FLOAT",
    ):
        assert text in shown
    assert "(-1, -1, 3)" in shown


def test_same_seed_same_bytes_and_other_seed_other_series(sample):
    first = sample([1, 2, 1], [24, 24, 24])
    np.testing.assert_array_equal(first, sample([1, 2, 1], [24, 24, 24]))
    np.testing.assert_array_equal(first[0], first[2])
    assert (first[0] != first[1]).any()


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 8, 15, 16, 17, 31, 100])
def test_a_series_is_the_same_in_any_batch(sample, batch):
    """Whatever the others are, how many and how long, and wherever in the batch it stands."""
    reference = sample(list(range(50, 114)), [48] * 64)
    rng = np.random.default_rng(batch)
    series, place = int(rng.integers(64)), int(rng.integers(batch))
    seeds, lengths = rng.integers(-(2**60), 2**60, batch), rng.integers(1, 80, batch)
    seeds[place], lengths[place] = 50 + series, 48
    np.testing.assert_array_equal(sample(seeds, lengths)[place, :48], reference[series])


def test_a_longer_series_begins_with_the_shorter_one_and_ends_are_zero(sample):
    samples = sample([9, 9], [40, 17])
    np.testing.assert_array_equal(samples[0, :17], samples[1, :17])
    assert (samples[1, 17:] == 0).all() and (samples[0] != 0).all()


@pytest.mark.parametrize("length", [0, -3])
def test_a_length_below_one_is_refused_by_the_graph(sample, length):
    with pytest.raises(tf.errors.InvalidArgumentError, match="length must be at least 1"):
        sample([1, 2], [5, length])


def test_inputs_of_different_sizes_are_refused_by_the_graph(sample):
    signature = sample.keep.signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="length must have as many examples as seed"):
        signature(seed=tf.constant([1, 2], tf.int64), length=tf.constant([3]))


def test_samples_are_physical(version, sample):
    card = model_card.read_card(version)
    assert card.channels == ("ax", "ay", "az") and card.units == ("g",) * 3 and card.rate == pytest.approx(50)
    samples = sample(list(range(64)), [24] * 64)
    assert samples.shape == (64, 24, 3) and np.isfinite(samples).all()
    mean, std = np.array(card.data["mean"]), np.array(card.data["std"])
    assert (np.abs(samples.mean((0, 1)) - mean) < 3 * std).all()


def test_versions_count_up_and_the_highest_is_found(version, tmp_path):
    assert versions.find_version(os.path.dirname(version)) == version
    assert versions.find_version(version) == version
    for name in ("2", "10", "note", ".11.tmp-x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_bytes(b"")
    assert versions.find_version(tmp_path) == str(tmp_path / "10")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="no SavedModel at"):
        versions.find_version(tmp_path)


def test_what_a_server_refuses_is_found(tmp_path):
    class Bad(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def __call__(self, values):
            called = tf.numpy_function(lambda x: x, [values], tf.float32)
            return {"out": called + tf.random.uniform([1])}

    tf.saved_model.save(Bad(), str(tmp_path))
    with pytest.raises(InputError, match="PyFunc.*RandomUniform"):
        graph.check(str(tmp_path))
