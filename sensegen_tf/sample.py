"""Samples series from an exported model into a file.

Example:
  python -m sensegen_tf.sample --model=export/models/quickstart --num=1000 --length=128 --seed=1 --output=samples.npz

The same flags give the same bytes on the same machine, whatever --chunk_size is.
"""

from absl import flags

from sensegen_tf import commands

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "model", None, "folder of a SavedModel version or of versions (the highest is taken), or a pretrained model's name"
)
flags.DEFINE_integer("num", 1000, "how many series", lower_bound=1, upper_bound=2**32 - 1)
flags.DEFINE_integer("length", None, "samples in a series; by default as long as the training windows", lower_bound=1)
flags.DEFINE_integer("seed", 0, "names the file: other seeds give other series", lower_bound=0, upper_bound=2**31 - 1)
flags.DEFINE_string("label", None, "label of all series, of a conditional model; by default as common as in training")
flags.DEFINE_float("temperature", 1.0, "below 1 the likely becomes likelier, above 1 the unlikely", lower_bound=1e-6)
flags.DEFINE_string("output", None, "file to write; the suffix .npz, .csv or .tfrecord chooses the format")
flags.DEFINE_integer("chunk_size", 4096, "series held in memory at once, rounded up to whole batches", lower_bound=1)
flags.DEFINE_bool(
    "xla", False, "compile for this length first: up to twice as fast, but other series than a server's for these seeds"
)
flags.mark_flags_as_required(["model", "output"])


def main():
    # Slow imports wait until the flags have been checked.
    import tqdm

    from sensegen_tf.generation import local, writers
    from sensegen_tf.serving import saved_model

    writers.check_suffix(FLAGS.output)
    version = saved_model.find_version(FLAGS.model)
    card = saved_model.read_card(version)
    length, shares = FLAGS.length or card.window_length, local.label_shares(card, FLAGS.label)
    model = local.load(version)
    with (
        writers.open_writer(FLAGS.output, card, FLAGS.num, length) as write,
        tqdm.tqdm(total=FLAGS.num, unit="series", desc="sampling") as bar,
    ):
        asked = FLAGS.num, length, FLAGS.seed, FLAGS.chunk_size, shares, FLAGS.temperature, FLAGS.xla
        for chunk in local.generate(model, *asked):
            write(*chunk)
            bar.update(len(chunk[0]))
    print(f"{FLAGS.num} series of {length} samples ({length / card.rate:.2f} s at {card.rate:g} Hz): {FLAGS.output}")


if __name__ == "__main__":
    commands.run(main)
