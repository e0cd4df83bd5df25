"""Conditional models, from the command line to Python."""

import csv

import numpy as np
import pytest

import sensegen_tf
from sensegen_tf.data import series
from sensegen_tf.data.sources.tables import TableConfig
from sensegen_tf.errors import InputError
from tests.conftest import TINY, run


@pytest.fixture(scope="module")
def model(conditional):
    return sensegen_tf.load(conditional / "model")


def test_the_card_names_the_labels_and_how_common_they_are(model):
    assert "pendulum" in model.card.labels and len(model.card.labels) == len(model.card.label_shares) == 7
    assert sum(model.card.label_shares) == pytest.approx(1)


def test_labels_are_as_common_as_in_training_or_as_asked(model):
    samples, labels = model.sample(700, seed=3)
    assert samples.shape == (700, 24, 3) and np.isfinite(samples).all()
    for label, share in zip(model.card.labels, model.card.label_shares, strict=True):
        assert np.mean(labels == label) == pytest.approx(share, abs=0.005)
    one = model.sample(300, seed=3, label="pendulum")
    same = labels[:300] == "pendulum"
    np.testing.assert_array_equal(one[same], samples[:300][same])
    assert (one[~same] != samples[:300][~same]).any((1, 2)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count must be a whole number in .1, "),
        ({"length": 0}, "length must be"),
        ({"length": 2.5}, "length must be a whole number .* got 2.5"),
        ({"seed": -1}, "seed must be"),
        ({"label": "dancing"}, "no label 'dancing'; it has abduction, "),
    ],
)
def test_a_wrong_argument_is_named(model, arguments, message):
    with pytest.raises(InputError, match=message):
        model.sample(**{"count": 2, **arguments})


def test_a_name_that_is_no_model_lists_those_that_are():
    with pytest.raises(InputError, match="no SavedModel at nonsense.*pretrained model"):
        sensegen_tf.load("nonsense")


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".tfrecord"])
def test_files_carry_the_labels(model, conditional, suffix, tmp_path):
    path = tmp_path / f"s{suffix}"
    done = run("sample", model=conditional / "model", num=100, seed=3, output=path)
    assert done.returncode == 0, done.stderr
    expected, labels = model.sample(100, seed=3)
    found = series.read(str(path), TableConfig())
    np.testing.assert_array_equal(found.values, expected)
    np.testing.assert_array_equal(found.labels, labels)
    if suffix == ".csv":
        with open(path, newline="") as file:
            header, first = list(csv.reader(file))[:2]
        assert header == ["series", "time [s]", "ax [g]", "ay [g]", "az [g]", "label"] and first[-1] == labels[0]


def test_a_label_of_the_command_line(conditional, tmp_path):
    given = {"model": conditional / "model", "num": 5, "output": tmp_path / "s.npz"}
    assert run("sample", **given, label="pendulum").returncode == 0
    assert set(np.load(tmp_path / "s.npz")["labels"]) == {"pendulum"}
    done = run("sample", **given, label="dancing")
    assert done.returncode == 2 and "no label 'dancing'" in done.stderr


def test_a_run_can_start_from_another_ones_weights(conditional, tmp_path):
    tiny = {**TINY, "model": "sensegen_accel", "generator_learning_rate": "1e-12", "outer_iterations": "1"}
    done = run("train", **tiny, initial_run=conditional, run_dir=tmp_path / "run")
    assert done.returncode == 0, done.stderr
    again = sensegen_tf.load(tmp_path / "run" / "model").sample(20, seed=1, label="pendulum")
    before = sensegen_tf.load(conditional / "model").sample(20, seed=1, label="pendulum")
    assert np.median(np.abs(again - before)) < 1e-3
    done = run("train", **{**tiny, "model": "sensegen_small"}, initial_run=conditional, run_dir=tmp_path / "other")
    assert done.returncode == 2 and "is of another model" in done.stderr
    done = run("train", **tiny, initial_run=tmp_path / "nowhere", run_dir=tmp_path / "third")
    assert done.returncode == 2 and "there is no checkpoint in" in done.stderr
