"""How many windows a second exported models make, once they are compiled.

    pip install -e . && python experiments/sampling_rate.py --models=export/models/sensegen_fast,...

Each model makes series as long as its training windows, with XLA, as `python -m sensegen_tf.sample --xla` does, for at
least so many seconds; loading and compiling are told apart. Writes the section `sampling_rate` of RESULTS.md.
"""

import time

from absl import app, flags
from results import write_section

FLAGS = flags.FLAGS
flags.DEFINE_list("models", None, "exported models", required=True)
flags.DEFINE_float("seconds", 20, "to sample for, a model", lower_bound=1)


def measure(path):
    """The model's card, the seconds until the first chunk, and the windows a second of those after it."""
    from sensegen_tf.generation import local
    from sensegen_tf.serving import saved_model

    version = saved_model.find_version(path)
    card = saved_model.read_card(version)
    begun = time.monotonic()
    chunks = local.generate(local.load(version), 2**31, card.window_length, 0, 2048, card.label_shares, xla=True)
    next(chunks)
    started, made = time.monotonic(), 0
    while time.monotonic() < started + FLAGS.seconds:
        made += len(next(chunks)[0])
    return card, started - begun, made / (time.monotonic() - started)


def main(argv):
    del argv
    from sensegen_tf.training.run_directory import machine

    lines = [
        f"`python experiments/sampling_rate.py --models={','.join(FLAGS.models)}` on {machine()}.",
        "",
        "| model | window | windows a second | until the first 2,048, s |",
        "|---|---|---|---|",
    ]
    for path in FLAGS.models:
        card, first, rate = measure(path)
        lines.append(f"| `{card.name}` | {card.window_length} x {len(card.channels)} | {rate:,.0f} | {first:.1f} |")
    write_section("sampling_rate", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    app.run(main)
