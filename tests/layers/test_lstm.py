import keras
import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.layers.lstm import LSTM, LSTMStack


@pytest.fixture(params=[False, True], ids=["graph", "xla"])
def compiled(request):
    return lambda function: tf.function(function, jit_compile=request.param)


def build(units, channels):
    layer = LSTM(units, seed=3)
    layer.build((None, None, channels))
    return layer


@pytest.mark.parametrize(("batch", "steps", "channels", "units"), [(1, 1, 1, 1), (3, 7, 2, 5), (16, 33, 6, 32)])
def test_agrees_with_keras_in_values_and_every_gradient(batch, steps, channels, units, compiled):
    layer, reference = build(units, channels), keras.layers.LSTM(units, return_sequences=True, return_state=True)
    reference.build((None, steps, channels))
    reference.set_weights(layer.get_weights())
    rng = np.random.default_rng(0)
    inputs, h, c = (
        tf.constant(rng.normal(size=s), tf.float32) for s in ((batch, steps, channels), (batch, units), (batch, units))
    )
    weights_h, weights_c, weights_all = (
        rng.normal(size=s).astype("f") for s in ((batch, units), (batch, units), (batch, steps, units))
    )

    def scalar(outputs, last_h, last_c):
        return (
            tf.reduce_sum(outputs * weights_all) + tf.reduce_sum(last_h * weights_h) + tf.reduce_sum(last_c * weights_c)
        )

    def gradients(model, function):
        variables = [weight.value for weight in model.weights]

        def run(inputs, h, c):
            with tf.GradientTape() as tape:
                tape.watch([inputs, h, c])
                value = scalar(*function(inputs, h, c))
            return value, tape.gradient(value, [inputs, h, c, *variables])

        return compiled(run)(inputs, h, c)

    def ours(inputs, h, c):
        outputs, state = layer(tf.transpose(inputs, [1, 0, 2]), (h, c))
        return tf.transpose(outputs, [1, 0, 2]), *state

    value, grads = gradients(layer, ours)
    expected_value, expected_grads = gradients(reference, lambda x, h, c: reference(x, initial_state=[h, c]))
    np.testing.assert_allclose(value, expected_value, rtol=1e-4, atol=1e-4)
    for gradient, expected in zip(grads, expected_grads, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


def test_steps_agree_with_the_whole_series_and_a_series_can_be_cut(compiled):
    stack = LSTMStack((8, 5), seed=1)
    stack.build((None, None, 3))
    inputs = tf.random.stateless_normal([4, 11, 3], [0, 0])
    whole, whole_state = compiled(lambda x: stack(x))(inputs)
    state, outputs = stack.initial_state(4), []
    for t in range(11):
        output, state = stack.step(inputs[:, t], state)
        outputs.append(output)
    np.testing.assert_allclose(tf.stack(outputs, 1), whole, atol=1e-6)
    first, middle = stack(inputs[:, :6])
    second, last = stack(inputs[:, 6:], middle)
    np.testing.assert_allclose(tf.concat([first, second], 1), whole, atol=1e-6)
    for ours, expected in zip(tf.nest.flatten(last), tf.nest.flatten(whole_state), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_forget_gates_start_open_and_seeds_decide_the_weights():
    kernel, recurrent, bias = build(4, 2).get_weights()
    np.testing.assert_array_equal(bias, [0] * 4 + [1] * 4 + [0] * 8)
    again = build(4, 2)
    np.testing.assert_array_equal(again.get_weights()[0], kernel)
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(4), atol=1e-5)
