"""Parts of a batch that run side by side.

A loop over time leaves gaps on a CPU: between its products lie steps that keep one core busy, and every product waits
for the cores to meet. Parts of a batch, each with a loop of its own, fill each other's gaps.
"""

import itertools

from sensegen_tf.layers.lstm import on_gpu

_PARTS = 4


def parts(rows):
    """Slices that cut `rows` rows into parts of nearly equal size, none of them empty: one part on a GPU."""
    count = 1 if on_gpu() else min(_PARTS, rows)
    cuts = [rows * part // count for part in range(count + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(cuts)]
