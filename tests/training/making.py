"""Small recordings, models and trainers for the tests of this folder."""

import contextlib
import dataclasses

import numpy as np
import tensorflow as tf

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.models.config import DiscriminatorConfig, GeneratorConfig, JointHeadConfig, NetworkConfig
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.training.callback import Callback
from sensegen_tf.training.checkpoints import Checkpoints
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.learning import LearningConfig
from sensegen_tf.training.loop import Trainer
from sensegen_tf.training.schedule import alternating
from sensegen_tf.training.steps import DiscriminatorBatch, GeneratorBatch, RolloutInputs

GENERATOR = GeneratorConfig(network=NetworkConfig(units=(12,), dense_units=8), head=JointHeadConfig(components=3))
DISCRIMINATOR = DiscriminatorConfig(network=NetworkConfig(units=(6,), dense_units=4))
LEARNING = LearningConfig(
    batch_size=8,
    generator_learning_rate=0.01,
    discriminator_learning_rate=0.01,
    learning_rate_decay="cosine",
    evaluation_windows=16,
    seed=4,
)
SINGLE = Distribution()
# The beginning of a program: devices are divided before TensorFlow is used.
TWO_DEVICES = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""


@contextlib.contextmanager
def eager_functions():
    """Context manager: nothing is compiled, which takes longer than a few steps of small models do."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def series(count=40, length=12):
    """Sines, [N, T, 1]."""
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, [count, 1])
    return np.sin(np.arange(length) / 3 + phase)[..., None].astype("f")


def make_dataset(values, **known):
    """Training windows [N, T, 1], as they are standardised, and sines to test on; `known` is of the `Dataset`."""
    training, test = (
        WindowSet(values=each, rate=50.0, subjects=np.full(len(each), "a"))
        for each in (values, series(20, values.shape[1]))
    )
    standardizer = Standardizer(mean=[0.0], std=[1.0], increment=[0.3])
    return Dataset(**{"training": training, "test": test, "standardizer": standardizer, "sensors": (), **known})


def build(generator=GENERATOR, discriminator=DISCRIMINATOR, **options):
    """Both models, built."""
    models = Generator(generator, 1, **options), Discriminator(discriminator, 1, **options)
    for model in models:
        model.build()
    return models


def make_trainer(schedule=None, models=None, **learning):
    """A trainer; what is in `learning` is another value than in `LEARNING`."""
    config = dataclasses.replace(LEARNING, **learning)
    options = {"schedule": schedule or alternating(1), "config": config, "distribution": SINGLE}
    return Trainer(*(models or build()), **options)


def learner(trainer, player):
    """The step of one of the models, to be called with a batch."""
    return trainer._steps[player]


def weights(trainer):
    return [*trainer.generator.get_weights(), *trainer.discriminator.get_weights()]


def rollout_inputs(trainer, rows, length, *, number=0):
    """Noise and labels of that many series."""
    seeds = tf.range(rows, dtype=tf.int64) + 1000 * number
    return RolloutInputs(trainer.compiled.noise(seeds, tf.constant(length)), tf.zeros([rows], tf.int32))


def generator_batch(real, rollouts=()):
    """What the generator learns from, without labels, latent or dropout."""
    zeros = tf.zeros([len(real)], tf.int32)
    nothing = tf.zeros([len(real), 0]), tf.zeros([*real.shape[:2], 0])
    return GeneratorBatch(tf.constant(real), zeros, *nothing, rollouts)


def discriminator_batch(trainer, real, *, number=0):
    return DiscriminatorBatch(tf.constant(real), rollout_inputs(trainer, *real.shape[:2], number=number))


class Recorder(Callback):
    """Keeps what it is shown; asks to stop after so many steps."""

    def __init__(self, stop_after=None):
        self.steps, self.losses, self.metrics, self.stop_after = [], [], [], stop_after

    def on_step(self, step, loss):
        self.steps.append(step)
        self.losses.append(loss)

    def on_outer(self, metrics):
        self.metrics.append(metrics)

    def should_stop(self):
        return len(self.steps) == self.stop_after


def fit(trainer, folder, dataset, *, stop_after=None):
    """Restores and fits; returns whether it came to the end, and a `Recorder`."""
    checkpoints = Checkpoints(folder, **trainer.state())
    checkpoints.restore()
    recorder = Recorder(stop_after)
    finished = trainer.fit(dataset, checkpoints, callbacks=[recorder], checkpoint_seconds=1e9)
    return finished, recorder
