"""The discriminative and predictive scores as TimeGAN published them (Yoon et al., 2019, its folder `metrics/`).

Both sets are scaled by the least and greatest real value of each channel. One GRU layer of int(C / 2) units, as the GRU
cell of TensorFlow 1 (reset gate before the product, Glorot weights, gates' biases 1), Adam with its defaults,
minibatches of 128. With one channel int(C / 2) would be 0, and the predictive score would have no inputs: there one
unit is used, and the next value is predicted from those before it.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

_BATCH = 128
_DISCRIMINATIVE_STEPS, _PREDICTIVE_STEPS = 2000, 5000


def _scaled(real, synthetic):
    low, high = real.min((0, 1)), real.max((0, 1))
    return ((each - low) / (high - low) for each in (real, synthetic))


class _Gru:
    """A GRU as TensorFlow 1 had it, and a dense layer of one output."""

    def __init__(self, inputs, units, *, sequences, seed):
        rng = np.random.default_rng(seed)

        def glorot(rows, columns, blocks=1):
            limit = np.sqrt(6 / (rows + columns * blocks))
            return rng.uniform(-limit, limit, [rows, columns * blocks]).astype(np.float32)

        gates, candidate = glorot(inputs + units, units, 2), glorot(inputs + units, units)
        kernel = np.concatenate([gates, candidate], 1)  # update, reset, candidate
        bias = np.repeat([1, 1, 0], units).astype(np.float32)
        self._gru = keras.layers.GRU(units, reset_after=False, return_sequences=sequences)
        self._dense = keras.layers.Dense(1)
        self._gru.build([None, None, inputs])
        self._dense.build([None, units])
        self._gru.set_weights([kernel[:inputs], kernel[inputs:], bias])
        self._dense.set_weights([glorot(units, 1), np.zeros(1, np.float32)])
        self.variables = self._gru.trainable_variables + self._dense.trainable_variables

    def __call__(self, values):
        return self._dense(self._gru(values))[..., 0]


def _train(loss, variables, arrays, steps, seed):
    """`steps` steps of Adam; `loss(*minibatches)`; each array has its own random rows in every step.

    The arrays must have fixed shapes, so that XLA compiles the recurrence: it is ten times faster for so few units.
    """
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(variables)
    constants = [tf.constant(array, tf.float32) for array in arrays]
    rng = np.random.default_rng([seed, 3])
    rows = np.stack(
        [[rng.permutation(len(array))[:_BATCH] for _ in range(steps)] for array in arrays], 1
    )  # [steps, A, B]

    @tf.function(jit_compile=True)
    def step(chosen):
        minibatches = [tf.gather(array, chosen[index]) for index, array in enumerate(constants)]
        with tf.GradientTape() as tape:
            value = loss(*minibatches)
        optimizer.apply(tape.gradient(value, variables), variables)

    @tf.function
    def all_steps(rows):
        for chosen in rows:
            step(chosen)

    all_steps(rows)


def discriminative_score(real: np.ndarray, synthetic: np.ndarray, *, seed: int) -> float:
    """|0.5 - accuracy| of the small classifier on a random fifth of the windows: 0 is best, 0.5 worst.

    Args:
      real, synthetic: [N, T, C].
      seed: an integer.
    """
    real, synthetic = (each.astype(np.float32) for each in _scaled(real, synthetic))
    rng = np.random.default_rng([seed, 4])
    sides = []
    for each in (real, synthetic):
        order = rng.permutation(len(each))
        cut = int(len(each) * 0.8)
        sides.append((each[order[:cut]], each[order[cut:]]))
    (real_training, real_test), (synthetic_training, synthetic_test) = sides
    network = _Gru(real.shape[-1], max(real.shape[-1] // 2, 1), sequences=False, seed=seed)

    def loss(real_batch, synthetic_batch):
        real_logits, synthetic_logits = tf.split(network(tf.concat([real_batch, synthetic_batch], 0)), 2)
        cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits
        on_real = tf.reduce_mean(cross_entropy(tf.ones_like(real_logits), real_logits))
        return on_real + tf.reduce_mean(cross_entropy(tf.zeros_like(synthetic_logits), synthetic_logits))

    _train(loss, network.variables, [real_training, synthetic_training], _DISCRIMINATIVE_STEPS, seed)
    right = np.concatenate([network(real_test) > 0, network(synthetic_test) <= 0])
    return abs(0.5 - float(right.mean()))


def predictive_score(real: np.ndarray, synthetic: np.ndarray, *, seed: int) -> float:
    """Mean absolute error, on all real windows, of a next-value predictor trained on synthetic ones.

    The last channel is predicted a step ahead from the others, as published (with one channel: from itself).

    Args:
      real, synthetic: [N, T, C].
      seed: an integer.

    Returns:
      The error in shares of the last channel's range.
    """
    real, synthetic = (each.astype(np.float32) for each in _scaled(real, synthetic))
    inputs = max(real.shape[-1] - 1, 1)
    network = _Gru(inputs, max(real.shape[-1] // 2, 1), sequences=True, seed=seed)

    def errors(values):
        return tf.abs(tf.sigmoid(network(values[:, :-1, :inputs])) - values[:, 1:, -1])  # [B, T - 1]

    def loss(values):
        return tf.reduce_mean(errors(values))

    _train(loss, network.variables, [synthetic], _PREDICTIVE_STEPS, seed)
    return float(np.mean(np.concatenate([errors(real[i : i + 512]) for i in range(0, len(real), 512)])))
