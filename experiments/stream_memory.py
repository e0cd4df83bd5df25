"""How much memory training from shards takes: an epoch over a made-up prepared set that does not fit.

    python experiments/stream_memory.py --gigabytes=8 --folder=/tmp/made_up_set

Writes a prepared set of random walks of 64 channels (kept for the next call; remove it yourself), then trains a tiny
model on one epoch of it in a process of its own, and prints the largest resident memory of that process.
"""

import json
import os
import resource
import subprocess
import sys
import time

import numpy as np
from absl import app, flags

from sensegen_tf.data import records
from sensegen_tf.files import whole_folder, write_json

FLAGS = flags.FLAGS
flags.DEFINE_float("gigabytes", 8.0, "size of the made-up training split", lower_bound=0.01)
flags.DEFINE_string("folder", "experiments/runs/made_up_set", "where it is put")
flags.DEFINE_bool("train", False, "internal: train on it in this process")

LENGTH, CHANNELS, SHARD, BATCH = 128, 64, 4096, 256
BYTES = 4 * LENGTH * CHANNELS


def make(folder, windows):
    """A prepared set of about `windows` training windows: a few random shards, many times over under other names."""
    names = [f"c{index}" for index in range(CHANNELS)]
    rng = np.random.default_rng(0)
    with whole_folder(folder) as temporary:
        template = os.path.join(temporary, "template")
        walks = rng.normal(size=[SHARD, LENGTH, CHANNELS]).astype("f").cumsum(1) / 8
        examples = (records.example(walk, 50.0, names, ["g"] * CHANNELS, "made up") for walk in walks)
        records.write_file(template, examples)
        crc32 = records.checksum(template)
        splits = {}
        for split, count in (("training", max(2, windows // SHARD)), ("heldout", 1)):
            shards = []
            for index in range(count):
                file = f"{split}-{index:05d}.tfrecord"
                with open(template, "rb") as source, open(os.path.join(temporary, file), "wb") as target:
                    target.write(source.read())
                shards.append({"file": file, "windows": SHARD, "crc32": crc32})
            splits[split] = {"windows": count * SHARD, "subjects": ["made up"], "labels": {"": count * SHARD}}
            splits[split] |= {"checksum": 0, "shards": shards}
        os.remove(template)
        flat = walks.reshape(-1, CHANNELS)
        manifest = {"format": 2, "rate": 50.0, "channels": names, "units": ["g"] * CHANNELS, "length": LENGTH}
        manifest |= {"sensors": [{}] * CHANNELS, "mean": flat.mean(0).tolist(), "std": flat.std(0).tolist()}
        manifest |= {"increment": np.diff(walks, axis=1).std((0, 1)).tolist(), "resampled": False}
        write_json(os.path.join(temporary, records.MANIFEST), manifest | {"terms": "made up", "splits": splits})


def train(folder):
    """An epoch of generator steps and an eighth of one of discriminator steps of a tiny model; prints what it took."""
    import tempfile

    from sensegen_tf.data import pipeline
    from sensegen_tf.models.discriminator import Discriminator
    from sensegen_tf.models.generator import Generator
    from sensegen_tf.models.zoo import DiscriminatorConfig, GeneratorConfig
    from sensegen_tf.training import loop, schedule
    from sensegen_tf.training.checkpoints import Checkpoints
    from sensegen_tf.training.distribution import Distribution

    dataset = pipeline.open_prepared(folder)
    steps = dataset.training.count // BATCH
    generator = Generator(GeneratorConfig((8,), 8, 2), CHANNELS)
    discriminator = Discriminator(DiscriminatorConfig((4,), 4), CHANNELS)
    generator.build()
    discriminator.build()
    config = loop.TrainingConfig(BATCH, 1e-3, 1e-3, "none", 1.0, 256, 1e9, 0)
    plan = schedule.alternating(1, steps // 8, steps)
    trainer = loop.Trainer(generator, discriminator, plan, config, Distribution("none"))
    # As `train` does for its picture.
    looked_at = dataset.training.spread(8192)
    started = time.monotonic()
    losses = []
    with tempfile.TemporaryDirectory() as checkpoints:
        trainer.fit(
            dataset,
            Checkpoints(checkpoints, **trainer.state()),
            on_step=lambda turn, loss: losses.append(loss),
            on_outer=lambda metrics: None,
            should_stop=lambda: False,
        )
    result = {
        "steps": len(losses),
        "gigabytes_learned_from": len(losses) * BATCH * BYTES / 1e9,
        "windows_looked_at": looked_at.count,
        "seconds": round(time.monotonic() - started, 1),
        "first_generator_loss": losses[steps // 8],
        "last_generator_loss": losses[-1],
        "peak_resident_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    }
    print(json.dumps(result, indent=2))


def main(argv):
    del argv
    if FLAGS.train:
        return train(FLAGS.folder)
    if not os.path.exists(FLAGS.folder):
        make(FLAGS.folder, int(FLAGS.gigabytes * 1e9 / BYTES))
    size = sum(os.path.getsize(os.path.join(FLAGS.folder, name)) for name in os.listdir(FLAGS.folder))
    print(f"{size / 1e9:.2f} GB in {FLAGS.folder}", flush=True)
    subprocess.run([sys.executable, __file__, "--train", f"--folder={FLAGS.folder}"], check=True)


if __name__ == "__main__":
    app.run(main)
