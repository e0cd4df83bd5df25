"""What every row of the zoo must pass."""

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.data.windows import Standardizer
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.zoo import ZOO
from sensegen_tf.serving.signatures import Signatures
from sensegen_tf.training import losses
from sensegen_tf.training.checkpoints import Checkpoints

# (row, channels) -> parameters of the generator and of the discriminator.
PARAMETERS = {
    ("sensegen", 1): (1_357_000, 17_953),
    ("sensegen", 3): (1_371_432, 18_465),
    ("sensegen_small", 1): (124_584, 17_953),
    ("sensegen_small", 3): (130_056, 18_465),
}


@pytest.fixture(params=list(ZOO))
def row(request):
    return request.param


def build(row, channels, seed=0):
    generator = Generator(ZOO[row].generator, channels, seed)
    discriminator = Discriminator(ZOO[row].discriminator, channels, seed)
    generator.build()
    discriminator.build()
    return generator, discriminator


def test_every_row_is_pinned():
    assert {name for name, _ in PARAMETERS} == set(ZOO)


@pytest.mark.parametrize("channels", [1, 3])
def test_parameter_counts(row, channels):
    generator, discriminator = build(row, channels)
    assert (generator.count_params(), discriminator.count_params()) == PARAMETERS[row, channels]


def test_every_variable_gets_a_gradient_in_the_compiled_graph(row):
    generator, discriminator = build(row, 3)
    series = tf.random.stateless_normal([4, 12, 3], [0, 0])

    @tf.function(jit_compile=True)
    def gradients():
        with tf.GradientTape(persistent=True) as tape:
            likelihood = losses.negative_log_likelihood(generator.distribution(series), series)
            told = losses.minimax_discriminator_loss(discriminator(series), discriminator(2 * series + 1))
        return [
            tape.gradient(loss, [variable.value for variable in model.trainable_variables])
            for loss, model in ((likelihood, generator), (told, discriminator))
        ]

    for model, found in zip((generator, discriminator), gradients(), strict=True):
        for variable, gradient in zip(model.trainable_variables, found, strict=True):
            assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0, variable.path


def test_checkpoints_restore_every_variable(row, tmp_path):
    generator, discriminator = build(row, 2, seed=1)
    Checkpoints(tmp_path, generator=generator, discriminator=discriminator).save(5)
    other, other_discriminator = build(row, 2, seed=2)
    assert Checkpoints(tmp_path, generator=other, discriminator=other_discriminator).restore()
    for model, restored in ((generator, other), (discriminator, other_discriminator)):
        for weight, expected in zip(restored.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)


def test_the_export_samples_what_the_model_samples(row, tmp_path):
    generator, _ = build(row, 2)
    standardizer = Standardizer(np.array([1.0, -2.0], "f"), np.array([3.0, 0.5], "f"))
    module = Signatures(generator, standardizer)
    tf.saved_model.save(module, tmp_path, signatures=module.signatures())
    inputs = {"seed": tf.constant([5, 6], tf.int64), "length": tf.constant([9, 4])}
    expected = module.sample(**inputs)["samples"].numpy()
    loaded = tf.saved_model.load(tmp_path).signatures["serving_default"](**inputs)
    np.testing.assert_array_equal(loaded["samples"], expected)
    assert expected.shape == (2, 9, 2) and (expected[1, 4:] == 0).all()
