"""The local engine: an exported model and a seed in, chunks of series out."""

import math

import numpy as np
import tensorflow as tf

from sensegen_tf.errors import InputError

# The model always runs at this batch size, so that a row is computed by the same kernels in any chunk.
BATCH_SIZE = 256


def row_seeds(seed, first, count):
    """Seeds of the rows [first, first + count) of the file that `seed` names: no two files share one.

    Args:
      seed: in [0, 2^31).
      first, count: below 2^32.

    Returns:
      int64 [count].
    """
    return (np.int64(seed) << np.int64(32)) + np.arange(first, first + count, dtype=np.int64)


def generate(version, count, length, seed, chunk_size):
    """Generates series in chunks.

    Args:
      version: folder of a SavedModel version.
      count: N.
      length: T.
      seed: of the file, in [0, 2^31).
      chunk_size: about how many series are held in memory at once: rounded up to whole batches.

    Yields:
      (seeds int64 [n], samples float32 [n, T, C]).

    Raises:
      InputError: the SavedModel cannot be loaded.
    """
    try:
        model = tf.saved_model.load(version)
        sample = model.signatures["serving_default"]
    except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
        raise InputError(f"cannot load the SavedModel at {version}: {error}") from error
    chunk = math.ceil(chunk_size / BATCH_SIZE) * BATCH_SIZE
    lengths = tf.fill([BATCH_SIZE], length)
    for first in range(0, count, chunk):
        stop = min(first + chunk, count)
        batches = [
            sample(seed=tf.constant(row_seeds(seed, start, BATCH_SIZE)), length=lengths)["samples"].numpy()
            for start in range(first, stop, BATCH_SIZE)
        ]
        yield row_seeds(seed, first, stop - first), np.concatenate(batches)[: stop - first]
