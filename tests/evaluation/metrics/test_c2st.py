import numpy as np
import pytest

from sensegen_tf.evaluation.metrics.c2st import WindowClassifier, c2st_accuracy, contiguous_split


def windows(seed, count=400):
    return np.cumsum(np.random.default_rng(seed).normal(size=[count, 32, 2]), 1)


@pytest.fixture(scope="module")
def classifier():
    return WindowClassifier(32, 2, classes=2, epochs=15)


def test_what_is_alike_is_at_chance(classifier):
    assert abs(c2st_accuracy(windows(0), windows(1), classifier=classifier, seed=0) - 0.5) < 0.15


def test_a_little_noise_is_recognised(classifier):
    noisy = windows(1) + 1.5 * np.random.default_rng(2).normal(size=[400, 32, 2])
    assert c2st_accuracy(windows(0), noisy, classifier=classifier, seed=0) > 0.8


def test_the_same_seed_gives_the_same_score_whatever_was_fitted_before(classifier):
    pair = windows(0, 100), windows(1, 100) * 1.2
    first = c2st_accuracy(*pair, classifier=classifier, seed=3)
    c2st_accuracy(windows(4, 100), windows(5, 100), classifier=classifier, seed=1)
    assert c2st_accuracy(*pair, classifier=classifier, seed=3) == first
    anew = WindowClassifier(32, 2, classes=2, epochs=15)
    assert c2st_accuracy(*pair, classifier=anew, seed=3) == first


def test_the_split_is_contiguous_disjoint_and_of_the_right_size():
    training, validation, test = contiguous_split(1000, np.random.default_rng(0))
    assert (training.astype(int) + validation + test == 1).all()
    assert [each.sum() for each in (training, validation, test)] == [600, 200, 200]
    assert np.abs(np.diff(test.astype(int))).sum() <= 2 * 4
