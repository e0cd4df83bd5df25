"""Refusals before anything is measured, and what stands in where nothing is known."""

import dataclasses
import re

import numpy as np
import pytest

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.evaluation import run
from sensegen_tf.evaluation.evaluator import check_comparable, evaluate
from tests.evaluation.conftest import walkers
from tests.evaluation.test_cheats import NOTHING, STATISTICS

REAL, SYNTHETIC, TEST = (walkers(seed) for seed in range(3))


def constant(values):
    return np.concatenate([values[..., :2], np.full_like(values[..., 2:], 1.5)], -1)


@pytest.mark.parametrize(
    ("which", "changes", "fact"),
    [
        ("synthetic", {"rows": slice(10)}, "10 windows"),
        ("real", {"values": REAL.values[:, :4]}, "4 time steps"),
        ("synthetic", {"values": SYNTHETIC.values[:, :20]}, "20 time steps"),
        ("real", {"values": constant(REAL.values)}, "az never changes"),
        ("test", {"values": constant(TEST.values)}, "az never changes"),
        ("synthetic", {"values": SYNTHETIC.values[..., :2], "channels": (), "units": ()}, "2 channels"),
        ("synthetic", {"rate": 40.0}, "40 Hz"),
        ("heldout", {"units": ("m/s^2",) * 3}, "m/s^2"),
        ("test", {"channels": ("x", "y", "z")}, "x, y, z"),
        ("synthetic", {"labels": ["run"] * 239 + [""]}, "1 of 240"),
        ("synthetic", {"labels": ["run"] * 239 + ["fly"]}, "fly"),
    ],
)
def test_what_cannot_be_compared_is_refused(which, changes, fact):
    sets = {"real": REAL, "synthetic": SYNTHETIC, "test": TEST, "heldout": walkers(3)}
    check_comparable(**sets)
    rows = changes.pop("rows", slice(None))
    sets[which] = dataclasses.replace(sets[which].take(rows), **changes)
    with pytest.raises(InputError, match=re.escape(fact)) as error:
        evaluate(**sets, settings=NOTHING)
    assert error.value.fields[0] == which


def test_windows_of_one_subject_alone_have_no_baseline():
    one = dataclasses.replace(REAL, subjects=np.full(REAL.count, "p"))
    # A few subjects are not known well enough, so stretches of time stand in.
    found = evaluate(one, SYNTHETIC, settings=STATISTICS)
    assert "stretches" in found.notes[0] and found.find("marginals").reference is not None


def test_windows_that_nobody_described():
    rng = np.random.default_rng(0)
    real, synthetic, test = (WindowSet(values=rng.normal(size=[100, 16, 1])) for _ in range(3))
    found = evaluate(real, synthetic, test=test, settings=dataclasses.replace(STATISTICS, trees=1))
    assert found.real.rate == 1 and set(found.missing) == {
        "useful",
        "physiology",
        "published",
        "likelihood",
        "identity",
    }
    assert "stretches" in found.notes[0] and len(found.notes) == 1
    # The stretches of two sets of the same name are not taken for one another.
    assert found.find("membership_auc").passed and not found.find("cross_correlation")


def test_without_the_packages_of_the_extra(monkeypatch):
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None if name == "plotly" else object())
    with pytest.raises(InputError, match=r"plotly.*sensegen_tf\[evaluate\]"):
        run.check_installed()


def test_a_run_shows_progress_and_writes_the_report(tmp_path, capsys):
    sets = [walkers(seed, each=8) for seed in range(3)]
    written = run.evaluate(*sets[:2], test=sets[2], folder=str(tmp_path), settings=NOTHING)
    assert written.path == str(tmp_path / "report.html") and (tmp_path / "report.json").exists()
    assert "Do the samples look real?" in written.summary and written.description["schema"] == 2
    assert "100%" in capsys.readouterr().err.replace("\r", "\n").strip().splitlines()[-1]


def test_windows_without_a_likelihood_take_no_part_in_its_attack():
    rng, every = np.random.default_rng(0), np.arange(REAL.count) % 3 == 0
    scores = [rng.normal(size=each.count) for each in (REAL, TEST)]
    areas = []
    for known in (every, ~every):
        sets = [
            dataclasses.replace(windows, log_likelihood=np.where(known[: windows.count], found, np.nan))
            for windows, found in zip((REAL, TEST), scores, strict=True)
        ]
        found = evaluate(sets[0], SYNTHETIC, test=sets[1], settings=NOTHING)
        areas.append(found.find("likelihood_auc").value)
        member, other = (found[known[: len(found)]] for found in scores)
        expected = np.mean(member[:, None] > other)
        assert areas[-1] == pytest.approx(expected, abs=1e-6)
    assert areas[0] != areas[1]
    nothing = [dataclasses.replace(each, log_likelihood=np.full(each.count, np.nan)) for each in (REAL, TEST)]
    assert "likelihood" in evaluate(nothing[0], SYNTHETIC, test=nothing[1], settings=NOTHING).missing
