"""A head of one's own: subclassed and registered here, and trained, exported and sampled with no other file touched."""

from __future__ import annotations

import dataclasses
import typing

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.generation.model import Model
from sensegen_tf.layers.heads.base import Head, Reference, SequentialDensity, reshape_last
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.config import (
    ContextConfig,
    GeneratorConfig,
    HeadConfig,
    InitialMixtureConfig,
    NetworkConfig,
    register,
)
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.stored import describe, read_generator_config
from sensegen_tf.serving.export import export_run
from sensegen_tf.training.config import TrainConfig
from sensegen_tf.training.run import train
from sensegen_tf.training.schedule import alternating
from tests.training.making import DISCRIMINATOR, LEARNING, Recorder, eager_functions, make_dataset, series

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")


class Laplace(typing.NamedTuple):
    """Location and scale in units of the reference, [..., n, C], and the coefficients [..., n, R, C] or None."""

    loc: tf.Tensor
    scale: tf.Tensor
    coefficients: tf.Tensor | None


@keras.saving.register_keras_serializable("tests")
class LaplaceHead(Head):
    """A Laplace distribution for each value."""

    uniforms = 0  # There is nothing to choose.

    @property
    def sizes(self):
        values = self.block * self.channels
        return values, values, self.regressors * values

    def unpack(self, raw):
        loc, scale, coefficients = tf.split(raw, self.sizes, axis=-1)
        loc, scale = (reshape_last(each, self.block, self.channels) for each in (loc, scale))
        return Laplace(loc, self.scale_floor + tf.nn.softplus(scale), self.coefficients(coefficients))

    def _place(self, parameters, reference):
        """Location and scale of the values."""
        loc = parameters.loc
        if self.regressors:
            loc += tf.reduce_sum(parameters.coefficients * reference.regressors, -2)
        return reference.location + reference.scale * loc, reference.scale * parameters.scale

    def distribution(self, parameters, reference):
        return tfd.Independent(tfd.Laplace(*self._place(parameters, reference)), reinterpreted_batch_ndims=2)

    def choose(self, raw, uniform, *, temperature=1.0):
        return self.unpack(raw)

    def sample(self, chosen, number, *, reference, normal):
        of_sample = Laplace(*(each if each is None else each[:, number] for each in chosen))
        loc, scale = self._place(of_sample, reference)
        return loc - scale * tf.sign(normal) * tf.math.log(tf.math.erfc(tf.abs(normal) / np.sqrt(2.0)))

    def sequential(self, parameters, reference, *, values):
        values_alone = self.distribution(parameters, reference).distribution
        return SequentialDensity(tf.reduce_sum(values_alone.log_prob(values), -1), values_alone.cdf(values))


@register("head", "laplace")
@dataclasses.dataclass(frozen=True, kw_only=True)
class LaplaceHeadConfig(HeadConfig):
    def build(self, channels, *, regressors, seed, name="head"):
        how = {"scale_floor": self.scale_floor, "block": self.block, "regressors": regressors}
        return LaplaceHead(channels, seed=seed, name=name, **how)


CONFIG = GeneratorConfig(
    network=NetworkConfig(units=(6,), dense_units=4),
    context=ContextConfig(lags=1, residual=True, increment_units=True),
    head=LaplaceHeadConfig(block=2),
    initial=InitialMixtureConfig(components=3),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three steps."""
    config = TrainConfig(
        preset="mine",
        generator=CONFIG,
        discriminator=DISCRIMINATOR,
        schedule=alternating(1, discriminator_steps=1, generator_steps=2),
        learning=LEARNING,
        calibrate=False,
    )
    recorder = Recorder()
    with eager_functions():
        run = train(config, make_dataset(series(40, 8)), run_dir=tmp_path_factory.mktemp("run"), callbacks=[recorder])
    assert run.complete and len(recorder.losses) == 3
    return run


def test_its_configuration_is_stored_and_read():
    assert describe(CONFIG)["head"] == {"type": "laplace", "block": 2, "scale_floor": 1e-3, "full_covariance": False}
    assert read_generator_config(describe(CONFIG)) == CONFIG


def test_its_samples_are_as_its_density_says():
    head = LaplaceHeadConfig(block=2).build(1, regressors=0, seed=0)
    count, ones = 4000, tf.ones([4000, 2, 1])
    raw = tf.tile([[0.5, -1.0, 0.3, 2.0]], [count, 1])
    reference = Reference(3 * ones, 2 * ones, tf.zeros([count, 2, 0, 1]))
    normal = tf.random.stateless_normal([count, 2, 1], [0, 0])
    values = tf.stack(
        [
            head.sample(
                head.choose(raw, raw[:, :0]),
                number,
                reference=Reference(*(each[:, number] for each in reference)),
                normal=normal[:, number],
            )
            for number in range(2)
        ],
        1,
    )
    scores = head.sequential(head.unpack(raw), reference, values=values)
    assert scipy.stats.kstest(scores.pit.numpy().ravel(), "uniform").pvalue > 1e-3
    expected = head.distribution(head.unpack(raw), reference).log_prob(values)
    np.testing.assert_allclose(tf.reduce_sum(scores.log_density, -1), expected, rtol=1e-5)


def test_it_is_trained(run):
    generator = run.trainer.generator
    untrained = Generator(CONFIG, 1, seed=LEARNING.seed)
    untrained.build()
    assert isinstance(generator.head, LaplaceHead) and np.isfinite(run.metrics[0]["test_nll"])
    before, after = (each.head.get_weights()[0] for each in (untrained, generator))
    assert (before != after).any()


def test_the_initial_mixture_has_its_uniform_number(run):
    """It needs one, though the head needs none."""
    generator = run.trainer.generator
    noise = generator.noise(tf.range(500, dtype=tf.int64), 4)
    assert noise.steps.shape == (500, 2, 3) and np.min(noise.steps[:, :, 0]) >= 0 and np.max(noise.steps[:, :, 0]) < 1
    first = generator.generate(noise, tf.zeros([500], tf.int32))[:, 0]
    condition = Condition.of_label(tf.zeros([1], tf.int32))
    prediction = generator(tf.zeros([1, 4, 1]), condition)
    reference = Reference(*(each[:, 0] for each in prediction.reference))
    mixture = generator.initial.distribution(generator.initial.unpack(prediction.initial), reference)
    np.testing.assert_allclose(np.mean(first), mixture.mean()[0, 0], atol=0.2)


@pytest.mark.slow
def test_it_is_exported_and_sampled(run, tmp_path):
    model = Model(export_run(run.path, tmp_path / "mine"))
    assert (model.card.preset, model.card.name, model.card.block) == ("mine", "mine", 2)
    samples = model.sample(3, length=10, seed=1).values
    assert samples.shape == (3, 10, 1) and np.isfinite(samples).all()
    score = model.score(samples)
    assert score.pit.shape == samples.shape and np.isfinite(score.total).all()
    expected = run.log_likelihood(WindowSet(values=samples))
    np.testing.assert_allclose(score.total, expected, rtol=1e-3)
