import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.models.config import InitialMixtureConfig, LatentConfig, NetworkConfig
from sensegen_tf.training import losses
from sensegen_tf.training.compiled import CompiledGenerator
from sensegen_tf.training.parameters import Parameters
from sensegen_tf.training.private_steps import (
    GaussianMechanism,
    PrivateBatch,
    PrivateGeneratorStep,
    SubjectBatch,
    clipped_sum,
)
from tests.training.making import GENERATOR, SINGLE, TWO_DEVICES, build, series

LATENT = LatentConfig(size=2, network=NetworkConfig(units=(4,), dense_units=3), free_bits=0.0)


class Gradients(keras.optimizers.SGD):
    """Keeps what it is given."""

    def apply(self, gradients, variables):
        self.given = [gradient.numpy() for gradient in gradients]


def micro_batch(generator, windows, present, *, seed=0):
    """Subjects with two windows each."""
    rows, steps = len(windows), windows.shape[1]
    noise = tf.random.stateless_normal([rows, generator.latent_size], [seed, 1])
    dropout = tf.zeros([rows, steps, generator.dropout_size])
    return SubjectBatch(
        tf.constant(windows), tf.zeros([rows], tf.int32), noise, dropout, tf.constant(present, tf.float32)
    )


def private_step(generator, optimizer, *, distribution=SINGLE, **how):
    return PrivateGeneratorStep(CompiledGenerator(generator), optimizer=optimizer, distribution=distribution, **how)


def make_step(*, noise=0.0, clip=1.0, expected=1.0, seed=(3, 4), optimizer=Gradients, distribution=SINGLE, **parts):
    generator, _ = build(dataclasses.replace(GENERATOR, **parts))
    mechanism = GaussianMechanism(clip_norm=clip, noise_multiplier=noise, expected=expected, seed=seed)
    optimizer, parameters = optimizer(), Parameters(generator.trainable_variables)
    optimizer.build(parameters.learnt)
    how = {"parameters": parameters, "mechanism": mechanism, "distribution": distribution}
    return generator, optimizer, private_step(generator, optimizer, **how)


def by_hand(generator, windows, noise, clip):
    """The clipped gradient of one subject, from his windows alone."""
    variables = [variable.value for variable in generator.trainable_variables]
    label = tf.zeros([len(windows)], tf.int32)
    with tf.GradientTape() as tape:
        found = generator.infer(windows, label, noise=noise)
        loss = losses.negative_log_likelihood(generator.log_prob(generator(windows, found.condition), windows), 1)
        loss += losses.latent_loss(found.divergence, free_bits=0.0, samples=windows.shape[1])
    gradients = tape.gradient(loss, variables)
    norm = float(tf.linalg.global_norm(gradients))
    return [gradient.numpy() * min(1.0, clip / norm) for gradient in gradients], norm


@pytest.mark.parametrize("clip", [0.05, 1e6])
def test_the_gradient_is_the_sum_of_the_clipped_gradients_of_those_who_were_drawn(clip, eagerly):
    generator, optimizer, step = make_step(clip=clip, expected=3.5, latent=LATENT)
    windows = series(12) + np.random.default_rng(0).normal(0, 0.2, [12, 12, 1]).astype("f")
    batches = [
        micro_batch(generator, windows[:6], [1, 1, 0]),
        micro_batch(generator, windows[6:], [1, 0, 0], seed=1),
    ]
    found = step(PrivateBatch(batches, 7))
    drawn = [(batches[0], 0), (batches[0], 1), (batches[1], 0)]
    rows = [(batch, slice(2 * subject, 2 * subject + 2)) for batch, subject in drawn]
    expected = [by_hand(generator, batch.series[each], batch.latent_noise[each], clip) for batch, each in rows]
    for index, gradient in enumerate(optimizer.given):
        total = sum(gradients[index] for gradients, _ in expected) / 3.5
        np.testing.assert_allclose(gradient, total, atol=1e-4 * (np.abs(total).max() + 1e-6))
    norms = [norm for _, norm in expected]
    assert float(found.gradient_norm) == pytest.approx((np.mean(norms[:2]) + norms[2]) / 2, rel=1e-4)


def test_no_subject_moves_the_sum_by_more_than_the_clip():
    rng = np.random.default_rng(1)
    gradients = [rng.normal(0, 10, [5, 3, 2]).astype("f"), rng.normal(0, 10, [5, 4]).astype("f")]
    with_all, norms = clipped_sum(gradients, present=tf.ones([5]), clip_norm=0.7)
    assert norms.numpy().min() > 0.7
    for subject in range(5):
        without, _ = clipped_sum(gradients, present=1 - tf.one_hot(subject, 5), clip_norm=0.7)
        moved = tf.linalg.global_norm([a - b for a, b in zip(with_all, without, strict=True)])
        assert float(moved) == pytest.approx(0.7, rel=1e-3)


def test_the_noise_has_its_size_is_new_at_every_step_and_comes_back_with_the_seed(eagerly):
    """Also where nobody was drawn."""

    def noise(number, seed=(3, 4)):
        _, optimizer, step = make_step(noise=2.0, clip=0.5, expected=4.0, seed=seed)
        step(PrivateBatch([], number))
        return np.concatenate([gradient.ravel() for gradient in optimizer.given])

    first = noise(0)
    assert scipy.stats.kstest(first / (2.0 * 0.5 / 4.0), "norm").pvalue > 1e-3
    np.testing.assert_array_equal(noise(0), first)
    for other in (noise(1), noise(0, (3, 5))):
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(first.size)


def test_an_initial_mixture_without_a_condition_learns_too(eagerly):
    """Its kernel has no rows, so its bias is all there is."""
    generator, optimizer, step = make_step(initial=InitialMixtureConfig(components=2))
    step(PrivateBatch([micro_batch(generator, series(4), [1, 1])], 0))
    given = dict(zip([each.path for each in generator.trainable_variables], optimizer.given, strict=True))
    (path,) = (path for path in given if "initial" in path and "bias" in path)
    assert np.abs(given[path]).max() > 0


_TWO_STEPS = """
import numpy as np
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.private_steps import PrivateBatch
from sensegen_tf.training.update import SummedAdam
from tests.training.making import series
from tests.training.test_private_steps import LATENT, make_step, micro_batch

results, weights = [], []
for name in ("none", "mirrored"):
    distribution = Distribution(name)
    with distribution.scope():
        how = {"noise": 0.5, "clip": 0.1, "expected": 4.0, "optimizer": SummedAdam, "distribution": distribution}
        generator, _, step = make_step(latent=LATENT, **how)
    batches = [micro_batch(generator, series(8), [1, 1, 1, 0]), micro_batch(generator, series(8), [1, 0, 0, 0], seed=1)]
    results.append([step(PrivateBatch(batches, number)) for number in range(2)])
    weights.append(generator.get_weights())
    assert distribution.replicas == len(weights)
np.testing.assert_allclose(*results, rtol=1e-5)
for one, other in zip(*weights, strict=True):
    np.testing.assert_allclose(one, other, atol=1e-5)
"""


@pytest.mark.process
def test_two_devices_take_the_step_that_one_takes():
    done = subprocess.run([sys.executable, "-c", TWO_DEVICES + _TWO_STEPS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_variable_that_no_linear_map_has_is_refused(eagerly):
    generator, optimizer, _ = make_step()
    mechanism = GaussianMechanism(clip_norm=1.0, noise_multiplier=0.0, expected=1.0, seed=(3, 4))
    parameters = Parameters([*generator.trainable_variables, keras.Variable([1.0], name="gain")])
    step = private_step(generator, optimizer, parameters=parameters, mechanism=mechanism)
    with pytest.raises(InputError, match="gain"):
        step(PrivateBatch([micro_batch(generator, series(4), [1, 1])], 0))
