"""The published benchmark of time series generation: Sines, Stocks, ETTh and Energy by the protocol of TimeGAN.

    pip install -e ".[evaluate,tables]" && python experiments/tsbench.py --data_dir=FOLDER --name=tsbench

FOLDER holds stock_data.csv, ETTh1.csv and energy.npz. For each set: scale all channels to [0, 1], train on windows of
stride 1 (`tsbench.flags`, and `NAME.flags` over it), sample as many, and measure the discriminative score as published,
at length 24 the predictive one too, against the training windows. Training on longer windows of a set starts from the
weights for shorter ones, whose time counts. The last tenth of the time (of Sines: of the series) is held out: the
strong critic compares samples with windows of it, and for a floor training windows with them. Trained models are kept
in experiments/runs/NAME, so a run that was stopped goes on; figures in NAME.json, from which the section NAME of
RESULTS.md is written. A seed of a case that is there is not run again: take it out first.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
from absl import app, flags
from results import HERE, PICTURES, write_section

from sensegen_tf.evaluation.draws import confidence
from sensegen_tf.files import read_json, write_json

FLAGS = flags.FLAGS
flags.DEFINE_string("data_dir", None, "folder of the benchmark's tables", required=True)
flags.DEFINE_list("cases", [], "which, such as etth_64; by default all")
flags.DEFINE_enum("name", "tsbench", ["tsbench", "tsbench_channelwise"], "of the flagfile that names the model")
flags.DEFINE_list("seeds", ["0"], "of the training and the samples")

# Set and length -> best published discriminative score, ours to reach, the binomial noise of a perfect generator.
CASES = {
    "sines_24": (0.004, 0.005, 0.006),
    "stocks_24": (0.015, 0.015, 0.010),
    "etth_24": (0.005, 0.005, 0.005),
    "energy_24": (0.009, 0.009, 0.0045),
    "etth_64": (0.106, 0.030, None),
    "etth_128": (0.144, 0.030, None),
    "etth_256": (0.060, 0.030, None),
}
# Outer iterations for each case, so that none takes more than an hour, that before it counted.
OUTER = {"sines_24": 40, "stocks_24": 12, "etth_24": 6, "energy_24": 8, "etth_64": 4, "etth_128": 3, "etth_256": 2}
# Whose weights the training of longer windows starts from.
BEFORE = {"etth_64": "etth_24", "etth_128": "etth_64", "etth_256": "etth_128"}
WINDOWS = 4000
PICTURED = "sines_24", "stocks_24", "energy_24", "etth_256"


def folder(case, seed):
    """Of the run of a case with a seed."""
    return os.path.join(HERE, "runs", FLAGS.name, f"{case}_{seed}")


def repeats(case):
    """Of all measures; they take longer with longer windows."""
    return 5 if case.endswith("_24") else 3


def _columns(path, skip):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return np.array([row[skip:] for row in rows], np.float64)


def _sines():
    """Five sinusoids a series, frequencies and phases uniform in [0, 0.1), as TimeGAN's `sine_data_generation`."""
    rng = np.random.default_rng(0)
    frequency, phase = rng.uniform(0, 0.1, [2, 10_000, 1, 5])
    return (np.sin(frequency * np.arange(24)[:, None] + phase) + 1) / 2


def table(name):
    """[time, channel], oldest row first, or [series, time, channel]; each channel scaled to [0, 1]."""
    values = {
        "sines": _sines,
        "stocks": lambda: _columns(os.path.join(FLAGS.data_dir, "stock_data.csv"), 0)[::-1],
        "etth": lambda: _columns(os.path.join(FLAGS.data_dir, "ETTh1.csv"), 1),
        "energy": lambda: np.load(os.path.join(FLAGS.data_dir, "energy.npz"))["series"],
    }[name]()
    axes = tuple(range(values.ndim - 1))
    low, high = values.min(axes), values.max(axes)
    return ((values - low) / (high - low)).astype(np.float32)


def windows(case, run):
    """Training and held-out windows [N, T, C] as `sensegen_tf.train` cuts them."""
    from sensegen_tf.data import sources
    from sensegen_tf.data import windows as cutting
    from sensegen_tf.data.sources.tables import TableConfig

    length = int(case.split("_")[1])
    config = sources.SourceConfig("table", os.path.join(run, "data.npz"), table=TableConfig(rate_hz=1.0))
    found = cutting.prepare(sources.load(config), cutting.WindowConfig(length, 1, holdout_fraction=0.1))
    return found.training.values, found.heldout.values


def train(case, seed):
    """Trains and exports, where that is not done; the finished run's results, with the seconds of training before."""
    name, length = case.split("_")
    run = folder(case, seed)
    before, seconds = [], 0.0
    if case in BEFORE:
        seconds = train(BEFORE[case], seed)["training_seconds"]
        before = [f"--initial_run={folder(BEFORE[case], seed)}"]
    os.makedirs(run, exist_ok=True)
    data = os.path.join(run, "data.npz")
    if not os.path.exists(data):
        np.savez(data, series=table(name))
    flagfiles = [f"--flagfile={os.path.join(HERE, each)}.flags" for each in ("tsbench", FLAGS.name)]
    command = [
        *(sys.executable, "-m", "sensegen_tf.train", *flagfiles, f"--data_dir={data}", f"--window_length={length}"),
        *(f"--outer_iterations={OUTER[case]}", f"--seed={seed}", f"--run_dir={run}", *before),
        f"--model_dir={os.path.join(run, 'model')}",
    ]
    subprocess.run(command, check=True)
    results = read_json(os.path.join(run, "finished.json"))
    return results | {"training_seconds": seconds + results["training_seconds"]}


def measure(case, seed, version):
    """Name -> values of the repeats, of samples with that seed."""
    from sensegen_tf.evaluation import published
    from sensegen_tf.evaluation.critic import WindowClassifier, told_apart
    from sensegen_tf.generation import local

    real, heldout = windows(case, folder(case, seed))
    chunks = local.generate(local.load(version), len(real), real.shape[1], int(seed), len(real), xla=True)
    synthetic = np.concatenate([samples for _, _, samples in chunks])
    found = {"discriminative": [], "critic": [], "critic_floor": []}
    classifier = WindowClassifier(*real.shape[1:], 2, 40)
    rng = np.random.default_rng(0)

    def some(values):
        return values[np.sort(rng.choice(len(values), min(WINDOWS, len(values), len(heldout)), replace=False))]

    for repeat in range(repeats(case)):
        found["discriminative"].append(published.discriminative_score(real, synthetic, repeat))
        found["critic"].append(told_apart(classifier, some(heldout), some(synthetic), repeat))
        found["critic_floor"].append(told_apart(classifier, some(heldout), some(real), repeat))
    if case.endswith("_24"):  # It takes long, and at other lengths nobody's target is set in it.
        for name, values in (("predictive", synthetic), ("predictive_real", real)):
            found[name] = [published.predictive_score(real, values, repeat) for repeat in range(repeats(case))]
    return found


def _mean(values):
    """The mean and its 95 % interval (Student's t); nothing of nothing."""
    if not values:
        return ""
    mean, low, _ = confidence(values)
    return f"{mean:.4f} ± {mean - low:.4f}"


def section(measured):
    """The Markdown of all cases that were measured, a row a seed."""
    lines = [
        f"`python experiments/tsbench.py --data_dir=FOLDER --name={FLAGS.name} --seeds=0,...`. Model `{_model()}`, "
        "likelihood alone. Mean of 5 repeats, beyond length 24 of 3, with its 95 % interval (Student's t). "
        "The critic is the strong one, its floor what it tells apart between training windows and held-out ones. "
        "Longer windows of ETTh were trained on from the weights for shorter ones: their time is that of all together.",
        "",
        "| case | seed | discriminative | target | best published | of a perfect generator | predictive | on real | "
        "critic, held out | its floor | trained, s | on |",
        "|---" * 12 + "|",
    ]
    for case in CASES:
        lines += [_row(case, seed, found) for seed, found in sorted(measured.get(case, {}).items())]
    for case in PICTURED:
        if "0" in measured.get(case, {}):
            lines += ["", f"![{case}, real and synthetic](pictures/{_picture(case)})"]
    return "\n".join(lines)


def _row(case, seed, found):
    best, target, perfect = CASES[case]
    values = found["values"]
    met = "met" if np.mean(values["discriminative"]) < target else "missed"
    return (
        f"| {case} | {seed} | {_mean(values['discriminative'])} | below {target}: {met} | {best} | {perfect or ''} | "
        f"{_mean(values.get('predictive'))} | {_mean(values.get('predictive_real'))} | {_mean(values['critic'])} | "
        f"{_mean(values['critic_floor'])} | {found['training_seconds']:.0f} | {found['machine']} |"
    )


def _picture(case):
    return f"{FLAGS.name}_{case}.png"


def _model():
    with open(os.path.join(HERE, f"{FLAGS.name}.flags"), encoding="utf-8") as file:
        return next(line.split("=")[1].strip() for line in file if line.startswith("--model="))


def _measured():
    return read_json(_measurements()) if os.path.exists(_measurements()) else {}


def _measurements():
    return os.path.join(HERE, f"{FLAGS.name}.json")


def run(case, seed):
    """Trains and measures a case with a seed, and keeps the figures."""
    results = train(case, seed)
    started = time.monotonic()
    values = measure(case, seed, results["model"])
    found = {key: results[key] for key in ("training_seconds", "machine")} | {"values": values}
    if case in PICTURED and seed == "0":
        shutil.copy(os.path.join(folder(case, seed), "picture.png"), os.path.join(PICTURES, _picture(case)))
    measured = _measured()  # Others may have been measured beside it.
    write_json(_measurements(), measured | {case: measured.get(case, {}) | {seed: found}})
    print(case, json.dumps(values), f"measured in {time.monotonic() - started:.0f} s", flush=True)


def main(argv):
    del argv
    for case in FLAGS.cases or CASES:
        for seed in FLAGS.seeds:
            if seed not in _measured().get(case, {}):
                run(case, seed)
    write_section(FLAGS.name, section(_measured()))


if __name__ == "__main__":
    app.run(main)
