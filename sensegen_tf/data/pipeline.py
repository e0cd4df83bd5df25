"""Minibatches without end, as a pure function of a seed and the minibatch's number: from memory or from shards."""

import collections
import concurrent.futures
import itertools
import json
import typing
import zlib

import numpy as np
import tensorflow as tf

from sensegen_tf.data import records
from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.windows import Dataset, Standardizer, Windows, label_names, numbered
from sensegen_tf.errors import InputError

# Shards that are read side by side before they are asked for.
_READ_AHEAD = 2


class Minibatch(typing.NamedTuple):
    """Values float32 [B, T, C], physical; numbers of the label and of the person, int32 [B], in the sorted names."""

    values: np.ndarray
    label: np.ndarray
    person: np.ndarray


def minibatches(windows, batch_size, seed, first, balance=False, share=(0, 1)):
    """Shuffled minibatches; every epoch visits every window once, in an order of its own.

    Args:
      windows: `Windows` or `Shards`.
      batch_size: B, of all workers together.
      seed: two integers.
      first: number of the first minibatch, so that a run can go on where it stopped.
      balance: whether labels take turns, so that each has the same share of a minibatch whatever its number of windows.
      share: number of this worker and how many there are; B is a multiple of that. The rows of windows in memory are
        those of the one minibatch that there would be without workers. Of shards, each worker reads its own.

    Returns:
      An iterator of `Minibatch` with this worker's rows.

    Raises:
      InputError: see `check`; while iterating, a damaged shard.
    """
    check(windows, balance, share[1])
    if isinstance(windows, Shards):
        return windows.minibatches(batch_size, seed, first, share)
    return _from_memory(windows, batch_size, seed, first, balance, share)


def check(windows, balance, workers):
    """Refuses windows of which such minibatches cannot be made.

    Args:
      windows: `Windows` or `Shards`.
      balance: whether labels take turns.
      workers: how many share a minibatch.

    Raises:
      InputError: labels cannot take turns, since there are fewer than two or the windows lie in shards; or there are
        fewer shards than workers.
    """
    if isinstance(windows, Shards):
        windows.check_shared(workers)
        if balance:
            raise InputError("--balance_labels needs windows in memory; it cannot be used with a prepared set")
    elif balance and len(set(windows.labels.tolist())) < 2:
        raise InputError("--balance_labels needs windows with at least two labels")


def _from_memory(windows, batch_size, seed, first, balance, share):
    labels = windows.labels if balance else np.zeros(windows.count, int)
    names, counts = np.unique(labels, return_counts=True)
    # Rows sorted by label: those of label k are rows[starts[k] : starts[k] + counts[k]].
    rows = tf.constant(np.argsort(labels, kind="stable"))
    counts = tf.constant(counts, tf.int64)
    starts, kinds = tf.cumsum(counts, exclusive=True), len(names)
    label = numbered(windows.label_names, windows.labels)
    person = numbered(windows.people, windows.subjects)
    all_rows = [tf.constant(each) for each in (windows.values, label, person)]
    worker, workers = share
    size = batch_size // workers

    def minibatch(number):
        position = number * batch_size + worker * size + tf.range(size, dtype=tf.int64)
        kind, position = position % kinds, position // kinds
        count = tf.gather(counts, kind)
        epoch = position // count
        seeds = tf.stack([tf.fill([size], tf.constant(s, tf.int64)) for s in seed] + [epoch], -1)
        # The raw op, since tf.random.experimental.index_shuffle pads a batch of seeds on the wrong axis.
        shuffled = tf.raw_ops.RandomIndexShuffle(index=position % count, seed=seeds, max_index=count - 1, rounds=4)
        chosen = tf.gather(rows, tf.gather(starts, kind) + shuffled)
        return Minibatch(*(tf.ensure_shape(tf.gather(each, chosen), [size, *each.shape[1:]]) for each in all_rows))

    return iter(tf.data.Dataset.counter(first).map(minibatch).prefetch(2))


class Shards:
    """Windows of one split of a prepared set, read as a stream: a few shards are in memory at once.

    Args:
      folder: of the prepared set.
      manifest: its manifest.
      split: a key of its "splits".
    """

    def __init__(self, folder, manifest, split):
        self._folder, self._split = folder, manifest["splits"][split]
        self._shape = manifest["length"], len(manifest["channels"])
        self._shards = self._split["shards"]
        self.count = self._split["windows"]
        self.people = tuple(self._split["subjects"])
        self.label_names = label_names(list(self._split["labels"]))

    def check_shared(self, workers):
        """Refuses fewer shards than workers."""
        if len(self._shards) < workers:
            raise InputError(
                f"{self._folder} has {len(self._shards)} shards to train on and there are {workers} workers, each of "
                "which reads its own; prepare it again with smaller shards, --shard_windows"
            )

    def describe(self):
        """Counts and checksum, as the windows had them before they were written, and one of the list of shards."""
        counts = {key: value for key, value in self._split.items() if key != "shards"}
        return {**counts, "shards_checksum": zlib.crc32(json.dumps(self._shards).encode())}

    def _read(self, index):
        return records.read_shard(self._folder, self._shards[index], *self._shape)

    def spread(self, count):
        """At most `count` of the windows, as `Windows`: the first, since shards are random mixtures."""
        parts, missing = [], min(count, self.count)
        for index in range(len(self._shards)):
            if missing:
                # A copy, since a view would keep the whole shard in memory.
                shard = self._read(index)
                parts.append([each[:missing].copy() for each in (shard.values, shard.subjects, shard.labels)])
                missing -= len(parts[-1][0])
        return Windows(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def minibatches(self, batch_size, seed, first, share):
        """See `minibatches`: shards in an order drawn anew each epoch, and the windows of each likewise.

        Workers take turns in the order of the shards; each reads a few shards ahead, side by side.
        """
        worker, workers = share
        size = batch_size // workers
        sizes = np.array([shard["windows"] for shard in self._shards])
        visits = itertools.islice(self._visits(sizes, seed), worker, None, workers)
        visit, skip = _skip_visits(visits, sizes, first * size)
        rest = None
        with concurrent.futures.ThreadPoolExecutor(_READ_AHEAD) as pool:
            pending = collections.deque(
                pool.submit(self._shuffled, each, seed)
                for each in itertools.chain([visit], itertools.islice(visits, _READ_AHEAD - 1))
            )
            while True:
                arrays, order = pending.popleft().result()
                pending.append(pool.submit(self._shuffled, next(visits), seed))
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

    def _visits(self, sizes, seed):
        """(epoch, shard) without end."""
        for epoch in itertools.count():
            for index in np.random.default_rng([*seed, epoch]).permutation(len(sizes)):
                yield epoch, int(index)

    def _shuffled(self, visit, seed):
        """Values, labels and people of a shard, and the order in which to take them."""
        epoch, index = visit
        windows = self._read(index)
        label = numbered(self.label_names, windows.labels)
        person = numbered(self.people, windows.subjects)
        order = np.random.default_rng([*seed, epoch, index]).permutation(windows.count)
        return (windows.values, label, person), order


def _skip_visits(visits, sizes, skip):
    """The visit that `skip` windows lead into, and how many of its windows are to be skipped still."""
    for visit in visits:
        if skip < sizes[visit[1]]:
            return visit, skip
        skip -= sizes[visit[1]]
    raise AssertionError("visits have no end")


def open_prepared(folder):
    """A prepared set as a `Dataset` whose windows are read as a stream.

    Args:
      folder: that `python -m sensegen_tf.data prepare` wrote.

    Raises:
      InputError: it is missing, or of another format.
    """
    manifest = records.read_manifest(folder)
    try:
        return Dataset(
            rate=manifest["rate"],
            channels=tuple(manifest["channels"]),
            units=tuple(manifest["units"]),
            sensors=tuple(Sensor(**sensor) for sensor in manifest["sensors"]),
            length=manifest["length"],
            **{name: Shards(folder, manifest, name) for name in manifest["splits"]},
            standardizer=Standardizer(*(np.array(manifest[key], np.float32) for key in ("mean", "std", "increment"))),
            terms=manifest["terms"],
            resampled=manifest["resampled"],
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"the manifest of {folder} is incomplete: {error}") from error
