import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.windows import Dataset, Standardizer, Windows
from sensegen_tf.evaluation.fidelity import log_spectral_distance
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.zoo import DiscriminatorConfig, GeneratorConfig
from sensegen_tf.training.calibration import calibrate
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.loop import Trainer, TrainingConfig
from sensegen_tf.training.schedule import alternating

NAMES = ("rest", "running")
STEPS = 16


@pytest.fixture(scope="module")
def trainer():
    config = TrainingConfig(8, 0.01, 0.01, "none", 1.0, 16, 1e9, seed=4)
    # Around the value before: what it makes is a walk, whose steps grow with the temperature.
    how = GeneratorConfig(units=(6,), dense_units=6, components=2, residual=True, conditional=True)
    generator = Generator(how, 1, labels=len(NAMES), native=True)
    discriminator = Discriminator(DiscriminatorConfig(units=(4,), dense_units=4), 1, labels=len(NAMES), native=True)
    generator.build()
    discriminator.build()
    return Trainer(generator, discriminator, alternating(1), config, Distribution("none"))


def windows_at(trainer, temperatures, count=2000):
    """A `Dataset` of what the generator itself makes at a temperature a label."""
    label = np.arange(count) % len(temperatures)
    trainer.generator.temperatures.assign(temperatures)
    values = trainer.generate(0, 0, label.astype(np.int32), STEPS).numpy()
    part = Windows(values, np.full(count, "somebody"), np.array(NAMES)[label])
    one = np.ones(1, np.float32)
    return Dataset(50.0, ("x",), ("g",), (Sensor(),), STEPS, part, part, Standardizer(0 * one, one, one), "")


@pytest.mark.parametrize("temperatures", [(0.9, 1.2), (1.3, 1.0)])
def test_the_temperatures_of_the_recordings_are_found(trainer, temperatures):
    data = windows_at(trainer, temperatures)
    calibrate(trainer, data, log_spectral_distance)
    np.testing.assert_allclose(trainer.generator.temperatures, temperatures, atol=0.051)
    before = trainer.generator.temperatures.numpy()
    calibrate(trainer, data, log_spectral_distance)
    np.testing.assert_array_equal(trainer.generator.temperatures, before)


def test_nothing_is_changed_where_nothing_speaks_for_it(trainer):
    data = windows_at(trainer, (1.0, 1.0))
    trainer.generator.temperatures.assign([0.8, 1.3])
    calibrate(trainer, data, lambda real, synthetic, rate: np.nan)
    np.testing.assert_array_equal(trainer.generator.temperatures, [1, 1])


def test_a_label_has_the_temperature_that_a_request_could_ask_for_after_the_first_step(trainer):
    generator, label = trainer.generator, np.array([0, 1, 1, 0], np.int32)
    first, state = generator.begin(generator.noise(np.arange(4), 2)[0][:, 0], tf.one_hot(label, 2))
    noise = generator.noise(np.arange(4), 2)[0][:, 1]
    generator.temperatures.assign([1.0, 1.0])
    asked, _ = generator.step(noise, state, temperature=np.array([[0.5], [2.0], [2.0], [0.5]], np.float32))
    generator.temperatures.assign([0.25, 1.0])
    again, _ = generator.step(noise, state, temperature=2.0)
    np.testing.assert_array_equal(again, asked)
    same, _ = generator.begin(generator.noise(np.arange(4), 2)[0][:, 0], tf.one_hot(label, 2))
    np.testing.assert_array_equal(same, first)
