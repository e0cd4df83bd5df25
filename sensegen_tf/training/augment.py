"""Windows as another mounting of the sensor or another tempo would have given them, before they are learnt from.

Fewer details of a training subject are then worth learning: the angle at which a sensor was worn, the exact cadence.
After Um et al. (2017), "Data augmentation of wearable sensor data for Parkinson's disease monitoring using
convolutional neural networks".
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

AXES = 3


def rotate(values: Any, *, axis: Any, angle: Any) -> tf.Tensor:
    """Turns the vectors of sensors with three axes, those of one window all alike (Rodrigues' formula).

    Args:
      values: float32 [B, T, C], C a multiple of three: x, y and z of one sensor after another.
      axis: float32 [B, 3], of any length above 0.
      angle: float32 [B], radians.

    Returns:
      [B, T, C]; lengths of vectors, and angles between those of a window, are kept.

    Example:
      >>> rotate([[[1.0, 0.0, 0.0]]], axis=[[0.0, 0.0, 1.0]], angle=[math.pi / 2]).numpy().round(3).tolist()
      [[[0.0, 1.0, 0.0]]]
    """
    values = tf.convert_to_tensor(values, tf.float32)
    shape = tf.shape(values)
    vectors = tf.reshape(values, [shape[0], -1, AXES])
    unit = tf.math.l2_normalize(tf.convert_to_tensor(axis, tf.float32), -1)[:, None]
    cosine, sine = (function(tf.convert_to_tensor(angle, tf.float32))[:, None, None] for function in (tf.cos, tf.sin))
    along = tf.reduce_sum(unit * vectors, -1, keepdims=True)
    around = tf.linalg.cross(tf.broadcast_to(unit, tf.shape(vectors)), vectors)
    return tf.reshape(cosine * vectors + sine * around + (1 - cosine) * along * unit, shape)


def change_tempo(values: Any, factor: Any) -> tf.Tensor:
    """Plays windows faster or slower around their middle, interpolated linearly and mirrored at their ends.

    Args:
      values: float32 [B, T, C], T at least 2.
      factor: float32 [B], above 0 and at most 2; 2 plays twice as fast.

    Returns:
      [B, T, C].

    Example:
      >>> change_tempo([[[0.0], [1.0], [2.0]]], [0.5]).numpy().ravel().tolist()
      [0.5, 1.0, 1.5]
    """
    values = tf.convert_to_tensor(values, tf.float32)
    last = values.shape[1] - 1
    at = (
        last / 2 + (tf.range(last + 1, dtype=tf.float32) - last / 2) * tf.convert_to_tensor(factor, tf.float32)[:, None]
    )
    at = last - tf.abs(last - tf.abs(at))
    before = tf.clip_by_value(tf.cast(at, tf.int32), 0, last - 1)
    share = (at - tf.cast(before, tf.float32))[..., None]
    first, second = (tf.gather(values, index, axis=1, batch_dims=1) for index in (before, before + 1))
    return first + share * (second - first)


def augment(values: Any, seed: Any, *, rotation_degrees: float, tempo_change: float, rows: int, local: slice) -> Any:
    """Changes every window by a rotation and a tempo of its own.

    Args:
      values: float32 [N, T, C], the `local` rows of `rows`, physical.
      seed: int [2].
      rotation_degrees: the largest angle, around any axis; 0 for none.
      tempo_change: the largest change of the tempo, as a share: 0.1 for 1/1.1 to 1.1 times as fast; 0 for none.
      rows: of all workers together; the numbers of a row do not depend on which are asked for.
      local: which of them these are.

    Returns:
      [N, T, C].
    """
    drawn = tf.random.stateless_normal([rows, AXES], seed, alg="philox")
    seed = tf.random.experimental.stateless_fold_in(seed, 1)
    uniform = tf.random.stateless_uniform([rows, 2], seed, -1.0, 1.0, alg="philox")
    if rotation_degrees:
        values = rotate(values, axis=drawn[local], angle=uniform[local, 0] * math.radians(rotation_degrees))
    if tempo_change:
        values = change_tempo(values, tf.exp(uniform[local, 1] * math.log1p(tempo_change)))
    return values
