"""LSTM layers. Teacher forcing, rollouts and streaming use the same cell.

An LSTM layer (Hochreiter and Schmidhuber, 1997; forget gate of Gers et al., 2000) has a kernel W [D, 4U], a recurrent
kernel R [U, 4U] and a bias b [4U], with the gates in Keras's order i, f, g, o:

    z_t = x_t W + b + h_{t-1} R              (pre-activations)
    i, f, o = sigmoid(z_i, z_f, z_o)         g = tanh(z_g)
    c_t = f c_{t-1} + i g                    h_t = o tanh(c_t)

The products x_t W + b do not depend on the state, so for a whole series they are one matrix product before the loop
over time. The gradient is written by hand, so that the gradient of R is one matrix product too, after the backward
loop. Let dh_t and dc_t be the gradients of the loss with respect to h_t and c_t, each the sum of what comes from the
layer above and from step t + 1. First dh_t o (1 - tanh(c_t)^2) is added to dc_t. Then

    dz_i = dc_t g i (1 - i)                  dz_f = dc_t c_{t-1} f (1 - f)
    dz_g = dc_t i (1 - g^2)                  dz_o = dh_t tanh(c_t) o (1 - o)
    dh_{t-1} = dz_t R^T                      dc_{t-1} = dc_t f

All factors of dc_t and dh_t here are known in the forward pass, so `_forward` stores them instead of the gates. The
only matrix product in the backward loop is dz_t R^T. The sum dR = sum_t h_{t-1}^T dz_t is one product after the loop;
dW, db and dx follow from dz through the ordinary gradient of the input product.

At a masked step, h and c are copied from the step before. So there the stored factors of dz_t and of dc_t are 0, the
factor f is 1, and dh_{t-1} = dh_t.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.ops import control_flow_util  # Nothing public says whether XLA compiles.

from sensegen_tf.layers import taps


def _cell(z, c):
    """Pre-activations `z` [B, 4U], cell `c` [B, U] -> gates (i, f, g, o), new cell, its tanh, output: each [B, U]."""
    i, f, g, o = tf.split(z, 4, axis=-1)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    c = f * c + i * g
    tanh_c = tf.tanh(c)
    return (i, f, g, o), c, tanh_c, o * tanh_c


def _factors(gates, c_before, tanh_c):
    """Factors of the backward pass, see the module: in dz_t [B, 4U], of dh_t in dc_t [B, U], of dc_t in dc_{t-1}."""
    i, f, g, o = gates
    dz_factor = tf.concat([g * i * (1.0 - i), c_before * f * (1.0 - f), i * (1.0 - g * g), tanh_c * o * (1.0 - o)], -1)
    return dz_factor, o * (1.0 - tanh_c * tanh_c), f


def _forward(z, recurrent_kernel, h0, c0, mask):
    """The loop over time.

    Args:
      z: input products [T, B, 4U]; recurrent_kernel: [U, 4U]; h0, c0: [B, U].
      mask: [T, B, 1], 1 for valid steps and 0 for masked ones; None where all steps are valid.

    Returns:
      h_t [T, B, U], the last cell [B, U], and for the gradient h_{t-1} [T, B, U] and the three `_factors`.
    """
    steps = tf.shape(z)[0]

    def array(width):
        return tf.TensorArray(z.dtype, size=steps, element_shape=[h0.shape[0], width])

    def body(t, h_before, c_before, arrays):
        gates, c, tanh_c, h = _cell(z[t] + tf.matmul(h_before, recurrent_kernel), c_before)
        dz_factor, dc_factor, forget = _factors(gates, c_before, tanh_c)
        if mask is not None:
            m = mask[t]
            h, c, forget = m * h + (1.0 - m) * h_before, m * c + (1.0 - m) * c_before, m * forget + 1.0 - m
            dz_factor, dc_factor = m * dz_factor, m * dc_factor
        values = (h, h_before, dz_factor, dc_factor, forget)
        return t + 1, h, c, tuple(each.write(t, value) for each, value in zip(arrays, values, strict=True))

    units = h0.shape[-1]
    arrays = tuple(array(width) for width in (units, units, 4 * units, units, units))
    _, _, c_last, arrays = tf.while_loop(lambda t, *_: t < steps, body, (0, h0, c0, arrays), maximum_iterations=steps)
    h_all, *saved = (each.stack() for each in arrays)
    return h_all, c_last, tuple(saved)


def _backward(recurrent_kernel, dz_factor, dc_factor, forget, mask, dh_all, dc_last):
    """The loop back over time: dz [T, B, 4U], dh0 and dc0 [B, U] from dh_t [T, B, U] and the last dc [B, U]."""
    steps = tf.shape(dz_factor)[0]
    recurrent_transposed = tf.transpose(recurrent_kernel)
    # dz_t takes the place of its factors, which saves an array of this size.
    array = tf.TensorArray(dz_factor.dtype, size=steps, element_shape=dz_factor.shape[1:]).unstack(dz_factor)

    def body(t, dh, dc, array):
        dh = dh + dh_all[t]
        dc = dc + dh * dc_factor[t]
        dz = tf.concat([dc, dc, dc, dh], -1) * array.read(t)
        dh_before = tf.matmul(dz, recurrent_transposed)
        if mask is not None:
            dh_before += (1.0 - mask[t]) * dh
        return t - 1, dh_before, dc * forget[t], array.write(t, dz)

    start = (steps - 1, tf.zeros_like(dc_last), dc_last, array)
    _, dh0, dc0, array = tf.while_loop(lambda t, *_: t >= 0, body, start, maximum_iterations=steps)
    return array.stack(), dh0, dc0


_compiled_forward, _compiled_backward = (
    tf.function(loop, jit_compile=True, autograph=False) for loop in (_forward, _backward)
)


def _product(a, b, dtype, **transposed):
    """The matrix product of a and b, computed in `dtype` and cast to the dtype of a."""
    return tf.cast(tf.matmul(tf.cast(a, dtype), tf.cast(b, dtype), **transposed), a.dtype)


def _scan(z, recurrent_kernel, h0, c0, mask, dtype, compiled):
    """The loop over time with its gradient: h_t [T, B, U] and the last cell [B, U].

    Args:
      z, recurrent_kernel, h0, c0, mask: as `_forward`.
      dtype: of the product that gives the gradient of R.
      compiled: whether XLA compiles the loops.
    """
    forward, backward = (_compiled_forward, _compiled_backward) if compiled else (_forward, _backward)
    units = recurrent_kernel.shape[0]

    @tf.custom_gradient
    def scan(z, recurrent_kernel, h0, c0):
        h_all, c_last, (h_before, *factors) = forward(z, recurrent_kernel, h0, c0, mask)

        def gradient(dh_all, dc_last):
            dz, dh0, dc0 = backward(recurrent_kernel, *factors, mask, dh_all, dc_last)
            flat_h, flat_dz = tf.reshape(h_before, [-1, units]), tf.reshape(dz, [-1, 4 * units])
            return dz, _product(flat_h, flat_dz, dtype, transpose_a=True), dh0, dc0

        return (h_all, c_last), gradient

    return scan(z, recurrent_kernel, h0, c0)


class LSTMState(typing.NamedTuple):
    """Output and cell of a layer after a step, each [B, U]."""

    h: tf.Tensor
    c: tf.Tensor


def dtype_policy(precision: str, default: typing.Any = "float32") -> typing.Any:
    """The Keras dtype policy of a layer that multiplies in `precision` and keeps its weights in float32; for "float32"
    the default."""
    return "mixed_bfloat16" if precision == "bfloat16" else default


def gpu_available() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def _through_cudnn(use_xla, mask):
    """Whether a layer with `use_xla` runs series through cuDNN's kernel.

    It does so on a GPU, unless there is a mask (cuDNN does not support arbitrary masks) or XLA compiles the function
    around it (code that XLA compiles cannot call cuDNN), or gradients of single examples are recorded.
    """
    if taps.is_recording():
        return False
    compiled = control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    return use_xla and mask is None and gpu_available() and not compiled


@keras.saving.register_keras_serializable("sensegen_tf")
class LSTM(keras.layers.Layer):
    """One LSTM layer. `call` processes whole series, `step` one time step with the same weights and equations.

    The weights belong to the `keras.layers.LSTM` in `self.fused`. Series run through the loops above, or on a GPU with
    `use_xla` through `self.fused`, which calls cuDNN. Values and gradients of the two differ by rounding alone.

    Args:
      units: U, the size of the state.
      seed: of the initial weights. Kernel: Glorot uniform. Recurrent kernel: orthogonal. Bias: zeros, but ones for the
        forget gates (Jozefowicz et al., 2015).
      use_xla: whether series run the fastest way here: on a CPU through loops that XLA compiles, on a GPU through
        cuDNN. A TensorFlow Serving without XLA or without a GPU cannot run such a layer, so exported models have False.
      precision: "float32" or "bfloat16". With "bfloat16" the input products x W and the product that gives the
        gradient of R are computed in bfloat16. The products in the loops, h R and dz R^T, are computed in float32, and
        weights are stored in float32. Through cuDNN the whole layer computes in bfloat16.

    Example:
      >>> import tensorflow as tf
      >>> from sensegen_tf.layers.lstm import LSTM
      >>> layer = LSTM(4)
      >>> outputs, state = layer(tf.zeros([2, 7, 3]))
      >>> outputs.shape, state.h.shape
      (TensorShape([2, 7, 4]), TensorShape([2, 4]))
    """

    def __init__(
        self, units: int, *, seed: int = 0, use_xla: bool = False, precision: str = "float32", **kwargs: typing.Any
    ):
        super().__init__(**kwargs)
        self.units, self.seed, self.use_xla, self.precision = units, seed, use_xla, precision
        self.supports_masking = True
        self.fused = keras.layers.LSTM(
            units,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            recurrent_initializer=keras.initializers.Orthogonal(seed=seed),
            return_sequences=True,
            return_state=True,
            dtype=dtype_policy(precision, self.dtype_policy),
            name="lstm",
        )
        self._matmul_dtype = self.fused.compute_dtype

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Makes the weights for inputs of size D = `input_shape[-1]`."""
        self.fused.build((None, None, input_shape[-1]))
        cell = self.fused.cell
        self.kernel, self.recurrent_kernel, self.bias = cell.kernel, cell.recurrent_kernel, cell.bias

    def initial_state(self, batch_size: tf.Tensor | int) -> LSTMState:
        """The state before the first step: zeros."""
        zeros = tf.zeros([batch_size, self.units], self.dtype)
        return LSTMState(zeros, zeros)

    def step(self, inputs: tf.Tensor, state: LSTMState) -> tuple[tf.Tensor, LSTMState]:
        """One time step; its products are in float32, whatever `precision` is.

        Args:
          inputs: [B, D].
          state: of the step before.

        Returns:
          The output [B, U] and the new state.
        """
        h, c = state
        z = tf.matmul(inputs, self.kernel) + self.bias + tf.matmul(h, self.recurrent_kernel)
        _, c, _, h = _cell(z, c)
        return h, LSTMState(h, c)

    def scan(
        self, inputs: tf.Tensor, state: LSTMState | None = None, *, mask: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, LSTMState]:
        """As `call`, but time-major and never through cuDNN: inputs [T, B, D], mask [T, B] -> [T, B, U]."""
        shape = tf.shape(inputs)
        h0, c0 = self.initial_state(shape[1]) if state is None else state
        flat = tf.reshape(inputs, [-1, inputs.shape[-1]])  # [T * B, D]
        z = _product(flat, self.kernel, self._matmul_dtype) + self.bias
        z = tf.reshape(z, [shape[0], shape[1], 4 * self.units])  # [T, B, 4U]
        probe = taps.probe(z) if taps.is_recording() else None
        if probe is not None:
            z += probe
        if mask is not None:
            mask = tf.cast(mask, z.dtype)[..., None]  # [T, B, 1]
        recurrent_kernel = tf.convert_to_tensor(self.recurrent_kernel)
        outputs, c_last = _scan(z, recurrent_kernel, h0, c0, mask, self._matmul_dtype, self.use_xla)
        if probe is not None:
            kernels, before = [self.kernel, self.recurrent_kernel], tf.concat([h0[None], outputs[:-1]], 0)
            taps.keep(probe, kernels=kernels, inputs=[inputs, before], bias=self.bias, time_major=True)
        outputs = tf.ensure_shape(outputs, [*inputs.shape[:2], self.units])
        state = LSTMState(outputs[-1], c_last)
        if mask is not None:  # As in Keras, outputs are zero until the first step that counts.
            outputs = tf.where(tf.cumsum(mask) > 0, outputs, 0.0)
        return outputs, state

    def call(
        self, inputs: tf.Tensor, state: LSTMState | None = None, *, mask: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, LSTMState]:
        """A whole series.

        Args:
          inputs: [B, T, D].
          state: before the first step; None for zeros.
          mask: bool [B, T], False for masked steps. They repeat the output before them; before the first valid step the
            output is 0.

        Returns:
          Outputs [B, T, U] and the state after the last step.
        """
        if _through_cudnn(self.use_xla, mask):
            outputs, h, c = (tf.cast(x, self.dtype) for x in self.fused(inputs, initial_state=state))
            return outputs, LSTMState(h, c)
        outputs, state = self.scan(swap_batch_and_time(inputs), state, mask=swap_batch_and_time(mask))
        return swap_batch_and_time(outputs), state

    def get_config(self) -> dict[str, typing.Any]:
        """What the constructor takes."""
        own = {"units": self.units, "seed": self.seed, "use_xla": self.use_xla, "precision": self.precision}
        return {**super().get_config(), **own}


def swap_batch_and_time(values: tf.Tensor | None) -> tf.Tensor | None:
    """Swaps the first two axes; None stays None."""
    if values is None:
        return None
    return tf.transpose(values, [1, 0, *range(2, values.shape.rank)])


@keras.saving.register_keras_serializable("sensegen_tf")
class LSTMStack(keras.layers.Layer):
    """LSTM layers, each on the outputs of the one below.

    Args:
      units: the sizes of the layers, from the input up.
      seed: of the initial weights of the first layer; that of each layer above is one larger.
      use_xla, precision: as `LSTM`.
    """

    def __init__(
        self,
        units: Sequence[int],
        *,
        seed: int = 0,
        use_xla: bool = False,
        precision: str = "float32",
        **kwargs: typing.Any,
    ):
        super().__init__(**kwargs)
        self.units, self.seed, self.use_xla, self.precision = tuple(units), seed, use_xla, precision
        self.supports_masking = True
        self.layers = [
            LSTM(
                size,
                seed=seed + index,
                use_xla=use_xla,
                precision=precision,
                dtype=self.dtype_policy,
                name=f"lstm_{index}",
            )
            for index, size in enumerate(self.units)
        ]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Makes the weights of all layers for inputs of size `input_shape[-1]`."""
        size = input_shape[-1]
        for layer in self.layers:
            layer.build((None, None, size))
            size = layer.units

    def initial_state(self, batch_size: tf.Tensor | int) -> tuple[LSTMState, ...]:
        """The state before the first step: one of each layer."""
        return tuple(layer.initial_state(batch_size) for layer in self.layers)

    def step(self, inputs: tf.Tensor, state: Sequence[LSTMState]) -> tuple[tf.Tensor, tuple[LSTMState, ...]]:
        """One step: inputs [B, D] and a state of each layer -> outputs [B, U of the top] and the new states."""
        new_state = []
        for layer, layer_state in zip(self.layers, state, strict=True):
            inputs, layer_state = layer.step(inputs, layer_state)
            new_state.append(layer_state)
        return inputs, tuple(new_state)

    def call(
        self,
        inputs: tf.Tensor,
        state: Sequence[LSTMState] | None = None,
        *,
        mask: tf.Tensor | None = None,
        dropout: float = 0.0,
        dropout_noise: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tuple[LSTMState, ...]]:
        """A whole series.

        Args:
          inputs, mask: as `LSTM.call`.
          state: of each layer; None for zeros.
          dropout: rate in [0, 1), of each layer's outputs, not of the recurrent connection (Zaremba et al., 2014). The
            outputs that are kept are divided by 1 - dropout.
          dropout_noise: [B, T, the sum of the layers' sizes], uniform in [0, 1): an output is set to 0 where its number
            is below `dropout`. None for no dropout.

        Returns:
          Outputs [B, T, U of the top] and the states after the last step.
        """
        states = [None] * len(self.layers) if state is None else state
        cudnn = _through_cudnn(self.use_xla, mask)
        arrays = inputs, mask, dropout_noise
        outputs, mask, noise = (each if cudnn else swap_batch_and_time(each) for each in arrays)
        new_state = []
        for layer, layer_state, end in zip(self.layers, states, np.cumsum(self.units), strict=True):
            run = layer if cudnn else layer.scan
            outputs, layer_state = run(outputs, layer_state, mask=mask)
            if dropout and noise is not None:
                kept = noise[..., end - layer.units : end] >= dropout
                outputs = tf.where(kept, outputs / (1 - dropout), 0.0)
            new_state.append(layer_state)
        return (outputs if cudnn else swap_batch_and_time(outputs)), tuple(new_state)

    def get_config(self) -> dict[str, typing.Any]:
        """What the constructor takes."""
        own = {"units": list(self.units), "seed": self.seed, "use_xla": self.use_xla, "precision": self.precision}
        return {**super().get_config(), **own}
