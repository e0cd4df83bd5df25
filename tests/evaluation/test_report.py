"""What a reader gets: the numbers, the verdict, the page."""

import dataclasses
import json
import pathlib
import re

import numpy as np
import pytest

from sensegen_tf.evaluation import report
from sensegen_tf.evaluation.evaluator import evaluate
from sensegen_tf.evaluation.verdict import answer
from tests.evaluation.cheats import cheat
from tests.evaluation.conftest import walkers
from tests.evaluation.test_cheats import NOTHING, STATISTICS


def scored(seed):
    windows = walkers(seed, name=f"set {seed}")
    return dataclasses.replace(windows, log_likelihood=np.random.default_rng(seed).normal(size=windows.count))


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def honest(steps):
    """Other subjects in the place of samples, with every kind of measure but those that train networks."""
    heldout = walkers(0, each=60).take(slice(0, None, 2))
    settings = dataclasses.replace(STATISTICS, trees=1, identity_series=200, identity_steps=10, slice_series=5)
    sets = {"test": scored(1), "heldout": heldout, "settings": settings}
    return evaluate(scored(0), walkers(2), **sets, progress=steps.append)


@pytest.fixture(scope="module")
def copied():
    """The training set returned, without labels; test windows of training subjects."""
    windows = walkers(0, each=60)
    real, test = (windows.take(slice(rest, None, 2)) for rest in range(2))
    return evaluate(real, dataclasses.replace(cheat(real, real.values), labels=None), test=test, settings=NOTHING)


def test_progress_counts_every_step(honest, steps):
    assert [each.step for each in steps] == list(range(1, len(steps) + 1))
    assert {each.steps for each in steps} == {len(steps)} and all(each.what for each in steps)


def test_the_description_holds_every_number(honest):
    found = json.loads(json.dumps(report.describe(honest), allow_nan=False))
    assert found["schema"] == 2 and set(found["verdict"]) == {"real", "useful", "private", "physiology"}
    assert found["inputs"]["test"] == {"file": "set 1", "windows": 240, "subjects": 8, "labels": ["run", "walk"]}
    assert found["inputs"]["heldout"]["windows"] == 240 and found["inputs"]["length"] == 64
    kinds = {score["metric"]: score["reference"] for score in found["scores"]}
    assert kinds["marginals"] == kinds["tstr_trees"] == kinds["close_copies"] == "baseline"
    assert kinds["membership_auc"] == kinds["subject_likelihood_auc"] == kinds["nearer_to_training"] == "null"
    assert kinds["trtr_trees"] is None
    assert {score["against"] for score in found["scores"]} == {"training", "test"}
    for score in found["scores"]:
        assert score["low"] <= score["value"] + 1e-9 and score["value"] <= score["high"] + 1e-9, score
    assert np.sum(found["confusions"]["counts"]["trees"]["tstr"]) == 240
    missing = {"published", "tpr", "impersonation_embedding", "impersonation_slices"}
    assert set(found["not_measured"]) == missing
    assert {each["signature"] for each in found["impersonations"]} == {"embedding", "slices"}


def test_the_verdict_is_good_where_nothing_fails(honest):
    for question in ("real", "useful", "physiology"):
        assert answer(honest, question).grade == "good"
    # Sixteen people are too few to show that people are protected.
    found = answer(honest, "private")
    assert found.grade == "unknown" and "16 people are too few" in found.headline
    assert found.advice[0].startswith("Do not share") and "differential privacy" in found.advice[0]


def test_samples_are_not_useful_where_recordings_teach_nothing_either(honest):
    low = [
        dataclasses.replace(score, low=0.3) if score.metric.startswith("trtr_") else score for score in honest.scores
    ]
    found = answer(dataclasses.replace(honest, scores=low), "useful")
    assert found.grade == "unknown" and "from real recordings either" in found.headline


def test_the_verdict_on_a_copied_training_set(copied):
    found = answer(copied, "private")
    assert found.grade == "bad" and "leak" in found.headline
    assert any("near copies" in sentence for sentence in found.failing) and "Do not share" in found.advice[0]
    assert answer(copied, "real").grade == "unknown"
    assert answer(copied, "useful").headline == "Not measured: left out by the settings."
    # Training and test windows of the same subjects: membership is that of stretches of time.
    assert "stretches of time" in copied.notes[0] and "(8 of 8)" in copied.notes[1]


def test_closeness_alone_is_a_hint(copied):
    scores = tuple(
        score if score.metric == "nearer_to_training" else dataclasses.replace(score, value=0.0, low=0.0, high=0.0)
        for score in copied.scores
    )
    assert answer(dataclasses.replace(copied, scores=scores), "private").grade == "mixed"


def test_what_real_subjects_differ_too_much_to_decide_is_unknown(copied):
    wide = tuple(
        dataclasses.replace(score, reference=dataclasses.replace(score.reference, mean=0.5, high=1.0))
        for score in copied.scores
    )
    found = answer(dataclasses.replace(copied, scores=wide), "private")
    assert found.grade == "unknown" and "differ too much" in found.headline
    assert all(score.mark(passed="ok", failed="FAILS") == "?" for score in wide)


def test_the_summary_marks_what_fails(copied):
    text = report.summary(copied)
    assert "Do they protect the training subjects?\n  No." in text and "Note: " in text
    assert re.search(r"close copies +training +1 .* FAILS$", text, re.MULTILINE)


def test_the_page_needs_no_network_and_says_everything(tmp_path):
    real, synthetic, test, heldout = (walkers(seed, each=10, name=f"set <{seed}>") for seed in range(4))
    settings = dataclasses.replace(STATISTICS, trees=1)
    few = evaluate(real, synthetic, test=test, heldout=heldout, settings=settings)
    path = report.write(few, str(tmp_path / "new" / "report"))
    page = pathlib.Path(path).read_text(encoding="utf-8")
    assert (tmp_path / "new" / "report" / "report.json").exists()
    shown = re.sub("<(script|style).*?</(script|style)>", "", page, flags=re.DOTALL)
    assert "http" not in shown
    for text in (
        "Are these samples real",
        "What these mean",
        "t-SNE",
        "Confusion matrices (trees)",
        "Cadence",
        "<td>training subjects</td>",
        "<td>test subjects</td>",
        "Test subjects (people never trained on):</b> 80 windows of 8 subjects",
        "Held-out windows (of training subjects, not trained on):</b> 80 windows of 8 subjects",
        "<td>baseline</td>",
        "<td>null</td>",
        "set &lt;1&gt;",
    ):
        assert text in shown, text


def test_the_same_windows_and_settings_give_the_same_numbers(copied):
    again = evaluate(copied.real, copied.synthetic, test=copied.test, settings=NOTHING)
    assert report.describe(again) == report.describe(copied)


@pytest.mark.slow
def test_the_same_windows_and_settings_give_the_same_page(copied, tmp_path):
    paths = [pathlib.Path(report.write(copied, str(tmp_path / name))) for name in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert "Test windows (of training subjects, at other times):</b> 240 windows" in paths[0].read_text(
        encoding="utf-8"
    )
