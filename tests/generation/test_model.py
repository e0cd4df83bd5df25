"""Conditional models, from the command line to Python."""

import csv
import itertools

import numpy as np
import pytest

import sensegen_tf
from sensegen_tf.data import series
from sensegen_tf.data.sources.tables import TableConfig
from sensegen_tf.errors import InputError
from sensegen_tf.files import read_json
from sensegen_tf.serving.saved_model import read_card
from sensegen_tf.training.calibration import TEMPERATURES
from tests.commands import run
from tests.conftest import TINY


@pytest.fixture(scope="module")
def model(conditional):
    return sensegen_tf.load(conditional / "model")


def test_the_card_names_the_labels_and_how_common_they_are(model):
    assert "pendulum" in model.card.labels and len(model.card.labels) == len(model.card.label_shares) == 7
    assert sum(model.card.label_shares) == pytest.approx(1)


def test_the_card_names_the_temperatures_that_training_chose(model, conditional, version):
    found = model.card.temperatures
    assert tuple(found) == model.card.labels and set(found.values()) <= set(TEMPERATURES) and set(found.values()) != {1}
    assert read_json(conditional / "finished.json")["temperatures"] == found
    assert read_card(version).temperatures == {"all": 1}  # --nocalibrate


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
        ({"temperature": 0}, "temperature must be a number above 0, got 0"),
        ({"temperature": float("nan")}, "temperature must be"),
    ],
)
def test_a_wrong_argument_is_named(model, arguments, message):
    with pytest.raises(InputError, match=message):
        model.sample(**{"count": 2, **arguments})


def test_a_stream_is_what_sample_gives_piece_by_piece(model):
    whole, labels = model.sample(5, 60, seed=4)
    for chunk in (1, 7):
        pieces = list(itertools.islice(model.stream(5, seed=4, chunk=chunk), -(-60 // chunk)))
        assert all(piece.shape == (5, chunk, 3) for piece in pieces)
        np.testing.assert_array_equal(np.concatenate(pieces, 1)[:, :60], whole)
    one = next(model.stream(1, seed=4, label=str(labels[0]), chunk=60))
    np.testing.assert_array_equal(one[0], whole[0])


def test_scores_tell_real_windows_from_noise_and_say_where(model):
    series = model.sample(40, seed=5, label="pendulum")
    found = model.score(series, "pendulum")
    assert found.log_likelihood.shape == (40, 24) and found.innovation.shape == (40, 24, 3)
    np.testing.assert_allclose(found.log_likelihood.sum(1), found.total, rtol=1e-4)
    broken = series.copy()
    broken[:, 12] += 3.0
    worse = model.score(broken, ["pendulum"] * 40)
    assert (worse.log_likelihood[:, 12] < found.log_likelihood[:, 12]).mean() > 0.9
    np.testing.assert_array_equal(worse.log_likelihood[:, :12], found.log_likelihood[:, :12])
    shorter = model.score(series, "pendulum", length=np.full(40, 12))
    np.testing.assert_array_equal(shorter.log_likelihood[:, :12], found.log_likelihood[:, :12])
    assert (shorter.log_likelihood[:, 12:] == 0).all() and (shorter.innovation[:, 12:] == 0).all()


def test_a_continuation_depends_on_what_came_before(model):
    prefix = np.repeat(model.sample(1, 30, seed=6, label="pendulum"), 50, 0)
    found = model.continue_series(prefix, 20, seed=1, label="pendulum")
    assert found.shape == (50, 20, 3) and np.isfinite(found).all()
    np.testing.assert_array_equal(model.continue_series(prefix, 20, 1, "pendulum"), found)
    assert (model.continue_series(prefix, 20, 2, "pendulum") != found).any()
    filled = np.concatenate([prefix, np.full([50, 5, 3], np.nan)], 1)
    again = model.continue_series(filled, 20, 1, "pendulum", prefix_length=np.full(50, 30))
    np.testing.assert_array_equal(again, found)
    far = model.continue_series(prefix + 0.5, 20, 1, "pendulum")
    assert np.abs((far - found)[:, 0].mean(0) - 0.5).max() < 0.2


def test_the_discriminator_gives_probabilities(model):
    found = model.discriminate(model.sample(300, seed=5, label="pendulum"), "pendulum")
    assert found.shape == (300,) and (found > 0).all() and (found < 1).all()


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        (
            "score",
            {"series": np.zeros([2, 5])},
            r"series must be numbers \[N, T, 3\], channels ax, ay, az; got float64",
        ),
        ("score", {"series": np.zeros([2, 5, 4])}, "series must be numbers"),
        ("score", {"series": [[["a", "b", "c"]]]}, "series must be numbers"),
        ("score", {"series": np.zeros([2, 5, 3])}, "label must be given; the model has abduction"),
        (
            "score",
            {"series": np.zeros([2, 5, 3]), "label": ["pendulum"]},
            "label must be one name, or 2 of them, got 1",
        ),
        ("score", {"series": np.zeros([2, 5, 3]), "label": "dancing"}, "label: the model has no dancing"),
        ("score", {"series": np.full([2, 5, 3], np.nan), "label": "pendulum"}, "at row 0, sample 0, channel ax"),
        (
            "discriminate",
            {"series": np.zeros([2, 5, 3]), "label": "pendulum", "length": [5, 6]},
            r"length must lie in \[1",
        ),
        ("discriminate", {"series": np.zeros([2, 5, 3]), "label": "pendulum", "length": 5}, "length must be 2 whole"),
        (
            "continue_series",
            {"prefix": np.zeros([2, 0, 3]), "label": "pendulum"},
            r"prefix_length must lie in \[1, 0\]",
        ),
        ("continue_series", {"prefix": np.zeros([2, 5, 3]), "length": 10**7, "label": "pendulum"}, "length must be"),
        ("stream", {"count": 0}, "count must be"),
        ("stream", {"chunk": -1}, "chunk must be"),
        ("stream", {"label": "dancing"}, "no label 'dancing'"),
    ],
)
def test_a_wrong_argument_of_any_method_is_named(model, method, arguments, message):
    with pytest.raises(InputError, match=message):
        getattr(model, method)(**arguments)


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
