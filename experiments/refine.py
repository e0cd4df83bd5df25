"""Adversarially refined versions of finished runs, beside the same number of steps by likelihood alone.

    pip install -e ".[demo,evaluate,report]" && python experiments/refine.py --name=sensegen_accel -- --data_dir=FOLDER

All go on from the run in experiments/runs/NAME with `refined.flags` over `NAME.flags` and the flags after `--`, and
are judged by `--quick_report`. Runs are kept in experiments/runs/refined, so a run that was stopped goes on. Writes the
section `refined_NAME` of RESULTS.md.
"""

import os
import subprocess
import sys

from absl import app, flags
from results import HERE, figures, machines, side_by_side, write_section

FLAGS = flags.FLAGS
flags.DEFINE_string("name", None, "of the flagfile and the run", required=True)
flags.DEFINE_list("objectives", ["both", "likelihood"], "of the generator, see sensegen_tf.train")
TITLES = {"both": "likelihood and discriminator", "likelihood": "likelihood alone"}


def refine(objective, others):
    """Trains and judges a version; the run's name."""
    name = os.path.join("refined", f"{FLAGS.name}_{objective}")
    run = os.path.join(HERE, "runs", name)
    if not os.path.exists(os.path.join(run, "report", "report.json")):
        flagfiles = [f"--flagfile={os.path.join(HERE, each)}.flags" for each in (FLAGS.name, "refined")]
        command = [sys.executable, "-m", "sensegen_tf.train", *flagfiles, *others, "--quick_report"]
        command += [f"--initial_run={os.path.join(HERE, 'runs', FLAGS.name)}", f"--generator_objective={objective}"]
        command += [f"--run_dir={run}", f"--model_dir={os.path.join(run, 'model')}"]
        subprocess.run(command, check=True)
    return name


def main(argv):
    runs = {TITLES[objective]: refine(objective, argv[1:]) for objective in FLAGS.objectives}
    columns = {name: figures(run) for name, run in runs.items()}
    lines = [
        f"`python experiments/refine.py --name={FLAGS.name} --objectives={','.join(FLAGS.objectives)}` "
        f"on {machines(runs.values())}. Quick reports.",
        "",
        *side_by_side(columns),
    ]
    write_section(f"refined_{FLAGS.name}", "\n".join(lines))


if __name__ == "__main__":
    app.run(main)
