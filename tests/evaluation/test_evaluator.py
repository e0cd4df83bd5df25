"""The evaluator is evaluated on real recordings: each cheat is caught by a named metric with margin; real windows pass.

The fast tier has each cheat once on made-up windows, in test_cheats.py.
"""

import dataclasses

import numpy as np
import pytest

from sensegen_tf.evaluation.evaluator import Settings, evaluate
from tests.evaluation.cheats import assert_caught, cheat, subject_groups, together

pytestmark = pytest.mark.slow
_QUICK = Settings.quick()
_NOTHING = dataclasses.replace(_QUICK, repeats=(0, 0), c2st=(0, 0), trees=0, identity_series=0)
STATISTICS = dataclasses.replace(_NOTHING, repeats=_QUICK.repeats)
UTILITY = dataclasses.replace(_NOTHING, trees=3)
# As thorough as the usual evaluation, for what a few repeats cannot decide.
C2ST = dataclasses.replace(_NOTHING, c2st=(3, 8), classifier_windows=1500, c2st_epochs=30)


def evaluated(real, values, *, settings=STATISTICS, test=None):
    return evaluate(real, cheat(real, values), test=test, settings=settings)


def test_white_noise_with_the_right_marginals(watch, ecg):
    for real, _ in (watch, ecg):
        rng = np.random.default_rng(0)
        channels = [rng.permutation(real.values[..., c].ravel()) for c in range(len(real.channels))]
        found = evaluated(real, np.stack(channels, -1).reshape(real.values.shape))
        assert found.find("marginals").passed
        for metric in ("increments", "spectrum", "coverage"):
            assert_caught(found.find(metric), 1.5)


def test_time_shuffled_windows(watch, ecg):
    for real, _ in (watch, ecg):
        rng = np.random.default_rng(0)
        found = evaluated(real, [window[rng.permutation(len(window))] for window in real.values])
        for metric in ("increments", "spectrum"):
            assert_caught(found.find(metric), 1.5)


def test_time_reversed_windows(ecg):
    real, _ = ecg
    found = evaluated(real, real.values[:, ::-1])
    assert found.find("spectrum").passed and found.find("autocorrelation").passed
    assert_caught(found.find("time_direction"), 2)
    assert_caught(found.find("beat_shape"), 1.5)


@pytest.mark.data
def test_time_reversed_walking(hapt):
    real, _ = hapt
    found = evaluated(real, real.values[:, ::-1])
    assert_caught(found.find("time_direction"), 1.1)


@pytest.mark.data
def test_channels_paired_from_different_windows(watch, hapt):
    for real, _ in (watch, hapt):
        rng = np.random.default_rng(0)
        channels = [real.values[rng.permutation(real.count), :, c] for c in range(3)]
        found = evaluated(real, np.stack(channels, -1))
        assert found.find("marginals").passed and found.find("spectrum").passed
        assert_caught(found.find("cross_correlation"), 1.3)
    assert_caught(found.find("gravity"), 5)


@pytest.mark.parametrize("noise", [0, 0.05])
def test_the_training_set_returned_with_and_without_noise(noise, watch, ecg):
    for real, test in (watch, ecg):
        rng = np.random.default_rng(0)
        scale = noise * real.values.std((0, 1))
        copies = real.values + scale * rng.normal(size=real.values.shape)
        found = evaluated(real, copies, settings=dataclasses.replace(_NOTHING, privacy_windows=3000), test=test)
        for metric in ("close_copies", "membership_auc"):
            assert_caught(found.find(metric), 1.1)
        assert found.find("close_copies").value > 0.9 and found.find("membership_auc").value > 0.9


def test_the_training_set_returned_from_other_moments(ecg):
    """Shifted in time by half a stride, as far from every training window as can be."""
    real, test = ecg
    shifted = np.concatenate([real.values[:-1, 30:], real.values[1:, -60:-30]], 1)
    samples = cheat(real.take(np.arange(len(shifted))), shifted)
    found = evaluate(real, samples, test=test, settings=dataclasses.replace(_NOTHING, shift_step=2))
    assert found.find("close_copies").value > 0.4
    assert_caught(found.find("close_copies"), 3)
    assert_caught(found.find("membership_auc"), 1.1)


def test_one_window_repeated(watch, ecg):
    for real, _ in (watch, ecg):
        found = evaluated(real, np.repeat(real.values[:1], real.count, 0))
        assert_caught(found.find("coverage"), 5)
        assert_caught(found.find("mmd"), 3)


def test_the_mean_window(watch, ecg):
    for real, _ in (watch, ecg):
        found = evaluated(real, np.repeat(real.values.mean(0, keepdims=True), real.count, 0))
        assert_caught(found.find("marginals"), 1.5)
        assert_caught(found.find("spectrum"), 3)


def test_heldout_windows_of_the_training_subjects(watch):
    """A third was trained on, a third held out; a third of the same recordings is separated from neither."""
    real, test = watch
    rows = np.arange(real.count)
    training, heldout, honest = (real.take(rows % 3 == rest) for rest in range(3))
    settings = dataclasses.replace(_NOTHING, c2st=(2, 4), classifier_windows=300, c2st_epochs=12)
    noisy = cheat(honest, honest.values + np.random.default_rng(0).normal(size=honest.values.shape))
    for samples, passed in ((honest, True), (noisy, False)):
        found = evaluate(training, samples, test=test, heldout=heldout, settings=settings)
        score = found.find("c2st", "heldout")
        assert score.passed is passed
    assert abs(score.reference.mean - 0.5) < 0.1 and score.value > 0.9


@pytest.mark.data
def test_a_generator_that_ignores_labels(hapt):
    real, test = hapt
    rng = np.random.default_rng(0)
    samples = dataclasses.replace(real, name="cheat", labels=rng.permutation(real.labels))
    found = evaluate(real, samples, test=test, settings=UTILITY)
    assert_caught(found.find("tstr_trees", "test"), 1.5)
    honest = evaluate(real, dataclasses.replace(real, name="honest"), test=test, settings=UTILITY)
    assert honest.find("tstr_trees", "test").passed


@pytest.mark.data
def test_a_generator_that_ignores_labels_moves_with_the_wrong_energy(hapt):
    real, _ = hapt
    samples = dataclasses.replace(real, name="cheat", labels=np.random.default_rng(0).permutation(real.labels))
    found = evaluate(real, samples, settings=STATISTICS)
    assert found.find("energy").passed
    assert_caught(found.find("energy_by_label"), 2)


@pytest.mark.data
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_amplitudes_off_by_ten_percent(factor, hapt):
    real, _ = hapt
    found = evaluated(real, factor * real.values)
    assert_caught(found.find("gravity"), 5)


@pytest.mark.data
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_sampling_rate_off_by_ten_percent(factor, hapt):
    """90 % of a window drawn out, or 110 % (with what follows it) pressed, into the length of a window."""
    real, _ = hapt
    length = real.values.shape[1]
    if factor > 1:
        pairs = np.concatenate([real.values[:-1], real.values[1:]], 1)
        same = (real.labels[:-1] == real.labels[1:]) & (real.subjects[:-1] == real.subjects[1:])
        source = pairs[same]
    else:
        source = real.values
    times = np.arange(length) * factor
    values = [[np.interp(times, np.arange(window.shape[0]), channel) for channel in window.T] for window in source]
    samples = dataclasses.replace(
        real, name="cheat", values=np.moveaxis(np.array(values), 1, 2), subjects=None, labels=None
    )
    found = evaluate(real, samples, settings=STATISTICS)
    assert_caught(found.find("cadence"), 1.3)


@pytest.mark.data
def test_the_two_sample_test_catches_what_single_numbers_miss(hapt):
    """Windows with amplitudes off by 10 %: recognised, though two groups of people hardly are."""
    real, _ = hapt
    found = evaluated(real, 1.1 * real.values, settings=C2ST)
    score = found.find("c2st")
    assert score.passed is False and score.low - 0.5 > 1.1 * (score.bound - 0.5), score


def test_every_seed_that_training_takes_can_be_used(watch):
    real, test = watch
    settings = dataclasses.replace(UTILITY, seed=2**31 - 1, c2st=(2, 2), c2st_epochs=1, trees=1, networks=1)
    found = evaluate(real.subsample(800), real.subsample(400), test=test.subsample(400), settings=settings)
    assert found.find("c2st") and found.find("tstr_network", "test")


@pytest.mark.data
def test_other_real_subjects_pass_everything(hapt):
    """Ten people in the place of those trained on, ten others in the place of the samples, five test subjects."""
    real, samples, test = subject_groups(together(*hapt), (10, 10, 5), seed=0)
    found = evaluate(real, samples, test=test, settings=_QUICK)
    assert [score.metric for score in found.scores if score.passed is False] == []
    assert sum(score.passed is True for score in found.scores) > 30
