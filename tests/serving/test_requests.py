"""Bad requests: each gets an error that names the input, none is a crash, and the next good one is answered."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.serving import versions, warmup
from sensegen_tf.serving.signatures import MAX_LENGTH


@pytest.fixture(scope="module")
def model():
    return tf.saved_model.load(versions.find_version("sensegen_watch"))


@pytest.fixture(scope="module")
def good(model):
    requests = warmup.examples(model.signatures, length=6, conditional=True)
    return {name: {key: value.numpy() for key, value in inputs.items()} for name, inputs in requests.items()}


def call(model, name, inputs):
    return model.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})


def _with_bad_example(value, bad):
    """The same array with its last example replaced."""
    changed = value.copy()
    changed[-1] = bad
    return changed


@st.composite
def bad_values(draw, key, value):
    """An array that the input `key` must not be, and why."""
    ways = ["examples"]
    if key in ("length", "prefix_length", "steps"):
        ways += ["not positive", "too long"]
    if key == "label":
        ways += ["negative", "unknown"]
    if key == "temperature":
        ways += ["cold", "not finite"]
    if key in ("series", "prefix"):
        ways += ["not finite", "channels"]
    if key == "position":
        ways += ["negative"]
    if key.startswith("carried_"):
        ways += ["not finite"]
    way = draw(st.sampled_from(ways))
    below = draw(st.integers(-(2**31), 0))
    above = draw(st.integers(0, 2**20))
    if way == "examples":
        return np.concatenate([value] * draw(st.integers(2, 4)))
    if way == "not positive":
        return _with_bad_example(value, below)
    if way == "too long":
        return _with_bad_example(value, MAX_LENGTH + 1 + above)
    if way == "negative":
        return _with_bad_example(value, min(below, -1))
    if way == "unknown":
        return _with_bad_example(value, 7 + above)
    if way == "cold":
        return _with_bad_example(value, float(below))
    if way == "channels":
        width = draw(st.sampled_from([1, 2, 4, 9]))
        return np.resize(value, [*value.shape[:2], width])
    changed = value.copy()
    changed.flat[draw(st.integers(0, value.size - 1))] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    return changed


NAMES = ["serving_default", "sample_tempered", "continue_series", "initial_state", "stream", "score", "discriminate"]


def refuse_one(model, good, data):
    name = data.draw(st.sampled_from(NAMES))
    checked = [key for key in good[name] if len(good[name]) > 1 and key != "seed"]
    key = data.draw(st.sampled_from(checked))
    inputs = {**good[name], key: data.draw(bad_values(key, good[name][key]))}
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        call(model, name, inputs)
    # Of two inputs with different numbers of examples, the message names both.
    assert key in raised.value.message


def refuse_bad_requests(model, good, count):
    @hypothesis.given(data=st.data())
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def refuse(data):
        refuse_one(model, good, data)

    refuse()


@pytest.mark.parametrize("count", [200, pytest.param(3000, marks=pytest.mark.slow)])
def test_bad_requests_are_refused_with_the_name_of_the_input(model, good, count):
    refuse_bad_requests(model, good, count)


@pytest.mark.parametrize("name", NAMES)
def test_a_good_request_is_answered_after_bad_ones(model, good, name):
    before = call(model, name, good[name])
    key = next(key for key in good[name] if key != "seed")
    with pytest.raises(tf.errors.InvalidArgumentError):
        call(model, name, {**good[name], key: np.concatenate([good[name][key]] * 2)})
    for output, value in call(model, name, good[name]).items():
        np.testing.assert_array_equal(value, before[output])
