"""The local engine: an exported model and a seed in, chunks of series out."""

import math

import numpy as np
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.layers.parts import in_parts

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


def _compiled(sample, length):
    """The signature `sample` for series of one length, compiled with XLA and run in parts side by side."""

    @tf.function(jit_compile=True)
    def one(seed):
        return sample(seed=seed, length=tf.fill([seed.shape[0]], length))["samples"]

    return tf.function(lambda seed: in_parts(one, seed))


def generate(version, count, length, seed, chunk_size, xla=False):
    """Generates series in chunks.

    Args:
      version: folder of a SavedModel version.
      count: N.
      length: T.
      seed: of the file, in [0, 2^31).
      chunk_size: about how many series are held in memory at once: rounded up to whole batches.
      xla: whether the model is compiled for this length first, which is faster and draws other series for a seed.

    Yields:
      (seeds int64 [n], samples float32 [n, T, C]).

    Raises:
      InputError: the SavedModel cannot be loaded.
    """
    try:
        model = tf.saved_model.load(version)
        signature = model.signatures["serving_default"]
    except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
        raise InputError(f"cannot load the SavedModel at {version}: {error}") from error
    chunk = math.ceil(chunk_size / BATCH_SIZE) * BATCH_SIZE
    lengths = tf.fill([BATCH_SIZE], length)

    def served(seed):
        return signature(seed=seed, length=lengths)["samples"]

    sample = _compiled(signature, length) if xla else served
    for first in range(0, count, chunk):
        stop = min(first + chunk, count)
        batches = [
            sample(tf.constant(row_seeds(seed, start, BATCH_SIZE))).numpy() for start in range(first, stop, BATCH_SIZE)
        ]
        yield row_seeds(seed, first, stop - first), np.concatenate(batches)[: stop - first]
