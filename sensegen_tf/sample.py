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
from sensegen_tf.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "model", None, "folder of a SavedModel version or of versions (the highest is taken), or a pretrained model's name"
)
flags.DEFINE_integer("num", 1000, "how many series", lower_bound=1, upper_bound=2**32 - 1)
flags.DEFINE_integer("length", None, "samples in a series; by default as long as the training windows", lower_bound=1)
flags.DEFINE_integer("seed", 0, "names the file: other seeds give other series", lower_bound=0, upper_bound=2**31 - 1)
flags.DEFINE_string("label", None, "label of all series, of a conditional model; by default as common as in training")
flags.DEFINE_float("temperature", 1.0, "below 1 the likely becomes likelier, above 1 the unlikely", lower_bound=1e-6)
flags.DEFINE_string(
    "output",
    None,
    "file to write; the suffix .npz, .csv, .parquet or .tfrecord chooses the format. Without: a folder of shards",
)
flags.DEFINE_integer("chunk_size", 4096, "series held in memory at once, rounded up to whole batches", lower_bound=1)
flags.DEFINE_bool(
    "xla", False, "compile for this length first: up to twice as fast, but rounded otherwise than a server does"
)
flags.DEFINE_integer(
    "shard_size", 16384, "folder: series in a shard, a multiple of 256, with --xla of 1024", lower_bound=1
)
flags.DEFINE_enum("shard_format", "parquet", ["parquet", "tfrecord"], "folder: of its shards")
flags.DEFINE_enum(
    "engine",
    "local",
    ["local", "ray"],
    "folder: local makes the shards in this process; ray on all machines of a Ray cluster (extra `ray`)",
)
flags.DEFINE_string("ray_address", "", "ray: of the cluster; by default RAY_ADDRESS, or this machine's cores alone")
flags.DEFINE_integer("workers", None, "ray: at most so many; by default as many as there is room for", lower_bound=1)
flags.DEFINE_integer("cpus_per_worker", 2, "ray: cores of a worker", lower_bound=1)
flags.DEFINE_float("gpus_per_worker", 0.0, "ray: GPUs of a worker, which may be a part of one", lower_bound=0)
flags.mark_flags_as_required(["model", "output"])

_OF_FOLDERS = ("shard_size", "shard_format", "engine")
_OF_RAY = ("ray_address", "workers", "cpus_per_worker", "gpus_per_worker")


def _into_file(version, card, length, bar):
    from sensegen_tf.generation import local, writers

    shares = local.label_shares(card, FLAGS.label)
    model = local.load(version)
    with writers.open_writer(FLAGS.output, card, FLAGS.num, length) as write:
        asked = FLAGS.num, length, FLAGS.seed, FLAGS.chunk_size, shares, FLAGS.temperature, FLAGS.xla
        for chunk in local.generate(model, *asked):
            write(*chunk)
            bar.update(len(chunk[0]))


def _into_folder(version, card, length, bar):
    from sensegen_tf.generation import local, ray_engine, shards

    local.label_shares(card, FLAGS.label)
    plan = commands.from_flags(shards.Plan, version=os.path.abspath(version), length=length)
    folder = shards.Folder(plan, os.path.abspath(FLAGS.output))
    if FLAGS.engine == "local":
        made = shards.in_this_process(plan, folder.path)
    else:
        made = ray_engine.over_ray(plan, folder.path, *(FLAGS[name].value for name in _OF_RAY))
    entries = []
    for entry in made:
        entries.append(entry)
        bar.update(entry["rows"])
    folder.finish(sorted(entries, key=lambda entry: entry["first_seed"]))


def main():
    # Slow imports wait until the flags have been checked.
    import tqdm

    from sensegen_tf.generation import writers
    from sensegen_tf.serving import saved_model

    to_file = bool(os.path.splitext(FLAGS.output)[1])
    if to_file:
        writers.check_suffix(FLAGS.output)
    _refuse(_OF_FOLDERS if to_file else (), "a folder, an --output without a suffix")
    _refuse(() if to_file else ("chunk_size",), "a file, an --output with a suffix")
    _refuse(() if FLAGS.engine == "ray" else _OF_RAY, "--engine=ray")
    version = saved_model.find_version(FLAGS.model)
    card = saved_model.read_card(version)
    length = FLAGS.length or card.window_length
    with tqdm.tqdm(total=FLAGS.num, unit="series", desc="sampling") as bar:
        (_into_file if to_file else _into_folder)(version, card, length, bar)
    print(f"{FLAGS.num} series of {length} samples ({length / card.rate:.2f} s at {card.rate:g} Hz): {FLAGS.output}")


def _refuse(names, needed):
    given = [f"--{name}" for name in names if FLAGS[name].present]
    if given:
        raise InputError(f"{', '.join(given)} only goes with {needed}")


if __name__ == "__main__":
    commands.run(main)
