"""What the measures of people cost: the time of evaluations with and without them.

    pip install -e ".[demo,ecg,evaluate]"
    python experiments/identity_speed.py --hapt=FOLDER --cinc2017=FOLDER

HAPT: the usual and the quick evaluation of 10,000 and 2,000 windows of 128 x 3; real windows stand in for samples. What
the measures of people take of it is the difference of two evaluations that measure privacy alone, with and without
them. CinC 2017: every measure of privacy, of 10,000 samples (real
windows with noise) against 6,000 training subjects and 1,000 test subjects. Figures go to results/identity_speed.json.
"""

import dataclasses
import os
import time

import numpy as np
import results
from absl import flags

from sensegen_tf import commands
from sensegen_tf.files import read_json, write_json

FLAGS = flags.FLAGS
MEASURED = os.path.join(results.RUNS, "identity_speed.json")
NOTHING = {"repeats": (0, 0), "c2st": (0, 0), "published": (0, 0), "trees": 0, "networks": 0}


def hapt(folder):
    """Windows of 20 training and of five test subjects."""
    from sensegen_tf.data import sources, split
    from sensegen_tf.data.windows import WindowConfig

    source = sources.SourceConfig(source="hapt", data_dir=folder, channels=("ax", "ay", "az"))
    dataset = split.prepare(sources.load(source), WindowConfig(length=128, stride=32))
    return dataset.training, dataset.test


def cinc(folder, subjects):
    """Windows of five seconds, at most two of each of so many people."""
    from sensegen_tf.data.sources import wfdb
    from sensegen_tf.data.windows import WindowSet

    values, of = [], []
    for recording in wfdb.cinc2017(folder).load().recordings[:subjects]:
        signal = recording.signals[:3000, 0]
        pieces = [signal[start : start + 1500] for start in range(0, len(signal) - 1499, 1500)]
        values += pieces
        of += [recording.subject] * len(pieces)
    values = np.array(values, np.float32)[..., None]
    return WindowSet(values=values, rate=300.0, channels=("ECG",), units=("mV",), subjects=np.array(of))


def seconds(real, test, *, count, settings):
    """How long an evaluation of so many samples takes."""
    from sensegen_tf.evaluation.evaluator import evaluate

    rows = np.arange(count) % real.count
    noise = 0.1 * real.values.std((0, 1)) * np.random.default_rng(0).normal(size=[count, *real.values.shape[1:]])
    samples = dataclasses.replace(real.take(rows), values=real.values[rows] + noise, subjects=None)
    start = time.monotonic()
    evaluate(real, samples, test=test, settings=settings)
    return round(time.monotonic() - start, 1)


def row_of_hapt(name, settings, count):
    """A row of the table."""
    nothing = dataclasses.replace(settings, **NOTHING)
    real, test = (windows.subsample(count) for windows in hapt(FLAGS.hapt))
    whole, with_them, without_them = (
        seconds(real, test, count=count, settings=each)
        for each in (settings, nothing, dataclasses.replace(nothing, identity_series=0))
    )
    measures = with_them - without_them
    what = f"HAPT, {name}: windows of 128 x 3, {count:,} samples, 25 subjects"
    return [what, whole, measures, whole / (whole - measures)]


def row_of_cinc():
    """The same."""
    from sensegen_tf.evaluation.settings import Settings

    everybody = cinc(FLAGS.cinc2017, 7000)
    others = np.isin(everybody.subjects, everybody.subject_names[::7])
    taken = seconds(everybody.take(~others), everybody.take(others), count=10_000, settings=Settings(**NOTHING))
    return ["CinC 2017: privacy alone, windows of 1500 x 1, 10,000 samples, 7,000 subjects", taken, "", ""]


def main():
    from sensegen_tf.evaluation.settings import Settings
    from sensegen_tf.training import run_directory

    parts = {
        "quick": lambda: row_of_hapt("quick", Settings.quick(), 2000),
        "usual": lambda: row_of_hapt("usual", Settings(), 10_000),
        "cinc2017": row_of_cinc,
    }
    os.makedirs(results.RUNS, exist_ok=True)
    rows = read_json(MEASURED) if os.path.exists(MEASURED) else {}
    for name in FLAGS.parts:
        rows[name] = [*parts[name](), results.recorded()["commit"]]
        print(rows[name], flush=True)
        write_json(MEASURED, rows)
    rows = [rows[name] for name in parts if name in rows]
    results.keep(
        "identity_speed",
        "benchmark",
        command="python experiments/identity_speed.py --hapt=FOLDER --cinc2017=FOLDER",
        title="What the measures of people cost",
        machine=run_directory.machine(),
        seed=0,
        text=["Each measured once."],
        tables={
            "seconds": {
                "text": "Seconds of an evaluation.",
                "columns": [
                    "evaluation",
                    "in all",
                    "of it the measures of people",
                    "in all against without them",
                    "commit",
                ],
                "rows": rows,
            }
        },
        notes=[],
    )


if __name__ == "__main__":
    with commands.topic("Recordings"):
        flags.DEFINE_string("hapt", None, "folder of HAPT")
        flags.DEFINE_string("cinc2017", None, "folder of CinC 2017")
        flags.DEFINE_list("parts", ["quick", "usual", "cinc2017"], "what is measured; the rest stays as it was")
    commands.run(main)
