import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.layers.heads.base import Reference
from sensegen_tf.layers.heads.channelwise import ChannelwiseHead
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.config import (
    ChannelwiseHeadConfig,
    ContextConfig,
    GeneratorConfig,
    InitialMixtureConfig,
    JointHeadConfig,
    LatentConfig,
    NetworkConfig,
)
from sensegen_tf.models.generator import Generator

CHANNELS, LABELS, SUBJECTS = 3, 2, 4
PUBLISHED = GeneratorConfig(network=NetworkConfig(units=(16, 8), dense_units=8), head=JointHeadConfig(components=4))
RESIDUAL = ContextConfig(residual=True)
PAST = ContextConfig(residual=True, increment_units=True, lags=2, running_means=(3.0, float("inf")))
EVENTS = dataclasses.replace(PAST, refractory=3)
INITIAL = InitialMixtureConfig(components=5)
LATENT = LatentConfig(size=3, network=NetworkConfig(units=(5,), dense_units=4))
FULL = JointHeadConfig(components=4, full_covariance=True)
CHANNELWISE = ChannelwiseHeadConfig(components=4, full_covariance=True, block=4)
KINDS = {
    "published": {},
    "residual": {"context": RESIDUAL},
    "initial mixture": {"context": RESIDUAL, "initial": INITIAL},
    "past": {"context": PAST, "initial": INITIAL, "head": FULL},
    "events": {"context": EVENTS, "initial": INITIAL},
    "block": {"context": PAST, "initial": INITIAL, "head": JointHeadConfig(components=4, block=4)},
    "block, events": {"context": EVENTS, "initial": INITIAL, "head": dataclasses.replace(FULL, block=4)},
    "latent": {"context": PAST, "initial": INITIAL, "latent": LATENT},
    "channelwise, block": {"context": PAST, "initial": INITIAL, "head": CHANNELWISE},
}


# Combinations of what the others have.
SLOW = ("residual", "initial mixture", "past", "events", "block")


@pytest.fixture(params=[pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in KINDS])
def generator(request):
    return build(**KINDS[request.param])


def build(labels=LABELS, precision="float32", **parts):
    config = dataclasses.replace(PUBLISHED, **parts)
    generator = Generator(config, CHANNELS, seed=2, labels=labels, precision=precision)
    generator.build()
    series = tf.random.stateless_normal([200, 8, CHANNELS], [3, 3]).numpy()
    label, subject = np.arange(200) % LABELS, np.arange(200) % SUBJECTS
    generator.adapt(series, increments=[0.3, 0.5, 1.0], label=label, subject=subject)
    for weight in generator.weights:  # Away from zeros and ones, so that nothing is equal by chance.
        if weight.name == "bias" or "initial/" in weight.path:
            weight.assign(tf.random.stateless_normal(weight.shape, [7, 7]) * 0.1)
    if generator.context.regressors:  # An autoregression with weights drawn at random may run away.
        for weight in generator.head.weights:
            weight.assign(weight * 0.1)
    return generator


def make_condition(generator, rows):
    latent = tf.random.stateless_normal([rows, generator.latent_size], [1, 0])
    return Condition(tf.range(rows) % LABELS, latent)


def step_noise(generator, seeds, length):
    return generator.noise(tf.constant(seeds, tf.int64), length).steps


def predictions(generator, series, condition):
    """Of teacher forcing, block by block: the head, the raw parameters [B, P] and the `Reference`."""
    prediction = generator(series, condition)
    for block in range(prediction.raw.shape[1]):
        head, raw = generator.head, prediction.raw[:, block]
        if block == 0 and generator.initial:
            head, raw = generator.initial, prediction.initial
        yield head, raw, Reference(*(each[:, block] for each in prediction.reference))


def locations(generator, series, condition):
    """Of teacher forcing: S times [B, K, n, C], or [B, 1, n, C] the mean where every channel has a mixture."""
    found = []
    for head, raw, reference in predictions(generator, series, condition):
        distribution = head.distribution(head.unpack(raw), reference)
        if isinstance(head, ChannelwiseHead):
            mean = distribution.bijector.forward(distribution.distribution.mean())[:, None]
        else:
            mean = distribution.components_distribution.distribution.mean()
        found.append(mean.numpy())
    return found


def test_rollout_and_teacher_forcing_sample_the_same_step_by_step(generator):
    """Fed its own samples and noise, teacher forcing draws the same samples again."""
    noise, condition = step_noise(generator, range(6), 16), make_condition(generator, 6)
    series = generator.rollout(noise, condition)
    assert series.shape == (6, 16, CHANNELS) and np.abs(series).max() < 100
    blocks = generator.blocks(series)
    for step, (head, raw, reference) in enumerate(predictions(generator, series, condition)):
        chosen = head.choose(raw, noise[:, step, : head.uniforms])
        normal = tf.reshape(noise[:, step, generator.head.uniforms :], [6, generator.block, CHANNELS])
        for number in range(generator.block):
            of_sample = Reference(*(each[:, number] for each in reference))
            again = head.sample(chosen, number, reference=of_sample, normal=normal[:, number])
            np.testing.assert_allclose(again, blocks[:, step, number], atol=2e-3)


def test_a_step_sees_only_the_past(generator):
    condition, block = make_condition(generator, 2), generator.block
    series = tf.random.stateless_normal([2, 10 * block, CHANNELS], [0, 1])
    changed = tf.concat([series[:, : 6 * block], series[:, 6 * block :] + 1.0], 1)
    before, after = (locations(generator, each, condition) for each in (series, changed))
    for step in range(6):
        np.testing.assert_array_equal(before[step], after[step])
    np.testing.assert_array_equal(before[6][:, :, 0], after[6][:, :, 0])
    assert all((before[step] != after[step]).any() for step in (7, 8, 9))


def test_the_condition_changes_every_step_and_the_first_block(generator):
    series = tf.random.stateless_normal([2, 8, CHANNELS], [0, 1])
    latent = tf.zeros([2, generator.latent_size])
    found = [locations(generator, series, Condition(tf.fill([2], label), latent)) for label in (0, 1)]
    assert all((one != other).any() for one, other in zip(*found, strict=True))


def test_locations_of_a_residual_generator_follow_the_previous_value():
    residual, absolute = build(0, context=RESIDUAL), build(0)
    absolute.set_weights(residual.get_weights())
    series = tf.random.stateless_normal([3, 5, CHANNELS], [4, 4])
    condition = Condition.of_label(tf.zeros([3], tf.int32))
    one, other = (locations(each, series, condition) for each in (residual, absolute))
    previous = np.pad(series[:, :-1], [[0, 0], [1, 0], [0, 0]])
    for step, difference in enumerate(np.subtract(one, other)):
        np.testing.assert_allclose(difference[:, :, 0], np.repeat(previous[:, step, None], 4, 1), atol=1e-5)


def test_a_rollout_goes_on_from_a_prefix(generator):
    noise, other = (step_noise(generator, seeds, 6 * generator.block) for seeds in (range(4), range(9, 13)))
    condition = make_condition(generator, 4)
    whole = generator.rollout(noise, condition)
    blocks, count = generator.blocks(whole), tf.constant([3, 3, 0, 6])
    mixed = tf.where((tf.range(6) < count[:, None])[..., None], other, noise)  # What forced blocks would have been.
    np.testing.assert_array_equal(generator.rollout(mixed, condition, prefix=(blocks, count)), whole)


def test_temperature_one_changes_nothing_and_a_low_one_calms(generator):
    noise, condition = step_noise(generator, range(40), 8), make_condition(generator, 40)
    as_it_is, same, low = (
        generator.rollout(noise, condition, **how).numpy()
        for how in ({}, {"temperature": tf.ones([40, 1])}, {"temperature": 0.1})
    )
    np.testing.assert_array_equal(same, as_it_is)
    assert np.diff(low, axis=1).std() < np.diff(as_it_is, axis=1).std()


def test_the_posterior_is_of_the_blocks_that_count():
    generator = build(**KINDS["latent"])
    series = tf.random.stateless_normal([2, 9, CHANNELS], [0, 1])
    changed = tf.concat([series[:, :6], series[:, 6:] + 5.0], 1)
    label, noise, steps = tf.constant([0, 1]), tf.random.stateless_normal([2, 3], [1, 1]), tf.constant([6, 4])
    found, again, whole, other = (
        generator.infer(each, label, noise=noise, steps=counted)
        for each, counted in ((series, steps), (changed, steps), (series[:, :6], None), (changed, None))
    )
    np.testing.assert_array_equal(found.condition.latent, again.condition.latent)
    np.testing.assert_allclose(found.condition.latent[0], whole.condition.latent[0], atol=1e-6)
    assert (np.abs(found.condition.latent - other.condition.latent) > 1e-4).all()
    assert (found.divergence >= 0).numpy().all() and found.divergence.shape == (2, 3)


def test_from_config_builds_the_same_model(generator):
    again = generator.to_inference()
    for weight, expected in zip(again.get_weights(), generator.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert again.get_config() == generator.get_config()


def test_the_initial_mixture_is_of_min_subjects_and_is_not_trained_where_the_configuration_says_so():
    """Four subjects, two and two alike: with one for each Gaussian they stand apart, with two they do not."""
    subject = np.repeat(np.arange(4), 50)
    series = np.array([0.0, 1.0, 10.0, 11.0], "f")[subject, None, None] + np.zeros([1, 4, 1], "f")
    expected = {0: [0, 1, 10, 11], 2: [0.5, 0.5, 10.5, 10.5]}
    for min_subjects, places in expected.items():
        initial = InitialMixtureConfig(components=4, min_subjects=min_subjects)
        generator = Generator(dataclasses.replace(PUBLISHED, initial=initial), 1)
        generator.build()
        generator.adapt(series, increments=[1.0], label=np.zeros(200, int), subject=subject)
        mixture = generator.initial.unpack(generator.initial(tf.zeros([1, 0])))
        np.testing.assert_allclose(np.sort(mixture.loc[0, :, 0, 0]), places, atol=1e-3)
        trained = {variable.path for variable in generator.trainable_variables}
        assert {weight.path in trained for weight in generator.initial.weights} == {min_subjects == 0}
