"""What a request must be like, as assertions in the graph: each names its input."""

import tensorflow as tf


def rows(**inputs):
    """All inputs have equally many rows; those that are None are not there."""
    inputs = {name: value for name, value in inputs.items() if value is not None}
    (first, one), *others = inputs.items()
    return [
        tf.debugging.assert_equal(
            tf.shape(value)[0], tf.shape(one)[0], message=f"{name} must have as many rows as {first}"
        )
        for name, value in others
    ]


def lengths(name, length, most):
    """Lengths in [1, most]."""
    return [
        tf.debugging.assert_positive(length, message=f"{name} must be at least 1 in every row"),
        tf.debugging.assert_less_equal(length, most, message=f"{name} must be at most {most} in every row"),
    ]


def labels(label, count):
    """Labels in [0, count)."""
    if label is None:
        return []
    message = f"label must be at least 0 and below {count} in every row"
    return [
        tf.debugging.assert_non_negative(label, message=message),
        tf.debugging.assert_less(label, count, message=message),
    ]


def temperatures(temperature):
    """Above 0 and finite."""
    good = tf.logical_and(temperature > 0, tf.math.is_finite(temperature))
    return [
        tf.debugging.Assert(tf.reduce_all(good), ["temperature must be above 0 and finite in every row", temperature])
    ]


def series(name, values, length_name, length, channels, shortest=1):
    """Values [B, T, C] that are finite within lengths [B] of `shortest` to T."""
    with tf.control_dependencies(rows(**{name: values, length_name: length})):
        values, length = tf.identity(values), tf.identity(length)
    steps = tf.shape(values)[1]
    inside = tf.sequence_mask(length, steps)[..., None]
    finite = tf.reduce_all(tf.math.is_finite(values) | ~inside)
    return [
        tf.debugging.assert_equal(
            tf.shape(values)[2], channels, message=f"{name} must have {channels} channels on its last axis"
        ),
        tf.debugging.assert_greater_equal(
            length, shortest, message=f"{length_name} must be at least {shortest} in every row"
        ),
        tf.debugging.assert_less_equal(
            length, steps, message=f"{length_name} must be at most the length of {name} in every row"
        ),
        tf.debugging.Assert(finite, [f"{name} must be finite, without NaN, within {length_name}"]),
    ]


def state(named):
    """A state that `initial_state` or `stream` returned is finite, and its position not below 0."""
    return [
        tf.debugging.assert_non_negative(value, message=f"{name} must be at least 0 in every row")
        if name == "position"
        else tf.debugging.Assert(tf.reduce_all(tf.math.is_finite(value)), [f"{name} must be finite"])
        for name, value in named.items()
        if name != "seed"
    ]
