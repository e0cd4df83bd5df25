"""The mathematics stays what it was: models of every preset give the numbers that they gave once (see README.md)."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.presets import PRESETS
from sensegen_tf.serving.signatures import Signatures
from sensegen_tf.training.callback import Callback
from sensegen_tf.training.checkpoints import Checkpoints
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.learning import LearningConfig
from sensegen_tf.training.loop import Trainer
from sensegen_tf.training.schedule import alternating

FOLDER = os.path.dirname(__file__)
SIGNATURES = ("sample_tempered", "continue_series", "score", "discriminate", "decode")
LENGTH, SUBJECTS, LABELS = 32, 6, ("rest", "walk")
# What of version 0.1's learning configuration is now elsewhere.
ELSEWHERE = ("checkpoint_seconds",)


class Golden:
    """What a file holds.

    Attributes:
      arrays: name -> array.
      description: configurations and data, as version 0.1 described them (schema 1).
    """

    def __init__(self, name):
        with np.load(os.path.join(FOLDER, f"{name}.npz")) as file:
            self.arrays = dict(file)
        self.description = json.loads(str(self.arrays.pop("description")))

    def weights(self, when, what):
        """Of "initial" or "trained" models, "generator" or "discriminator", in Keras's order."""
        return [value for key, value in sorted(self.arrays.items()) if key.startswith(f"{when}/{what}/")]

    def models(self, **how):
        """Both models, built."""
        configs = {what: {**self.description[what], **how} for what in ("generator", "discriminator")}
        models = Generator.from_config(configs["generator"]), Discriminator.from_config(configs["discriminator"])
        for model in models:
            model.build()
        return models


@pytest.fixture(params=PRESETS)
def golden(request):
    return Golden(request.param)


def windows(seed, count):
    """Physical windows on a grid of 1/64, as they were when the goldens were made."""
    rng = np.random.default_rng(seed)
    label, subject = rng.integers(0, 2, count), rng.integers(0, SUBJECTS, count)
    time = np.arange(LENGTH) / 8 + rng.uniform(0, 6, [count, 1])
    size = np.where(label == 1, 1.0, 0.05)[:, None] * (1 + 0.1 * subject[:, None])
    values = np.stack([size * np.sin(time), 0.5 * size * np.cos(2 * time)], -1) + 0.1 * subject[:, None, None]
    values += 0.02 * rng.standard_normal(values.shape)
    return WindowSet(
        values=np.round(values * 64) / 64,
        rate=8.0,
        channels=("ax", "ay"),
        units=("g", "g"),
        subjects=np.char.add("s", subject.astype(str)),
        labels=np.array(LABELS)[label],
    )


def standardizer(golden):
    return Standardizer.from_description(golden.description["data"])


def standardizer_of_training():
    """That of the windows, as it was when the goldens were made."""
    flat = (values := windows(0, 48).values).reshape(-1, 2)
    mean, std = flat.mean(0), flat.std(0)
    sensors = Sensor(resolution=1 / 64, low=-2.0, high=2.0), Sensor(resolution=1 / 64)
    return Standardizer(mean=mean, std=std, increment=np.diff(values, axis=1).std((0, 1)) / std, sensors=sensors)


def dataset_of(standardizer):
    return Dataset(
        training=windows(0, 48), test=windows(1, 24), standardizer=standardizer, sensors=standardizer.sensors
    )


def adapt(models, data):
    generator, discriminator = models
    generator.adapt(
        data.standardizer.to_standard(data.training.values),
        increments=data.standardizer.increment,
        label=data.training.encoded_labels(LABELS if generator.labels else ()),
        subject=data.training.encoded_subjects(data.training.subject_names),
    )
    discriminator.set_increment_unit(data.standardizer.increment)


def trained(models, data, learning, folder):
    """A trainer after five steps, and what it said meanwhile."""
    schedule, seen = alternating(1, discriminator_steps=2, generator_steps=3), Losses()
    trainer = Trainer(*models, schedule=schedule, config=learning, distribution=Distribution())
    assert trainer.fit(data, Checkpoints(folder, **trainer.state()), callbacks=[seen])
    return trainer, seen


@pytest.mark.slow
def test_an_exported_model_answers_as_before(golden):
    models = golden.models()
    for model, what in zip(models, ("generator", "discriminator"), strict=True):
        model.set_weights(golden.weights("trained", what))
    functions = Signatures(*models, standardizer=standardizer(golden)).signatures()
    label = {"label": tf.constant(golden.arrays["label"])} if models[0].labels else {}
    for signature in SIGNATURES:
        inputs, outputs = f"{signature}/inputs/", f"{signature}/outputs/"
        request = {key.removeprefix(inputs): v for key, v in golden.arrays.items() if key.startswith(inputs)}
        if not models[0].latent_size:  # Version 0.1 had one without use.
            request.pop("series_noise", None)
        found = functions[signature](**{key: tf.constant(value) for key, value in request.items()}, **label)
        expected = {key.removeprefix(outputs): v for key, v in golden.arrays.items() if key.startswith(outputs)}
        # The output `pit` had another name then.
        expected = {"pit" if key not in found else key: value for key, value in expected.items()}
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=1e-5, err_msg=f"{signature} {key}")


class Losses(Callback):
    def __init__(self):
        self.losses, self.metrics = [], []

    def on_step(self, step, loss):
        self.losses.append(loss)

    def on_outer(self, metrics):
        self.metrics.append(metrics)


# The others are made of the same parts.
@pytest.mark.slow
@pytest.mark.parametrize("preset", ["sensegen_accel", "sensegen_ecg", "sensegen_channelwise"])
def test_training_takes_the_same_steps(preset, tmp_path):
    golden = Golden(preset)
    models, data = golden.models(use_xla=True), dataset_of(standardizer(golden))
    adapt(models, data)
    for model, what in zip(models, ("generator", "discriminator"), strict=True):
        for found, expected in zip(model.get_weights(), golden.weights("initial", what), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    learning = {name: value for name, value in golden.description["learning"].items() if name not in ELSEWHERE}
    trainer, seen = trained(models, data, LearningConfig(**learning), tmp_path)
    np.testing.assert_allclose(seen.losses, golden.arrays["losses"], rtol=1e-5, atol=1e-5)
    found = [seen.metrics[0]["test_nll"], seen.metrics[0]["discriminator_accuracy"]]
    np.testing.assert_allclose(found, golden.arrays["heldout"], rtol=1e-5)
    likelihood = trainer.log_likelihood(data, data.test)
    np.testing.assert_allclose(likelihood, golden.arrays["log_likelihood"], rtol=1e-5, atol=1e-4)
    for model, what in zip(models, ("generator", "discriminator"), strict=True):
        names = [weight.path.split("/")[-1] for weight in model.weights]
        weights = zip(names, model.get_weights(), golden.weights("trained", what), strict=True)
        for name, found, expected in weights:
            # The temperatures were chosen afterwards, by another distance.
            if name != "temperatures":
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=name)
