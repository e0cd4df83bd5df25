"""The protocol of the published benchmark for run.py: Sines, Stocks, ETTh and Energy, after TimeGAN.

    pip install -e ".[evaluate,tables]" && python experiments/run.py tsbench --data_dir=FOLDER

FOLDER holds stock_data.csv, ETTh1.csv and energy.npz. For each set: all channels scaled to [0, 1], windows of stride 1,
as many samples as training windows, the discriminative score as published, at length 24 the predictive one too, against
the training windows. The last tenth of the time (of Sines: of the series) is for testing: C2ST compares samples with
windows of it, and for a baseline training windows with them.
"""

import csv
import os

import numpy as np
import pictures
import results
from absl import flags
from reports import command

from sensegen_tf.files import read_json

FLAGS = flags.FLAGS
# Set and length -> best published discriminative score, our target, the binomial noise of a perfect generator.
CASES = {
    "sines_24": (0.004, 0.005, 0.006),
    "stocks_24": (0.015, 0.015, 0.010),
    "etth_24": (0.005, 0.005, 0.005),
    "energy_24": (0.009, 0.009, 0.0045),
    "etth_64": (0.106, 0.030, None),
    "etth_128": (0.144, 0.030, None),
    "etth_256": (0.060, 0.030, None),
}
PICTURED = "sines_24", "stocks_24", "energy_24", "etth_256"
# Most windows on each side of a C2ST, and the most epochs of its classifier.
C2ST_WINDOWS, C2ST_EPOCHS = 4000, 40


def repeats(case):
    """Of all measures; they take longer with longer windows."""
    return 5 if case.endswith("_24") else 3


def _columns(path, skip):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return np.array([row[skip:] for row in rows], np.float64)


def sines():
    """Five sinusoids a series, frequencies and phases uniform in [0, 0.1), as TimeGAN's `sine_data_generation`."""
    rng = np.random.default_rng(0)
    frequency, phase = rng.uniform(0, 0.1, [2, 10_000, 1, 5])
    return (np.sin(frequency * np.arange(24)[:, None] + phase) + 1) / 2


def scaled(values):
    """Each channel (the last axis) scaled to [0, 1], float32."""
    axes = tuple(range(values.ndim - 1))
    low, high = values.min(axes), values.max(axes)
    return ((values - low) / (high - low)).astype(np.float32)


def table(name, folder):
    """[time, channel], oldest row first, or [series, time, channel]; scaled."""
    read = {
        "sines": sines,
        "stocks": lambda: _columns(os.path.join(folder, "stock_data.csv"), 0)[::-1],
        "etth": lambda: _columns(os.path.join(folder, "ETTh1.csv"), 1),
        "energy": lambda: np.load(os.path.join(folder, "energy.npz"))["series"],
    }
    return scaled(read[name]())


def measure(real, test, synthetic, case):
    """Measure -> values of the repeats, of windows [N, T, C]."""
    from sensegen_tf.evaluation.metrics import published
    from sensegen_tf.evaluation.metrics.c2st import WindowClassifier, c2st_accuracy

    found = {"discriminative": [], "c2st": [], "c2st_baseline": []}
    classifier = WindowClassifier(*real.shape[1:], classes=2, epochs=C2ST_EPOCHS)
    rng = np.random.default_rng(0)

    def some(values):
        return values[np.sort(rng.choice(len(values), min(C2ST_WINDOWS, len(values), len(test)), replace=False))]

    for seed in range(repeats(case)):
        how = {"classifier": classifier, "seed": seed}
        found["discriminative"].append(published.discriminative_score(real, synthetic, seed=seed))
        found["c2st"].append(c2st_accuracy(some(test), some(synthetic), **how))
        found["c2st_baseline"].append(c2st_accuracy(some(test), some(real), **how))
    if case.endswith("_24"):  # It takes long, and at other lengths nobody's target is set in it.
        for name, values in (("predictive", synthetic), ("predictive_on_real", real)):
            found[name] = [published.predictive_score(real, values, seed=seed) for seed in range(repeats(case))]
    return found


class Sets:
    """Trains on the sets of the benchmark, and measures its scores.

    Args:
      name: of the result.
      study: a `Study` whose variants are cases.
    """

    def __init__(self, name, study):
        self._name, self._study = name, study

    def dataset(self, variant):
        """The `Dataset` of a case, cut as training cuts the table."""
        from sensegen_tf.data import sources, split, windows
        from sensegen_tf.data.sources.columns import TableConfig

        name, length = variant.split("_")
        path = os.path.join(results.RUNS, self._name, f"{name}.npz")
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            np.savez(path, series=table(name, FLAGS.data_dir))
        source = sources.SourceConfig(source="table", data_dir=path, table=TableConfig(rate_hz=1.0))
        cut = windows.WindowConfig(length=int(length), stride=1, test_fraction=FLAGS.test_fraction)
        return split.prepare(sources.load(source), cut)

    def measure(self, run, version, *, variant, seed):
        """What a record holds of a training beside its losses."""
        from sensegen_tf.generation import local

        real, test = run.dataset.training.values, run.dataset.test.values
        how = {"length": real.shape[1], "seed": seed, "chunk_size": len(real), "xla": True}
        chunks = local.generate(local.load(version), len(real), **how)
        synthetic = np.concatenate([chunk.values for chunk in chunks])
        if variant in PICTURED and seed == 0:
            pictures.draw_comparison(run, real, synthetic, f"{self._name}_{variant}")
        return {"preset": run.config.preset, "values": measure(real, test, synthetic, variant)}

    def keep(self, found):
        """Keeps the records as a result, beside those of other cases and seeds that it has already."""
        runs = {(run["case"], run["seed"]): run for run in self._kept()}
        for (case, seed), record in found.items():
            kept = {key: record[key] for key in ("machine", "values")}
            runs[case, seed] = {"case": case, "seed": seed, "seconds": record["seconds_in_all"], **kept}
        ordered = sorted(runs, key=lambda key: (list(CASES).index(key[0]), key[1]))
        cases = [case for case in CASES if any(case == each for each, _ in ordered)]
        preset = next(iter(found.values()))["preset"]
        drawn = {case: f"pictures/{self._name}_{case}.png" for case in PICTURED if (case, 0) in runs}
        results.keep(
            self._name,
            "tsbench",
            command=command(),
            preset=preset,
            cases={
                case: dict(zip(("best_published", "target", "perfect"), CASES[case], strict=True)) for case in cases
            },
            runs=[runs[key] for key in ordered],
            pictures={case: path for case, path in drawn.items() if os.path.exists(os.path.join(results.HERE, path))},
            notes=list(self._study.notes),
        )

    def _kept(self):
        path = results.path_of(self._name)
        return read_json(path)["runs"] if os.path.exists(path) else []
