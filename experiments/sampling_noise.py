"""What a perfect generator would get: the measures between two groups of real windows of the same people.

    python experiments/sampling_noise.py --flagfile=experiments/sensegen_accel.flags --data_dir=FOLDER

At most 10,000 training windows, evenly spread, are dealt out at random into two groups as large as a report's draws,
several times over. Writes the section `sampling_noise` of RESULTS.md.
"""

import sys

import numpy as np
from results import write_section

# The flags of training stand in the flagfiles too.
from sensegen_tf import commands, data_flags, train  # noqa: F401
from sensegen_tf.evaluation import fidelity

WINDOWS, SIZES, REPEATS = 10_000, (1000, 5000), 8
NAMES = {
    "marginals": "marginals [SD]",
    "increments": "increments [SD]",
    "spectrum": "spectrum [dB]",
    "autocorrelation": "autocorrelation",
    "cross_correlation": "correlation between channels",
}


def main():
    dataset = data_flags.load_dataset()
    values = dataset.training.spread(WINDOWS).values
    rng = np.random.default_rng(0)
    asked = ["--data_dir=FOLDER" if each.startswith("--data_dir=") else each for each in sys.argv[1:]]
    lines = [
        f"`python experiments/sampling_noise.py {' '.join(asked)}`: means of {REPEATS} deals, seed 0.",
        "",
        f"| windows in a group | {' | '.join(NAMES.values())} |",
        "|---" * (len(NAMES) + 1) + "|",
    ]
    for size in SIZES:
        found = []
        for _ in range(REPEATS):
            one, other = np.split(values[rng.permutation(len(values))[: 2 * size]], 2)
            found.append(fidelity.measure(one, other, dataset.rate))
        means = (np.mean([each[name] for each in found]) for name in NAMES)
        lines.append(f"| {size:,} | {' | '.join(f'{mean:.3g}' for mean in means)} |")
    write_section("sampling_noise", "\n".join(lines))


if __name__ == "__main__":
    commands.run(main)
