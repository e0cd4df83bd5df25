"""What sampling alone does to a measure: the distance between two groups of real windows of the same subjects.

    python experiments/sampling_noise.py --flagfile=experiments/flags/sensegen_accel.flags --data_dir=FOLDER

At most 10,000 training windows, evenly spaced, are divided at random into two groups as large as a report's draws,
several times. A perfect generator would get such a distance. Keeps results/sampling_noise.json.
"""

import sys

import numpy as np
import results

from sensegen_tf import commands, data_flags

WINDOWS, SIZES, REPEATS, SEED = 10_000, (1000, 5000), 8, 0
MEASURES = {
    "marginals": "marginals [SD]",
    "increments": "increments [SD]",
    "spectrum": "spectrum [dB]",
    "autocorrelation": "autocorrelation",
    "cross_correlation": "correlation between channels",
}


def split_and_measure(values, rate, size, rng):
    """Measure -> mean of its distances between two random groups of `size` windows."""
    from sensegen_tf.evaluation.metrics import fidelity

    found = []
    for _ in range(REPEATS):
        one, other = np.split(values[rng.permutation(len(values))[: 2 * size]], 2)
        found.append(fidelity.measure(one, other, rate=rate))
    return {name: float(np.mean([each[name] for each in found])) for name in MEASURES if name in found[0]}


def main():
    from sensegen_tf.training.run_directory import machine

    dataset = data_flags.load_dataset()
    values, rng = dataset.training.subsample(WINDOWS).values, np.random.default_rng(SEED)
    found = {size: split_and_measure(values, dataset.rate, size, rng) for size in SIZES}
    names = list(found[SIZES[0]])
    asked = ["--data_dir=FOLDER" if each.startswith("--data_dir=") else each for each in sys.argv[1:]]
    results.keep(
        "sampling_noise",
        "benchmark",
        command=f"python experiments/sampling_noise.py {' '.join(asked)}",
        title="What sampling alone does to a measure",
        machine=machine(),
        seed=SEED,
        text=["Two groups of real windows of the same subjects: what a perfect generator would get."],
        tables={
            "splits": {
                "text": f"Means of {REPEATS} random splits of training windows into two groups, seed {SEED}.",
                "columns": ["windows in a group", *(MEASURES[name] for name in names)],
                "rows": [[size, *(found[size][name] for name in names)] for size in SIZES],
            }
        },
    )


if __name__ == "__main__":
    # Its flags stand in the flagfiles.
    from sensegen_tf import train  # noqa: F401

    commands.run(main)
