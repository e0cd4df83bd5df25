"""Makes the golden of a preset: `python -m tests.goldens.make sensegen_ecg`.

For a preset that is new, or whose architecture was changed on purpose; never after a refactoring.
"""

import dataclasses
import json
import os
import sys
import tempfile

import numpy as np
import tensorflow as tf

from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.presets import PRESETS
from sensegen_tf.serving.signatures import Signatures
from sensegen_tf.training.calibration import calibrate
from sensegen_tf.training.learning import LearningConfig
from tests.goldens import test_goldens as goldens


def tiny(preset):
    """The generator and discriminator of a preset, a few units wide."""
    generator, discriminator = preset.generator, preset.discriminator
    units = tuple(7 - index for index in range(len(generator.network.units)))
    small = {
        "network": dataclasses.replace(generator.network, units=units, dense_units=6),
        "head": dataclasses.replace(generator.head, components=3),
        "context": dataclasses.replace(
            generator.context,
            refractory=min(generator.context.refractory, 3),
            running_means=tuple(min(time, 20.0) for time in generator.context.running_means),
        ),
    }
    if generator.initial:
        fewest = min(generator.initial.min_subjects, 2)
        small["initial"] = dataclasses.replace(generator.initial, components=4, min_subjects=fewest)
    if generator.latent:
        network = dataclasses.replace(generator.latent.network, units=(5,), dense_units=4)
        small["latent"] = dataclasses.replace(generator.latent, size=3, network=network)
    network = dataclasses.replace(discriminator.network, units=(5,), dense_units=4)
    return dataclasses.replace(generator, **small), dataclasses.replace(discriminator, network=network)


def requests(data, generator):
    """Signature -> inputs, without labels."""
    seed, length = tf.constant([1, 2, 2**40 + 3], tf.int64), tf.constant([40, 32, 7])
    series, given = tf.constant(data.test.values[:3]), tf.constant([32, 31, 17])
    noise = {"noise": tf.random.stateless_uniform([3, 2, generator.noise_size], [1, 2], 0.05, 0.95)}
    if generator.latent_size:
        noise["series_noise"] = tf.random.stateless_uniform([3, generator.latent_size], [3, 4], 0.05, 0.95)
    return {
        "sample_tempered": {"seed": seed, "length": length, "temperature": tf.constant([1.0, 0.7, 1.2])},
        "continue_series": {"prefix": series, "prefix_length": given, "seed": seed, "length": length},
        "score": {"series": series, "length": given},
        "discriminate": {"series": series, "length": given},
        "decode": noise,
    }


def main(name):
    """Writes the file of a preset."""
    config, discriminator_config = tiny(PRESETS[name])
    labels = len(goldens.LABELS) if config.condition.label else 0
    how = {"channels": 2, "labels": labels, "seed": 3, "use_xla": True}
    models = Generator(config, **how), Discriminator(discriminator_config, **how)
    for model in models:
        model.build()
    arrays, data = {}, goldens.dataset_of(goldens.standardizer_of_training())
    learning = LearningConfig(
        batch_size=16,
        generator_learning_rate=0.01,
        discriminator_learning_rate=0.01,
        learning_rate_decay="cosine",
        evaluation_windows=24,
        seed=5,
    )
    goldens.adapt(models, data)

    def keep_weights(when):
        for what, model in zip(("generator", "discriminator"), models, strict=True):
            arrays.update({f"{when}/{what}/{n:02d}": each for n, each in enumerate(model.get_weights())})

    keep_weights("initial")
    with tempfile.TemporaryDirectory() as folder:
        trainer, seen = goldens.trained(models, data, learning, folder)
    arrays["losses"] = np.array(seen.losses)
    arrays["heldout"] = np.array([seen.metrics[0][key] for key in ("test_nll", "discriminator_accuracy")])
    arrays["log_likelihood"] = trainer.log_likelihood(data, data.test)
    calibrate(trainer, data)
    keep_weights("trained")
    functions = Signatures(*(model.to_inference() for model in models), standardizer=data.standardizer).signatures()
    arrays["label"] = np.array([0, 1, 1], np.int32)
    conditioned = {"label": tf.constant(arrays["label"])} if labels else {}
    for signature, inputs in requests(data, models[0]).items():
        arrays.update({f"{signature}/inputs/{key}": np.asarray(value) for key, value in inputs.items()})
        outputs = functions[signature](**inputs, **conditioned)
        arrays.update({f"{signature}/outputs/{key}": np.asarray(value) for key, value in outputs.items()})
    description = {
        "generator": models[0].get_config(),
        "discriminator": models[1].get_config(),
        "learning": dataclasses.asdict(learning),
        "data": data.describe(),
    }
    path = os.path.join(goldens.FOLDER, f"{name}.npz")
    np.savez_compressed(path, description=np.array(json.dumps(description)), **arrays)


if __name__ == "__main__":
    for each in sys.argv[1:]:
        main(each)
