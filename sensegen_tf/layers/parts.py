"""Parts of a batch that run side by side.

A loop over time leaves gaps on a CPU: between its products lie steps that keep one core busy, and every product waits
for the cores to meet. Parts of a batch, each with a loop of its own, fill each other's gaps.
"""

import itertools

import tensorflow as tf

from sensegen_tf.layers.lstm import on_gpu

_MOST, _LEAST_ROWS = 4, 8


def parts(rows):
    """Slices that cut `rows` rows into at most 4 parts of nearly equal size and at least 8 rows; on a GPU into one."""
    count = 1 if on_gpu() else min(_MOST, max(1, rows // _LEAST_ROWS))
    cuts = [rows * part // count for part in range(count + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(cuts)]


def in_parts(function, *batch):
    """`function` of arrays [B, ...] whose rows do not depend on each other, in parts side by side: [B, ...]."""
    return tf.concat([function(*(each[part] for each in batch)) for part in parts(batch[0].shape[0])], 0)
