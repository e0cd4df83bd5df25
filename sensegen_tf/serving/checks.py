"""What a request must be like, as assertions in the graph; the message of each names the input."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

# Assertions give operations in a graph, and nothing where TensorFlow runs eagerly.
Assertions = list[tf.Operation | None]


def batch(**inputs: tf.Tensor | None) -> Assertions:
    """All inputs have equally many examples; those that are None are not there."""
    there = {name: value for name, value in inputs.items() if value is not None}
    (first, one), *others = there.items()
    return [
        tf.debugging.assert_equal(
            tf.shape(value)[0], tf.shape(one)[0], message=f"{name} must have as many examples as {first}"
        )
        for name, value in others
    ]


def lengths(name: str, length: tf.Tensor, *, most: int) -> Assertions:
    """Lengths in [1, most]."""
    return [
        tf.debugging.assert_positive(length, message=f"{name} must be at least 1 in every example"),
        tf.debugging.assert_less_equal(length, most, message=f"{name} must be at most {most} in every example"),
    ]


def labels(label: tf.Tensor | None, count: int) -> Assertions:
    """Labels in [0, count)."""
    if label is None:
        return []
    message = f"label must be at least 0 and below {count} in every example"
    return [
        tf.debugging.assert_non_negative(label, message=message),
        tf.debugging.assert_less(label, count, message=message),
    ]


def temperatures(temperature: tf.Tensor) -> Assertions:
    """Above 0 and finite."""
    good = tf.logical_and(temperature > 0, tf.math.is_finite(temperature))
    return [
        tf.debugging.Assert(
            tf.reduce_all(good), ["temperature must be above 0 and finite in every example", temperature]
        )
    ]


def series(
    name: str, values: tf.Tensor, *, length_name: str, length: tf.Tensor, channels: int, shortest: int = 1
) -> Assertions:
    """Values [B, T, C] that are finite within lengths [B] of `shortest` to T."""
    with tf.control_dependencies(batch(**{name: values, length_name: length})):
        values, length = tf.identity(values), tf.identity(length)
    steps = tf.shape(values)[1]
    inside = tf.sequence_mask(length, steps)[..., None]
    finite = tf.reduce_all(tf.math.is_finite(values) | ~inside)
    return [
        tf.debugging.assert_equal(
            tf.shape(values)[2], channels, message=f"{name} must have {channels} channels on its last axis"
        ),
        tf.debugging.assert_greater_equal(
            length, shortest, message=f"{length_name} must be at least {shortest} in every example"
        ),
        tf.debugging.assert_less_equal(
            length, steps, message=f"{length_name} must be at most the length of {name} in every example"
        ),
        tf.debugging.Assert(finite, [f"{name} must be finite, without NaN, within {length_name}"]),
    ]


def state(named: Mapping[str, tf.Tensor], *, label_count: int) -> Assertions:
    """A state that `initial_state` or `stream` returned: its position not below 0, its label known, the rest finite."""
    assertions = []
    for name, value in named.items():
        if name == "position":
            assertions.append(
                tf.debugging.assert_non_negative(value, message=f"{name} must be at least 0 in every example")
            )
        elif name == "label":
            assertions += labels(value, label_count)
        elif name != "seed":
            assertions.append(tf.debugging.Assert(tf.reduce_all(tf.math.is_finite(value)), [f"{name} must be finite"]))
    return assertions
