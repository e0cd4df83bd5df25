import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.layers import taps
from sensegen_tf.models.config import LatentConfig, NetworkConfig
from tests.models.test_generator import CHANNELS, EVENTS, FULL, KINDS, build

LATENT = LatentConfig(size=3, network=NetworkConfig(units=(5,), dense_units=4))
SHARED = {**KINDS["block, events"], "initial": None, "latent": LATENT}


def loss_of_examples(generator, series, label, noise):
    found = generator.infer(series, label, noise=noise)
    prediction = generator(series, found.condition)
    divergence = tf.reduce_sum(found.divergence, -1)
    return divergence - tf.reduce_sum(generator.log_prob(prediction, series), 1)


@pytest.mark.parametrize(
    ("parts", "precision", "within"),
    [
        (SHARED, "float32", 1e-4),
        (SHARED, "bfloat16", 0.05),
        ({"context": EVENTS, "head": FULL, "network": NetworkConfig(units=(6, 5), dense_units=4)}, "float32", 1e-4),
    ],
    ids=["latent, block", "bfloat16", "two layers"],
)
def test_gradients_of_groups_are_those_of_each_group_alone(parts, precision, within):
    generator = build(**parts, precision=precision)
    series, label = tf.random.stateless_normal([6, 8, CHANNELS], [5, 5]), tf.constant([0, 1, 1, 0, 1, 0])
    noise = tf.random.stateless_normal([6, generator.latent_size], [1, 1])
    with tf.GradientTape(watch_accessed_variables=False) as tape, taps.recording(tape) as found:
        loss = loss_of_examples(generator, series, label, noise)
    at_once = taps.group_gradients(found, tape.gradient(loss, [each.probe for each in found]), groups=3)
    variables = [variable.value for variable in generator.trainable_variables]
    keys = [id(variable) for variable in generator.trainable_variables]
    assert at_once.keys() == set(keys)
    for group in range(3):
        rows = slice(2 * group, 2 * group + 2)
        with tf.GradientTape() as tape:
            loss = loss_of_examples(generator, series[rows], label[rows], noise[rows])
        for key, expected in zip(keys, tape.gradient(loss, variables), strict=True):
            scale = np.abs(expected).max() + 1e-6
            np.testing.assert_allclose(at_once[key][group] / scale, expected / scale, atol=within)


def test_recording_changes_no_value_and_ends_when_something_fails():
    generator = build(**{**KINDS["past"], "initial": None})
    series, label = tf.random.stateless_normal([2, 8, CHANNELS], [5, 5]), tf.constant([0, 1])
    condition = generator.infer(series, label, noise=tf.zeros([2, 0])).condition
    expected = generator(series, condition).raw
    with pytest.raises(ZeroDivisionError), tf.GradientTape() as tape, taps.recording(tape):
        np.testing.assert_array_equal(generator(series, condition).raw, expected)
        raise ZeroDivisionError
    assert not taps.is_recording()
