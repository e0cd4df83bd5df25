"""Micro-batches: slices of a batch whose loops over time run side by side.

A loop over time leaves gaps on a CPU: between its products lie steps that keep one core busy, and every product waits
for the cores to meet. Micro-batches, each with a loop of its own, fill each other's gaps.
"""

import itertools
from collections.abc import Callable

import tensorflow as tf

from sensegen_tf.layers.lstm import gpu_available

_MOST, _FEWEST_ROWS = 4, 8


def micro_batches(rows: int) -> list[slice]:
    """Slices that cut `rows` rows into at most 4 micro-batches of nearly equal size and at least 8 rows; on a GPU one.

    Example:
      >>> micro_batches(20)
      [slice(0, 10, None), slice(10, 20, None)]
    """
    count = 1 if gpu_available() else min(_MOST, max(1, rows // _FEWEST_ROWS))
    cuts = [rows * index // count for index in range(count + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(cuts)]


def map_micro_batches(function: Callable[..., tf.Tensor], *batch: tf.Tensor) -> tf.Tensor:
    """`function` of arrays [B, ...] whose rows do not depend on each other, micro-batch by micro-batch: [B, ...]."""
    return tf.concat([function(*(each[rows] for each in batch)) for rows in micro_batches(batch[0].shape[0])], 0)
