import numpy as np
import pytest

from sensegen_tf.evaluation.critic import WindowClassifier, contiguous_parts, told_apart


def windows(seed, count=400):
    return np.cumsum(np.random.default_rng(seed).normal(size=[count, 32, 2]), 1)


@pytest.fixture(scope="module")
def classifier():
    return WindowClassifier(32, 2, 2, epochs=15)


def test_what_is_alike_is_not_told_apart(classifier):
    assert abs(told_apart(classifier, windows(0), windows(1), 0)) < 0.15


def test_a_little_noise_is_told_apart(classifier):
    noisy = windows(1) + 1.5 * np.random.default_rng(2).normal(size=[400, 32, 2])
    assert told_apart(classifier, windows(0), noisy, 0) > 0.3


def test_the_same_seed_gives_the_same_score_whatever_was_fitted_before(classifier):
    pair = windows(0), windows(1) * 1.2
    first = told_apart(classifier, *pair, 3)
    told_apart(classifier, windows(4), windows(5), 1)
    assert told_apart(classifier, *pair, 3) == first
    assert told_apart(WindowClassifier(32, 2, 2, epochs=15), *pair, 3) == first


def test_parts_are_contiguous_disjoint_and_of_the_right_size():
    training, validation, test = contiguous_parts(1000, np.random.default_rng(0))
    assert (training.astype(int) + validation + test == 1).all()
    assert [part.sum() for part in (training, validation, test)] == [600, 200, 200]
    assert np.abs(np.diff(test.astype(int))).sum() <= 2 * 4
