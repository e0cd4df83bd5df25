import math

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.layers.context import Context

UNIT = tf.constant([0.5, 2.0])


def features(context, series):
    """What the layer makes of [B, T, 2]: previous values, regressors, inputs."""
    return [each.numpy() for each in tf.function(context)(tf.constant(series), UNIT)]


@pytest.fixture
def series():
    return np.random.default_rng(0).normal(size=[3, 12, 2]).astype("f").cumsum(1)


def test_increments_and_running_means_by_hand(series):
    context = Context(2, lags=2, running_means=(4.0, math.inf))
    previous, regressors, inputs = features(context, series)
    assert regressors.shape == (3, 12, 4, 2) and inputs.shape == (3, 12, context.size)
    assert (previous[:, 0] == 0).all() and (regressors[:, 0] == 0).all() and (inputs[:, 0] == 0).all()
    for step in range(1, 12):
        past = series[:, :step]  # Before the first value all was as it is.
        padded = np.concatenate([past[:, :1], past[:, :1], past], 1)
        weights = np.exp(-np.arange(past.shape[1])[::-1] / 4)[None, :, None]
        expected = [
            padded[:, -1] - padded[:, -2],
            padded[:, -2] - padded[:, -3],
            (past * weights).sum(1) / weights.sum() - past[:, -1],
            past.mean(1) - past[:, -1],
        ]
        np.testing.assert_allclose(previous[:, step], past[:, -1], rtol=1e-6)
        np.testing.assert_allclose(regressors[:, step], np.stack(expected, 1) / np.array(UNIT), atol=1e-4)
        flat = np.arcsinh(regressors[:, step]).reshape(3, -1)
        np.testing.assert_allclose(inputs[:, step], np.concatenate([previous[:, step], flat], -1), rtol=1e-5)


def test_without_regressors_the_previous_value_is_the_only_input(series):
    previous, regressors, inputs = features(Context(2), series)
    np.testing.assert_array_equal(previous[:, 1:], series[:, :-1])
    np.testing.assert_array_equal(inputs, previous)
    assert regressors.shape == (3, 12, 0, 2)


def test_event_intervals_are_inputs_the_time_since_the_last_event_and_the_two_before_it():
    series = np.zeros([1, 260, 2], "f")
    for beat in (40, 90, 150, 200):
        series[:, beat : beat + 4] = 5
    series += 0.01 * np.random.default_rng(0).normal(size=series.shape).astype("f")
    _, _, inputs = features(Context(2, refractory=20), series)
    intervals = inputs[0, :, -3:] * 80
    # At step 230 the samples before it are known; the beat at 200 was an event with the value 200.
    assert intervals[230].round().tolist() == [29, 49, 59]
    assert intervals[160, 0].round() == 9


def test_differences_of_intervals_are_inputs_once_there_are_intervals():
    series = np.zeros([1, 260, 2], "f")
    for beat in (40, 90, 150, 200):
        series[:, beat : beat + 4] = 5
    _, _, inputs = features(Context(2, refractory=20, compare_intervals=True), series)
    since, interval, before, late, longer = np.moveaxis(inputs[0][:, -5:] * [80, 80, 80, 1, 1], -1, 0)
    unknown = (interval == 0) | (interval == 200)
    assert (late[unknown] == 0).all() and (late[~unknown] != 0).mean() > 0.9
    assert (longer[:150] == 0).all()
    np.testing.assert_allclose(2 * np.sinh(late[230]), since[230] - interval[230], rtol=1e-4)
    np.testing.assert_allclose(2 * np.sinh(longer[230]), interval[230] - before[230], rtol=1e-4)


def test_no_gradient_passes_under_teacher_forcing(series):
    series = tf.constant(series)
    with tf.GradientTape() as tape:
        tape.watch(series)
        total = tf.add_n([tf.reduce_sum(each) for each in Context(2, lags=1, running_means=(3.0,))(series, UNIT)])
    assert tape.gradient(total, series) is None
