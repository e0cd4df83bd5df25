"""From a run's folder to a version, whole or not at all."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import sensegen_tf
from sensegen_tf.errors import InputError
from sensegen_tf.files import read_json
from sensegen_tf.serving import export, model_card
from sensegen_tf.training.calibration import TEMPERATURES
from tests.commands import run
from tests.conftest import TINY


def test_training_exports_a_model_with_a_card(trained, version):
    card = model_card.read_card(version)
    assert card.preset == "sensegen_small" and card.name == "trained" and card.source == "watch"
    assert card.channels == ("ax", "ay", "az") and card.temperatures == {"all": 1}  # Not calibrated.
    assert card.config == read_json(trained / "config.json") and card.versions == read_json(trained / "versions.json")
    assert not any(os.sep in str(value) for value in (card.config, card.provenance))
    samples = sensegen_tf.load(version).sample(2, length=24)
    assert samples.values.shape == (2, 24, 3) and np.isfinite(samples.values).all()


@pytest.mark.slow
def test_the_card_names_the_temperatures_that_training_chose(conditional):
    found = sensegen_tf.load(conditional / "model").card
    assert tuple(found.temperatures) == found.labels and found.labels == ("pendulum", "upright row")
    assert set(found.temperatures.values()) <= set(TEMPERATURES) and set(found.temperatures.values()) != {1}
    assert read_json(conditional / "finished.json")["temperatures"] == found.temperatures
    assert sum(found.label_shares) == pytest.approx(1)


@pytest.mark.slow
def test_the_command_writes_what_training_wrote(trained, version, tmp_path):
    done = run("export", checkpoint=trained, model_dir=tmp_path / "again")
    assert done.returncode == 0 and str(tmp_path / "again" / "1") in done.stdout, done.stderr
    path = export.export_run(trained, tmp_path / "again", name="mine")
    assert path == str(tmp_path / "again" / "2")
    assert [model_card.read_card(tmp_path / "again" / each).name for each in ("1", "2")] == ["again", "mine"]
    inputs = {"seed": tf.constant([1, 2], tf.int64), "length": tf.constant([20, 20])}
    samples = [
        tf.saved_model.load(each).signatures["serving_default"](**inputs)["samples"].numpy()
        for each in (version, str(tmp_path / "again" / "1"), path)
    ]
    np.testing.assert_array_equal(samples[0], samples[1])
    np.testing.assert_array_equal(samples[0], samples[2])


@pytest.mark.slow
def test_the_card_carries_the_figures_of_a_report_beside_the_run(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("model", "logs"))
    (tmp_path / "run" / "report").mkdir()
    report = {"schema": 2, "verdict": {"real": {"headline": "Yes: none of 24."}}, "scores": [], "confusions": {}}
    (tmp_path / "run" / "report" / "report.json").write_text(json.dumps(report))
    path = export.export_run(tmp_path / "run", tmp_path / "model")
    assert model_card.read_card(path).report == {key: report[key] for key in ("verdict", "scores")}
    with open(os.path.join(path, "model_card.md"), encoding="utf-8") as file:
        assert "Yes: none of 24." in file.read()


def test_what_is_no_run_is_refused(tmp_path, trained):
    with pytest.raises(InputError, match="is no run"):
        export.export_run(tmp_path, tmp_path / "model")
    for name in ("models", "data", "config", "provenance", "versions"):
        shutil.copy(trained / f"{name}.json", tmp_path)
    with pytest.raises(InputError, match="has not finished an outer iteration"):
        export.export_run(tmp_path, tmp_path / "model")
    shutil.copy(trained / "metrics.jsonl", tmp_path)
    with pytest.raises(InputError, match="checkpoint"):
        export.export_run(tmp_path, tmp_path / "model")
    assert not os.path.exists(tmp_path / "model")


KILL = """
import importlib, os, sys
from sensegen_tf.serving import export
run, model_dir, module, name, when = sys.argv[1:]
holder = importlib.import_module(module) if module != "tensorflow.saved_model" else __import__("tensorflow").saved_model
original = getattr(holder, name)
def killed(*arguments, **named):
    if when == "after":
        original(*arguments, **named)
    os._exit(9)
setattr(holder, name, killed)
export.export_run(run, model_dir)
"""
MOMENTS = [
    ("tensorflow.saved_model", "save", "before"),
    ("tensorflow.saved_model", "save", "after"),
    ("sensegen_tf.serving.warmup", "write", "after"),
    ("os", "replace", "after"),
]


@pytest.mark.process
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: " ".join(moment))
def test_a_killed_export_leaves_the_old_versions_or_the_whole_new_one(trained, version, moment, tmp_path):
    shutil.copytree(version, tmp_path / "1")
    before = {path: path.read_bytes() for path in (tmp_path / "1").rglob("*") if path.is_file()}
    done = subprocess.run([sys.executable, "-c", KILL, str(trained), str(tmp_path), *moment], check=False)
    assert done.returncode == 9
    assert {path: path.read_bytes() for path in (tmp_path / "1").rglob("*") if path.is_file()} == before
    visible = sorted(name for name in os.listdir(tmp_path) if not name.startswith("."))
    if visible == ["1"]:
        return
    # The card was renamed into its place within the folder, or the folder itself was.
    assert visible == ["1", "2"] and moment[1] == "replace"
    tf.saved_model.load(str(tmp_path / "2"))
    assert model_card.read_card(str(tmp_path / "2")).preset == "sensegen_small"


def test_an_export_that_fails_leaves_nothing(trained, tmp_path, monkeypatch):
    def fail(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(InputError, match="No space left on device"):
        export.export_run(trained, tmp_path / "model")
    assert os.listdir(tmp_path / "model") == []


@pytest.mark.slow
def test_a_run_can_start_from_the_weights_of_another(conditional, tmp_path):
    tiny = {**TINY, "preset": "sensegen_accel", "generator_learning_rate": "1e-12", "outer_iterations": "1"}
    tiny["labels"] = "pendulum,upright row"
    done = run("train", **tiny, initial_run=conditional, run_dir=tmp_path / "run")
    assert done.returncode == 0, done.stderr
    how = {"seed": 1, "label": "pendulum"}
    again = sensegen_tf.load(tmp_path / "run" / "model")
    before = sensegen_tf.load(conditional / "model").sample(20, **how)
    assert np.median(np.abs(again.sample(20, **how).values - before.values)) < 1e-3
    # The user's folders stay with the user.
    assert again.card.config["initial_run"] == conditional.name
