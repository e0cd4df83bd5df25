"""Signatures of subjects: ways to say how alike a window and the windows of a subject are, as recordings of a person.

Three are known: the median beat of an ECG; an embedding learnt on the real windows of other subjects; and slicing
dynamic time warping, which learns nothing (Lange et al., arXiv 2308.08310). `identity` makes measures of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sensegen_tf.data.windows import evenly_spaced
from sensegen_tf.evaluation.metrics.embedding import SubjectEmbedding

# Correlation of a window without beats with any other.
_NO_BEAT = -1.0
# A slice lasts this long [s], where the rate is known, or a quarter of a window, and is compared at so many steps.
_SLICE_SECONDS, _SLICE_STEPS = 1.28, 64
# Share of a slice by which time may be warped.
_WARP = 0.125
# Slices of a probe, and of a subject.
PROBE_SLICES, SUBJECT_SLICES = 4, 40
# Rows of a matrix of similarities that are in memory at once.
_CHUNK = 500


class Signature(NamedTuple):
    """A way to compare windows with subjects.

    Attributes:
      gallery: names of the training subjects with whom it may compare: for a learnt one, those it did not learn from.
      compare: a function of P row numbers and of the row numbers of each of S subjects: similarity, float32 [P, S].
    """

    gallery: np.ndarray
    compare: Callable[[np.ndarray, Sequence[np.ndarray]], np.ndarray]


def _nearest_rows(points: np.ndarray) -> Callable[[np.ndarray, Sequence[np.ndarray]], np.ndarray]:
    """Compares by the largest inner product with a row of the subject."""

    def compare(probes, galleries):
        rows, starts = np.concatenate(galleries), np.cumsum([0, *map(len, galleries)])[:-1]
        pieces = [probes[start : start + _CHUNK] for start in range(0, len(probes), _CHUNK)]
        return np.concatenate([np.maximum.reduceat(points[each] @ points[rows].T, starts, axis=1) for each in pieces])

    return compare


def beats(median_beats: np.ndarray, training: np.ndarray) -> list[Signature]:
    """Compares by the correlation of median beats.

    Args:
      median_beats: of all windows, [N, S]; NaN where there is no beat; see `physiology.heart`.
      training: names of the training subjects.
    """
    around = median_beats - median_beats.mean(1, keepdims=True)
    points = around / np.maximum(np.linalg.norm(around, axis=1, keepdims=True), 1e-12)
    known = np.isfinite(points[:, 0])
    compare_known = _nearest_rows(np.where(known[:, None], points, 0).astype(np.float32))

    def compare(probes, galleries):
        found = compare_known(probes, galleries)
        found[~known[probes]] = _NO_BEAT
        found[:, [not known[rows].any() for rows in galleries]] = _NO_BEAT
        return found

    return [Signature(training, compare)]


def embeddings(
    values: np.ndarray,
    subjects: np.ndarray,
    *,
    training: np.ndarray,
    steps: int,
    seed: int,
    progress: Callable[[], None] = lambda: None,
) -> list[Signature]:
    """Compares by a `SubjectEmbedding`: one is learnt on each half of the training subjects, and compares the others.

    So no embedding has seen the subjects whom it is asked about, nor test subjects.

    Args:
      values: all windows, [N, T, C].
      subjects: of these windows, N strings.
      training: names of the training subjects, at least four.
      steps: of training.
      seed: an integer.
      progress: called before each of the two trainings.
    """
    order = np.random.default_rng([seed, 10]).permutation(training)
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    found = []
    for number, (known, others) in enumerate((halves, halves[::-1])):
        progress()
        rows = np.flatnonzero(np.isin(subjects, known))
        names, encoded = np.unique(subjects[rows], return_inverse=True)
        assert len(names) > 1, "fewer than four training subjects"
        embedding = SubjectEmbedding(values[rows], encoded, steps=steps, seed=(seed * 2 + number) % 2**20)
        found.append(Signature(np.sort(others), _nearest_rows(embedding(values))))
    return found


def slices(values: np.ndarray, training: np.ndarray, *, rate: float) -> list[Signature]:
    """Compares by slicing dynamic time warping: mean distance of a window's slices to the nearest slice of the subject.

    Args:
      values: all windows, [N, T, C].
      training: names of the training subjects.
      rate: Hz; 1 where it is unknown.
    """
    from dtaidistance import dtw_ndim

    length = values.shape[1]
    long = min(round(_SLICE_SECONDS * rate), length) if rate != 1 else max(length // 4, 2)
    steps = min(_SLICE_STEPS, long)
    times = np.arange(steps) * (long / steps)
    scaled = (values - values.mean((0, 1))) / np.maximum(values.std((0, 1)), 1e-12)
    # Where slices of a subject may begin: close enough for the warping to close the gap.
    places = np.arange(0, length - long + 1, max(long // 4, 1))

    def cut(rows, starts):
        indices = (np.asarray(starts)[:, None] + times).astype(int)
        return scaled[np.asarray(rows)[:, None], indices].astype(np.float64)

    def compare(probes, galleries):
        starts = np.linspace(0, length - long, min(PROBE_SLICES, len(places))).astype(int)
        first = cut(np.repeat(probes, len(starts)), np.tile(starts, len(probes)))
        second, counts = [], []
        for rows in galleries:
            pairs = np.stack(np.meshgrid(rows, places, indexing="ij"), -1).reshape(-1, 2)
            chosen = pairs[evenly_spaced(len(pairs), SUBJECT_SLICES)]
            second.append(cut(chosen[:, 0], chosen[:, 1]))
            counts.append(len(chosen))
        sliced = np.concatenate([first, *second])
        block = ((0, len(first)), (len(first), len(sliced)))
        window = max(round(_WARP * steps), 1)
        distances = dtw_ndim.distance_matrix_fast(sliced, window=window, block=block, compact=True)
        nearest = np.minimum.reduceat(np.reshape(distances, [len(first), -1]), np.cumsum([0, *counts])[:-1], axis=1)
        return -nearest.reshape(len(probes), len(starts), -1).mean(1).astype(np.float32)

    return [Signature(training, compare)]
