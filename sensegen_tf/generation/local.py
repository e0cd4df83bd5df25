"""The local engine: an exported model and a seed in, chunks of series out."""

import math

import numpy as np
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.layers.parts import in_parts

BATCH_SIZE = 256
# Samples of a row up to which a compiled loop over many rows takes hardly longer than one over few.
_SHORT = 256


def batch_size(length, xla):
    """Rows that the model always makes at once, so that a row is computed by the same kernels in any chunk.

    Args:
      length, xla: as `sampler`.
    """
    return 4 * BATCH_SIZE if xla and length <= _SHORT else BATCH_SIZE


def row_seeds(seed, first, count):
    """Seeds of the rows [first, first + count) of the file that `seed` names: no two files share one.

    Args:
      seed: in [0, 2^31).
      first, count: below 2^32.

    Returns:
      int64 [count].
    """
    return (np.int64(seed) << np.int64(32)) + np.arange(first, first + count, dtype=np.int64)


def row_numbers(seeds):
    """The numbers, int64 [N], of rows in the file that they belong to, from their seeds."""
    return seeds & np.int64(2**32 - 1)


def label_shares(card, label=None):
    """The shares of a model's labels: as common as in training, or one label alone.

    Args:
      card: its `ModelCard`.
      label: a name, or None.

    Raises:
      InputError: the model has no such label.
    """
    if label is None:
        return card.label_shares
    if label not in card.labels:
        there = ", ".join(card.labels) or "none, since it is not conditional"
        raise InputError(f"the model has no label {label!r}; it has {there}")
    return tuple(float(name == label) for name in card.labels)


def row_labels(shares, first, count):
    """Labels of the rows [first, first + count) in given shares, each alike over any stretch of rows.

    Args:
      shares: L numbers that sum to 1; none for an unconditional model.
      first, count: below 2^32.

    Returns:
      int32 [count]; zeros for an unconditional model. The multiples of the golden ratio spread most evenly over [0, 1).
    """
    spread = np.arange(first, first + count) * ((np.sqrt(5) - 1) / 2) % 1
    return np.searchsorted(np.cumsum(shares)[:-1], spread, side="right").astype(np.int32)


def load(version):
    """The SavedModel of a version; it must live as long as its `signatures` are used.

    Raises:
      InputError: it cannot be loaded.
    """
    try:
        model = tf.saved_model.load(version)
    except (OSError, KeyError, ValueError, AttributeError, tf.errors.OpError) as error:
        raise InputError(f"cannot load the SavedModel at {version}: {error}") from error
    if "sample_tempered" not in model.signatures:
        raise InputError(f"the SavedModel at {version} has no signature sample_tempered: export it again")
    return model


def sampler(model, length, conditional, temperature=1.0, xla=False):
    """A function of seeds int64 [n] and labels int32 [n] that gives samples, a tensor [n, T, C].

    Args:
      model: as `load` gives it.
      length: T.
      conditional: whether the model takes labels.
      temperature: above 0; below 1 the likely becomes likelier.
      xla: whether it is compiled for this length at the first call, which is faster and rounds differently.
    """
    signature = model.signatures["sample_tempered"]

    def sample(seed, label):
        rows = seed.shape[0]
        inputs = {"length": tf.fill([rows], length), "temperature": tf.fill([rows], float(temperature))}
        return signature(seed=seed, **inputs, **({"label": label} if conditional else {}))["samples"]

    if not xla:
        return sample
    compiled = tf.function(sample, jit_compile=True)
    return tf.function(lambda seed, label: in_parts(compiled, seed, label))


def chunks(sample, batch_size, first, count, seed, chunk_size, shares=()):
    """The rows [first, first + count) of the file that a seed names, in chunks.

    Args:
      sample: a `sampler`.
      batch_size: see `batch_size`.
      first: a multiple of it, so that batches are cut alike from wherever.
      count: below 2^32.
      seed: of the file, in [0, 2^31).
      chunk_size: about how many series are held in memory at once: rounded up to whole batches.
      shares: of the labels, see `row_labels`; none for an unconditional model.

    Yields:
      (seeds int64 [n], labels int32 [n], samples float32 [n, T, C]).
    """
    chunk, end = math.ceil(chunk_size / batch_size) * batch_size, first + count
    for begin in range(first, end, chunk):
        stop = min(begin + chunk, end)
        batches = [
            sample(
                tf.constant(row_seeds(seed, start, batch_size)), tf.constant(row_labels(shares, start, batch_size))
            ).numpy()
            for start in range(begin, stop, batch_size)
        ]
        rows = begin, stop - begin
        yield row_seeds(seed, *rows), row_labels(shares, *rows), np.concatenate(batches)[: stop - begin]


def generate(model, count, length, seed, chunk_size, shares=(), temperature=1.0, xla=False):
    """Generates the series of a file in chunks: a `sampler` of `model`, and its `chunks` from the first row on."""
    sample = sampler(model, length, bool(len(shares)), temperature, xla)
    yield from chunks(sample, batch_size(length, xla), 0, count, seed, chunk_size, shares)
