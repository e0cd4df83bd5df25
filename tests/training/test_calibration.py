import types

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.config import (
    ConditionConfig,
    ContextConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    JointHeadConfig,
    NetworkConfig,
)
from sensegen_tf.training import calibration
from sensegen_tf.training.batches import Stream
from sensegen_tf.training.calibration import calibrate
from tests.training.making import build, make_trainer

NAMES = ("rest", "running")
STEPS = 16


def make_dataset(values, label):
    windows = WindowSet(values=values, rate=50.0, subjects=np.full(len(label), "s"), labels=np.array(NAMES)[label])
    standardizer = Standardizer(mean=[0.0], std=[1.0], increment=[1.0])
    return Dataset(training=windows, test=windows, standardizer=standardizer, sensors=())


class Walks:
    """In the place of a trainer and of what makes its batches: random walks, whose steps grow with the temperature."""

    def __init__(self):
        self.generator = types.SimpleNamespace(temperatures=tf.Variable([1.0, 1.0]))
        self.batches = self

    def standardize_windows(self, dataset, windows):
        return windows.values

    def encode_labels(self, dataset, windows):
        return windows.encoded_labels(NAMES)

    def generate_in_chunks(self, stream, *, label, steps):
        normals = np.random.default_rng(int(stream)).normal(size=[len(label), steps, 1])
        scale = np.sqrt(self.generator.temperatures.numpy()[label])
        return (scale[:, None, None] * normals).cumsum(1).astype("f")


def walks_at(temperatures, count=2000):
    """A `Dataset` of walks at a temperature a label."""
    walks, label = Walks(), np.arange(count) % len(temperatures)
    walks.generator.temperatures.assign(temperatures)
    return make_dataset(walks.generate_in_chunks(Stream.PICTURE_ROLLOUTS, label=label, steps=STEPS), label)


@pytest.mark.parametrize("temperatures", [(0.9, 1.2), (1.3, 1.0)])
def test_every_label_gets_the_temperature_of_its_recordings(temperatures):
    trainer = Walks()
    trainer.generator.temperatures.assign([0.7, 0.7])
    calibrate(trainer, walks_at(temperatures))
    np.testing.assert_allclose(trainer.generator.temperatures, temperatures, atol=0.051)


def test_a_few_samples_that_ran_away_change_nothing(monkeypatch):
    data, trainer, generate = walks_at((0.9, 1.2)), Walks(), Walks.generate_in_chunks

    def some_ran_away(*given, **how):
        series = generate(*given, **how)
        series[::100] *= 1000
        return series

    monkeypatch.setattr(Walks, "generate_in_chunks", some_ran_away)
    calibrate(trainer, data)
    np.testing.assert_allclose(trainer.generator.temperatures, (0.9, 1.2), atol=0.051)


def test_temperatures_are_one_where_no_spectrum_is_nearer(monkeypatch):
    trainer = Walks()
    trainer.generator.temperatures.assign([0.8, 1.3])
    monkeypatch.setattr(calibration, "log_spectral_distance", lambda real, synthetic, rate: np.nan)
    calibrate(trainer, walks_at((1.0, 1.0)))
    np.testing.assert_array_equal(trainer.generator.temperatures, [1, 1])


@pytest.fixture(scope="module")
def trainer():
    # Around the value before, so that it makes walks too.
    generator = GeneratorConfig(
        network=NetworkConfig(units=(6,), dense_units=6),
        context=ContextConfig(residual=True),
        head=JointHeadConfig(components=2),
        condition=ConditionConfig(label=True),
    )
    discriminator = DiscriminatorConfig(network=NetworkConfig(units=(4,), dense_units=4))
    return make_trainer(models=build(generator, discriminator, labels=len(NAMES)))


@pytest.mark.slow
@pytest.mark.parametrize("temperatures", [(0.9, 1.2), (1.3, 1.0)])
def test_the_temperatures_of_a_generators_own_series_are_found(trainer, temperatures):
    label = np.arange(2000, dtype=np.int32) % len(NAMES)
    trainer.generator.temperatures.assign(temperatures)
    values = trainer.batches.generate(Stream.PICTURE_ROLLOUTS, 0, label=label, steps=STEPS)
    data = make_dataset(values, label)
    calibrate(trainer, data)
    np.testing.assert_allclose(trainer.generator.temperatures, temperatures, atol=0.051)
    before = trainer.generator.temperatures.numpy()
    calibrate(trainer, data)
    np.testing.assert_array_equal(trainer.generator.temperatures, before)


def test_a_label_has_the_temperature_that_a_request_could_ask_for_after_the_first_step(trainer):
    generator, condition = trainer.generator, Condition.of_label(np.array([0, 1, 1, 0], np.int32))
    noise = generator.noise(np.arange(4), 2).steps
    first, state = generator.begin(noise[:, 0], generator.initial_state(condition))
    generator.temperatures.assign([1.0, 1.0])
    asked, _ = generator.step(noise[:, 1], state, temperature=np.array([[0.5], [2.0], [2.0], [0.5]], np.float32))
    generator.temperatures.assign([0.25, 1.0])
    again, _ = generator.step(noise[:, 1], state, temperature=2.0)
    np.testing.assert_array_equal(again, asked)
    same, _ = generator.begin(noise[:, 0], generator.initial_state(condition))
    np.testing.assert_array_equal(same, first)
