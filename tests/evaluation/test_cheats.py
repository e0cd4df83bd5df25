"""Each cheat once on made-up windows, caught by a named metric; honest windows pass.

On real recordings: test_evaluator.py.
"""

import dataclasses

import numpy as np
import pytest

from sensegen_tf.evaluation.evaluator import Settings, evaluate
from tests.evaluation.cheats import assert_caught, cheat
from tests.evaluation.conftest import walkers

NOTHING = Settings(repeats=(0, 0), c2st=(0, 0), published=(0, 0), trees=0, networks=0, shift_step=2, identity_series=0)
STATISTICS = dataclasses.replace(NOTHING, repeats=(3, 8), group_windows=120)
UTILITY = dataclasses.replace(NOTHING, trees=1)
C2ST = dataclasses.replace(NOTHING, c2st=(2, 4), classifier_windows=240, c2st_epochs=5)


@pytest.fixture(scope="module")
def real():
    return walkers(0)


@pytest.fixture(scope="module")
def test():
    return walkers(1)


def permuted(values, rng):
    return np.stack([rng.permutation(values[..., c].ravel()) for c in range(3)], -1).reshape(values.shape)


def shuffled(values, rng):
    return [window[rng.permutation(len(window))] for window in values]


def reversed_in_time(values, rng):
    return values[:, ::-1]


def paired_at_random(values, rng):
    return np.stack([values[rng.permutation(len(values)), :, c] for c in range(3)], -1)


def repeated(values, rng):
    return np.repeat(values[:1], len(values), 0)


def averaged(values, rng):
    return np.repeat(values.mean(0, keepdims=True), len(values), 0)


def louder(values, rng):
    return 1.3 * values


def faster(values, rng):
    times = np.arange(values.shape[1]) * 0.75
    return [[np.interp(times, np.arange(values.shape[1]), c) for c in window.T] for window in values]


@pytest.mark.parametrize(
    ("change", "caught", "passed"),
    [
        (permuted, ("increments", "spectrum", "coverage"), ("marginals",)),
        (shuffled, ("increments", "spectrum"), ("marginals",)),
        (reversed_in_time, ("time_direction",), ("spectrum", "autocorrelation")),
        (paired_at_random, ("cross_correlation",), ("marginals", "spectrum")),
        (repeated, ("coverage", "mmd"), ()),
        (averaged, ("marginals", "spectrum"), ()),
        (louder, ("gravity",), ("cadence",)),
        (lambda values, rng: np.moveaxis(np.array(faster(values, rng)), 1, 2), ("cadence",), ("gravity",)),
    ],
)
def test_what_looks_wrong(real, change, caught, passed):
    found = evaluate(real, cheat(real, change(real.values, np.random.default_rng(0))), settings=STATISTICS)
    for metric in caught:
        assert_caught(found.find(metric), 1.1)
    assert all(found.find(metric).passed for metric in passed), [found.find(metric) for metric in passed]


@pytest.mark.parametrize("noise", [0, 0.05])
def test_the_training_set_returned(noise, real, test):
    copies = real.values + noise * real.values.std((0, 1)) * np.random.default_rng(0).normal(size=real.values.shape)
    found = evaluate(real, cheat(real, copies), test=test, settings=NOTHING)
    for metric in ("close_copies", "membership_auc", "subject_membership_auc"):
        assert_caught(found.find(metric), 1.1)
    assert found.find("close_copies").reference.kind == "baseline"
    assert found.find("membership_auc").reference.kind == "null"


def test_the_training_set_returned_from_other_moments():
    long, test = walkers(0, length=80), walkers(1)
    real = dataclasses.replace(long, values=long.values[:, :64])
    found = evaluate(real, cheat(real, long.values[:, 12:76]), test=test, settings=NOTHING)
    assert_caught(found.find("close_copies"), 3)
    assert_caught(found.find("membership_auc"), 1.1)


@pytest.mark.slow
def test_a_generator_that_ignores_labels(real, test):
    wrong = dataclasses.replace(real, labels=np.random.default_rng(0).permutation(real.labels))
    for samples, passed in ((real, True), (wrong, False)):
        found = evaluate(real, samples, test=test, settings=UTILITY)
        assert found.find("tstr_trees", "test").passed is passed
        assert found.find("trtr_trees", "test").value > 0.9
    assert evaluate(real, wrong, settings=STATISTICS).find("energy_by_label").passed is False


@pytest.mark.slow
def test_the_two_sample_test_with_heldout_windows():
    windows = walkers(0, each=60, length=32)
    training, heldout = (windows.take(slice(rest, None, 2)) for rest in range(2))
    noisy = cheat(training, training.values + 0.5 * np.random.default_rng(0).normal(size=training.values.shape))
    score = evaluate(training, noisy, heldout=heldout, settings=C2ST).find("c2st", "heldout")
    assert score.passed is False and score.value > 0.9
    # The baseline compares windows of the same recordings.
    assert abs(score.reference.mean - 0.5) < 0.15


def test_other_subjects_pass_everything(real, test):
    settings = dataclasses.replace(STATISTICS, trees=1)
    found = evaluate(real, walkers(2), test=test, settings=settings)
    assert [score.metric for score in found.scores if score.passed is False] == []
    assert sum(score.passed is True for score in found.scores) > 25
