"""The gradient of every example on its own, from the linear maps of a model.

A linear map y = x W + b of an example with S steps has the gradients dW = sum_s x_s^T dy_s and db = sum_s dy_s. A sum
over the batch follows from one matrix product, and so do the gradients of all examples: one product for each, side by
side (Goodfellow, "Efficient per-example gradient computations", 2015, keeps to the norms). So a model whose weights are
all of linear maps needs no second pass: while `recording` is on, each map adds a probe of zeros to its output and keeps
its input, and the gradient of a loss with respect to the probe is dy.

This holds for recurrent layers too. Where the products are hoisted out of the loop over time, z_t = x_t W + h_{t-1} R +
b is a linear map of two inputs, and the loop is what comes after it.
"""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf


class Tap(typing.NamedTuple):
    """A linear map that was run while `recording` was on.

    Attributes:
      kernels: its Keras variables W.
      inputs: what each was multiplied with: [B, ..., D], or [T, B, D] where `time_major`.
      bias: its Keras variable b.
      probe: zeros of the shape of its output.
      time_major: whether the batch is the second axis.
    """

    kernels: Sequence[keras.Variable]
    inputs: Sequence[tf.Tensor]
    bias: keras.Variable
    probe: tf.Tensor
    time_major: bool


class Recorder(typing.NamedTuple):
    """A tape that watches the probes, and the taps so far."""

    tape: tf.GradientTape
    taps: list[Tap]


_recorders: list[Recorder] = []


@contextlib.contextmanager
def recording(tape: tf.GradientTape) -> Iterator[list[Tap]]:
    """While it is on, every linear map adds a `Tap` to the list that it gives, and the tape watches its probe.

    Example:
      >>> import tensorflow as tf
      >>> from sensegen_tf.layers import taps
      >>> layer = taps.Dense(2)
      >>> layer.build([None, 3])
      >>> with tf.GradientTape() as tape, taps.recording(tape) as found:
      ...     loss = tf.reduce_sum(layer(tf.ones([5, 4, 3])) ** 2)
      >>> kernel, bias = layer.trainable_variables
      >>> gradients = taps.group_gradients(found, tape.gradient(loss, [tap.probe for tap in found]), groups=5)
      >>> gradients[id(kernel)].shape, gradients[id(bias)].shape
      (TensorShape([5, 3, 2]), TensorShape([5, 2]))
    """
    _recorders.append(Recorder(tape, []))
    try:
        yield _recorders[-1].taps
    finally:
        _recorders.pop()


def is_recording() -> bool:
    """Whether `recording` is on."""
    return bool(_recorders)


def probe(outputs: tf.Tensor) -> tf.Tensor:
    """Zeros to be added to the outputs of a linear map; to be called, as `keep`, while `recording` is on."""
    zeros = tf.zeros_like(outputs)
    _recorders[-1].tape.watch(zeros)
    return zeros


def keep(
    zeros: tf.Tensor,
    *,
    kernels: Sequence[keras.Variable],
    inputs: Sequence[tf.Tensor],
    bias: keras.Variable,
    time_major: bool = False,
) -> None:
    """Adds a `Tap` with this probe; arguments as there."""
    _recorders[-1].taps.append(Tap(list(kernels), list(inputs), bias, zeros, time_major))


def group_gradients(found: Sequence[Tap], probe_gradients: Sequence[tf.Tensor], *, groups: int) -> dict[int, tf.Tensor]:
    """The gradient of every group of consecutive examples, such as the windows of one subject.

    Args:
      found: what was recorded.
      probe_gradients: of the sum of the examples' losses with respect to the probes.
      groups: G, into which the examples are divided evenly.

    Returns:
      `id` of a Keras variable -> its gradients [G, ...], float32.
    """
    gradients: dict[int, tf.Tensor] = {}

    def add(variable, gradient):
        key = id(variable)
        gradients[key] = gradients[key] + gradient if key in gradients else gradient

    for each, of_outputs in zip(found, probe_gradients, strict=True):
        outputs = _grouped(of_outputs, groups, each.time_major)
        add(each.bias, tf.reduce_sum(outputs, 1))
        for kernel, inputs in zip(each.kernels, each.inputs, strict=True):
            add(kernel, tf.matmul(_grouped(inputs, groups, each.time_major), outputs, transpose_a=True))
    return gradients


def _grouped(values, groups, time_major):
    """[B, ..., D] or [T, B, D] -> [G, everything else, D], float32."""
    values = tf.cast(values, tf.float32)
    if time_major:
        values = tf.transpose(values, [1, 0, 2])
    return tf.reshape(values, [groups, -1, values.shape[-1]])


@keras.saving.register_keras_serializable("sensegen_tf")
class Dense(keras.layers.Dense):
    """`keras.layers.Dense` with a tap."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[..., D] -> [..., units]; D may be 0."""
        if inputs.shape[-1] == 0:  # oneDNN refuses a product over nothing.
            outputs = tf.reduce_sum(inputs[..., None] * self.kernel, -2) + self.bias
        else:
            outputs = keras.ops.matmul(inputs, self.kernel) + self.bias
        if is_recording():
            zeros = probe(outputs)
            keep(zeros, kernels=[self.kernel], inputs=[inputs], bias=self.bias)
            outputs += zeros
        return self.activation(outputs)
