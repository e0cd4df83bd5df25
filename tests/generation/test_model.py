"""An exported model as a Python object."""

import itertools

import numpy as np
import pytest

import sensegen_tf
from sensegen_tf.errors import InputError
from sensegen_tf.serving import model_card


def test_samples_come_with_their_labels_and_seeds(watch, plain):
    samples = plain.sample(3, length=10, seed=5)
    assert samples.values.shape == (3, 10, 3) and samples.values.dtype == np.float32
    assert samples.labels is None and samples.seeds.tolist() == [(5 << 32) + number for number in range(3)]
    values, labels, seeds = watch.sample(3, length=10, seed=5, label="pendulum")
    assert values.shape == (3, 10, 3) and labels.tolist() == ["pendulum"] * 3 and seeds.dtype == np.int64
    assert watch.sample(1).values.shape == (1, watch.card.window_length, 3)


def test_labels_are_as_common_as_in_training_or_as_asked(watch):
    samples = watch.sample(700, length=12, seed=3)
    assert samples.values.shape == (700, 12, 3) and np.isfinite(samples.values).all()
    for label, share in zip(watch.card.labels, watch.card.label_shares, strict=True):
        assert np.mean(samples.labels == label) == pytest.approx(share, abs=0.005)
    one = watch.sample(300, length=12, seed=3, label="pendulum").values
    same = samples.labels[:300] == "pendulum"
    np.testing.assert_array_equal(one[same], samples.values[:300][same])
    assert (one[~same] != samples.values[:300][~same]).any((1, 2)).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {"count": 0},
        {"length": 0},
        {"length": 2.5},
        {"seed": -1},
        {"label": "dancing"},
        {"temperature": 0},
        {"temperature": float("nan")},
    ],
)
def test_a_wrong_argument_is_named(watch, arguments):
    with pytest.raises(InputError) as error:
        watch.sample(**{"count": 2, **arguments})
    assert error.value.fields == tuple(arguments)


def test_a_stream_is_what_sample_gives_piece_by_piece(watch):
    whole = watch.sample(5, length=60, seed=4)
    for chunk in (1, 7):
        pieces = list(itertools.islice(watch.stream(5, seed=4, chunk=chunk), -(-60 // chunk)))
        assert all(piece.shape == (5, chunk, 3) for piece in pieces)
        np.testing.assert_array_equal(np.concatenate(pieces, 1)[:, :60], whole.values)
    one = next(watch.stream(1, seed=4, label=str(whole.labels[0]), chunk=60))
    np.testing.assert_array_equal(one[0], whole.values[0])


@pytest.mark.slow
def test_pieces_of_a_stream_are_rounded_up_to_whole_blocks(plain_version):
    model = sensegen_tf.load(plain_version)
    assert model.card.block == 4
    np.testing.assert_array_equal(next(model.stream(chunk=6)), model.sample(1, length=8).values)


def test_scores_tell_real_windows_from_noise_and_say_where(watch):
    series = watch.sample(40, length=24, seed=5, label="pendulum").values
    found = watch.score(series, label="pendulum")
    assert found.log_likelihood.shape == (40, 24) and found.pit.shape == (40, 24, 3)
    assert (found.pit >= 0).all() and (found.pit <= 1).all()
    np.testing.assert_allclose(found.log_likelihood.sum(1), found.total, rtol=1e-4)
    broken = series.copy()
    broken[:, 12] += 3.0
    worse = watch.score(broken, label=["pendulum"] * 40)
    assert (worse.log_likelihood[:, 12] < found.log_likelihood[:, 12]).mean() > 0.9
    np.testing.assert_array_equal(worse.log_likelihood[:, :12], found.log_likelihood[:, :12])
    shorter = watch.score(series, label="pendulum", length=np.full(40, 12))
    np.testing.assert_array_equal(shorter.log_likelihood[:, :12], found.log_likelihood[:, :12])
    assert (shorter.log_likelihood[:, 12:] == 0).all() and (shorter.pit[:, 12:] == 0).all()


def test_a_model_that_was_exported_before_scores_too(watch, monkeypatch):
    [earlier] = model_card.EARLIER_OUTPUTS
    outputs = {earlier: np.full([2, 5, 3], 0.5), "log_likelihood": np.zeros([2, 5]), "total": np.zeros(2)}
    monkeypatch.setattr(watch, "_call", lambda signature, inputs: outputs)
    assert watch.score(np.zeros([2, 5, 3]), label="pendulum").pit is outputs[earlier]


def test_a_continuation_depends_on_what_came_before(watch):
    prefix = np.repeat(watch.sample(1, length=30, seed=6, label="pendulum").values, 50, 0)
    asked = {"length": 20, "label": "pendulum"}
    found = watch.continue_series(prefix, **asked, seed=1)
    assert found.shape == (50, 20, 3) and np.isfinite(found).all()
    np.testing.assert_array_equal(watch.continue_series(prefix, **asked, seed=1), found)
    assert (watch.continue_series(prefix, **asked, seed=2) != found).any()
    filled = np.concatenate([prefix, np.full([50, 5, 3], np.nan)], 1)
    again = watch.continue_series(filled, **asked, seed=1, prefix_length=np.full(50, 30))
    np.testing.assert_array_equal(again, found)
    far = watch.continue_series(prefix + 0.5, **asked, seed=1)
    assert np.abs((far - found)[:, 0].mean(0) - 0.5).max() < 0.2


def test_the_discriminator_gives_probabilities(watch):
    series = watch.sample(300, length=24, seed=5, label="pendulum").values
    found = watch.discriminate(series, label="pendulum")
    assert found.shape == (300,) and (found > 0).all() and (found < 1).all()


ZEROS = np.zeros([2, 5, 3])


@pytest.mark.parametrize(
    ("method", "arguments", "field", "fact"),
    [
        ("score", {"series": np.zeros([2, 5])}, "series", r"\[N, T, 3\], channels ax, ay, az; got float64"),
        ("score", {"series": np.zeros([2, 5, 4])}, "series", r"\[2, 5, 4\]"),
        ("score", {"series": [[["a", "b", "c"]]]}, "series", "must be numbers"),
        ("score", {"series": ZEROS}, "label", "abduction"),
        ("score", {"series": ZEROS, "label": ["pendulum"]}, "label", "got 1"),
        ("score", {"series": ZEROS, "label": "dancing"}, "label", "dancing"),
        ("score", {"series": ZEROS * np.nan, "label": "pendulum"}, "series", "series 0, sample 0, channel ax"),
        ("discriminate", {"series": ZEROS, "label": "pendulum", "length": [5, 6]}, "length", r"\[1, 5\]"),
        ("discriminate", {"series": ZEROS, "label": "pendulum", "length": 5}, "length", "2 whole numbers"),
        ("continue_series", {"prefix": ZEROS[:, :0], "label": "pendulum"}, "prefix_length", r"\[1, 0\]"),
        ("continue_series", {"prefix": ZEROS, "length": 10**7, "label": "pendulum"}, "length", "1000000"),
        ("stream", {"count": 0}, "count", "got 0"),
        ("stream", {"chunk": -1}, "chunk", "got -1"),
        ("stream", {"label": "dancing"}, "label", "dancing"),
    ],
)
def test_a_wrong_argument_of_any_method_is_named(watch, method, arguments, field, fact):
    with pytest.raises(InputError, match=fact) as error:
        getattr(watch, method)(**arguments)
    assert error.value.fields == (field,)


def test_a_label_is_refused_by_a_model_without(plain):
    with pytest.raises(InputError) as error:
        plain.score(np.zeros([1, 8, 3]), label="N")
    assert error.value.fields == ("label",)


def test_a_name_that_is_no_model_lists_those_that_are():
    with pytest.raises(InputError, match="nonsense.*sensegen_ecg, sensegen_ecg_private, sensegen_watch"):
        sensegen_tf.load("nonsense")
