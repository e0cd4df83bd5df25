import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.models.config import LatentConfig, NetworkConfig
from sensegen_tf.training.config import TrainConfig
from sensegen_tf.training.parameters import LowRank, Parameters, parameters_of
from sensegen_tf.training.schedule import alternating
from tests.training.making import DISCRIMINATOR, GENERATOR, build

LATENT = LatentConfig(size=2, network=NetworkConfig(units=(4,), dense_units=3))


def paths(parameters):
    return {variable.path for variable in parameters.learnt}


def test_the_head_is_the_last_layers_and_all_biases():
    generator, _ = build(dataclasses.replace(GENERATOR, latent=LATENT))
    every, head = (parameters_of(generator, what, seed=0) for what in ("all", "head"))
    left = paths(every) - paths(head)
    assert left and all("kernel" in path for path in left)
    assert any("recurrent" in path for path in left) and any("encoder" in path for path in left)
    kept = {path for path in paths(head) if "kernel" in path}
    assert kept and not any("recurrent" in path or "encoder" in path for path in kept)
    assert head.count < every.count == sum(int(tf.size(each)) for each in generator.trainable_variables)


def test_a_low_rank_change_has_the_gradient_of_the_sum_and_starts_at_nothing():
    layer = keras.layers.Dense(5)
    layer.build([None, 7])
    parameters = LowRank(layer.trainable_variables, rank=2, seed=1)
    parameters.start()
    before = layer.kernel.numpy()
    down, up, bias = parameters.learnt
    assert not up.numpy().any() and down.numpy().any() and bias is layer.bias
    up.assign(np.random.default_rng(0).normal(size=[2, 5]))
    inputs = tf.constant(np.random.default_rng(1).normal(size=[3, 7]), tf.float32)
    with tf.GradientTape() as tape:
        kernel = before + down.value @ up.value
        loss = tf.reduce_sum(tf.tanh(inputs @ kernel + bias.value))
    of_kernel, of_bias, *expected = tape.gradient(loss, [kernel, bias.value, down.value, up.value])
    found = parameters.gradients([of_kernel, of_bias])
    for one, other in zip(found, [*expected, of_bias], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    of_two = parameters.gradients([tf.stack([of_kernel, 2 * of_kernel]), tf.stack([of_bias, of_bias])])
    for one, other, factor in zip(of_two, found, (2, 2, 1), strict=True):
        np.testing.assert_allclose(one[1], factor * other, rtol=1e-4, atol=1e-5)


def test_a_step_moves_the_model_by_the_low_rank_change():
    generator, _ = build()
    parameters = parameters_of(generator, "lora", seed=0)
    parameters.start()
    before = [variable.numpy() for variable in parameters.sources]
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(parameters.learnt)
    for _ in range(2):
        parameters.update(optimizer, parameters.gradients([tf.ones(each.shape) for each in parameters.sources]))
    for variable, start in zip(parameters.sources, before, strict=True):
        change = variable.numpy() - start
        assert np.abs(change).max() > 0
        if change.ndim == 2:
            assert np.linalg.matrix_rank(change, tol=1e-4) <= min(4, *change.shape)
    assert parameters.count < Parameters(generator.trainable_variables).count


@pytest.mark.parametrize(
    ("trainable", "fields"),
    [("few", ("trainable",)), ("head", ("trainable", "initial_run")), ("lora", ("trainable", "initial_run"))],
)
def test_little_is_changed_of_a_trained_model_alone(trainable, fields):
    with pytest.raises(InputError) as error:
        TrainConfig(
            preset="small",
            generator=GENERATOR,
            discriminator=DISCRIMINATOR,
            schedule=alternating(1),
            trainable=trainable,
        )
    assert error.value.fields == fields
