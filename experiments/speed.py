"""How fast and how large training and sampling are, beside Keras, PyTorch and the bound of the matrix products.

    pip install -e ".[bench]" && python experiments/speed.py

Every contender runs in a process of its own; they work one after the other, again and again, so that what slows the
machine down slows all of them down. Keeps results/speed.json and pictures/speed.png. On a machine with a GPU,
TensorFlow's contenders run there (our layers through cuDNN); PyTorch's stay on the CPU.
"""

import dataclasses
import functools
import importlib.metadata
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from unittest import mock

import results
import speed_contenders as contenders
import speed_report
from absl import flags
from speed_contenders import Case

from sensegen_tf import commands
from sensegen_tf.files import read_json

FLAGS = flags.FLAGS
MEASURED = os.path.join(results.RUNS, "speed.json")


def define_flags():
    """The flags of this program."""
    with commands.topic("Speed"):
        flags.DEFINE_integer("repeats", 9, "how often each contender works in a comparison", lower_bound=1)
        flags.DEFINE_integer("growth_repeats", 5, "the same in the pictures of growth", lower_bound=1)
        flags.DEFINE_list("parts", list(PARTS), "what is measured; the rest is taken from runs/speed.json as it was")


# "tuned": glibc told to keep freed memory, without which PyTorch spends a third of a step on page faults.
TRAINING = {
    "ours": (contenders.ours_training, {}),
    "ours, bfloat16": (contenders.ours_training, {"precision": "bfloat16"}),
    "Keras": (contenders.keras_training, {}),
    "PyTorch": (contenders.torch_training, {}),
    "PyTorch, bfloat16": (contenders.torch_training, {"precision": "bfloat16"}),
    "PyTorch tuned": (contenders.torch_training, {}),
    "PyTorch tuned, bfloat16": (contenders.torch_training, {"precision": "bfloat16"}),
    "bound": (contenders.product_bound, {}),
    "bound, bfloat16": (contenders.product_bound, {"precision": "bfloat16"}),
}
TUNED = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "4000000000"}
COMPILED = {
    "PyTorch tuned": (contenders.torch_training, {}),
    "PyTorch tuned, compiled": (contenders.torch_training, {"compiled": True}),
    "PyTorch tuned, bfloat16": (contenders.torch_training, {"precision": "bfloat16"}),
    "PyTorch tuned, bfloat16, compiled": (contenders.torch_training, {"precision": "bfloat16", "compiled": True}),
}
SAMPLING = {
    "ours": (contenders.ours_sampling, {}),
    "ours, graph": (contenders.ours_sampling, {"how": "graph"}),
    "ours, streamed": (contenders.ours_sampling, {"how": "stream"}),
    "PyTorch": (contenders.torch_sampling, {}),
    "PyTorch, bfloat16": (contenders.torch_sampling, {"precision": "bfloat16"}),
    "bound": (contenders.sampling_bound, {}),
}
TRAINING_CASES = [Case(64, steps, channels) for steps in (128, 400) for channels in (1, 3)]
SAMPLING_CASES = [Case(256, 128, 3), Case(1, 128, 3)]
GROWTH = {
    "steps": [Case(16, steps, 3) for steps in (128, 256, 512, 1024, 2048, 4096)],
    "batch": [Case(batch, 128, 3) for batch in (4, 16, 64, 256)],
    "units": [Case(64, 128, 3, units=units) for units in (64, 128, 256, 512)],
    "layers": [Case(64, 128, 3, layers=layers) for layers in (1, 2, 3, 4)],
    "channels": [Case(64, 128, channels) for channels in (1, 3, 6, 12)],
}
MEMORY = {name: TRAINING[name] for name in ("ours", "ours, bfloat16", "Keras", "PyTorch", "PyTorch tuned")}


def alternate(entries, repeats):
    """Runs contenders one after the other, again and again.

    Args:
      entries: name -> (contender, case, options).
      repeats: how often each works.

    Returns:
      Name -> {"seconds": a list, "memory": MB that building and working took at most, beyond the imports}.
    """
    context, workers = multiprocessing.get_context("spawn"), {}
    for name, (contender, case, options) in entries.items():
        here, there = context.Pipe()
        process = context.Process(target=contenders.serve, args=(there, contender, case, options), daemon=True)
        with mock.patch.dict(os.environ, TUNED if "tuned" in name else {}):
            process.start()
        there.close()
        # One after the other, so that the builders do not disturb each other.
        here.recv()
        workers[name] = process, here, {"seconds": []}
    for _ in range(repeats):
        for _, connection, result in workers.values():
            connection.send(True)
            result["seconds"].append(connection.recv())
    for process, connection, result in workers.values():
        connection.send(False)
        result["memory"] = connection.recv()
        process.join()
    return {name: result for name, (_, _, result) in workers.items()}


def compare(table, cases, repeats):
    """The contenders of a table at every case: a list of (case, results)."""
    measured = []
    for case in cases:
        measured.append((case, alternate({name: (who, case, how) for name, (who, how) in table.items()}, repeats)))
        print(
            case, {name: f"{statistics.median(r['seconds']):.4f} s" for name, r in measured[-1][1].items()}, flush=True
        )
    return measured


def growth(table, cases, repeats):
    """Each contender alone, at all cases one after the other: name -> a list of results, in the order of the cases."""
    found = {}
    for name, (who, how) in table.items():
        found[name] = list(
            alternate({str(index): (who, case, how) for index, case in enumerate(cases)}, repeats).values()
        )
    print(
        f"growth over {len(cases)} cases", {n: [min(r["seconds"]) for r in rs] for n, rs in found.items()}, flush=True
    )
    return found


START_UP = """
import os, sys, time
started = time.perf_counter()
import tensorflow, tf_keras, keras, scipy.stats, tensorflow_probability.python.distributions
imported = time.perf_counter()
from sensegen_tf.data import sources, split, windows
from sensegen_tf.training import callback, config, run, schedule
begin = time.perf_counter()
collection = sources.load(sources.SourceConfig(source="watch", channels=("ax", "ay", "az")))
dataset = split.prepare(collection, windows.WindowConfig(length=128, stride=64))
loaded = time.perf_counter()

class Clock(callback.Callback):
    steps = []
    def on_step(self, step, loss):
        self.steps.append(time.perf_counter())
        if len(self.steps) == 3:
            print("TIMES", imported - started, loaded - begin, self.steps[2] - self.steps[1], flush=True)
            os._exit(0)

plan = schedule.alternating(1, discriminator_steps=0, generator_steps=3)
asked = config.TrainConfig.from_preset("sensegen", schedule=plan, calibrate=False)
run.train(asked, dataset, run_dir=sys.argv[1], callbacks=[Clock()])
"""


def start_up(repeats=3):
    """Seconds from the start of Python to the end of the first step of a training, and what they are spent on."""
    rows = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as run:
            command = [sys.executable, "-c", START_UP, run]
            begin = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            whole = time.perf_counter() - begin
        line = next(line for line in done.stdout.splitlines() if line.startswith("TIMES"))
        libraries, data, step = (float(word) for word in line.split()[1:])
        rows.append({"whole": whole - 2 * step, "libraries": libraries, "data": data, "step": step})
    return sorted(rows, key=lambda row: row["whole"])[len(rows) // 2]


def _machine():
    from sensegen_tf.training.run_directory import machine

    return machine()


def _versions():
    return {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "torch")}


def _growth(over):
    pair = {name: TRAINING[name] for name in ("ours", "PyTorch")}
    measured = {"training": growth(pair, GROWTH[over], FLAGS.growth_repeats)}
    if over in ("steps", "batch"):
        rollout = {name: SAMPLING[name] for name in ("ours", "PyTorch")}
        measured["sampling"] = growth(rollout, GROWTH[over], FLAGS.growth_repeats)
    return measured


PARTS = {
    "machine": _machine,
    "versions": _versions,
    "start_up": start_up,
    "training": lambda: compare(TRAINING, TRAINING_CASES, FLAGS.repeats),
    "memory": lambda: compare(MEMORY, TRAINING_CASES, 1),
    "compiled": lambda: compare(COMPILED, TRAINING_CASES[1:2], FLAGS.repeats),
    "sampling": lambda: compare(SAMPLING, SAMPLING_CASES, FLAGS.repeats),
    **{over: functools.partial(_growth, over) for over in GROWTH},
}


def main():
    measured = read_json(MEASURED) if os.path.exists(MEASURED) else {}
    for name in FLAGS.parts:
        measured[name] = PARTS[name]()
        os.makedirs(os.path.dirname(MEASURED), exist_ok=True)
        with open(MEASURED, "w", encoding="utf-8") as file:
            json.dump(measured, file, default=dataclasses.asdict)
    measured = read_json(MEASURED)
    sizes = {over: [getattr(case, over) for case in cases] for over, cases in GROWTH.items()}
    picture = "pictures/speed.png"
    speed_report.draw(measured, sizes, os.path.join(results.HERE, picture))
    results.keep(
        "speed",
        "benchmark",
        command="python experiments/speed.py",
        title="Speed and memory of training and sampling",
        machine=measured["machine"],
        versions=measured["versions"],
        text=speed_report.TEXT,
        tables=speed_report.tables(measured, sizes["steps"]),
        pictures={"how cost grows": picture},
    )


if __name__ == "__main__":
    define_flags()
    commands.run(main)
