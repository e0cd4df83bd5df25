import dataclasses

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from sensegen_tf.layers.channelwise import ChannelwiseHead
from sensegen_tf.layers.head import Anchor
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.zoo import GeneratorConfig

CHANNELS, LABELS, PEOPLE = 3, 2, 4
PLAIN = GeneratorConfig((16, 8), 8, 4)
PAST = {"residual": True, "start_components": 5, "increments": True, "lags": 2, "levels": (3.0, float("inf"))}
KINDS = {
    "published": {},
    "residual": {"residual": True},
    "own start": {"residual": True, "start_components": 5},
    "past": {**PAST, "full_covariance": True},
    "clock": {**PAST, "refractory": 3},
    "block": {**PAST, "block": 4, "full_covariance": True},
    "block, clock": {**PAST, "block": 4, "refractory": 3},
    "code": {**PAST, "code": 3},
    "channelwise, block": {**PAST, "block": 4, "full_covariance": True, "channelwise": True},
}


@pytest.fixture(params=list(KINDS))
def generator(request):
    return build(**KINDS[request.param])


def build(labels=LABELS, people=PEOPLE, **config):
    generator = Generator(dataclasses.replace(PLAIN, **config), CHANNELS, seed=2, labels=labels, people=people)
    generator.build()
    series = tf.random.stateless_normal([200, 8, CHANNELS], [3, 3]).numpy()
    # Of the four people, two have each label, one of them twice as often.
    person = np.arange(200) % LABELS + LABELS * (np.arange(200) % 3 == 0)
    generator.adapt([0.3, 0.5, 1.0], series, np.arange(200) % LABELS, person)
    for weight in generator.weights:  # Away from zeros and ones, so that nothing is equal by chance.
        if weight.name == "bias" or "start/" in weight.path:
            weight.assign(tf.random.stateless_normal(weight.shape, [7, 7]) * 0.1)
    if generator.context.regressors:  # An autoregression with weights drawn at random may run away.
        for weight in generator.head.weights:
            weight.assign(weight * 0.1)
    return generator


def condition(generator, rows):
    code = tf.random.stateless_normal([rows, generator.code_size], [1, 0])
    return generator.condition(tf.range(rows) % LABELS, code)


def predicted(generator, series, given):
    """Of teacher forcing, block by block: the head, the raw parameters [B, P] and the `Anchor`."""
    prediction = generator(series, given)
    for block in range(prediction.raw.shape[1]):
        head, raw = generator.head, prediction.raw[:, block]
        if block == 0 and generator.start:
            head, raw = generator.start, prediction.start
        yield head, raw, Anchor(*(each[:, block] for each in prediction.anchor))


def locations(generator, series, given):
    """Of teacher forcing: S times [B, K, n, C], or [B, 1, n, C] the mean where every channel has a mixture."""
    found = []
    for head, raw, anchor in predicted(generator, series, given):
        distribution = head.distribution(head.unpack(raw), anchor)
        if isinstance(head, ChannelwiseHead):
            mean = distribution.bijector.forward(distribution.distribution.mean())[:, None]
        else:
            mean = distribution.components_distribution.distribution.mean()
        found.append(mean.numpy())
    return found


def test_rollout_and_teacher_forcing_agree_step_by_step(generator):
    """Fed its own samples and noise, teacher forcing draws the same samples again."""
    noise, _ = generator.noise(tf.range(6, dtype=tf.int64), 40)
    given = condition(generator, 6)
    series = generator.rollout(noise, given)
    assert series.shape == (6, 40, CHANNELS) and np.abs(series).max() < 100
    blocks = generator.blocks(series)
    for step, (head, raw, anchor) in enumerate(predicted(generator, series, given)):
        chosen = head.choose(raw, noise[:, step, : head.uniforms])
        normal = tf.reshape(noise[:, step, generator.head.uniforms :], [6, generator.block, CHANNELS])
        for number in range(generator.block):
            of_sample = Anchor(*(each[:, number] for each in anchor))
            again = head.sample(chosen, number, of_sample, normal[:, number])
            np.testing.assert_allclose(again, blocks[:, step, number], atol=2e-3)


def test_a_step_sees_only_the_past(generator):
    given, block = condition(generator, 2), generator.block
    series = tf.random.stateless_normal([2, 10 * block, CHANNELS], [0, 1])
    changed = tf.concat([series[:, : 6 * block], series[:, 6 * block :] + 1.0], 1)
    before, after = (locations(generator, each, given) for each in (series, changed))
    for step in range(6):
        np.testing.assert_array_equal(before[step], after[step])
    np.testing.assert_array_equal(before[6][:, :, 0], after[6][:, :, 0])
    assert all((before[step] != after[step]).any() for step in (7, 8, 9))


def test_the_condition_changes_every_step_and_the_start(generator):
    series = tf.random.stateless_normal([2, 8, CHANNELS], [0, 1])
    code = tf.zeros([2, generator.code_size])
    found = [locations(generator, series, generator.condition(tf.fill([2], label), code)) for label in (0, 1)]
    assert all((one != other).any() for one, other in zip(*found, strict=True))


def test_locations_of_a_residual_generator_follow_the_previous_value():
    residual, absolute = build(0, 0, residual=True), build(0, 0)
    absolute.set_weights(residual.get_weights())
    series = tf.random.stateless_normal([3, 5, CHANNELS], [4, 4])
    nothing = tf.zeros([3, 0])
    one, other = locations(residual, series, nothing), locations(absolute, series, nothing)
    previous = np.pad(series[:, :-1], [[0, 0], [1, 0], [0, 0]])
    for step, difference in enumerate(np.subtract(one, other)):
        np.testing.assert_allclose(difference[:, :, 0], np.repeat(previous[:, step, None], 4, 1), atol=1e-5)


def test_scores_of_samples_add_up_to_those_of_blocks(generator):
    """With codes of people: to the mean of the likelihoods under everybody's who has the label, weighted by shares."""
    series, label = tf.random.stateless_normal([3, 4 * generator.block, CHANNELS], [5, 5]), tf.constant([0, 1, 1])
    density, transform, after = generator.score(series, label)
    assert density.shape == series.shape[:2] and transform.shape == series.shape
    under = []
    for person in range(PEOPLE if generator.code_size else 1):
        code = generator.person_code(tf.fill([3], person), tf.zeros([3, generator.code_size]))
        prediction = generator(series, generator.condition(label, code))
        under.append(tf.reduce_sum(generator.log_prob(prediction, series), 1))
    shares = np.zeros([3, 1])
    if generator.code_size:
        with np.errstate(divide="ignore"):
            shares = np.log([[2 / 3, 0, 1 / 3, 0], [0, 2 / 3, 0, 1 / 3], [0, 2 / 3, 0, 1 / 3]])
    np.testing.assert_allclose(np.exp(generator.log_shares(label)), np.exp(shares), atol=0.01)
    shared = tf.stack(under, 1) + generator.log_shares(label)
    np.testing.assert_allclose(after[:, -1], shared, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(tf.reduce_sum(density, 1), tf.reduce_logsumexp(shared, 1), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", ["block, clock", "channelwise, block"])
def test_the_transform_of_own_series_is_uniform(kind):
    generator = build(**KINDS[kind] | {"code": 2})
    series_noise = tf.random.stateless_uniform([2000, 3], [1, 1])
    noise, _ = generator.noise(tf.range(2000, dtype=tf.int64), 12)
    label = tf.range(2000) % LABELS
    _, transform, _ = generator.score(generator.generate(noise, series_noise, label), label)
    for sample in (1, 6):  # Of the first block, which has a mixture of its own, and of the next.
        assert scipy.stats.kstest(transform.numpy()[:, sample].ravel(), "uniform").pvalue > 1e-4


def test_a_rollout_goes_on_from_a_prefix(generator):
    noise, _ = generator.noise(tf.range(4, dtype=tf.int64), 6 * generator.block)
    other, _ = generator.noise(tf.range(9, 13, dtype=tf.int64), 6 * generator.block)
    given = condition(generator, 4)
    whole = generator.rollout(noise, given)
    blocks, count = generator.blocks(whole), tf.constant([3, 3, 0, 6])
    mixed = tf.where((tf.range(6) < count[:, None])[..., None], other, noise)  # What forced blocks would have been.
    np.testing.assert_array_equal(generator.rollout(mixed, given, prefix=(blocks, count)), whole)


def test_temperature_one_changes_nothing_and_a_low_one_calms(generator):
    noise, _ = generator.noise(tf.range(40, dtype=tf.int64), 8)
    given = condition(generator, 40)
    as_it_is = generator.rollout(noise, given).numpy()
    np.testing.assert_array_equal(generator.rollout(noise, given, tf.ones([40, 1])), as_it_is)
    assert np.diff(generator.rollout(noise, given, 0.1), axis=1).std() < np.diff(as_it_is, axis=1).std()


def test_codes_are_drawn_near_people_and_evenly():
    generator = build(code=3)
    noise = tf.random.stateless_normal([4000, 4], [0, 0]).numpy()
    noise[:, 0] = np.linspace(0, 1, 4000, endpoint=False)
    alike = np.zeros([4000, PEOPLE], "f")
    drawn = generator.drawn_code(noise, alike).numpy().reshape(PEOPLE, 1000, 3)
    expected = generator.person_code(tf.range(PEOPLE), tf.zeros([PEOPLE, 3])).numpy()
    np.testing.assert_allclose(np.mean(expected**2, 1), 1, atol=1e-5)
    np.testing.assert_allclose(drawn.mean(1), expected, atol=5 * 0.3 / np.sqrt(1000))
    np.testing.assert_allclose(drawn.std(1), 0.3, rtol=0.1)
    last = generator.drawn_code(np.array([[0.99999994, 0, 0, 0]], "f"), alike[:1])
    np.testing.assert_array_equal(last[0], expected[-1])
    shares = np.log([[0.1, 0.2, 0.6, 0.1]]).astype("f")
    for uniform, person in ((0.05, 0), (0.2, 1), (0.35, 2), (0.89, 2), (0.95, 3), (0.99999994, 3)):
        code = generator.drawn_code(np.array([[uniform, 0, 0, 0]], "f"), shares)
        np.testing.assert_array_equal(code[0], expected[person])


def test_from_config_builds_the_same_model(generator):
    again = generator.plain()
    for weight, expected in zip(again.get_weights(), generator.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert again.get_config() == generator.get_config()


def test_the_first_step_tells_of_people_together_and_does_not_learn_where_the_configuration_says_so():
    """Four people, two and two alike: with one behind each Gaussian they stand apart, with two they do not."""
    person = np.repeat(np.arange(4), 50)
    series = np.array([0.0, 1.0, 10.0, 11.0], "f")[person, None, None] + np.zeros([1, 4, 1], "f")
    expected = {0: [0, 1, 10, 11], 2: [0.5, 0.5, 10.5, 10.5]}
    for people, places in expected.items():
        config = dataclasses.replace(PLAIN, start_components=4, start_people=people)
        generator = Generator(config, 1)
        generator.build()
        generator.adapt([1.0], series, np.zeros(200, int), person)
        start = generator.start.unpack(generator.start(tf.zeros([1, 0])))
        np.testing.assert_allclose(np.sort(start.loc[0, :, 0, 0]), places, atol=1e-3)
        assert bool(generator.start.trainable_variables) == (people == 0)
