"""The measures of people on real recordings: people who were never met pass, and copies of people are caught."""

import csv
import dataclasses

import numpy as np
import pytest

from sensegen_tf.data import sources
from sensegen_tf.data.windows import WindowConfig, WindowSet
from sensegen_tf.evaluation.evaluator import Settings, evaluate
from sensegen_tf.evaluation.metrics import physiology
from sensegen_tf.evaluation.verdict import answer
from tests.conftest import shared
from tests.evaluation.cheats import assert_caught, subject_groups
from tests.evaluation.conftest import real_windows

pytestmark = [pytest.mark.slow, pytest.mark.data]
SETTINGS = dataclasses.replace(
    Settings.quick(), repeats=(0, 0), c2st=(0, 0), trees=0, identity_steps=150, identity_series=2000
)


def names(evaluation):
    """Of the measures that fail."""
    return [score.metric for score in evaluation.scores if score.passed is False]


def samples(windows, values):
    values = np.asarray(values, np.float32)
    return dataclasses.replace(windows, name="samples", values=values, subjects=None, labels=None)


@pytest.fixture(scope="module")
def mitbih():
    """ECGs of twelve seconds at 120 Hz, of eighteen people."""
    source = sources.SourceConfig(
        source="mitbih", data_dir=shared("mitdb"), channels=("MLII",), labels=("N", "B", "T"), resample_hz=120
    )
    return real_windows(source, WindowConfig(length=1440, stride=720, test_subjects=("200", "201", "205")))


@pytest.fixture(scope="module")
def cinc():
    """ECGs of five seconds at 300 Hz, of 600 people in normal rhythm."""
    wfdb = pytest.importorskip("wfdb")
    folder = shared("cinc2017")
    with open(f"{folder}/REFERENCE.csv", encoding="utf-8") as file:
        records = [name for name, rhythm in csv.reader(file) if rhythm == "N"][:600]
    values, subjects = [], []
    for name in records:
        signal = wfdb.rdrecord(f"{folder}/{name}").p_signal[:, 0]
        pieces = [signal[start : start + 1500] for start in range(0, len(signal) - 1499, 1500)][:4]
        values += pieces
        subjects += [name] * len(pieces)
    values = np.array(values, np.float32)[..., None]
    return WindowSet(values=values, rate=300.0, channels=("ECG",), units=("mV",), subjects=np.array(subjects))


def test_hundreds_of_other_subjects_pass_and_copies_are_caught(cinc):
    real, others, test = subject_groups(
        dataclasses.replace(cinc, labels=np.full(cinc.count, "N")), (300, 150, 150), seed=0
    )
    honest = evaluate(real, samples(others, others.values), test=test, settings=SETTINGS)
    assert not [name for name in names(honest) if name.startswith(("impersonation", "subject", "linked"))]
    score = honest.find("impersonation_beat")
    assert score.reference.high < 0.1 and score.high < 0.15 and honest.find("control_beat").low > 0.2
    noise = 0.05 * real.values.std() * np.random.default_rng(0).normal(size=real.values.shape)
    copies = evaluate(real, samples(real, real.values + noise), test=test, settings=SETTINGS)
    for metric in ("impersonation_beat", "impersonation_embedding", "subject_membership_auc", "subject_membership_tpr"):
        assert_caught(copies.find(metric), 1.2)
    assert "pass for people who were trained on" in answer(copies, "private").headline


def beats_of_subjects(windows, count, *, seed=0):
    """Series of a generator that stores one beat of each subject, in rhythms of its own: [count, T, 1]."""
    found = physiology.heart(windows.values[..., 0], windows.rate, unit="mV")
    stored = [np.nanmedian(found.median_beats[windows.subjects == name], 0) for name in windows.subject_names]
    rng, length = np.random.default_rng(seed), windows.length
    series = rng.normal(0, 0.01, [count, length + len(stored[0])])
    for row in series:
        beat, at = stored[rng.integers(len(stored))], 0
        while at < length:
            row[at : at + len(beat)] += beat - beat[0]
            at += max(len(beat), round(windows.rate * rng.normal(0.9, 0.05)))
    return series[:, :length, None]


def test_a_generator_with_an_embedding_of_each_subject_is_caught(mitbih):
    real, test = mitbih
    evaluation = evaluate(
        dataclasses.replace(real, labels=None),
        samples(real, beats_of_subjects(real, 500)),
        test=dataclasses.replace(test, labels=None),
        settings=SETTINGS,
    )
    found = evaluation.find("impersonation_beat")
    assert found.low > 0.8
    assert_caught(found, 2)
    assert answer(evaluation, "private").headline.startswith(f"No. {found.value:.0%} ")
