"""The local engine: an exported model and a seed in, chunks of series out."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.layers.micro_batches import map_micro_batches
from sensegen_tf.serving.model_card import ModelCard

BATCH_SIZE = 256
# Samples of a series up to which a compiled loop over many series takes hardly longer than one over few.
_SHORT = 256

Sampler = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Chunk(typing.NamedTuple):
    """Consecutive series of a file.

    Attributes:
      seeds: int64 [n], see `series_seeds`.
      labels: int32 [n], places in the card's labels; zeros for an unconditional model.
      values: float32 [n, T, C], in physical units.
    """

    seeds: np.ndarray
    labels: np.ndarray
    values: np.ndarray


def batch_size(length: int, *, xla: bool = False) -> int:
    """Series that the model always makes at once, so that a series is computed by the same kernels in any chunk.

    Args:
      length, xla: as `sampler`.
    """
    return 4 * BATCH_SIZE if xla and length <= _SHORT else BATCH_SIZE


def series_seeds(seed: int, *, first: int = 0, count: int) -> np.ndarray:
    """Seeds of the series [first, first + count) of the file that `seed` names: no two files share one.

    Args:
      seed: in [0, 2^31).
      first, count: below 2^32.

    Returns:
      int64 [count].
    """
    return (np.int64(seed) << np.int64(32)) + np.arange(first, first + count, dtype=np.int64)


def series_numbers(seeds: np.ndarray) -> np.ndarray:
    """The places, int64 [N], of series in their file, from their seeds."""
    return seeds & np.int64(2**32 - 1)


def label_shares(card: ModelCard, label: str | None = None) -> tuple[float, ...]:
    """The shares of a model's labels: as common as in training, or one label alone.

    Args:
      card: of the model.
      label: a name, or None.

    Raises:
      InputError: the model has no such label.
    """
    if label is None:
        return card.label_shares
    if label not in card.labels:
        there = ", ".join(card.labels) or "none, since it is not conditional"
        raise InputError(f"label must be one that the model has, got {label!r}; it has {there}", fields=["label"])
    return tuple(float(name == label) for name in card.labels)


def series_labels(shares: Sequence[float], *, first: int = 0, count: int) -> np.ndarray:
    """Labels of the series [first, first + count) of a file, in shares that nearly hold for any consecutive series.

    Args:
      shares: L numbers that sum to 1; none for an unconditional model.
      first, count: below 2^32.

    Returns:
      int32 [count]; zeros for an unconditional model.
    """
    # The multiples of the golden ratio, modulo 1, are the most even sequence in [0, 1).
    even = np.arange(first, first + count) * ((np.sqrt(5) - 1) / 2) % 1
    return np.searchsorted(np.cumsum(shares)[:-1], even, side="right").astype(np.int32)


def load(version: str) -> typing.Any:
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


def sampler(
    model: typing.Any, *, length: int, conditional: bool, temperature: float = 1.0, xla: bool = False
) -> Sampler:
    """A function of seeds int64 [n] and labels int32 [n] that gives series, a tensor [n, T, C].

    Args:
      model: as `load` gives it.
      length: T.
      conditional: whether the model takes labels.
      temperature: above 0; below 1 the likely becomes likelier.
      xla: whether it is compiled for this length at the first call, which is faster and rounds differently.
    """
    signature = model.signatures["sample_tempered"]

    def sample(seed, label):
        count = seed.shape[0]
        inputs = {"length": tf.fill([count], length), "temperature": tf.fill([count], float(temperature))}
        return signature(seed=seed, **inputs, **({"label": label} if conditional else {}))["samples"]

    if not xla:
        return sample
    compiled = tf.function(sample, jit_compile=True)
    return tf.function(lambda seed, label: map_micro_batches(compiled, seed, label))


def chunks(
    sample: Sampler,
    batch_size: int,
    *,
    count: int,
    seed: int,
    chunk_size: int,
    first: int = 0,
    shares: Sequence[float] = (),
) -> Iterator[Chunk]:
    """The series [first, first + count) of the file that a seed names, in chunks.

    Args:
      sample: a `sampler`.
      batch_size: see `batch_size`.
      count: below 2^32.
      seed: of the file, in [0, 2^31).
      chunk_size: about how many series are held in memory at once: rounded up to whole batches.
      first: a multiple of the batch size, so that batches are the same wherever a file is divided.
      shares: of the labels, see `series_labels`; none for an unconditional model.
    """
    chunk, end = math.ceil(chunk_size / batch_size) * batch_size, first + count
    for begin in range(first, end, chunk):
        stop = min(begin + chunk, end)
        batches = [
            sample(
                tf.constant(series_seeds(seed, first=start, count=batch_size)),
                tf.constant(series_labels(shares, first=start, count=batch_size)),
            ).numpy()
            for start in range(begin, stop, batch_size)
        ]
        yield Chunk(
            series_seeds(seed, first=begin, count=stop - begin),
            series_labels(shares, first=begin, count=stop - begin),
            np.concatenate(batches)[: stop - begin],
        )


def generate(
    model: typing.Any,
    count: int,
    *,
    length: int,
    seed: int,
    chunk_size: int,
    shares: Sequence[float] = (),
    temperature: float = 1.0,
    xla: bool = False,
) -> Iterator[Chunk]:
    """All series of a file in chunks: a `sampler` of `model`, and its `chunks` from the first series on."""
    sample = sampler(model, length=length, conditional=bool(len(shares)), temperature=temperature, xla=xla)
    size = batch_size(length, xla=xla)
    yield from chunks(sample, size, count=count, seed=seed, chunk_size=chunk_size, shares=shares)
