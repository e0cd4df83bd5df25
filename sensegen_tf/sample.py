"""Samples series from an exported model into a file, or into a folder of shards.

Example:
  python -m sensegen_tf.sample --model=export/models/quickstart --num=1000 --length=128 --seed=1 --output=samples.npz
  python -m sensegen_tf.sample --model=sensegen_ecg --num=1000000 --output=samples --engine=ray

The same flags give the same bytes on the same kind of machine, whatever --chunk_size is, whichever engine makes them
and by how many workers. The same command again goes on with the shards that are missing.
"""

import os

from absl import flags

from sensegen_tf import commands

FLAGS = flags.FLAGS

with commands.topic("Samples"):
    flags.DEFINE_string(
        "model",
        None,
        "folder of a SavedModel version or of versions (the highest is taken), or a pretrained model's name",
    )
    flags.DEFINE_integer("num", 1000, "how many series", lower_bound=1, upper_bound=2**32 - 1)
    flags.DEFINE_integer(
        "length", None, "samples in a series; by default as long as the training windows", lower_bound=1
    )
    flags.DEFINE_integer(
        "seed", 0, "other seeds give other series, the same seed the same ones", lower_bound=0, upper_bound=2**31 - 1
    )
    flags.DEFINE_string(
        "label", None, "label of all series (conditional models); by default labels are as common as in training"
    )
    flags.DEFINE_float("temperature", 1.0, "below 1: more typical series; above 1: more unusual ones", lower_bound=1e-6)
    flags.DEFINE_bool(
        "xla",
        False,
        "compile the model for this length first: up to twice as fast, but rounded differently from a server",
    )
    flags.DEFINE_string(
        "output",
        None,
        "file to write; its suffix .npz, .csv, .parquet or .tfrecord is the format; without one: a folder of shards",
    )
with commands.topic("A file"):
    flags.DEFINE_integer(
        "chunk_size", 4096, "series held in memory at once, rounded up to whole batches", lower_bound=1
    )
with commands.topic("A folder of shards"):
    flags.DEFINE_integer("shard_size", 16384, "series in a shard, a multiple of 256, with --xla of 1024", lower_bound=1)
    flags.DEFINE_enum("shard_format", "parquet", ["parquet", "tfrecord"], "format of the shards")
    flags.DEFINE_enum(
        "engine",
        "local",
        ["local", "ray"],
        "local makes the shards in this process; ray on all machines of a Ray cluster (extra `ray`)",
    )
with commands.topic("A Ray cluster"):
    flags.DEFINE_string(
        "ray_address", "", "address of the cluster; by default RAY_ADDRESS, or this machine's cores alone"
    )
    flags.DEFINE_integer("workers", None, "most workers; by default as many as there is room for", lower_bound=1)
    flags.DEFINE_integer("cpus_per_worker", 2, "cores of each worker", lower_bound=1)
    flags.DEFINE_float("gpus_per_worker", 0.0, "GPUs of each worker; may be a fraction", lower_bound=0)


def _to_file(given):
    return bool(os.path.splitext(given.output)[1])


commands.required("model", "output")
commands.only_with("chunk_size", _to_file, what="a file, an --output with a suffix")
commands.only_with(
    ("shard_size", "shard_format", "engine"),
    lambda given: not _to_file(given),
    what="a folder, an --output without a suffix",
)
commands.only_with(
    ("ray_address", "workers", "cpus_per_worker", "gpus_per_worker"),
    lambda given: given.engine == "ray",
    what="--engine=ray",
)


def _into_file(version, card, length, bar):
    from sensegen_tf.generation import local, writers

    shares = local.label_shares(card, FLAGS.label)
    model = local.load(version)
    with writers.open_writer(FLAGS.output, card, count=FLAGS.num, length=length) as write:
        chunks = local.generate(
            model,
            FLAGS.num,
            length=length,
            seed=FLAGS.seed,
            chunk_size=FLAGS.chunk_size,
            shares=shares,
            temperature=FLAGS.temperature,
            xla=FLAGS.xla,
        )
        for chunk in chunks:
            write(chunk)
            bar.update(len(chunk.values))


def _into_folder(version, card, length, bar):
    from sensegen_tf.generation import local, ray_engine, shards

    local.label_shares(card, FLAGS.label)
    plan = commands.from_flags(shards.Plan, version=os.path.abspath(version), length=length)
    folder = shards.Folder(plan, os.path.abspath(FLAGS.output))
    if FLAGS.engine == "local":
        made = shards.in_this_process(plan, folder.path)
    else:
        made = ray_engine.over_ray(plan, folder.path, config=commands.from_flags(ray_engine.RayConfig))
    entries = []
    for entry in made:
        entries.append(entry)
        bar.update(entry["rows"])
    folder.finish(sorted(entries, key=lambda entry: entry["first_seed"]))


def main() -> None:
    """Samples, showing progress, and prints what was written."""
    # Slow imports wait until the flags have been checked.
    import tqdm

    from sensegen_tf.generation import writers
    from sensegen_tf.serving import model_card, versions

    if _to_file(FLAGS):
        writers.check_suffix(FLAGS.output)
    version = versions.find_version(FLAGS.model)
    card = model_card.read_card(version)
    length = FLAGS.length or card.window_length
    with tqdm.tqdm(total=FLAGS.num, unit="series", desc="sampling") as bar:
        (_into_file if _to_file(FLAGS) else _into_folder)(version, card, length, bar)
    print(f"{FLAGS.num} series of {length} samples ({length / card.rate:.2f} s at {card.rate:g} Hz): {FLAGS.output}")


if __name__ == "__main__":
    commands.run(main)
