"""The recurrent stack: LSTM layers whose one cell serves teacher forcing, rollout and streaming.

An LSTM layer (Hochreiter and Schmidhuber, 1997; forget gate of Gers et al., 2000) with kernel W [D, 4U], recurrent
kernel R [U, 4U] and bias b [4U], gates in Keras's order i, f, g, o:

    z_t = x_t W + b + h_{t-1} R              (pre-activations)
    i, f, o = sigmoid(z_i, z_f, z_o)         g = tanh(z_g)
    c_t = f c_{t-1} + i g                    h_t = o tanh(c_t)

Over a whole series the products
x_t W + b do not depend on the state, so they are one matrix product before the time loop. The gradient is written by
hand for the same reason: with dh_t and dc_t the sums of what reaches h_t and c_t,

    dc_t += dh_t o (1 - tanh(c_t)^2)
    dz_i = dc_t g i (1 - i)                  dz_f = dc_t c_{t-1} f (1 - f)
    dz_g = dc_t i (1 - g^2)                  dz_o = dh_t tanh(c_t) o (1 - o)
    dh_{t-1} = dz_t R^T                      dc_{t-1} = dc_t f

The factors of dc_t and dh_t are known on the way forward, while their parts are at hand, and are kept instead of the
gates. Only dz_t R^T stays in the backward loop; dR = sum_t h_{t-1}^T dz_t is one product after it, and dW, db and dx
follow from dz through the ordinary gradient of the input product. Where a mask leaves a step out, h and c pass it
unchanged: its factors are 0, f is 1, and dh_{t-1} takes dh_t.
"""

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.ops import control_flow_util  # Nothing public says whether XLA compiles.


def _cell(z, c):
    """Pre-activations `z` [B, 4U], cell `c` [B, U] -> gates (i, f, g, o), new cell, its tanh, output: each [B, U]."""
    i, f, g, o = tf.split(z, 4, axis=-1)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    c = f * c + i * g
    tanh_c = tf.tanh(c)
    return (i, f, g, o), c, tanh_c, o * tanh_c


def _factors(gates, c_before, tanh_c):
    """What dz [B, 4U], dc within a step and dc to the step before are multiples of; see the module."""
    i, f, g, o = gates
    to_z = tf.concat([g * i * (1.0 - i), c_before * f * (1.0 - f), i * (1.0 - g * g), tanh_c * o * (1.0 - o)], -1)
    return to_z, o * (1.0 - tanh_c * tanh_c), f


def _forward(z, recurrent_kernel, h0, c0, mask):
    """The loop over time.

    Args:
      z: input products [T, B, 4U]; recurrent_kernel: [U, 4U]; h0, c0: [B, U].
      mask: 1 and 0 [T, B, 1] for steps that count and steps that are left out; or None where all count.

    Returns:
      h_t [T, B, U], the last cell [B, U], and for the gradient h_{t-1} [T, B, U] and the three `_factors`.
    """
    steps = tf.shape(z)[0]

    def array(width):
        return tf.TensorArray(z.dtype, size=steps, element_shape=[h0.shape[0], width])

    def body(t, h_before, c_before, arrays):
        gates, c, tanh_c, h = _cell(z[t] + tf.matmul(h_before, recurrent_kernel), c_before)
        to_z, to_c, keep = _factors(gates, c_before, tanh_c)
        if mask is not None:
            m = mask[t]
            h, c, keep = m * h + (1.0 - m) * h_before, m * c + (1.0 - m) * c_before, m * keep + 1.0 - m
            to_z, to_c = m * to_z, m * to_c
        values = (h, h_before, to_z, to_c, keep)
        return t + 1, h, c, tuple(each.write(t, value) for each, value in zip(arrays, values, strict=True))

    units = h0.shape[-1]
    arrays = tuple(array(width) for width in (units, units, 4 * units, units, units))
    _, _, c_last, arrays = tf.while_loop(lambda t, *_: t < steps, body, (0, h0, c0, arrays), maximum_iterations=steps)
    h_all, *saved = (each.stack() for each in arrays)
    return h_all, c_last, tuple(saved)


def _backward(recurrent_kernel, to_z, to_c, keep, mask, dh_all, dc_last):
    """The loop back over time: dz [T, B, 4U], dh0 and dc0 [B, U] from dh_t [T, B, U] and the last dc [B, U]."""
    steps = tf.shape(to_z)[0]
    recurrent_transposed = tf.transpose(recurrent_kernel)
    # dz_t takes the place of its factors, which saves an array of this size.
    array = tf.TensorArray(to_z.dtype, size=steps, element_shape=to_z.shape[1:]).unstack(to_z)

    def body(t, dh, dc, array):
        dh = dh + dh_all[t]
        dc = dc + dh * to_c[t]
        dz = tf.concat([dc, dc, dc, dh], -1) * array.read(t)
        dh_before = tf.matmul(dz, recurrent_transposed)
        if mask is not None:
            dh_before += (1.0 - mask[t]) * dh
        return t - 1, dh_before, dc * keep[t], array.write(t, dz)

    start = (steps - 1, tf.zeros_like(dc_last), dc_last, array)
    _, dh0, dc0, array = tf.while_loop(lambda t, *_: t >= 0, body, start, maximum_iterations=steps)
    return array.stack(), dh0, dc0


_compiled_forward, _compiled_backward = (
    tf.function(loop, jit_compile=True, autograph=False) for loop in (_forward, _backward)
)


def _product(a, b, dtype, **transposed):
    """a b, multiplied in `dtype`, in the type of a."""
    return tf.cast(tf.matmul(tf.cast(a, dtype), tf.cast(b, dtype), **transposed), a.dtype)


def _scan(z, recurrent_kernel, h0, c0, mask, dtype, compiled):
    """The loop over time with its gradient: h_t [T, B, U] and the last cell [B, U]; arguments as `_forward`."""
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


def policy(precision, otherwise="float32"):
    """The Keras dtype policy of a layer that multiplies in `precision` and keeps its weights in float32."""
    return "mixed_bfloat16" if precision == "bfloat16" else otherwise


def on_gpu():
    """Whether recurrent layers run on a GPU: where TensorFlow sees one."""
    return bool(tf.config.list_physical_devices("GPU"))


def _through_cudnn(native, mask):
    """Whether a native layer's series run through cuDNN's kernel.

    Not under a mask, of which cuDNN takes some alone, nor in a function that XLA compiles, which cannot call it.
    """
    compiled = control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    return native and mask is None and on_gpu() and not compiled


@keras.saving.register_keras_serializable("sensegen_tf")
class LSTM(keras.layers.Layer):
    """One LSTM layer over series or, one step at a time, with the same cell.

    The weights are those of the `keras.layers.LSTM` in `self.fused`. Series run through the loops above, those of a
    native layer on a GPU through `self.fused`, which takes cuDNN's kernel. Values and gradients of the two differ by
    rounding alone.

    Args:
      units: U, the size of the state.
      seed: of the initial weights: Glorot uniform, orthogonal, zeros and ones for the forget gates (Jozefowicz et
        al., 2015).
      native: whether series run as this machine is fastest: through loops that XLA compiles, on a GPU through cuDNN.
        A TensorFlow Serving without XLA, or without a GPU, cannot serve that.
      precision: "float32", or "bfloat16" to multiply in bfloat16. State, gates and weights stay float32, and so do on a
        CPU the products in the loops, h R and dz R^T: XLA multiplies no bfloat16 there.
    """

    def __init__(self, units, seed=0, native=False, precision="float32", **kwargs):
        super().__init__(**kwargs)
        self.units, self.seed, self.native, self.precision = units, seed, native, precision
        self.supports_masking = True
        self.fused = keras.layers.LSTM(
            units,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            recurrent_initializer=keras.initializers.Orthogonal(seed=seed),
            return_sequences=True,
            return_state=True,
            dtype=policy(precision, self.dtype_policy),
            name="lstm",
        )
        self._products = self.fused.compute_dtype

    def build(self, input_shape):
        self.fused.build((None, None, input_shape[-1]))
        cell = self.fused.cell
        self.kernel, self.recurrent_kernel, self.bias = cell.kernel, cell.recurrent_kernel, cell.bias

    def initial_state(self, batch_size):
        """The state before the first step: (h, c), zeros [B, U]."""
        zeros = tf.zeros([batch_size, self.units], self.dtype)
        return zeros, zeros

    def step(self, inputs, state):
        """One step, multiplied in the type of the weights.

        Args:
          inputs: [B, D].
          state: (h, c), each [B, U].

        Returns:
          The output [B, U] and the new state.
        """
        h, c = state
        z = tf.matmul(inputs, self.kernel) + self.bias + tf.matmul(h, self.recurrent_kernel)
        _, c, _, h = _cell(z, c)
        return h, (h, c)

    def scan(self, inputs, state=None, mask=None):
        """As `call`, time-major and on any device through the loops: inputs [T, B, D], mask [T, B] -> [T, B, U]."""
        shape = tf.shape(inputs)
        h0, c0 = self.initial_state(shape[1]) if state is None else state
        flat = tf.reshape(inputs, [-1, inputs.shape[-1]])  # [T * B, D]
        z = _product(flat, self.kernel, self._products) + self.bias
        z = tf.reshape(z, [shape[0], shape[1], 4 * self.units])  # [T, B, 4U]
        if mask is not None:
            mask = tf.cast(mask, z.dtype)[..., None]  # [T, B, 1]
        recurrent_kernel = tf.convert_to_tensor(self.recurrent_kernel)
        outputs, c_last = _scan(z, recurrent_kernel, h0, c0, mask, self._products, self.native)
        outputs = tf.ensure_shape(outputs, [*inputs.shape[:2], self.units])
        state = outputs[-1], c_last
        if mask is not None:  # As Keras, zeros until the first step that counts.
            outputs = tf.where(tf.cumsum(mask) > 0, outputs, 0.0)
        return outputs, state

    def call(self, inputs, state=None, mask=None):
        """A whole series.

        Args:
          inputs: [B, T, D].
          state: (h, c) before the first step, each [B, U]; zeros where left out.
          mask: bool [B, T], False for steps that are left out: they repeat the output before them.

        Returns:
          Outputs [B, T, U] and the state after the last step.
        """
        if _through_cudnn(self.native, mask):
            outputs, h, c = (tf.cast(x, self.dtype) for x in self.fused(inputs, initial_state=state))
            return outputs, (h, c)
        outputs, state = self.scan(swap_batch_and_time(inputs), state, swap_batch_and_time(mask))
        return swap_batch_and_time(outputs), state

    def get_config(self):
        own = {"units": self.units, "seed": self.seed, "native": self.native, "precision": self.precision}
        return {**super().get_config(), **own}


def swap_batch_and_time(values):
    """Swaps the first two axes; None stays None."""
    if values is None:
        return None
    return tf.transpose(values, [1, 0, *range(2, values.shape.rank)])


@keras.saving.register_keras_serializable("sensegen_tf")
class LSTMStack(keras.layers.Layer):
    """LSTM layers, each on the outputs of the one below.

    Args:
      units: the sizes of the layers, from the input up.
      seed: of the initial weights; each layer has one of its own.
      native, precision: as `LSTM`.
    """

    def __init__(self, units, seed=0, native=False, precision="float32", **kwargs):
        super().__init__(**kwargs)
        self.units, self.seed, self.native, self.precision = tuple(units), seed, native, precision
        self.supports_masking = True
        self.layers = [
            LSTM(size, seed + index, native, precision, dtype=self.dtype_policy, name=f"lstm_{index}")
            for index, size in enumerate(self.units)
        ]

    def build(self, input_shape):
        size = input_shape[-1]
        for layer in self.layers:
            layer.build((None, None, size))
            size = layer.units

    def initial_state(self, batch_size):
        """The state before the first step: one (h, c) a layer."""
        return tuple(layer.initial_state(batch_size) for layer in self.layers)

    def step(self, inputs, state):
        """One step: inputs [B, D] and a state -> outputs [B, U of the top] and the new state."""
        new_state = []
        for layer, layer_state in zip(self.layers, state, strict=True):
            inputs, layer_state = layer.step(inputs, layer_state)
            new_state.append(layer_state)
        return inputs, tuple(new_state)

    def call(self, inputs, state=None, mask=None, dropout=0.0, noise=None):
        """A whole series.

        Args:
          inputs, state, mask: as `LSTM.call`, with a state a layer.
          dropout: share of each layer's outputs that is left out, in [0, 1).
          noise: [B, T, the sum of the layers' sizes], uniform in [0, 1), which says what is left out; None for nothing.

        Returns:
          Outputs [B, T, U of the top] and the last state.
        """
        state = [None] * len(self.layers) if state is None else state
        cudnn = _through_cudnn(self.native, mask)
        outputs, mask, noise = (each if cudnn else swap_batch_and_time(each) for each in (inputs, mask, noise))
        new_state = []
        for layer, layer_state, end in zip(self.layers, state, np.cumsum(self.units), strict=True):
            run = layer if cudnn else layer.scan
            outputs, layer_state = run(outputs, layer_state, mask=mask)
            if dropout and noise is not None:
                kept = noise[..., end - layer.units : end] >= dropout
                outputs = tf.where(kept, outputs / (1 - dropout), 0.0)
            new_state.append(layer_state)
        return (outputs if cudnn else swap_batch_and_time(outputs)), tuple(new_state)

    def get_config(self):
        own = {"units": list(self.units), "seed": self.seed, "native": self.native, "precision": self.precision}
        return {**super().get_config(), **own}
