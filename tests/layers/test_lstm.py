import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from sensegen_tf.layers import lstm
from sensegen_tf.layers.lstm import LSTM, LSTMStack

# Way to run series -> (the layer's `use_xla`, whether the caller compiles, whether it runs as it does on a GPU).
WAYS = {
    "loops": (False, False, False),
    "compiled loops": (True, False, False),
    "loops in a compiled function": (False, True, False),
    "fused": (True, False, True),
}


@st.composite
def cases(draw):
    """Sizes, whether a state is given, and a mask or None; every series has a step that counts."""
    batch, steps, channels, units = (draw(st.integers(1, most)) for most in (5, 9, 4, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    mask = None
    if draw(st.booleans()):
        mask = rng.random((batch, steps)) < 0.7
        mask[np.arange(batch), rng.integers(steps, size=batch)] = True
    return batch, steps, channels, units, draw(st.booleans()), mask, rng


def build(units, channels, **kwargs):
    layer = LSTM(units, seed=3, **kwargs)
    layer.build((None, None, channels))
    return layer


def weighted_sum(values):
    """A scalar in which every element has a weight of its own."""
    weights = tf.sin(tf.cast(tf.range(1, tf.size(values) + 1), values.dtype))
    return tf.reduce_sum(values * tf.reshape(weights, tf.shape(values)))


def results_and_gradients(run, model, inputs, state, compiled=False):
    """What `run` gives, and the gradients of a sum of it by the inputs, the state and the weights."""

    def both(inputs, *state):
        with tf.GradientTape() as tape:
            tape.watch([inputs, *state])
            results = run(inputs, state or None)
            value = tf.add_n([weighted_sum(each) for each in results])
        return results, tape.gradient(value, [inputs, *state, *(weight.value for weight in model.weights)])

    results, gradients = tf.function(both, jit_compile=compiled)(inputs, *state)
    return [each.numpy() for each in (*results, *gradients)]


def check_against_keras(case, use_xla, compiled):
    """Compares values and every gradient with those of Keras's layer."""
    batch, steps, channels, units, with_state, mask, rng = case
    layer = build(units, channels, use_xla=use_xla)
    layer.bias.assign(rng.normal(size=4 * units))
    reference = keras.layers.LSTM(units, return_sequences=True, return_state=True)
    reference.build((None, steps, channels))
    reference.set_weights(layer.get_weights())
    inputs = tf.constant(rng.normal(size=(batch, steps, channels)), tf.float32)
    state = [tf.constant(rng.normal(size=(batch, units)), tf.float32) for _ in range(2 * with_state)]

    def ours(inputs, state):
        outputs, state = layer(inputs, state, mask=mask)
        return outputs, *state

    def keras_own(inputs, state):
        return reference(inputs, initial_state=state and list(state), mask=mask)

    ours = results_and_gradients(ours, layer, inputs, state, compiled)
    expected = results_and_gradients(keras_own, reference, inputs, state)
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("way", WAYS)
def test_values_and_every_gradient_are_those_of_keras(way, monkeypatch):
    use_xla, compiled, gpu = WAYS[way]
    monkeypatch.setattr(lstm, "gpu_available", lambda: gpu)
    # Through the fused kernel goes what has no mask.
    mask = None if gpu else np.array([[True, True, False, True], [False, True, True, False]])
    check_against_keras((2, 4, 3, 5, True, mask, np.random.default_rng(0)), use_xla, compiled)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_values_and_every_gradient_are_those_of_keras_in_any_shape(way, monkeypatch):
    use_xla, compiled, gpu = WAYS[way]
    monkeypatch.setattr(lstm, "gpu_available", lambda: gpu)

    @settings(max_examples=8, deadline=None, derandomize=True)
    @given(cases())
    def check(case):
        check_against_keras(case, use_xla, compiled)

    check()


@pytest.mark.parametrize("use_xla, compiled, masked", itertools.product([False, True], repeat=3))
def test_on_a_gpu_cudnn_takes_what_it_can_and_nothing_that_is_compiled_or_exported(
    use_xla, compiled, masked, monkeypatch
):
    monkeypatch.setattr(lstm, "gpu_available", lambda: True)
    stack = LSTMStack((4,), use_xla=use_xla)
    stack.build((None, None, 2))
    fused, calls = stack.layers[0].fused, []
    monkeypatch.setattr(stack.layers[0], "fused", lambda *args, **kwargs: calls.append(args) or fused(*args, **kwargs))
    mask = tf.constant([[True, True, False]]) if masked else None
    tf.function(lambda inputs: stack(inputs, mask=mask)[0], jit_compile=compiled)(tf.ones([1, 3, 2]))
    assert len(calls) == (use_xla and not compiled and not masked)


@pytest.mark.parametrize("masked", [False, True])
def test_gradient_is_that_of_finite_differences_in_float64(masked):
    layer = build(3, 2, dtype="float64")
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 5, 2))
    mask = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 1, 0]], bool) if masked else None
    state = [rng.normal(size=(2, 3)) for _ in range(2)]
    arguments = [inputs, *state, *(rng.normal(size=weight.shape) for weight in layer.weights)]

    @tf.function
    def value(inputs, h, c, *weights):
        for weight, number in zip(layer.weights, weights, strict=True):
            weight.assign(number)
        outputs, state = layer(inputs, (h, c), mask=mask)
        return tf.add_n([weighted_sum(each) for each in (outputs, *state)])

    variables = [weight.value for weight in layer.weights]
    tensors = [tf.constant(each) for each in arguments]

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            tape.watch(tensors[:3])
            total = value(*tensors)
        return tape.gradient(total, [*tensors[:3], *variables])

    step = 1e-6
    for number, gradient in enumerate(gradients()):
        differences = np.zeros_like(arguments[number])
        for index in np.ndindex(differences.shape):
            sides = []
            for sign in (1, -1):
                moved = [each.copy() for each in arguments]
                moved[number][index] += sign * step
                sides.append(float(value(*map(tf.constant, moved))))
            differences[index] = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-8)


def test_bfloat16_rounds_products_and_leaves_state_and_weights_in_float32():
    exact, rounded = (build(32, 4, use_xla=True, precision=precision) for precision in ("float32", "bfloat16"))
    inputs = tf.random.stateless_normal([8, 20, 4], [0, 0])

    def run(layer):
        def function(inputs, state):
            outputs, state = layer(inputs, state)
            return outputs, *state

        return results_and_gradients(function, layer, inputs, [])

    assert {weight.dtype for weight in rounded.weights} == {"float32"}
    for one, other in zip(run(rounded), run(exact), strict=True):
        assert one.dtype == np.float32
        difference = np.abs(one - other).max() / np.abs(other).max()
        assert 1e-5 < difference < 2e-2  # bfloat16 has 8 bits: it must show, and no more than so.


def test_weights_load_from_keras_and_into_it():
    layer, reference = build(4, 2), keras.layers.LSTM(4)
    reference.build((None, None, 2))
    layer.set_weights(reference.get_weights())
    inputs = tf.random.stateless_normal([3, 6, 2], [0, 0])
    np.testing.assert_allclose(layer(inputs)[0][:, -1], reference(inputs), atol=1e-6)
    other = build(4, 2)
    reference.set_weights(other.get_weights())
    np.testing.assert_allclose(other(inputs)[0][:, -1], reference(inputs), atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "xla"])
def test_steps_give_the_whole_series_and_a_series_can_be_cut(compiled):
    stack = LSTMStack((8, 5), seed=1)
    stack.build((None, None, 3))
    inputs = tf.random.stateless_normal([4, 11, 3], [0, 0])
    whole, whole_state = tf.function(lambda x: stack(x), jit_compile=compiled)(inputs)
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


@pytest.mark.parametrize("gpu", [False, True])
def test_a_stack_passes_its_mask_to_every_layer(gpu, monkeypatch):
    monkeypatch.setattr(lstm, "gpu_available", lambda: gpu)
    stack = LSTMStack((8, 5), seed=1, use_xla=gpu)
    stack.build((None, None, 3))
    inputs = tf.random.stateless_normal([2, 9, 3], [0, 0])
    mask = np.arange(9) < np.array([[6], [9]])
    outputs, state = stack(inputs, mask=mask)
    alone, alone_state = stack(inputs[:1, :6])
    np.testing.assert_allclose(outputs[:1, :6], alone, atol=1e-6)
    for ours, expected in zip(tf.nest.flatten(state), tf.nest.flatten(alone_state), strict=True):
        np.testing.assert_allclose(ours[:1], expected, atol=1e-6)


def test_forget_gates_start_open_and_seeds_decide_the_weights():
    kernel, recurrent, bias = build(4, 2).get_weights()
    np.testing.assert_array_equal(bias, [0] * 4 + [1] * 4 + [0] * 8)
    again = build(4, 2)
    np.testing.assert_array_equal(again.get_weights()[0], kernel)
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(4), atol=1e-5)


@pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="TensorFlow sees no GPU")
def test_on_a_gpu_series_run_through_cudnn_with_the_values_of_the_loops():
    layer = build(64, 3, use_xla=True)
    inputs = tf.random.stateless_normal([8, 40, 3], [0, 0])
    run = tf.function(lambda inputs: layer(inputs)[0])
    outputs = run(inputs)
    assert any("CudnnRNN" in node.op for node in run.get_concrete_function(inputs).graph.as_graph_def().node) or any(
        "CudnnRNN" in node.op
        for function in run.get_concrete_function(inputs).graph.as_graph_def().library.function
        for node in function.node_def
    )
    expected, _ = layer.scan(tf.transpose(inputs, [1, 0, 2]))
    np.testing.assert_allclose(outputs, tf.transpose(expected, [1, 0, 2]), atol=2e-3)
