import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.layers.mixture import row_noise
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.zoo import GeneratorConfig

CHANNELS = 3


@pytest.fixture(params=[(False, False), (True, False), (True, True)], ids=["published", "residual", "learned start"])
def generator(request):
    residual, learned_start = request.param
    config = GeneratorConfig((16, 8), 8, 4, residual=residual, learned_start=learned_start)
    generator = Generator(config, CHANNELS, seed=2)
    generator.build()
    return generator


def test_rollout_and_teacher_forcing_agree_step_by_step(generator):
    """Fed its own samples and noise, teacher forcing draws the same samples again."""
    noise = row_noise(tf.range(6, dtype=tf.int64), 40, CHANNELS)
    series = generator.rollout(noise)
    again = generator.head.sample(generator(series), noise)
    np.testing.assert_allclose(again, series, atol=2e-5)


def test_a_step_sees_only_the_past(generator):
    series = tf.random.stateless_normal([2, 10, CHANNELS], [0, 1])
    changed = tf.concat([series[:, :6], series[:, 6:] + 1.0], 1)
    before, after = generator(series).numpy(), generator(changed).numpy()
    np.testing.assert_array_equal(before[:, :7], after[:, :7])
    assert (before[:, 7:] != after[:, 7:]).any()


def test_locations_of_a_residual_generator_follow_the_previous_value():
    config = GeneratorConfig(units=(4,), dense_units=4, components=2, residual=True)
    residual = Generator(config, 2, seed=0)
    residual.build()
    absolute = Generator(GeneratorConfig(**{**vars(config), "residual": False}), 2, seed=0)
    absolute.build()
    absolute.set_weights(residual.get_weights())
    series = tf.random.stateless_normal([3, 5, 2], [4, 4])
    logits, loc, scale = residual.head.unpack(residual(series))
    logits_absolute, loc_absolute, scale_absolute = absolute.head.unpack(absolute(series))
    previous = np.pad(series[:, :-1], [[0, 0], [1, 0], [0, 0]])
    np.testing.assert_allclose(loc - loc_absolute, np.repeat(previous[:, :, None], 2, 2), atol=1e-5)
    np.testing.assert_array_equal(logits, logits_absolute)
    np.testing.assert_array_equal(scale, scale_absolute)


def test_from_config_builds_the_same_model(generator):
    again = Generator.from_config(generator.get_config())
    again.build()
    for weight, expected in zip(again.get_weights(), generator.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
