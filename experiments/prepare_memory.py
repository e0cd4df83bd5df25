"""How much memory preparing takes: a folder of CSV that does not fit.

    python experiments/prepare_memory.py --gigabytes=8 --folder=/tmp/made_up_csv

Writes CSV files of random walks, a subject each (kept for the next call; remove them yourself), and prepares a set of
them with `python -m sensegen_tf.data prepare`. Keeps results/prepare_memory.json with the largest resident memory of
that command and its processes, summed, so that what they share counts more than once.
"""

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import results
from absl import flags

from sensegen_tf import commands

FLAGS = flags.FLAGS
CHANNELS, RATE, ROWS = 6, 50, 1_000_000
TARGET_GIGABYTES = 3
# Seconds between two looks at the memory.
_PAUSE = 0.1
_NAMES = [f"c{index}" for index in range(CHANNELS)]


def define_flags():
    """The flags of this program."""
    with commands.topic("The made-up files"):
        flags.DEFINE_float("gigabytes", 8.0, "size of all files", lower_bound=0.001)
        flags.DEFINE_string("folder", "experiments/runs/made_up_csv", "where they are put")
        flags.DEFINE_integer("processes", None, "of the command; by default one a core", lower_bound=1)


def make(folder, size):
    """CSV files of together about `size` bytes: one random walk, many times over under other names."""
    from sensegen_tf.files import atomic_folder

    with atomic_folder(folder) as temporary:
        first = os.path.join(temporary, "s0000.csv")
        # At least five subjects, so that one is for testing.
        rows = min(ROWS, int(size / 5 / (10 * CHANNELS)))
        walk = np.random.default_rng(0).normal(size=[rows, CHANNELS]).cumsum(0) / 8
        np.savetxt(first, walk, fmt="%.5f", delimiter=",", header=",".join(_NAMES), comments="")
        for number in range(1, max(5, round(size / os.path.getsize(first)))):
            shutil.copyfile(first, os.path.join(temporary, f"s{number:04d}.csv"))


def prepare(folder, output):
    """Runs the command; what it took, as rows of a table."""
    words = [sys.executable, "-m", "sensegen_tf.data", "prepare", "--source=table", f"--data_dir={folder}"]
    words += [f"--channels={','.join(_NAMES)}", f"--rate_hz={RATE}", "--stride=128", f"--output={output}"]
    words += [f"--processes={FLAGS.processes}"] if FLAGS.processes else []
    start, peak, most = time.monotonic(), 0, 0
    with subprocess.Popen(words) as process:
        while process.poll() is None:
            found = resident(process.pid)
            peak, most = max(peak, sum(found)), max(most, len(found))
            time.sleep(_PAUSE)
    if process.returncode:
        raise SystemExit(process.returncode)
    size = sum(os.path.getsize(os.path.join(output, name)) for name in os.listdir(output))
    return [
        ["processes", most],
        ["seconds", round(time.monotonic() - start)],
        ["GB of the prepared set", round(size / 1e9, 2)],
        ["largest resident memory, GB", {"value": round(peak / 1e9, 2), "met": peak < TARGET_GIGABYTES * 1e9}],
    ]


def resident(process):
    """Bytes of resident memory of a process and of those that it started."""
    try:
        with open(f"/proc/{process}/statm") as file:
            found = [int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")]
        with open(f"/proc/{process}/task/{process}/children") as file:
            children = file.read().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return found + [each for child in children for each in resident(child)]


def main():
    from sensegen_tf.training.run_directory import machine

    if not os.path.exists(FLAGS.folder):
        make(FLAGS.folder, FLAGS.gigabytes * 1e9)
    names = os.listdir(FLAGS.folder)
    size = sum(os.path.getsize(os.path.join(FLAGS.folder, name)) for name in names) / 1e9
    output = f"{FLAGS.folder.rstrip('/')}.prepared"
    rows = prepare(FLAGS.folder, output)
    shutil.rmtree(output)
    for name, value in rows:
        print(f"{name}: {value}")
    results.keep(
        "prepare_memory",
        "benchmark",
        command=f"python experiments/prepare_memory.py --gigabytes={FLAGS.gigabytes:g} --folder=FOLDER",
        title="Memory of preparing from CSV",
        machine=machine(),
        seed=0,
        text=[f"{len(names)} CSV files of {CHANNELS} channels, {size:.2f} GB, prepared as windows of 128 samples."],
        tables={
            "memory": {
                "text": f"Target: resident memory of all processes below {TARGET_GIGABYTES} GB.",
                "columns": ["what", "value"],
                "rows": [["GB on disk", round(size, 2)], *rows],
            }
        },
    )


if __name__ == "__main__":
    define_flags()
    commands.run(main)
