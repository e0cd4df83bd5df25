"""What a guarantee costs: a private step beside an ordinary one, and beside Opacus.

    pip install -e ".[bench,privacy]" && python experiments/private_speed.py

The published model, windows of 128 x 3, one window a subject. Every contender runs in a process of its own; they work
one after the other, again and again. Figures go to results/private_speed.json.
"""

import importlib.metadata
import statistics

import results
import speed
import speed_contenders as contenders
from absl import flags
from speed_contenders import Case

from sensegen_tf import commands

FLAGS = flags.FLAGS
CONTENDERS = {
    "ours, ordinary": (contenders.ours_training, {}),
    "ours, private": (contenders.ours_private_training, {}),
    "ours, ordinary, bfloat16": (contenders.ours_training, {"precision": "bfloat16"}),
    "ours, private, bfloat16": (contenders.ours_private_training, {"precision": "bfloat16"}),
    "PyTorch, ordinary": (contenders.torch_training, {}),
    "Opacus": (contenders.torch_opacus_training, {}),
}
CASES = [Case(64, 128, 3), Case(64, 128, 3, units=192, layers=2, components=16)]


def rows(found):
    """A row a contender: seconds and memory, and both against our ordinary step."""
    seconds = {name: statistics.median(each["seconds"]) for name, each in found.items()}
    base, memory = seconds["ours, ordinary"], found["ours, ordinary"]["memory"]
    return [
        [name, seconds[name], seconds[name] / base, each["memory"], each["memory"] / memory]
        for name, each in found.items()
    ]


def main():
    from sensegen_tf.training import run_directory

    found = speed.compare(CONTENDERS, CASES, FLAGS.repeats)
    titles = [f"{case.layers} x {case.units} LSTM, {case.components} Gaussians" for case in CASES]
    results.keep(
        "private_speed",
        "benchmark",
        command=f"python experiments/private_speed.py --repeats={FLAGS.repeats}",
        title="What a guarantee costs: time and memory of a private step",
        machine=run_directory.machine(),
        versions={name: importlib.metadata.version(name) for name in ("tensorflow", "torch", "opacus")},
        text=[
            "64 windows of 128 x 3, one a subject; medians of the seconds of a step, memory beyond the imports in MB."
        ],
        tables={
            title: {
                "text": title,
                "columns": ["step", "seconds", "against ours, ordinary", "MB", "against ours, ordinary, MB"],
                "rows": rows(each),
            }
            for title, (_, each) in zip(titles, found, strict=True)
        },
        notes=[],
    )


if __name__ == "__main__":
    with commands.topic("Speed"):
        flags.DEFINE_integer("repeats", 9, "how often each contender works", lower_bound=1)
    commands.run(main)
