"""How much a short training's figures differ from seed to seed: the same flagfile with several seeds, judged quickly.

    pip install -e ".[demo,evaluate,report]" && python experiments/seeds.py --name=sensegen_fast -- --data_dir=FOLDER

Each seed trains `experiments/NAME.flags` with the flags after `--`, and is judged by `--quick_report`. Runs are kept in
experiments/runs/seeds, so a run that was stopped goes on. Writes the section `seeds_NAME` of RESULTS.md.
"""

import os
import subprocess
import sys

import numpy as np
from absl import app, flags
from results import HERE, figures, machines, side_by_side, write_section

FLAGS = flags.FLAGS
flags.DEFINE_string("name", None, "of the flagfile", required=True)
flags.DEFINE_list("seeds", ["0", "1", "2"], "of training, samples and report")


def train(seed, others):
    """Trains and judges one seed; the run's name."""
    name = os.path.join("seeds", f"{FLAGS.name}_{seed}")
    run = os.path.join(HERE, "runs", name)
    if not os.path.exists(os.path.join(run, "report", "report.json")):
        flagfile = os.path.join(HERE, f"{FLAGS.name}.flags")
        command = [sys.executable, "-m", "sensegen_tf.train", f"--flagfile={flagfile}", *others, "--quick_report"]
        command += [f"--seed={seed}", f"--run_dir={run}", f"--model_dir={os.path.join(run, 'model')}"]
        subprocess.run(command, check=True)
    return name


def main(argv):
    runs = {f"seed {seed}": train(seed, argv[1:]) for seed in FLAGS.seeds}
    columns = {name: figures(run) for name, run in runs.items()}
    every = list(columns.values())
    columns["mean"] = {key: np.mean([each[key] for each in every]) for key in every[0]}
    lines = [
        f"`python experiments/seeds.py --name={FLAGS.name} --seeds={','.join(FLAGS.seeds)}` "
        f"on {machines(runs.values())}. Quick reports.",
        "",
        *side_by_side(columns),
    ]
    write_section(f"seeds_{FLAGS.name}", "\n".join(lines))


if __name__ == "__main__":
    app.run(main)
