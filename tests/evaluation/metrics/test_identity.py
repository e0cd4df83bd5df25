"""Whom samples pass for, on made-up hearts; on real recordings: tests/evaluation/test_subjects.py."""

import dataclasses

import numpy as np
import pytest

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.evaluation import attacks
from sensegen_tf.evaluation.baselines import make_pool
from sensegen_tf.evaluation.evaluator import evaluate
from sensegen_tf.evaluation.metrics import identity, physiology, privacy, signatures, utility
from sensegen_tf.evaluation.verdict import answer
from tests.evaluation.cheats import assert_caught
from tests.evaluation.test_cheats import NOTHING

RATE, LENGTH = 64.0, 320
SETTINGS = dataclasses.replace(NOTHING, identity_series=400, identity_steps=10, slice_series=0)


class Heart:
    """Somebody's heart: waves of a shape, and a rhythm."""

    def __init__(self, rng):
        # Q, R, S and T: seconds from the R peak, width, height.
        self.waves = np.array([[-0.04, 0.012, -0.2], [0, 0.012, 1.2], [0.04, 0.012, -0.3], [0.25, 0.05, 0.3]])
        self.waves[:, 0] += np.array([0.006, 0, 0.006, 0.03]) * rng.normal(size=4)
        self.waves[:, 1] *= np.exp(0.25 * rng.normal(size=4))
        self.waves[:, 2] *= np.exp([0.6, 0.1, 0.6, 0.5] * rng.normal(size=4))
        self.interval = 0.8 * np.exp(0.12 * rng.normal())

    def windows(self, count, rng, interval=None, other=None):
        """So many windows; with another's rhythm, or mixed half and half with another's shape."""
        times = np.arange(LENGTH) / RATE
        values = np.zeros([count, LENGTH])
        for row in values:
            beat = rng.uniform(-1, 0)
            while beat < times[-1] + 1:
                for waves, share in ((self.waves, 1.0),) if other is None else ((self.waves, 0.5), (other.waves, 0.5)):
                    centres, widths, heights = waves.T[..., None]
                    row += share * (heights * np.exp(-(((times - beat - centres) / widths) ** 2) / 2)).sum(0)
                beat += (interval or self.interval) * (1 + 0.03 * rng.normal())
        return values + 0.02 * rng.normal(size=values.shape)


def hearts(owners, each, seed, prefix):
    rng = np.random.default_rng(seed)
    return WindowSet(
        values=np.concatenate([heart.windows(each, rng) for heart in owners])[..., None],
        rate=RATE,
        channels=("ECG",),
        units=("mV",),
        subjects=np.repeat([f"{prefix}{index:02}" for index in range(len(owners))], each),
    )


@pytest.fixture(scope="module")
def everybody():
    rng = np.random.default_rng(0)
    return [Heart(rng) for _ in range(48)]


@pytest.fixture(scope="module")
def real(everybody):
    return hearts(everybody[:16], 12, 1, "a")


@pytest.fixture(scope="module")
def test(everybody):
    return hearts(everybody[16:32], 12, 2, "b")


def samples(real, values):
    values = np.asarray(values, np.float32)[..., None]
    return dataclasses.replace(real, name="samples", values=values, subjects=None)


def found(real, test, values):
    return evaluate(real, samples(real, values), test=test, settings=SETTINGS)


def by_beats(real, test, values):
    """What the median beats alone say: metric -> score."""
    pool = make_pool(real, samples(real, values), test=test)
    beats = physiology.heart(pool.values[..., 0], RATE, unit="mV").median_beats
    rows = identity.choose_rows(pool, series=400, windows=400)
    compared = signatures.beats(beats, np.array(real.subject_names))
    measured = identity.measure("beat", compared, pool=pool, rows=rows, seed=0)
    return measured, {score.metric: score for score in measured.scores}


@pytest.fixture(scope="module")
def noise(real):
    """Half of the sensor's own."""
    return 0.01 * np.random.default_rng(4).normal(size=real.values[..., 0].shape)


@pytest.fixture(scope="module")
def copied(real, test, noise):
    return found(real, test, real.values[..., 0] + noise)


def test_subjects_who_were_never_met_pass(real, test, everybody):
    rng = np.random.default_rng(3)
    evaluation = found(real, test, np.concatenate([heart.windows(12, rng) for heart in everybody[32:]]))
    assert [score.metric for score in evaluation.scores if score.passed is False] == []
    score, control = evaluation.find("impersonation_beat"), evaluation.find("control_beat")
    assert score.passed and score.value < 0.15 and control.value > 0.7
    grade = answer(evaluation, "private")
    assert grade.grade == "good" and "of people" in grade.headline


def test_a_copyist_with_noise(copied):
    assert_caught(copied.find("impersonation_beat"), 2)
    assert_caught(copied.find("subject_membership_auc"), 1.1)
    assert copied.find("evenness_beat").value > 0.9
    grade = answer(copied, "private")
    assert grade.grade == "bad" and grade.headline.startswith("No.") and "pass for people" in grade.headline


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(real, test, copied, noise):
    assert found(real, test, real.values[..., 0] + noise).scores == copied.scores


def test_what_is_left_out_is_said(copied):
    assert "settings" in copied.missing["impersonation_slices"] and "16 test subjects" in copied.missing["tpr"]
    assert attacks._slices_missing(dataclasses.replace(SETTINGS, slice_series=200), 8000).startswith("with so many")


def test_the_beat_of_a_subject_with_the_rhythm_of_another(real, test, everybody):
    rng = np.random.default_rng(5)
    values = [everybody[i].windows(12, rng, interval=everybody[(i + 5) % 16].interval) for i in range(16)]
    _, scores = by_beats(real, test, np.concatenate(values))
    assert_caught(scores["impersonation_beat"], 2)


def test_one_subject_in_all_samples(real, test, everybody):
    """As a generator that stores embeddings of its subjects, and draws one of them alone."""
    measured, scores = by_beats(real, test, everybody[3].windows(100, np.random.default_rng(6)))
    assert_caught(scores["impersonation_beat"], 2)
    assert scores["evenness_beat"].value < 0.2
    assert max(measured.subjects, key=measured.subjects.get) == "a03"


def test_two_subjects_mixed_half_and_half(real, test, everybody):
    """In the shape of the beat; then one in the first half of a window and the other in the second."""
    rng = np.random.default_rng(5)
    values = np.concatenate([everybody[i].windows(12, rng, other=everybody[(i + 5) % 16]) for i in range(16)])
    sets = {"training": real.values, "test": test.values, "synthetic": values[..., None]}
    scores = privacy.density_attack(
        **{kind: utility.features(each, RATE) for kind, each in sets.items()},
        training_subjects=real.subjects,
        test_subjects=test.subjects,
        seed=0,
    )
    assert_caught({score.metric: score for score in scores}["subject_density_auc"], 1.1)
    first, second = real.values[:, : LENGTH // 2, 0], np.roll(real.values[:, LENGTH // 2 :, 0], 12 * 5, 0)
    _, scores = by_beats(real, test, np.concatenate([first, second], 1))
    assert scores["linked_beat"].passed is False


def test_a_signature_that_recognises_nobody_clears_nobody(real, test):
    noise = WindowSet(values=np.random.default_rng(7).normal(size=[192, 40, 1]), subjects=real.subjects)
    others = dataclasses.replace(noise, values=noise.values[::-1], subjects=test.subjects)
    evaluation = evaluate(noise, dataclasses.replace(noise, subjects=None), test=others, settings=SETTINGS)
    score = evaluation.find("impersonation_embedding")
    assert score.passed is not True and "impersonation_embedding" in evaluation.missing
    assert answer(evaluation, "private").grade != "good"


def test_few_subjects_convict_and_never_clear(everybody):
    few = [hearts(everybody[start : start + 6], 16, start, f"{start}-") for start in (0, 6, 12)]
    evaluation = evaluate(few[0], dataclasses.replace(few[1], subjects=None), test=few[2], settings=SETTINGS)
    grade = answer(evaluation, "private")
    assert grade.grade == "unknown" and "12 people are too few" in grade.headline
    _, scores = by_beats(few[0], few[2], few[0].values[..., 0])
    assert scores["impersonation_beat"].passed is False


def test_rows_are_disjoint_and_evenly_chosen(real, test):
    pool = make_pool(real, samples(real, real.values[..., 0]), test=test)
    rows = identity.choose_rows(pool, series=50, windows=64)
    assert all(len(own) == 4 for own in rows.gallery.values()) and len(rows.gallery) == 16
    assert len(rows.control) == len(rows.null) == len(rows.synthetic) == 50
    assert not set(np.concatenate(list(rows.gallery.values()))) & set(rows.control)
    for kind, name in (("control", "training"), ("null", "test"), ("synthetic", "synthetic")):
        assert set(pool.kinds[getattr(rows, kind)]) == {name}
        assert len(set(pool.subjects[getattr(rows, kind)])) == (1 if kind == "synthetic" else 16)


def test_slicing_dtw_finds_a_slice_that_was_warped():
    rng = np.random.default_rng(8)
    values = np.cumsum(rng.normal(size=[5, 128, 1]), 1)
    stretched = np.interp(np.arange(128) * 0.97 + 3, np.arange(128), values[2, :, 0])
    pool = np.concatenate([values, stretched[None, :, None]])
    (signature,) = signatures.slices(pool, np.array(list("abcde")), rate=50.0)
    similarity = signature.compare(np.array([5, 2]), [np.array([index]) for index in range(5)])
    assert similarity.shape == (2, 5) and similarity.argmax(1).tolist() == [2, 2]
    # Slices of the probe and of the subject begin at other moments, so even the same window is not at a distance of 0.
    assert -similarity[1, 2] < -similarity[1, :2].max() / 3


def test_a_window_without_a_beat_is_like_nobody():
    beats = np.random.default_rng(9).normal(size=[4, 30])
    beats[1] = np.nan
    (signature,) = signatures.beats(beats, np.array(["a", "b"]))
    similarity = signature.compare(np.array([0, 1]), [np.array([0, 1]), np.array([2, 3])])
    assert similarity[0, 0] == pytest.approx(1) and similarity[1].tolist() == [-1, -1]
    assert signature.compare(np.array([0]), [np.array([1]), np.array([2])])[0, 0] == -1
