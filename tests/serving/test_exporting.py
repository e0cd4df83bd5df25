"""The command `export`: from a run's folder to a version, whole or not at all."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.serving import exporting, graph, saved_model
from tests.commands import run


def test_the_command_writes_what_training_wrote(trained, version, tmp_path):
    done = run("export", checkpoint=trained, model_dir=tmp_path / "again")
    assert done.returncode == 0 and str(tmp_path / "again" / "1") in done.stdout, done.stderr
    assert run("export", checkpoint=trained, model_dir=tmp_path / "again").returncode == 0
    inputs = {"seed": tf.constant([1, 2], tf.int64), "length": tf.constant([20, 20])}
    samples = [
        tf.saved_model.load(path).signatures["serving_default"](**inputs)["samples"].numpy()
        for path in (version, str(tmp_path / "again" / "1"), str(tmp_path / "again" / "2"))
    ]
    np.testing.assert_array_equal(samples[0], samples[1])
    np.testing.assert_array_equal(samples[0], samples[2])


def test_the_card_carries_the_figures_of_the_report(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("model", "logs"))
    (tmp_path / "run" / "report").mkdir()
    score = {"title": "strong critic", "against": "training", "value": 0.1, "low": 0.0, "high": 0.2}
    report = {
        "verdict": {"real": {"headline": "Yes: none of 24."}},
        "scores": [{**score, "floor": 0.1, "floor_low": -0.1, "floor_high": 0.3}],
        "confusions": {},
    }
    (tmp_path / "run" / "report" / "report.json").write_text(json.dumps(report))
    path = exporting.export_run(str(tmp_path / "run"), str(tmp_path / "model"))
    card = saved_model.read_card(path)
    assert card.report == {key: report[key] for key in ("verdict", "scores")}
    with open(os.path.join(path, "model_card.md"), encoding="utf-8") as file:
        text = file.read()
    assert "Yes: none of 24." in text and "| strong critic | training | 0.1 | 0 to 0.2 | -0.1 to 0.3 |" in text


def test_what_is_no_run_is_refused(tmp_path, trained):
    done = run("export", checkpoint=tmp_path, model_dir=tmp_path / "model")
    assert done.returncode == 2 and "is no run of sensegen_tf.train: it has no models.json" in done.stderr
    for name in ("models", "data", "flags", "versions"):
        shutil.copy(trained / f"{name}.json", tmp_path)
    with pytest.raises(InputError, match="has not finished an outer iteration"):
        exporting.export_run(str(tmp_path), str(tmp_path / "model"))
    shutil.copy(trained / "metrics.jsonl", tmp_path)
    with pytest.raises(InputError, match="there is no checkpoint"):
        exporting.export_run(str(tmp_path), str(tmp_path / "model"))
    assert not os.path.exists(tmp_path / "model")


KILL = """
import importlib, os, sys
from absl import flags
import sensegen_tf.export as command
from sensegen_tf.serving import saved_model
flags.FLAGS(["export", f"--checkpoint={sys.argv[1]}", f"--model_dir={sys.argv[2]}"])
module, name, when = sys.argv[3:]
holder = importlib.import_module(module) if module != "tensorflow.saved_model" else __import__("tensorflow").saved_model
original = getattr(holder, name)
def killed(*arguments, **named):
    if when == "after":
        original(*arguments, **named)
    os._exit(9)
setattr(holder, name, killed)
command.main()
"""
MOMENTS = [
    ("tensorflow.saved_model", "save", "before"),
    ("tensorflow.saved_model", "save", "after"),
    ("sensegen_tf.serving.warmup", "write", "before"),
    ("sensegen_tf.serving.warmup", "write", "after"),
    ("os", "replace", "after"),
]


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
    assert saved_model.read_card(str(tmp_path / "2")).name == "sensegen_small"


def test_what_a_server_refuses_is_found(tmp_path):
    class Bad(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def __call__(self, values):
            called = tf.numpy_function(lambda x: x, [values], tf.float32)
            return {"out": called + tf.random.uniform([1])}

    tf.saved_model.save(Bad(), str(tmp_path))
    with pytest.raises(InputError, match="PyFunc.*RandomUniform"):
        graph.check(str(tmp_path))
