"""How many windows a second exported models make, once they are compiled.

    pip install -e . && python experiments/sampling_rate.py --models=export/models/sensegen_fast,...

Each model makes series as long as its training windows, with XLA, as `python -m sensegen_tf.sample --xla` does, for at
least so many seconds; loading and compiling are timed apart. Keeps results/sampling_rate.json.
"""

import time

import results
from absl import flags

from sensegen_tf import commands

FLAGS = flags.FLAGS
CHUNK = 2048


def define_flags():
    """The flags of this program."""
    with commands.topic("Models"):
        flags.DEFINE_list("models", None, "exported models")
        flags.DEFINE_float("seconds", 20, "to sample for, a model", lower_bound=1)
    commands.required("models")


def measure(path):
    """A row of the table: the model, its window, windows a second after the first chunk, seconds until that."""
    from sensegen_tf.generation import local
    from sensegen_tf.serving import model_card, versions

    version = versions.find_version(path)
    card = model_card.read_card(version)
    begun = time.monotonic()
    endless = {"count": 2**31, "length": card.window_length, "seed": 0, "chunk_size": CHUNK}
    chunks = local.generate(local.load(version), shares=card.label_shares, xla=True, **endless)
    next(chunks)
    started, made = time.monotonic(), 0
    while time.monotonic() < started + FLAGS.seconds:
        made += len(next(chunks).values)
    rate = made / (time.monotonic() - started)
    return [card.name, f"{card.window_length} x {len(card.channels)}", round(rate), round(started - begun, 1)]


def main():
    from sensegen_tf.training.run_directory import machine

    columns = ["model", "window", "windows a second", f"until the first {CHUNK:,} windows, s"]
    rows = [measure(path) for path in FLAGS.models]
    results.keep(
        "sampling_rate",
        "benchmark",
        command=f"python experiments/sampling_rate.py --models={','.join(FLAGS.models)}",
        title="Windows a second",
        machine=machine(),
        text=[],
        tables={
            "rates": {
                "text": "Compiled, in memory; loading and compiling stand apart.",
                "columns": columns,
                "rows": rows,
            }
        },
    )


if __name__ == "__main__":
    define_flags()
    commands.run(main)
