"""From the rows of one table to recordings: their order, where one ends and another begins, their rate."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sensegen_tf.data import clock
from sensegen_tf.data.clock import Clock
from sensegen_tf.data.missing import complete
from sensegen_tf.data.readers import Read
from sensegen_tf.data.recording import Recording, Span
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.errors import InputError

# Pieces of time that starts again are recordings if they have so many rows; otherwise the rows are not in order.
_FEWEST_ROWS = 2


class Rows(NamedTuple):
    """A table, N rows.

    Attributes:
      path: of its file.
      signals: float64 [N, C]; NaN where a cell is empty.
      numbers: of the rows in the file, counted from 1 below the header, int [N].
      clock: their time; None where nothing says it.
      subjects, sessions, labels: texts [N], object.
      raw: as the signals were before missing values were filled; None where none was.
    """

    path: str
    signals: np.ndarray
    numbers: np.ndarray
    clock: Clock | None
    subjects: np.ndarray
    sessions: np.ndarray
    labels: np.ndarray
    raw: np.ndarray | None = None

    def take(self, rows: np.ndarray | slice) -> Rows:
        """These rows alone, in this order."""
        names = ("signals", "numbers", "subjects", "sessions", "labels")
        timed = self.clock and self.clock._replace(seconds=self.clock.seconds[rows])
        raw = None if self.raw is None else self.raw[rows]
        return self._replace(clock=timed, raw=raw, **{name: getattr(self, name)[rows] for name in names})


def recordings(rows: Rows, config: TableConfig) -> Read:
    """The recordings of a table.

    Args:
      rows: of the table.
      config: what its columns mean.

    Returns:
      A recording for every stretch of one subject and session without a gap.

    Raises:
      InputError: what is wrong, with file, row and column.
    """
    notes: list[Any] = []
    rows = _in_order(rows, notes)
    pieces = _pieces(rows, config, notes)
    if rows.clock is None:
        if config.rate_hz is None:
            raise InputError(f"{rows.path}: give rate_hz or time_column", fields=["rate_hz", "time_column"])
        rate = config.rate_hz
    else:
        # A row alone between two gaps says nothing of its rate.
        pieces = [piece for piece in pieces if piece.stop - piece.start > 1]
        rate = _rate(rows, pieces, config)
    stretches = [part for piece in pieces for part in _without_missing(rows.take(piece), rate, config, notes)]
    return Read([_recording(each, rate, config, notes) for each in stretches], _together(rows.path, notes))


def _in_order(rows, notes):
    """The rows, one subject and session after the other where they are mixed."""
    if all((texts == texts[0]).all() for texts in (rows.subjects, rows.sessions) if len(texts)):
        return rows
    keys = np.array([f"{subject}\0{session}" for subject, session in zip(rows.subjects, rows.sessions, strict=True)])
    names, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    changes = int((keys[1:] != keys[:-1]).sum())
    if changes < len(names):
        return rows
    order = np.argsort(np.argsort(np.argsort(first))[inverse], kind="stable")
    # In one order of time for all; without a time by turns.
    mixed = changes > len(keys) / 2 if rows.clock is None else (np.diff(rows.clock.seconds) >= 0).all()
    if not mixed:
        return rows
    notes.append("rows of several subjects or sessions are mixed; they were put one after the other")
    return rows.take(order)


def _pieces(rows, config, notes):
    """Slices of rows of one subject and session, without a gap in time."""
    changed = np.zeros(max(len(rows.signals) - 1, 0), bool)
    for texts in (rows.subjects, rows.sessions):
        changed |= texts[1:] != texts[:-1]
    if rows.clock is None:
        return clock.slices(changed)
    seconds = rows.clock.seconds
    steps = np.diff(seconds)
    back = (steps < 0) & ~changed
    pieces = clock.slices(changed | back)
    if back.any():
        if min(piece.stop - piece.start for piece in pieces) < _FEWEST_ROWS:
            at = int(np.argmax(back))
            raise InputError(
                f"{rows.path}: time does not increase from data row {rows.numbers[at]} to {rows.numbers[at + 1]} in "
                f"column {config.time_column}. Sort the rows by time, or name the subject_column or session_column if "
                "subjects or sessions follow each other",
                fields=["subject_column", "session_column"],
            )
        notes.append(f"time starts again {back.sum()} times: another recording each")
    for piece in pieces:
        within = steps[piece.start : piece.stop - 1]
        if len(within):
            longest = config.gap_seconds or clock.GAP * clock.usual_step(within)
            changed[piece.start : piece.stop - 1] |= within > longest
    return clock.slices(changed | back)


def _rate(rows, pieces, config):
    """The one rate of a table, from its time column; it must agree with `rate_hz`."""
    if not pieces:
        raise InputError(f"{rows.path}: no two rows follow each other without a gap in column {config.time_column}")
    try:
        found = clock.rate([rows.clock.seconds[piece] for piece in pieces], rows.clock.grain)
    except InputError as error:
        raise InputError(f"{rows.path}, column {config.time_column}: {error}", fields=error.fields) from error
    return clock.agreed(found, config.rate_hz, says=f"{rows.path}: the time column")


def _without_missing(rows, rate, config, notes):
    """Stretches of rows in which no value is missing."""
    missing = ~np.isfinite(rows.signals).all(1)
    if not missing.any():
        return [rows]
    if config.missing == "refuse":
        channel = int(np.argmax((~np.isfinite(rows.signals)).any(0)))
        bad = np.flatnonzero(~np.isfinite(rows.signals[:, channel]))
        raise InputError(
            f"{rows.path}, column {config.channels[channel]}: {len(bad)} values are empty or not finite, the first in "
            f"data row {rows.numbers[bad[0]]} (counted below the header). Repair them, or give missing=cut or "
            "missing=interpolate",
            fields=["missing"],
        )
    longest = config.longest_gap_seconds * rate if config.missing == "interpolate" else 0
    found = complete(rows.signals, longest=longest)
    notes += [(how, count) for how, count in (("interpolated", found.interpolated), ("cut out", found.cut)) if count]
    rows = rows._replace(signals=found.signals, raw=rows.signals)
    return [rows.take(run) for run in found.runs]


def _together(path, notes):
    """Notes as sentences, the counts of each kind summed."""
    counts: dict[str, int] = {}
    for note in notes:
        if not isinstance(note, str):
            counts[note[0]] = counts.get(note[0], 0) + note[1]
    texts = dict.fromkeys(note for note in notes if isinstance(note, str))
    return [f"{path}: {text}" for text in [*texts, *(f"{count} rows {how}" for how, count in counts.items())]]


def _recording(rows, rate, config, notes):
    name = f"{rows.path} from data row {rows.numbers[0]}"
    signals, labels, raw = rows.signals, rows.labels, rows.raw
    if rows.clock is not None:
        signals, labels = _even(name, rows, rate, config, notes)
        raw = rows.signals if raw is None and signals is not rows.signals else raw
    edges = labels[1:] != labels[:-1] if len(labels) else np.zeros(0, bool)
    spans = [Span(start=each.start, stop=each.stop, label=labels[each.start]) for each in clock.slices(edges)]
    return Recording(
        name=name,
        signals=signals,
        rate=rate,
        channels=config.channels,
        units=config.units_of(len(config.channels)),
        subject=rows.subjects[0],
        spans=tuple(span for span in spans if span.label),
        raw=None if raw is None else list(raw[np.isfinite(raw).all(1)].T),
    )


def _even(name, rows, rate, config, notes):
    """Signals and labels at the table's rate; what is uneven is made even where resampling is asked for."""
    times = rows.clock.seconds
    found = clock.fault(times, rate=rate, grain=rows.clock.grain, first_row=int(rows.numbers[0]))
    if found is None:
        return rows.signals, rows.labels
    if not config.resample_hz:
        how = "they are spread evenly" if found.spread else "they are interpolated"
        raise InputError(
            f"{name}: the sampling is irregular: {found.words}. With resample_hz, such as {rate:g}, {how}",
            fields=["resample_hz"],
        )
    if found.spread:
        notes.append(f"{found.kind}: rows were spread evenly at {rate:g} Hz")
        return rows.signals, rows.labels
    # At the table's own rate: the polyphase filter of `Recording.resample` takes it from there, without aliasing.
    nearest = np.searchsorted((times[1:] + times[:-1]) / 2, clock.even_grid(times, rate))
    return clock.even(times, rows.signals, rate=rate), rows.labels[nearest]
