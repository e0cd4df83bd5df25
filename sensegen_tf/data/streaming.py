"""Prepares a set without holding the recordings in memory: one pass over the files, then one over what was cut."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from sensegen_tf.data import plan
from sensegen_tf.data.dataset import describe_channels
from sensegen_tf.data.plan import Cuts, Places, Plan
from sensegen_tf.data.sources import SourceConfig, open_readers
from sensegen_tf.data.sources.lookup import Attributes
from sensegen_tf.data.sources.prepared import layout, refuse_existing, write_manifest, write_shard
from sensegen_tf.data.spool import Entry, Spool, SpoolReader, spool
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.statistics import BLOCK, WindowMoments
from sensegen_tf.data.windows import WindowConfig
from sensegen_tf.data.workers import Workers
from sensegen_tf.files import atomic_folder

# Fewer bytes of recordings are read in this process, sooner than others would have started.
_SMALL = 1 << 26


@contextlib.contextmanager
def open_source(
    config: SourceConfig, folder: str | os.PathLike[str], *, processes: int | None = None
) -> Iterator[Unprepared]:
    """Context manager: the recordings of a source, of which `write` makes a prepared set.

    The set appears whole when the block ends, or not at all. Until then the folder also holds the recordings.
    The set is that of `split.prepare` and `write_prepared`, byte for byte, whatever the number of processes.

    Args:
      config: which recordings.
      folder: to make; must not exist.
      processes: that read and write, at least 1; None for one a core, or one where the recordings are small.

    Raises:
      InputError: see `sources.load`; the folder exists, or the disk is full.
    """
    folder = refuse_existing(folder)
    readers, attributes = open_readers(config), Attributes(config.attributes, config.data_dir)
    if processes is None:
        processes = (os.cpu_count() or 1) if _size(config.data_dir) > _SMALL else 1
    with atomic_folder(folder) as temporary:
        recordings = os.path.join(temporary, "recordings")
        os.mkdir(recordings)
        # Other processes than those that write: without TensorFlow they leave their memory to the recordings.
        with Workers(processes) as workers:
            found = spool(readers, recordings, config=config.take, attributes=attributes, workers=workers)
        with Workers(processes, tensorflow=True) as workers:
            yield Unprepared(found, temporary, workers=workers)
        shutil.rmtree(recordings)


def _size(path):
    """Bytes below a folder, or of a file."""
    files = [os.path.join(root, name) for root, _, names in os.walk(path) for name in names] or [path]
    return sum(os.path.getsize(file) for file in files if os.path.exists(file))


class Unprepared:
    """Recordings on disk of which a set is to be prepared.

    Args:
      spooled: the recordings.
      folder: of the set.
      workers: that write it.

    Attributes:
      rate: samples a second of the first recording.
      notes, test_subjects: see `Collection`.
    """

    def __init__(self, spooled: Spool, folder: str, *, workers: Workers):
        self._spool, self._folder, self._workers = spooled, folder, workers
        self.rate: float = spooled.recordings[0].outline.rate
        self.notes: tuple[str, ...] = spooled.found["notes"]
        self.test_subjects: tuple[str, ...] = spooled.found["test_subjects"]

    def write(self, config: WindowConfig, *, labels_asked: bool = False, shard_windows: int) -> tuple[str, ...]:
        """Writes the set.

        Args:
          config: how the recordings become windows.
          labels_asked: whether the user named the labels, so that one without a window is an error.
          shard_windows: windows in a shard.

        Returns:
          What a person should know of the cutting.

        Raises:
          InputError: see `split.prepare`.
          OSError: the disk is full.
        """
        recordings = plan.wanted(self._spool.recordings, config)
        outlines = [recording.outline for recording in recordings]
        planned = plan.plan(outlines, config, test_subjects=self.test_subjects, labels_asked=labels_asked)
        planned = planned.in_double() if self._spool.found["double"] else planned
        entries = [recording.entry for recording in recordings]
        written = self._write_splits(planned, entries, shard_windows)
        found, first = self._spool.found, planned.splits["training"]
        standardizer = Standardizer.of_moments(
            written.moments, found["sensors"], channels=first.like["channels"], resampled=found["resampled"]
        )
        described = describe_channels(
            standardizer,
            found["sensors"],
            like=first.like,
            length=config.length,
            terms=found["terms"],
            resampled=found["resampled"],
        )
        attributes = plan.attributes(outlines)
        write_manifest(self._folder, {**described, "splits": written.splits}, attributes=attributes)
        return planned.notes

    def _write_splits(self, planned: Plan, entries, shard_windows):
        start = self._workers.submit
        measured = {name: start(_measure, _Measured(cuts, entries)) for name, cuts in planned.splits.items()}
        shards, write = {}, functools.partial(_write_shard, folder=self._folder)
        for name, cuts in planned.splits.items():
            jobs = (
                _job(cuts, entries, shard.file, shard.rows)
                for shard in layout(cuts.count, name, shard_windows=shard_windows)
            )
            shards[name] = list(self._workers.map(write, jobs))
        found = {name: result() for name, result in measured.items()}
        splits = {
            name: {**cuts.describe(found[name].checksum), "shards": shards[name]}
            for name, cuts in planned.splits.items()
        }
        return _Written(splits, found["training"].moments)


class _Written(NamedTuple):
    """Name of a split -> what the manifest says of it; and the moments of the training windows."""

    splits: dict[str, Any]
    moments: WindowMoments


class _Measured(NamedTuple):
    """The windows of a split, and where the recordings lie."""

    cuts: Cuts
    entries: list[Entry]


class _Found(NamedTuple):
    """CRC-32 of the values of all windows in their order, and their moments."""

    checksum: int
    moments: WindowMoments


def _measure(job):
    cuts, entries = job
    checksum, moments = 0, WindowMoments()
    with SpoolReader(entries) as signals:
        for start in range(0, cuts.count, BLOCK):
            places = cuts.places(np.arange(start, min(start + BLOCK, cuts.count)))
            values = places.read(cuts.length, signals, like=cuts.like).values
            checksum = zlib.crc32(values, checksum)
            moments.add(values)
    return _Found(checksum, moments)


class _Shard(NamedTuple):
    """A shard to write: its file, its windows, their length, what holds for all, and where the recordings lie."""

    file: str
    places: Places
    length: int
    like: dict[str, Any]
    entries: dict[int, Entry]


def _job(cuts, entries, file, rows):
    places = cuts.places(rows)
    needed = {number: entries[number] for number in np.unique(places.recording).tolist()}
    return _Shard(file, places, cuts.length, cuts.like, needed)


def _write_shard(job, *, folder):
    with SpoolReader(job.entries) as signals:
        windows = job.places.read(job.length, signals, like=job.like)
    return write_shard(windows, folder, file=job.file)
