import os
import random
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.files import read_json, write_json
from sensegen_tf.training.run_directory import read_metrics
from tests.commands import command, run
from tests.conftest import TINY


def weights(folder):
    """Every variable of the newest checkpoint of a run, as bytes."""
    reader = tf.train.load_checkpoint(os.path.join(folder, "checkpoints"))
    names = [
        name
        for name in reader.get_variable_to_shape_map()
        if "_CHECKPOINTABLE" not in name and "save_counter" not in name
    ]
    return {name: np.asarray(reader.get_tensor(name)).tobytes() for name in names}


def exported(folder):
    """Samples of the exported model, as bytes."""
    model = tf.saved_model.load(os.path.join(folder, "model", "1"))
    outputs = model.signatures["serving_default"](seed=tf.range(4, dtype=tf.int64), length=tf.fill([4], 30))
    return outputs["samples"].numpy().tobytes()


def test_a_run_leaves_everything_and_says_where(trained):
    for name in ("versions", "data", "models", "finished"):
        assert (trained / f"{name}.json").exists(), name
    for name in ("metrics.jsonl", "picture.png", "logs"):
        assert (trained / name).exists(), name
    config, provenance, data = (read_json(trained / f"{name}.json") for name in ("config", "provenance", "data"))
    assert config["learning"]["seed"] == 0 and config["learning"]["gradient_clip_norm"] == 1.0
    assert config["preset"] == "sensegen_small" and config["schedule"]["outer_iterations"] == 2
    assert provenance["source"] == "watch" and provenance["channels"] == ["ax", "ay", "az"]
    assert not {"data_dir", "run_dir", "model_dir"} & provenance.keys()
    metrics = read_metrics(trained)
    assert [row["outer"] for row in metrics] == [0, 1]
    assert all(np.isfinite(row["test_nll"]) and 0 <= row["discriminator_accuracy"] <= 1 for row in metrics)
    assert metrics[-1]["test_nll"] < metrics[0]["test_nll"]
    training, test = (data["splits"][name]["subjects"] for name in ("training", "test"))
    assert test == ["09", "10"] and not set(training) & set(test)


def test_tensorboard_holds_scalars_and_pictures(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(os.fspath(trained / "logs"))
    events.Reload()
    tags = set(events.Tags()["tensors"])
    assert {
        "step/generator_loss",
        "step/discriminator_loss",
        "outer/test_nll",
        "outer/discriminator_accuracy",
        "samples",
    } <= tags
    assert len(events.Tensors("step/generator_loss")) == 6


def test_a_finished_run_prints_its_results_again(trained):
    done = run("train", **TINY, run_dir=trained)
    assert done.returncode == 0 and "holds this run already" in done.stdout
    for text in ("dB", "SavedModel", "picture.png", "python -m sensegen_tf.sample --model="):
        assert text in done.stdout
    assert os.listdir(trained / "model") == ["1"]


@pytest.mark.process
@pytest.mark.slow
def test_killed_at_a_random_moment_and_started_again_ends_with_the_same_bytes(trained, tmp_path):
    """Of the default schedule; training/test_loop.py stops and resumes both at every kind of step."""
    saved = tmp_path / "killed" / "checkpoints" / "checkpoint"
    chance, kills = random.Random(0), 0
    while True:
        process = subprocess.Popen(
            command("train", **TINY, run_dir=tmp_path / "killed"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if kills < 1:
            # At a random moment after this start's first new save: while it trains, measures, saves or exports.
            before = saved.stat().st_mtime_ns if saved.exists() else 0
            while process.poll() is None and (not saved.exists() or saved.stat().st_mtime_ns == before):
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 2))
            process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0
            break
        kills += 1
    assert kills == 1
    killed = tmp_path / "killed"
    assert weights(killed) == weights(trained)
    assert exported(killed) == exported(trained)
    assert (killed / "metrics.jsonl").read_text() == (trained / "metrics.jsonl").read_text()


@pytest.mark.process
@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(trained, tmp_path):
    flags = {**TINY, "run_dir": tmp_path}
    process = subprocess.Popen(command("train", **flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not os.path.exists(tmp_path / "checkpoints" / "checkpoint") and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Stopped and saved at step" in output
    shown = output.split("To resume:")[1].split()
    assert shown[:3] == ["python", "-m", "sensegen_tf.train"] and f"--run_dir={tmp_path}" in shown
    done = run("train", **flags)
    assert done.returncode == 0 and "resumed at step" in done.stdout + done.stderr
    assert weights(tmp_path) == weights(trained)


def test_another_configuration_is_refused_with_the_difference(trained):
    done = run("train", **{**TINY, "seed": "5", "batch_size": "9"}, run_dir=trained)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    for difference in ("learning.seed: 0 before, 5 now", "learning.batch_size: 8 before, 9 now"):
        assert difference in done.stderr


@pytest.mark.slow
def test_a_finished_run_of_what_the_preset_was_before_is_refused(trained, tmp_path):
    copied = shutil.copytree(trained, tmp_path / "run")
    before = read_json(copied / "models.json")
    before["generator"]["config"]["head"]["components"] += 1
    write_json(copied / "models.json", before)
    done = run("train", **TINY, run_dir=copied)
    assert done.returncode == 2 and "differences in models.json" in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"source": "radio"}, "flag --source=radio"),
        ({"window_lenght": "10"}, "Unknown command line flag 'window_lenght'"),
        ({"window_length": "1"}, "flag --window_length=1"),
        ({"window_length": "5000"}, "at most"),
        ({"generator_learning_rate": "-1"}, "flag --generator_learning_rate=-1"),
        ({"generator_learning_rate": "nan"}, "--generator_learning_rate"),
        ({"discriminator_steps": "0", "generator_steps": "0"}, "nor both 0"),
        ({"test_fraction": "1.5"}, "--test_fraction must lie between 0 and 1"),
        ({"test_subjects": "77"}, "no subject 77"),
        ({"channels": "ax,bx"}, "no channel named bx"),
        ({"preset": "gan"}, "flag --preset=gan"),
        ({"preset": "sensegen_fast"}, "--window_length 24 of the windows is not a multiple of 16"),
        ({"heldout_fraction": "0.7"}, "--heldout_fraction must lie between 0 and 0.5"),
        ({"generator_objective": "hope"}, "flag --generator_objective=hope"),
        ({"resample_hz": "-5"}, "--resample_hz must be above 0"),
        ({"balance_labels": "true", "label_policy": "ignore"}, "needs windows with at least two labels"),
        ({"rate_hz": "50", "units": "g"}, "--units, --rate_hz: only with --source=table"),
        ({"adversarial_weight": "2"}, "--adversarial_weight: only with --generator_objective"),
    ],
)
def test_bad_flags_are_refused_before_any_work(flags, message, tmp_path):
    done = run("train", **{**TINY, **flags}, run_dir=tmp_path / "run")
    assert done.returncode != 0 and message in done.stderr + done.stdout, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "config.json").exists()


def test_the_progress_bar_shows_losses_figures_of_test_windows_and_time_left(trained):
    last = trained.with_suffix(".stderr").read_text().replace("\r", "\n").strip().splitlines()[-1]
    for text in (
        "100%",
        "10/10",
        "discriminator loss=",
        "generator loss=",
        "test NLL=",
        "test accuracy=",
        "<00:00",
    ):
        assert text in last, last
