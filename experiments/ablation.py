"""What each part of `sensegen_accel` is worth: a short training without it, measured on people kept for choices.

    pip install -e ".[evaluate]" && python experiments/ablation.py --data_dir=FOLDER

FOLDER holds HAPT. The people 04, 10, 12 and 18, whom the reports hold out, are left away altogether; 05, 11, 16 and 22
are for validation. Every variant is trained for the same few steps by `sensegen_tf.train`, with its row of the zoo or
its flags changed. Runs and figures are kept in experiments/runs/ablation, so a run that was stopped goes on; the
section `ablation` of RESULTS.md is written from all that is there.
"""

import json
import os
import subprocess
import sys

import numpy as np
from absl import app, flags
from results import HERE, write_section

from sensegen_tf.files import read_json, write_json
from sensegen_tf.training.run_directory import machine, read_metrics

FLAGS = flags.FLAGS
flags.DEFINE_string("data_dir", None, "folder that holds HAPT's RawData/", required=True)
flags.DEFINE_list("variants", [], "which; by default all")
flags.DEFINE_integer("seed", 0, "of the training and the samples")

RUNS = os.path.join(HERE, "runs", "ablation")
ROW = "sensegen_accel"
TEST, VALIDATION = ("04", "10", "12", "18"), ("05", "11", "16", "22")
TRAINING = (
    *("--source=hapt", "--channels=ax,ay,az", f"--exclude_subjects={','.join(TEST)}"),
    *(f"--holdout_subjects={','.join(VALIDATION)}", "--stride=16", "--unseen_fraction=0.1"),
    *(f"--model={ROW}", "--schedule=alternating", "--precision=bfloat16"),
    *("--outer_iterations=3", "--discriminator_steps=10", "--generator_steps=150"),
    *("--generator_learning_rate=0.002", "--learning_rate_decay=cosine", "--evaluation_windows=2048"),
    "--nocalibrate",
)
ADVERSARIAL = "--generator_objective=both", "--adversarial_weight=0.1"
# Name -> what is changed of the row (see train_variant.py), and flags.
VARIANTS = {
    "as it is": ({}, ()),
    "units of the values, not of the increments": ({"increments": False}, ()),
    "no autoregression (last increments, running means)": ({"lags": 0, "levels": ()}, ()),
    "no running means": ({"levels": ()}, ()),
    "diagonal covariance": ({"full_covariance": False}, ()),
    "a mixture for each channel": ({"channelwise": True}, ()),
    "the first step by the network": ({"start_components": 0, "start_people": 0}, ()),
    "first step of single clusters and learned": ({"start_people": 0}, ()),
    "not conditional": ({"conditional": False}, ()),
    "code of the person": ({"code": 8}, ()),
    "no dropout": ({"dropout": 0.0}, ()),
    "dropout 0.4": ({"dropout": 0.4}, ()),
    "noise of 0.1 on the inputs": ({"input_noise": 0.1}, ()),
    "noise of 0.3 on the inputs": ({"input_noise": 0.3}, ()),
    "averaged weights": ({"averaging": 0.98}, ()),
    "no dequantisation": ({}, ("--nodequantize",)),
    "constant learning rate": ({}, ("--learning_rate_decay=none",)),
    "temperatures of sampling": ({}, ("--calibrate",)),
    "adversarial beside likelihood": ({}, ADVERSARIAL),
    "the same with as many steps of the discriminator": (
        {},
        (*ADVERSARIAL, "--outer_iterations=9", "--discriminator_steps=50", "--generator_steps=50"),
    ),
}
WINDOWS, SEEDS = 2000, 2
COLUMNS = {
    "heldout_nll": "NLL of validation people",
    "critic": "critic, unseen windows",
    "critic_validation": "critic, validation people",
    "spectrum": "spectrum, dB",
    "autocorrelation": "autocorrelation",
    "marginals": "marginals, SD",
    "cross_correlation": "channel correlation",
    "gravity": "gravity, g",
}


def load():
    """The `Dataset` that all are trained on."""
    from sensegen_tf.data import sources, windows

    config = windows.WindowConfig(128, 16, holdout_subjects=VALIDATION, unseen_fraction=0.1, exclude_subjects=TEST)
    return windows.prepare(
        sources.load(sources.SourceConfig("hapt", FLAGS.data_dir, channels=("ax", "ay", "az"))), config
    )


def train(name, run):
    """Trains and exports a variant; the last of its metrics, and its model."""
    sizes, changed = VARIANTS[name]
    command = [sys.executable, os.path.join(HERE, "train_variant.py"), json.dumps(sizes), *TRAINING, *changed]
    command += [f"--data_dir={FLAGS.data_dir}", f"--run_dir={run}", f"--seed={FLAGS.seed}"]
    subprocess.run(command, check=True)
    return read_metrics(run)[-1], read_json(os.path.join(run, "finished.json"))["model"]


def measure(dataset, version):
    """Measures of a version's samples beside the training, unseen and validation windows."""
    from sensegen_tf.evaluation import fidelity, physiology
    from sensegen_tf.evaluation.critic import WindowClassifier, told_apart
    from sensegen_tf.generation.model import Model

    found = Model(version).sample(WINDOWS, dataset.length, FLAGS.seed)
    synthetic = found[0] if isinstance(found, tuple) else found
    training, unseen, validation = (
        part.spread(WINDOWS).values for part in (dataset.training, dataset.unseen, dataset.heldout)
    )
    classifier = WindowClassifier(*synthetic.shape[1:], 2, 40)
    motion = physiology.motion(np.concatenate([training, synthetic]), dataset.rate, "g")
    rows = np.split(np.arange(len(training) + len(synthetic)), [len(training)])
    return {
        **fidelity.measure(training, synthetic, dataset.rate),
        "gravity": physiology.compare_motion(motion, *rows)["gravity"],
        "critic": [told_apart(classifier, unseen, synthetic, seed) for seed in range(SEEDS)],
        "critic_validation": [told_apart(classifier, validation, synthetic, seed) for seed in range(SEEDS)],
    }


def _cell(value):
    if isinstance(value, list):
        return f"{np.mean(value):.3f} ({np.min(value):.3f} to {np.max(value):.3f})"
    return f"{value:.3f}"


def section():
    """The Markdown of all variants that were measured."""
    flags_shown = " ".join(TRAINING)
    lines = [
        f"`python experiments/ablation.py --data_dir=FOLDER --seed={FLAGS.seed}` on {machine()}: `{flags_shown}`, "
        f"{WINDOWS} samples, one training each. Critics: mean and range of {SEEDS} fits.",
        "",
        "| variant | " + " | ".join(COLUMNS.values()) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for name in VARIANTS:
        path = os.path.join(_run(name), "measured.json")
        if os.path.exists(path):
            found = read_json(path)
            lines.append(f"| {name} | " + " | ".join(_cell(found[key]) for key in COLUMNS) + " |")
    return "\n".join(lines)


def _run(name):
    return os.path.join(RUNS, "".join(c if c.isalnum() else "_" for c in name))


def main(argv):
    del argv
    dataset = load()
    for name in FLAGS.variants or VARIANTS:
        path = os.path.join(_run(name), "measured.json")
        if not os.path.exists(path):
            metrics, version = train(name, _run(name))
            write_json(path, {"heldout_nll": metrics["heldout_nll"], **measure(dataset, version)})
        write_section("ablation", section())


if __name__ == "__main__":
    app.run(main)
