"""Made the goldens: for every preset a tiny model after five training steps, and what it answers.

Written for and run at the commit that added these files; kept as the record of how they came about.
"""

import dataclasses
import json
import os
import sys

import numpy as np
import tensorflow as tf

from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.windows import Dataset, Standardizer, Windows, numbered
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.zoo import ZOO
from sensegen_tf.serving.signatures import Signatures
from sensegen_tf.training.calibration import calibrate
from sensegen_tf.training.checkpoints import Checkpoints
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.loop import Trainer, TrainingConfig
from sensegen_tf.training.schedule import alternating

LENGTH, CHANNELS, SUBJECTS, LABELS = 32, 2, 6, ("rest", "walk")


def recordings(seed, count=48):
    """Physical windows float32 [N, T, 2] on a grid of 1/64, subjects and labels."""
    rng = np.random.default_rng(seed)
    label, subject = rng.integers(0, 2, count), rng.integers(0, SUBJECTS, count)
    time = np.arange(LENGTH) / 8 + rng.uniform(0, 6, [count, 1])
    size = np.where(label == 1, 1.0, 0.05)[:, None] * (1 + 0.1 * subject[:, None])
    values = np.stack([size * np.sin(time), 0.5 * size * np.cos(2 * time)], -1) + 0.1 * subject[:, None, None]
    values += 0.02 * rng.standard_normal(values.shape)
    values = (np.round(values * 64) / 64).astype(np.float32)
    return Windows(values, np.char.add("s", subject.astype(str)), np.array(LABELS)[label])


def dataset():
    training, heldout = recordings(0), recordings(1, 24)
    flat = training.values.reshape(-1, CHANNELS)
    mean, std = flat.mean(0), flat.std(0)
    increment = np.diff(training.values, axis=1).std((0, 1)) / std
    sensors = Sensor(1 / 64, -2.0, 2.0), Sensor(1 / 64)
    standardizer = Standardizer(*(each.astype(np.float32) for each in (mean, std, increment)))
    return Dataset(8.0, ("ax", "ay"), ("g", "g"), sensors, LENGTH, training, heldout, standardizer, "made up")


def tiny(name):
    row = ZOO[name]
    config = row.generator
    config = dataclasses.replace(
        config,
        units=tuple(7 - index for index in range(len(config.units))),
        dense_units=6,
        components=3,
        start_components=min(config.start_components, 4),
        start_people=min(config.start_people, 2),
        code=min(config.code, 3),
        refractory=min(config.refractory, 3),
        levels=tuple(min(level, 20.0) if np.isfinite(level) else level for level in config.levels),
    )
    return config, dataclasses.replace(row.discriminator, units=(5,), dense_units=4)


def main(folder):
    for name in ZOO:
        data = dataset()
        config, discriminator_config = tiny(name)
        labels, people = (2, SUBJECTS if config.code else 0) if config.conditional else (0, 0)
        generator = Generator(config, CHANNELS, 3, labels, people, native=True)
        discriminator = Discriminator(discriminator_config, CHANNELS, 3, labels, native=True)
        generator.build()
        discriminator.build()
        names = data.training.label_names if labels else ()
        label, person = numbered(names, data.training.labels), numbered(data.training.people, data.training.subjects)
        generator.adapt(
            data.standardizer.increment, data.standardizer.to_standard(data.training.values), label, person
        )
        discriminator.adapt(data.standardizer.increment)
        learning = TrainingConfig(
            batch_size=16,
            generator_learning_rate=0.01,
            discriminator_learning_rate=0.01,
            learning_rate_decay="cosine",
            gradient_clip_norm=1.0,
            evaluation_windows=24,
            checkpoint_seconds=1e9,
            seed=5,
            generator_objective="both" if name == "sensegen_accel" else "likelihood",
            adversarial_batch_size=8,
        )
        found = {}
        for what, model in (("generator", generator), ("discriminator", discriminator)):
            for number, weight in enumerate(model.get_weights()):
                found[f"initial/{what}/{number:02d}"] = weight
        trainer = Trainer(generator, discriminator, alternating(1, 2, 3), learning, Distribution("none"))
        losses, metrics = [], []
        checkpoints = Checkpoints(os.path.join("/tmp/goldens", name), **trainer.state())
        trainer.fit(data, checkpoints, on_step=lambda turn, loss: losses.append(loss), on_outer=metrics.append)
        found["losses"] = np.array(losses)
        found["heldout"] = np.array([metrics[0]["heldout_nll"], metrics[0]["discriminator_accuracy"]])
        found["log_likelihood"] = trainer.log_likelihood(data, data.heldout)
        calibrate(trainer, data, lambda real, synthetic, rate: abs(float(real.std() - synthetic.std())))
        for what, model in (("generator", generator), ("discriminator", discriminator)):
            for number, weight in enumerate(model.get_weights()):
                found[f"trained/{what}/{number:02d}"] = weight
        module = Signatures(generator.plain(), discriminator.plain(), data.standardizer, data.sensors)
        functions = module.signatures()
        conditioned = {"label": tf.constant([0, 1, 1])} if labels else {}
        seed, length = tf.constant([1, 2, 2**40 + 3], tf.int64), tf.constant([40, 32, 7])
        series = tf.constant(data.heldout.values[:3])
        requests = {
            "sample_tempered": {"seed": seed, "length": length, "temperature": tf.constant([1.0, 0.7, 1.2])},
            "continue_series": {
                "prefix": series, "prefix_length": tf.constant([32, 31, 17]), "seed": seed, "length": length
            },
            "score": {"series": series, "length": tf.constant([32, 31, 17])},
            "discriminate": {"series": series, "length": tf.constant([32, 31, 17])},
            "decode": {
                "noise": tf.random.stateless_uniform([3, 2, generator.head.noise_size], [1, 2], 0.05, 0.95),
                "series_noise": tf.random.stateless_uniform([3, 1 + generator.code_size], [3, 4], 0.05, 0.95),
            },
        }
        for signature, inputs in requests.items():
            for key, value in inputs.items():
                found[f"{signature}/inputs/{key}"] = np.asarray(value)
            for key, value in functions[signature](**inputs, **conditioned).items():
                found[f"{signature}/outputs/{key}"] = np.asarray(value)
        found["label"] = np.array([0, 1, 1], np.int32)
        found["description"] = np.array(
            json.dumps(
                {
                    "generator": generator.get_config(),
                    "discriminator": discriminator.get_config(),
                    "learning": dataclasses.asdict(learning),
                    "data": data.describe(),
                }
            )
        )
        np.savez_compressed(os.path.join(folder, f"{name}.npz"), **found)
        print(name, metrics, generator.temperatures.numpy())


if __name__ == "__main__":
    main(sys.argv[1])
