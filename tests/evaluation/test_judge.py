"""The judge is judged: a test for each cheat, each caught by a named metric with margin; and real windows pass."""

import dataclasses

import numpy as np
import pytest

from sensegen_tf.evaluation.judge import Judge, Settings

_QUICK = Settings.quick()
_NOTHING = dataclasses.replace(_QUICK, repeats=(0, 0), critics=(0, 0), classifiers=0)
STATISTICS = dataclasses.replace(_NOTHING, repeats=_QUICK.repeats)
UTILITY = dataclasses.replace(_NOTHING, classifiers=3)
# As thorough as the usual evaluation, for what a few critics cannot decide.
CRITICS = dataclasses.replace(_NOTHING, critics=(3, 8), critic_windows=1500, epochs=30)


def with_values(samples, values):
    return dataclasses.replace(samples, name="cheat", values=np.asarray(values, np.float32))


def assert_caught(score, margin):
    """The whole interval of the value lies beyond the floor's by a factor."""
    assert score.passed is False, score
    if score.definition.better == "lower":
        assert score.low > margin * score.floor_high, score
    else:
        assert score.high < score.floor_low / margin, score


def judge(real, values, settings=STATISTICS, heldout=None):
    return Judge(real, with_values(real, values), heldout, settings).evaluate()


def test_white_noise_with_the_right_marginals(watch, ecg):
    for real, _ in (watch, ecg):
        rng = np.random.default_rng(0)
        channels = [rng.permutation(real.values[..., c].ravel()) for c in range(len(real.channels))]
        found = judge(real, np.stack(channels, -1).reshape(real.values.shape))
        assert found.find("marginals").passed
        for metric in ("increments", "spectrum", "coverage"):
            assert_caught(found.find(metric), 1.5)


def test_time_shuffled_windows(watch, ecg):
    for real, _ in (watch, ecg):
        rng = np.random.default_rng(0)
        found = judge(real, [window[rng.permutation(len(window))] for window in real.values])
        for metric in ("increments", "spectrum"):
            assert_caught(found.find(metric), 1.5)


def test_time_reversed_windows(ecg):
    real, _ = ecg
    found = judge(real, real.values[:, ::-1])
    assert found.find("spectrum").passed and found.find("autocorrelation").passed
    assert_caught(found.find("time_direction"), 2)
    assert_caught(found.find("beat_shape"), 1.5)


def test_time_reversed_walking(hapt):
    real, _ = hapt
    found = judge(real, real.values[:, ::-1])
    assert_caught(found.find("time_direction"), 1.1)


def test_channels_paired_from_different_windows(watch, hapt):
    for real, _ in (watch, hapt):
        rng = np.random.default_rng(0)
        channels = [real.values[rng.permutation(real.count), :, c] for c in range(3)]
        found = judge(real, np.stack(channels, -1))
        assert found.find("marginals").passed and found.find("spectrum").passed
        assert_caught(found.find("cross_correlation"), 1.3)
    assert_caught(found.find("gravity"), 5)


@pytest.mark.parametrize("noise", [0, 0.05])
def test_the_training_set_returned_with_and_without_noise(noise, watch, ecg):
    for real, heldout in (watch, ecg):
        rng = np.random.default_rng(0)
        scale = noise * real.values.std((0, 1))
        copies = real.values + scale * rng.normal(size=real.values.shape)
        found = judge(real, copies, dataclasses.replace(_NOTHING, privacy_windows=3000), heldout)
        for metric in ("close_copies", "membership_auc", "membership_tpr"):
            assert_caught(found.find(metric), 1.1)
        assert found.find("close_copies").value > 0.9 and found.find("membership_auc").value > 0.9


def test_the_training_set_returned_from_other_moments(ecg):
    """Shifted in time by half a stride, as far from every training window as can be."""
    real, heldout = ecg
    shifted = np.concatenate([real.values[:-1, 30:], real.values[1:, -60:-30]], 1)
    cheat = dataclasses.replace(real.take(np.arange(len(shifted))), name="cheat", values=shifted)
    found = Judge(real, cheat, heldout, dataclasses.replace(_NOTHING, shift_step=2)).evaluate()
    assert found.find("close_copies").value > 0.4
    assert_caught(found.find("close_copies"), 3)
    assert_caught(found.find("membership_auc"), 1.1)


def test_one_window_repeated(watch, ecg):
    for real, _ in (watch, ecg):
        found = judge(real, np.repeat(real.values[:1], real.count, 0))
        assert_caught(found.find("coverage"), 5)
        assert_caught(found.find("mmd"), 3)


def test_the_mean_window(watch, ecg):
    for real, _ in (watch, ecg):
        found = judge(real, np.repeat(real.values.mean(0, keepdims=True), real.count, 0))
        assert_caught(found.find("marginals"), 1.5)
        assert_caught(found.find("spectrum"), 3)


def test_windows_of_the_training_people_that_were_not_trained_on(watch):
    """Even windows were trained on, odd ones were not; honest samples are told apart from neither."""
    real, heldout = watch
    rows = np.arange(real.count)
    seen, unseen, honest = real.take(rows % 3 == 0), real.take(rows % 3 == 1), real.take(rows % 3 == 2)
    settings = dataclasses.replace(_NOTHING, critics=(3, 5), critic_windows=300, epochs=12)
    noisy = with_values(honest, honest.values + np.random.default_rng(0).normal(size=honest.values.shape))
    for samples, passed in ((honest, True), (noisy, False)):
        found = Judge(seen, samples, heldout, settings, unseen=unseen).evaluate()
        score = found.find("critic", "unseen")
        assert score.passed is passed
    assert abs(score.floor) < 0.1 and score.value > 0.4


def test_a_generator_that_ignores_labels(hapt):
    real, heldout = hapt
    rng = np.random.default_rng(0)
    cheat = dataclasses.replace(real, name="cheat", labels=rng.permutation(real.labels))
    found = Judge(real, cheat, heldout, UTILITY).evaluate()
    assert_caught(found.find("tstr_trees", "heldout"), 1.5)
    honest = Judge(real, dataclasses.replace(real, name="honest"), heldout, UTILITY).evaluate()
    assert honest.find("tstr_trees", "heldout").passed


def test_a_generator_that_ignores_labels_moves_with_the_wrong_energy(hapt):
    real, _ = hapt
    cheat = dataclasses.replace(real, name="cheat", labels=np.random.default_rng(0).permutation(real.labels))
    found = Judge(real, cheat, None, STATISTICS).evaluate()
    assert found.find("energy").passed
    assert_caught(found.find("energy_by_label"), 2)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_amplitudes_off_by_ten_percent(factor, hapt):
    real, _ = hapt
    found = judge(real, factor * real.values)
    assert_caught(found.find("gravity"), 5)


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
    cheat = dataclasses.replace(
        real, name="cheat", values=np.moveaxis(np.array(values), 1, 2), subjects=None, labels=None
    )
    found = Judge(real, cheat, None, STATISTICS).evaluate()
    assert_caught(found.find("cadence"), 1.3)


def test_the_critic_catches_what_single_numbers_miss(hapt):
    """Windows with amplitudes off by 10 %: told apart, though two groups of people hardly are."""
    real, _ = hapt
    assert_caught(judge(real, 1.1 * real.values, CRITICS).find("critic"), 1.1)


def test_every_seed_that_training_takes_can_be_judged_with(watch):
    real, heldout = watch
    settings = dataclasses.replace(UTILITY, seed=2**31 - 1, critics=(2, 2), epochs=1, classifiers=1, networks=1)
    found = Judge(real, real.spread(500), heldout, settings).evaluate()
    assert found.find("critic") and found.find("tstr_network", "heldout")


def groups_of_people(samples, sizes, seed):
    """Disjoint groups of people, as `Samples`."""
    order = np.random.default_rng(seed).permutation(np.unique(samples.subjects))
    parts = np.split(order, np.cumsum(sizes)[:-1])
    return [
        dataclasses.replace(samples.take(np.flatnonzero(np.isin(samples.subjects, part))), name=f"group {index}")
        for index, part in enumerate(parts)
    ]


def together(first, second):
    values, subjects, labels = (
        np.concatenate([getattr(first, what), getattr(second, what)]) for what in ("values", "subjects", "labels")
    )
    return dataclasses.replace(first, values=values, subjects=subjects, labels=labels)


def test_other_real_people_pass_everything(hapt):
    """Ten people in the place of those trained on, ten others in the place of the samples, five held out."""
    real, samples, heldout = groups_of_people(together(*hapt), (10, 10, 5), seed=0)
    found = Judge(real, samples, heldout, _QUICK).evaluate()
    assert [score.metric for score in found.scores if score.passed is False] == []
    assert sum(score.passed is True for score in found.scores) > 30


def test_other_real_people_pass_everything_on_the_wrist(watch):
    real, samples = groups_of_people(together(*watch), (5, 5), seed=0)
    found = Judge(real, samples, None, _QUICK).evaluate()
    assert [score.metric for score in found.scores if score.passed is False] == []
    assert set(found.missing) == {"useful", "private", "published"}
