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
from results import HERE, write_section

from sensegen_tf.files import read_json
from sensegen_tf.training.run_directory import machine, read_metrics

FLAGS = flags.FLAGS
flags.DEFINE_string("name", None, "of the flagfile", required=True)
flags.DEFINE_list("seeds", ["0", "1", "2"], "of training, samples and report")


def train(seed, others):
    """Trains and judges one seed; its run."""
    run = os.path.join(HERE, "runs", "seeds", f"{FLAGS.name}_{seed}")
    if not os.path.exists(os.path.join(run, "report", "report.json")):
        flagfile = os.path.join(HERE, f"{FLAGS.name}.flags")
        command = [sys.executable, "-m", "sensegen_tf.train", f"--flagfile={flagfile}", *others, "--quick_report"]
        command += [f"--seed={seed}", f"--run_dir={run}", f"--model_dir={os.path.join(run, 'model')}"]
        subprocess.run(command, check=True)
    return run


def figures(run):
    """(Measure, against) -> value of one run."""
    last = read_metrics(run)[-1]
    found = {("NLL, nats a sample", "heldout"): last["heldout_nll"]}
    found["accuracy of the alternating discriminator", "heldout"] = last["discriminator_accuracy"]
    for score in read_json(os.path.join(run, "report", "report.json"))["scores"]:
        unit = f" [{score['unit']}]" if score["unit"] else ""
        found[score["title"] + unit, score["against"]] = score["value"]
    found["trained, s", ""] = read_json(os.path.join(run, "finished.json"))["training_seconds"]
    return found


def main(argv):
    runs = [figures(train(seed, argv[1:])) for seed in FLAGS.seeds]
    lines = [
        f"`python experiments/seeds.py --name={FLAGS.name} --seeds={','.join(FLAGS.seeds)}` on {machine()}. "
        "Quick reports.",
        "",
        f"| measure | against | {' | '.join(f'seed {seed}' for seed in FLAGS.seeds)} | mean |",
        "|---" * (len(runs) + 3) + "|",
    ]
    for title, against in runs[0]:
        values = [run[title, against] for run in runs]
        cells = " | ".join(f"{value:.3g}" for value in [*values, np.mean(values)])
        lines.append(f"| {title} | {against} | {cells} |")
    write_section(f"seeds_{FLAGS.name}", "\n".join(lines))


if __name__ == "__main__":
    app.run(main)
