"""The recurrent stack: LSTM layers whose one cell serves teacher forcing, rollout and streaming.

An LSTM layer (Hochreiter and Schmidhuber, 1997; forget gate of Gers et al., 2000) with kernel W [D, 4U], recurrent
kernel R [U, 4U] and bias b [4U], gates in Keras's order i, f, g, o:

    z_t = x_t W + b + h_{t-1} R              (pre-activations)
    i, f, o = sigmoid(z_i, z_f, z_o)         g = tanh(z_g)
    c_t = f c_{t-1} + i g                    h_t = o tanh(c_t)

Over a whole series the products x_t W + b do not depend on the state, so they are one matrix product before the
time loop. The gradient is written by hand for the same reason: with dh_t and dc_t the sums of what reaches h_t and c_t,

    dc_t += dh_t o (1 - tanh(c_t)^2)
    dz_i = dc_t g i (1 - i)                  dz_f = dc_t c_{t-1} f (1 - f)
    dz_g = dc_t i (1 - g^2)                  dz_o = dh_t tanh(c_t) o (1 - o)
    dh_{t-1} = dz_t R^T                      dc_{t-1} = dc_t f

only dz_t R^T stays in the backward loop; dR = sum_t h_{t-1}^T dz_t is one product after it, and dW, db and dx follow
from dz through the ordinary gradient of the input product.
"""

import keras
import tensorflow as tf


def _gates(z, c):
    """Gate activations (i, f, g, o) and the new state (h, c) from pre-activations `z` [B, 4U] and cell `c` [B, U]."""
    z_i, z_f, z_g, z_o = tf.split(z, 4, axis=-1)
    i, f, g, o = tf.sigmoid(z_i), tf.sigmoid(z_f), tf.tanh(z_g), tf.sigmoid(z_o)
    c = f * c + i * g
    return (i, f, g, o), o * tf.tanh(c), c


@tf.custom_gradient
def _scan(z, recurrent_kernel, h0, c0):
    """Runs the cell over time.

    Args:
      z: input products [T, B, 4U]; recurrent_kernel: [U, 4U]; h0, c0: [B, U].

    Returns:
      Hidden states [T, B, U], and the last cell [B, U].
    """
    steps, units = tf.shape(z)[0], h0.shape[-1]

    def array():
        return tf.TensorArray(z.dtype, size=steps, element_shape=[h0.shape[0], None])

    def forward(t, h, c, gates_array, h_array, c_array):
        gates, h, c = _gates(z[t] + tf.matmul(h, recurrent_kernel), c)
        return (t + 1, h, c, gates_array.write(t, tf.concat(gates, -1)), h_array.write(t, h), c_array.write(t, c))

    _, _, c_last, gates_array, h_array, c_array = tf.while_loop(
        lambda t, *_: t < steps,
        forward,
        (0, h0, c0, array(), array(), array()),
        maximum_iterations=steps,
    )
    gates_all, h_all, c_all = gates_array.stack(), h_array.stack(), c_array.stack()  # [T, B, 4U], [T, B, U], [T, B, U]
    h_all = tf.ensure_shape(h_all, [None, None, units])

    def gradient(dh_all, dc_last):
        h_before = tf.concat([h0[None], h_all[:-1]], 0)  # [T, B, U]
        c_before = tf.concat([c0[None], c_all[:-1]], 0)  # [T, B, U]
        recurrent_transposed = tf.transpose(recurrent_kernel)

        def backward(t, dh, dc, dz_array):
            i, f, g, o = tf.split(gates_all[t], 4, axis=-1)
            tanh_c = tf.tanh(c_all[t])
            dh = dh + dh_all[t]
            dc = dc + dh * o * (1.0 - tanh_c * tanh_c)
            dz_i, dz_f = dc * g * i * (1.0 - i), dc * c_before[t] * f * (1.0 - f)
            dz_g, dz_o = dc * i * (1.0 - g * g), dh * tanh_c * o * (1.0 - o)
            dz = tf.concat([dz_i, dz_f, dz_g, dz_o], axis=-1)
            return t - 1, tf.matmul(dz, recurrent_transposed), dc * f, dz_array.write(t, dz)

        _, dh0, dc0, dz_array = tf.while_loop(
            lambda t, *_: t >= 0,
            backward,
            (steps - 1, tf.zeros_like(h0), dc_last, array()),
            maximum_iterations=steps,
        )
        dz = dz_array.stack()  # [T, B, 4U]
        d_recurrent = tf.matmul(tf.reshape(h_before, [-1, units]), tf.reshape(dz, [-1, 4 * units]), transpose_a=True)
        return dz, d_recurrent, dh0, dc0

    return (h_all, c_last), gradient


@keras.saving.register_keras_serializable("sensegen_tf")
class LSTM(keras.layers.Layer):
    """One LSTM layer over series or, one step at a time, with the same cell.

    Weights have Keras's layout, so that they load from and into `keras.layers.LSTM`.

    Args:
      units: U, the size of the state.
      seed: of the initial weights.
    """

    def __init__(self, units, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.seed = units, seed

    def build(self, input_shape):
        glorot, orthogonal = keras.initializers.GlorotUniform(self.seed), keras.initializers.Orthogonal(seed=self.seed)
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 4 * self.units), initializer=glorot)
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, 4 * self.units), initializer=orthogonal
        )
        self.bias = self.add_weight(name="bias", shape=(4 * self.units,), initializer=self._forget_gates_open)

    def _forget_gates_open(self, shape, dtype=None):
        """Zeros, and ones for the forget gates (Jozefowicz et al., 2015)."""
        del shape
        zeros = tf.zeros([self.units], dtype)
        return tf.concat([zeros, tf.ones([self.units], dtype), zeros, zeros], 0)

    def initial_state(self, batch_size):
        """The state before the first step: (h, c), zeros [B, U]."""
        return tf.zeros([batch_size, self.units]), tf.zeros([batch_size, self.units])

    def step(self, inputs, state):
        """One step.

        Args:
          inputs: [B, D].
          state: (h, c), each [B, U].

        Returns:
          The output [B, U] and the new state.
        """
        h, c = state
        z = tf.matmul(inputs, self.kernel) + self.bias + tf.matmul(h, self.recurrent_kernel)
        _, h, c = _gates(z, c)
        return h, (h, c)

    def call(self, inputs, state=None):
        """A whole series, time-major.

        Args:
          inputs: [T, B, D].
          state: (h, c) before the first step, each [B, U]; zeros where left out.

        Returns:
          Outputs [T, B, U] and the state after the last step.
        """
        shape = tf.shape(inputs)
        h0, c0 = self.initial_state(shape[1]) if state is None else state
        flat = tf.reshape(inputs, [-1, inputs.shape[-1]])  # [T * B, D]
        z = tf.reshape(tf.matmul(flat, self.kernel) + self.bias, [shape[0], shape[1], 4 * self.units])  # [T, B, 4U]
        outputs, c_last = _scan(z, tf.convert_to_tensor(self.recurrent_kernel), h0, c0)
        return outputs, (outputs[-1], c_last)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "seed": self.seed}


@keras.saving.register_keras_serializable("sensegen_tf")
class LSTMStack(keras.layers.Layer):
    """LSTM layers, each on the outputs of the one below.

    Args:
      units: the sizes of the layers, from the input up.
      seed: of the initial weights; each layer has one of its own.
    """

    def __init__(self, units, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.seed = tuple(units), seed
        self.layers = [LSTM(size, seed + index, name=f"lstm_{index}") for index, size in enumerate(self.units)]

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

    def call(self, inputs, state=None):
        """A whole series: inputs [B, T, D] and a state -> outputs [B, T, U of the top] and the last state."""
        state = [None] * len(self.layers) if state is None else state
        outputs = tf.transpose(inputs, [1, 0, 2])  # [T, B, D]
        new_state = []
        for layer, layer_state in zip(self.layers, state, strict=True):
            outputs, layer_state = layer(outputs, layer_state)
            new_state.append(layer_state)
        return tf.transpose(outputs, [1, 0, 2]), tuple(new_state)  # [B, T, U]

    def get_config(self):
        return {**super().get_config(), "units": list(self.units), "seed": self.seed}
