"""How much memory training from shards takes: an epoch over a made-up prepared set that does not fit.

    python experiments/stream_memory.py --gigabytes=8 --folder=/tmp/made_up_set

Writes a prepared set of random walks of 64 channels (kept for the next call; remove it yourself), then trains a tiny
model in a process of its own: the discriminator for an eighth of an epoch, the generator for one. Keeps
results/stream_memory.json with the largest resident memory of that process.
"""

import concurrent.futures
import multiprocessing
import os
import resource
import tempfile

import numpy as np
import results
from absl import flags

from sensegen_tf import commands

FLAGS = flags.FLAGS
LENGTH, CHANNELS, SHARD, BATCH = 128, 64, 4096, 256
WINDOW_BYTES = 4 * LENGTH * CHANNELS
TARGET_GIGABYTES = 3
# Windows that are held in memory beside the training, as `train` does for its picture.
_HELD = 8192


def define_flags():
    """The flags of this program."""
    with commands.topic("The made-up set"):
        flags.DEFINE_float("gigabytes", 8.0, "size of its training split", lower_bound=0.01)
        flags.DEFINE_string("folder", "experiments/runs/made_up_set", "where it is put")


def make(folder, windows):
    """A prepared set of about `windows` training windows: a few random shards, many times over under other names."""
    from sensegen_tf.data import records
    from sensegen_tf.data.records import SCHEMA
    from sensegen_tf.files import atomic_folder, write_json

    channels = {"channels": [f"c{index}" for index in range(CHANNELS)], "units": ["g"] * CHANNELS}
    walks = np.random.default_rng(0).normal(size=[SHARD, LENGTH, CHANNELS]).astype("f").cumsum(1) / 8
    with atomic_folder(folder) as temporary:
        template = os.path.join(temporary, "template")
        records.write_file(
            template, (records.example(walk, rate=50.0, subject="made up", **channels) for walk in walks)
        )
        counts = {"training": max(2, windows // SHARD), "test": 1}
        splits = {name: _split(temporary, template, name, count) for name, count in counts.items()}
        os.remove(template)
        flat = walks.reshape(-1, CHANNELS)
        manifest = {"schema": SCHEMA, "rate": 50.0, **channels, "length": LENGTH, "sensors": [{}] * CHANNELS}
        manifest |= {"mean": flat.mean(0).tolist(), "std": flat.std(0).tolist()}
        manifest |= {"increment": np.diff(walks, axis=1).std((0, 1)).tolist(), "resampled": False}
        write_json(os.path.join(temporary, records.MANIFEST), manifest | {"terms": "made up", "splits": splits})


def _split(folder, template, name, count):
    """A split of the manifest: `count` shards, all copies of a template."""
    from sensegen_tf.data import records

    shards = []
    for index in range(count):
        file = f"{name}-{index:05d}.tfrecord"
        with open(template, "rb") as source, open(os.path.join(folder, file), "wb") as target:
            target.write(source.read())
        shards.append({"file": file, "windows": SHARD, "crc32": records.checksum(template)})
    windows = {"windows": count * SHARD, "subjects": ["made up"], "labels": {"": count * SHARD}}
    return {**windows, "checksum": 0, "shards": shards}


def train(folder):
    """Trains a tiny model on a prepared set; what it took, as rows of a table."""
    from sensegen_tf.data.sources.prepared import open_prepared
    from sensegen_tf.models import config as models
    from sensegen_tf.training import run as training
    from sensegen_tf.training.config import TrainConfig
    from sensegen_tf.training.learning import LearningConfig
    from sensegen_tf.training.schedule import alternating

    dataset = open_prepared(folder)
    steps = dataset.training.count // BATCH
    config = TrainConfig(
        preset="tiny",
        generator=models.GeneratorConfig(
            network=models.NetworkConfig(units=(8,), dense_units=8), head=models.JointHeadConfig(components=2)
        ),
        discriminator=models.DiscriminatorConfig(network=models.NetworkConfig(units=(4,), dense_units=4)),
        schedule=alternating(1, discriminator_steps=steps // 8, generator_steps=steps),
        learning=LearningConfig(batch_size=BATCH, evaluation_windows=256),
        calibrate=False,
    )
    held = dataset.training.subsample(_HELD)
    with tempfile.TemporaryDirectory() as run_dir:
        run = training.train(config, dataset, run_dir=run_dir, checkpoint_seconds=1e9)
        loss = run.metrics[-1]["generator_loss"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return [
        ["steps", config.schedule.steps],
        ["GB learned from", round(config.schedule.steps * BATCH * WINDOW_BYTES / 1e9, 2)],
        ["windows held in memory", held.count],
        ["seconds", round(run.seconds)],
        ["training NLL at the end", round(loss, 3)],
        ["largest resident memory, GB", {"value": round(peak, 2), "met": peak < TARGET_GIGABYTES}],
    ]


def main():
    from sensegen_tf.training.run_directory import machine

    if not os.path.exists(FLAGS.folder):
        make(FLAGS.folder, int(FLAGS.gigabytes * 1e9 / WINDOW_BYTES))
    size = sum(os.path.getsize(os.path.join(FLAGS.folder, name)) for name in os.listdir(FLAGS.folder)) / 1e9
    # In a process of its own, whose memory is that of training alone.
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        rows = pool.submit(train, FLAGS.folder).result()
    results.keep(
        "stream_memory",
        "benchmark",
        command=f"python experiments/stream_memory.py --gigabytes={FLAGS.gigabytes:g} --folder=FOLDER",
        title="Memory of training from shards",
        machine=machine(),
        seed=0,
        text=[
            f"A made-up prepared set of shards of {SHARD:,} windows of {LENGTH} x {CHANNELS}, {size:.2f} GB; a tiny "
            "model learns: the discriminator for an eighth of an epoch, the generator for one."
        ],
        tables={
            "memory": {
                "text": f"Target: resident memory below {TARGET_GIGABYTES} GB.",
                "columns": ["what", "value"],
                "rows": [["GB on disk", round(size, 2)], *rows],
            }
        },
    )


if __name__ == "__main__":
    define_flags()
    commands.run(main)
