"""Minibatches without end, as a pure function of a seed and the minibatch's number: from memory or from shards."""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from sensegen_tf.data.shards import Shards
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError

# Shards that are read side by side before they are asked for.
_READ_AHEAD = 2


class Minibatch(NamedTuple):
    """Windows to learn from, [B].

    Attributes:
      values: float32 [B, T, C], physical.
      label: index into the sorted names, int32 [B]; 0 where there are none.
    """

    values: np.ndarray | tf.Tensor
    label: np.ndarray | tf.Tensor


def minibatches(
    windows: WindowSet | Shards,
    batch_size: int,
    *,
    seed: tuple[int, int],
    first: int,
    balance: bool = False,
    shard_index: int = 0,
    num_shards: int = 1,
) -> Iterator[Minibatch]:
    """Shuffled minibatches; every epoch visits every window once, in an order of its own.

    Args:
      windows: in memory, or in shards on disk.
      batch_size: B, of all workers together.
      seed: two integers.
      first: number of the first minibatch, so that a run can go on where it stopped.
      balance: whether labels alternate, so that each has the same share of a minibatch whatever its number of windows.
      shard_index: number of this worker.
      num_shards: how many workers there are; B is a multiple of it. The examples from windows in memory are those of
        the one minibatch that there would be without workers. Of shards on disk, each worker reads its own.

    Returns:
      This worker's examples of each minibatch, B / num_shards.

    Raises:
      InputError: see `check_minibatches`; while iterating, a damaged shard.
    """
    check_minibatches(windows, balance=balance, num_shards=num_shards)
    size = batch_size // num_shards
    if isinstance(windows, Shards):
        visits = itertools.islice(_visits(windows.sizes, seed), shard_index, None, num_shards)
        return _from_shards(windows, visits, size, seed, first)
    begin = shard_index * size
    return _from_memory(windows, batch_size, slice(begin, begin + size), seed, first, balance)


def check_minibatches(windows: WindowSet | Shards, *, balance: bool, num_shards: int) -> None:
    """Refuses windows of which such minibatches cannot be made.

    Args:
      windows: in memory, or in shards on disk.
      balance: whether labels alternate.
      num_shards: how many workers share a minibatch.

    Raises:
      InputError: labels cannot alternate, since there are fewer than two or the windows lie in shards on disk; or there
        are fewer shards than workers.
    """
    if isinstance(windows, Shards):
        if len(windows.sizes) < num_shards:
            raise InputError(
                f"{windows.folder} has {len(windows.sizes)} shards to train on and there are {num_shards} workers, "
                "each of which reads its own; prepare it again with fewer shard_windows",
                fields=["shard_windows"],
            )
        if balance:
            raise InputError(
                "balance_labels needs windows in memory; it cannot be used with a prepared set",
                fields=["balance_labels"],
            )
    elif balance and len(windows.label_names) < 2:
        raise InputError("balance_labels needs windows with at least two labels", fields=["balance_labels"])


def _from_memory(windows, batch_size, local, seed, first, balance):
    """The local examples, a slice, of minibatches of `batch_size` windows."""
    size = local.stop - local.start
    labels = windows.labels if balance else np.zeros(windows.count, int)
    names, counts = np.unique(labels, return_counts=True)
    # Rows sorted by label: those of label k are rows[starts[k] : starts[k] + counts[k]].
    rows = tf.constant(np.argsort(labels, kind="stable"))
    counts = tf.constant(counts, tf.int64)
    starts, kinds = tf.cumsum(counts, exclusive=True), len(names)
    label = windows.encoded_labels(windows.label_names)
    all_rows = [tf.constant(each) for each in (windows.values, label)]

    def minibatch(number):
        position = number * batch_size + tf.range(local.start, local.stop, dtype=tf.int64)
        kind, position = position % kinds, position // kinds
        count = tf.gather(counts, kind)
        epoch = position // count
        seeds = tf.stack([tf.fill([size], tf.constant(s, tf.int64)) for s in seed] + [epoch], -1)
        # The raw op, since tf.random.experimental.index_shuffle pads a batch of seeds on the wrong axis.
        shuffled = tf.raw_ops.RandomIndexShuffle(index=position % count, seed=seeds, max_index=count - 1, rounds=4)
        chosen = tf.gather(rows, tf.gather(starts, kind) + shuffled)
        return Minibatch(*(tf.ensure_shape(tf.gather(each, chosen), [size, *each.shape[1:]]) for each in all_rows))

    return iter(tf.data.Dataset.counter(first).map(minibatch).prefetch(2))


def _from_shards(shards, visits, size, seed, first):
    """Minibatches of `size` windows: shards in the order of `visits`, the windows of each in an order drawn anew.

    A few shards are read ahead, side by side.
    """
    visit, skip = _skip_visits(visits, shards.sizes, first * size)
    rest = None
    with concurrent.futures.ThreadPoolExecutor(_READ_AHEAD) as pool:
        pending = collections.deque(
            pool.submit(_shuffled, shards, each, seed)
            for each in itertools.chain([visit], itertools.islice(visits, _READ_AHEAD - 1))
        )
        while True:
            arrays, order = pending.popleft().result()
            pending.append(pool.submit(_shuffled, shards, next(visits), seed))
            order, skip = order[skip:], 0
            rest = rest or [each[:0] for each in arrays]
            begun = size - len(rest[0])
            rest = [np.concatenate([left, each[order[:begun]]]) for left, each in zip(rest, arrays, strict=True)]
            if len(rest[0]) < size:
                continue
            yield Minibatch(*rest)
            end = begun + (len(order) - begun) // size * size
            for start in range(begun, end, size):
                yield Minibatch(*(each[order[start : start + size]] for each in arrays))
            rest = [each[order[end:]] for each in arrays]


def _visits(sizes, seed):
    """(epoch, shard) without end; all shards once an epoch, in an order drawn anew."""
    for epoch in itertools.count():
        for index in np.random.default_rng([*seed, epoch]).permutation(len(sizes)):
            yield epoch, int(index)


def _shuffled(shards, visit, seed):
    """Values and labels of a shard, and the order in which to take them."""
    epoch, index = visit
    windows = shards.read(index)
    label = windows.encoded_labels(shards.label_names)
    order = np.random.default_rng([*seed, epoch, index]).permutation(windows.count)
    return (windows.values, label), order


def _skip_visits(visits, sizes, skip):
    """The visit that `skip` windows lead into, and how many of its windows are to be skipped still."""
    for visit in visits:
        if skip < sizes[visit[1]]:
            return visit, skip
        skip -= sizes[visit[1]]
    raise AssertionError("visits have no end")
