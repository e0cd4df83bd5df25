"""When the rows of a table were taken: the unit of a time column, its rate, and whether it is even."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sensegen_tf.errors import InputError

# Seconds in a unit; days are those of spreadsheets.
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "days": 86400.0}
# Rates that a recording can have at all, and those that wearables have, Hz.
LOWEST, HIGHEST = 0.01, 100_000.0
_USUAL = (1.0, 10_000.0)
# A given rate may differ from that of the recordings by this share.
_DISAGREES = 0.01
# Seconds since 1970 of 2000 and of 2100; the days of spreadsheets count from 1900.
EPOCH = (946_684_800, 4_102_444_800)
_EPOCH_DAYS = (36_526, 73_050)
# A step may differ from the usual one by this share before the sampling counts as irregular.
TOLERANCE = 0.1
# A longer step of time than so many usual ones is a gap.
GAP = 10
# A rate within this share of a round one is taken for it.
_ROUND = 1e-3
# Rounding is only seen where this many steps differ from the most common one.
_FEWEST_ROUNDED = 3
# Rows come in packets or bursts where so large a share follows the row before at once.
_GROUPED = 0.4
# The pause between two bursts is so many times as long as the steps within one, and at most so many seconds.
_PAUSE, _LONGEST_PAUSE = 5, 2.0
# Rows over which rounded stamps are compared with an even grid; clocks drift over longer ones.
_NEAR = 1000


class Clock(NamedTuple):
    """The time column of a table.

    Attributes:
      seconds: float64 [N], since the first row.
      grain: every stamp is a multiple of so many seconds.
      unit: what the column was read as, for people, such as "milliseconds since 1970".
    """

    seconds: np.ndarray
    grain: float
    unit: str


_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds", "days": "days"}


def from_numbers(values: np.ndarray, *, unit: str = "", where: str) -> Clock:
    """A time column of numbers.

    Without a unit it is found: by the size of the numbers where they count from 1970 (in days: from 1900), otherwise by
    the rate. Seconds are preferred.

    Args:
      values: int64 or float64 [N].
      unit: of `UNITS`; "" to find it.
      where: the column, for messages.

    Raises:
      InputError: no unit gives a rate that a recording can have, or more than one does.

    Example:
      >>> clock = from_numbers(np.array([1700000000000, 1700000000020, 1700000000040]), where="time")
      >>> clock.seconds.round(3).tolist(), clock.unit
      ([0.0, 0.02, 0.04], 'milliseconds since 1970')
    """
    # Differences of integers are exact, even of nanoseconds since 1970.
    relative = (values - values[0]).astype(np.float64) if len(values) else np.zeros(0)
    chosen = unit or _find_unit(values, relative, where)
    since = " since 1970" if _counts_from_epoch(values, chosen) and chosen != "days" else ""
    scale = UNITS[chosen]
    grain = scale * (_grain(relative) if values.dtype.kind == "f" else _grain_of_integers(values))
    return Clock(relative * scale, grain, _NAMES[chosen] + since)


def _find_unit(values, relative, where):
    """The unit of numbers that nobody gave."""
    steps = np.diff(relative)
    steps = steps[steps > 0]
    if not len(steps):
        return "s"
    step = float(np.median(steps))
    rates = {unit: 1 / (step * scale) for unit, scale in UNITS.items()}
    possible = [unit for unit, rate in rates.items() if LOWEST <= rate <= HIGHEST]
    dated = [unit for unit in possible if _counts_from_epoch(values, unit)]
    usual = [unit for unit in possible if _USUAL[0] <= rates[unit] <= _USUAL[1]]
    if dated:
        return dated[0]
    if "s" in usual:
        return "s"
    if len(usual) == 1 and "s" not in possible:
        return usual[0]
    if not usual and "s" in possible:
        return "s"
    found = ", ".join(f"{unit} {rates[unit]:.4g} Hz" for unit in UNITS)
    raise InputError(
        f"{where} steps by {step:g}, and nothing says of what ({found}); give time_unit", fields=["time_unit"]
    )


def _counts_from_epoch(values, unit):
    low, high = _EPOCH_DAYS if unit == "days" else (moment / UNITS[unit] for moment in EPOCH)
    return bool(len(values)) and low <= values[0] <= high


def _grain(relative):
    """The largest power of ten, from 1 to 1e-9, of which all numbers are multiples; 0 where there is none."""
    for digits in range(10):
        scaled = relative * 10.0**digits
        if (np.abs(scaled - np.round(scaled)) <= 1e-6 + 1e-15 * np.abs(scaled).max(initial=0)).all():
            return 10.0**-digits
    return 0.0


def _grain_of_integers(values):
    """The same of integers, which may also be multiples of ten and more."""
    grain = 1
    while grain < 10**9 and (np.diff(values) % (10 * grain) == 0).all():
        grain *= 10
    return grain


def usual_step(steps: np.ndarray) -> float:
    """The usual step of time, seconds: of packets and bursts that from one to the next.

    Args:
      steps: float64 [N], never negative, seconds.

    Example:
      >>> usual_step(np.array([0.02, 0.02, 5.0, 0.02])), usual_step(np.array([0.0, 0.0, 0.3, 0.0, 0.0, 0.3, 0.0, 0.0]))
      (0.02, 0.3)
    """
    rising = steps[steps > 0]
    if not len(rising):
        return 0.0
    usual = float(np.median(rising))
    pauses = steps > _PAUSE * usual
    if _period(pauses) > 1 and np.median(steps[pauses]) <= _LONGEST_PAUSE:
        return float(np.median(steps[pauses]))
    return usual


def slices(edges: np.ndarray) -> list[slice]:
    """Slices of rows between marks.

    Args:
      edges: bool [N - 1] of N rows; a mark stands between a row and the next one.

    Example:
      >>> slices(np.array([False, True, False]))
      [slice(0, 2, None), slice(2, 4, None)]
    """
    stops = [*(np.flatnonzero(edges) + 1).tolist(), len(edges) + 1]
    return [slice(start, stop) for start, stop in zip([0, *stops[:-1]], stops, strict=True)]


def even(times: np.ndarray, signals: np.ndarray, *, rate: float) -> np.ndarray:
    """Signals between uneven stamps, on the straight lines, at an even rate from the first stamp on.

    Args:
      times: float64 [N], seconds, rising.
      signals: [N, C].
      rate: Hz.

    Example:
      >>> even(np.array([0.0, 0.5, 2.0]), np.array([[0.0], [1.0], [4.0]]), rate=1.0).ravel().tolist()
      [0.0, 2.0, 4.0]
    """
    grid = even_grid(times, rate)
    return np.stack([np.interp(grid, times, channel) for channel in signals.T], -1)


def even_grid(times: np.ndarray, rate: float) -> np.ndarray:
    """Even moments from the first stamp to the last."""
    return np.arange(times[0], times[-1] + 0.5 / rate, 1 / rate)


def is_rounded(steps: np.ndarray, grain: float) -> bool:
    """Whether steps of time differ because even stamps were rounded to multiples of `grain`.

    They are then two neighbouring multiples, and no stamp is far from an even grid.

    Args:
      steps: float64 [N], seconds.
      grain: seconds; see `Clock`.

    Example:
      >>> stamps = np.round(np.arange(100) / 400, 3)
      >>> is_rounded(np.diff(stamps), 0.001)
      True
    """
    if not grain or not len(steps):
        return False
    counts = np.round(steps / grain)
    least = counts.min()
    others = int((counts != np.median(counts)).sum())
    if counts.max() > least + 1 or others < _FEWEST_ROUNDED:
        return False
    for start in range(0, len(counts), _NEAR):
        stamps = np.concatenate([[0.0], np.cumsum(counts[start : start + _NEAR])])
        away = stamps - np.linspace(0, stamps[-1], len(stamps))
        if np.ptp(away) > 2:
            return False
    return True


def rate(runs: Sequence[np.ndarray], grain: float) -> float:
    """The rate of stretches of one recorder, Hz.

    Args:
      runs: stamps of each stretch in seconds, at least two.
      grain: see `Clock`.

    Returns:
      Rows a second over the whole of all stretches; where most steps are alike, and were not rounded, by those alone,
      since a row may be missing. A rate that is nearly a multiple of 10, 1 or 0.1 Hz is taken for it.

    Raises:
      InputError: not in [0.01, 100,000] Hz.
    """
    steps = np.concatenate([np.diff(_whole(run)) for run in runs])
    usual = steps[np.abs(steps - np.median(steps)) <= TOLERANCE * np.median(steps)]
    # Of bursts most steps are alike, and most of the time lies between them.
    alike = len(usual) >= (1 - TOLERANCE) * len(steps) and usual.sum() >= 0.5 * steps.sum()
    step = usual.mean() if alike and not is_rounded(steps, grain) else steps.mean()
    found = roundest(1 / step, error=max(_ROUND, min(grain, step) / steps.sum())) if step > 0 else np.inf
    if not LOWEST <= found <= HIGHEST:
        raise InputError(
            f"its steps say {found:.4g} Hz; a recording has {LOWEST:g} to {HIGHEST:,.0f} Hz. Say what it counts "
            "with time_unit",
            fields=["time_unit"],
        )
    return found


def agreed(found: float, given: float | None, *, says: str) -> float:
    """The rate that was given, where that of the recordings does not contradict it; otherwise theirs.

    Args:
      found: the recordings' own, Hz.
      given: `rate_hz`; None where nothing was given.
      says: where the recordings' own rate comes from, such as "s1.csv: the time column".

    Raises:
      InputError: the two differ by more than 1 %.

    Example:
      >>> agreed(49.8, 50.0, says="s1.csv: the time column"), agreed(49.8, None, says="s1.csv: the time column")
      (50.0, 49.8)
    """
    if given is None:
        return found
    if abs(given - found) > _DISAGREES * found:
        raise InputError(
            f"{says} says {found:.6g} Hz, but rate_hz is {given:g}. Leave rate_hz out; resample_hz changes the rate",
            fields=["rate_hz"],
        )
    return given


def roundest(value: float, *, error: float = _ROUND) -> float:
    """The multiple of 10, 1 or 0.1 that lies within the share `error` of a value; the value where none does.

    Example:
      >>> roundest(63.998), roundest(98.76543)
      (64.0, 98.8)
    """
    for digits in (-1, 0, 1):
        if abs(np.round(value, digits)) > 0 and abs(np.round(value, digits) - value) <= error * value:
            return float(np.round(value, digits))
    return float(value)


def _whole(run):
    """A stretch without its first and its last packet or burst, which may not be whole; where there are none, all."""
    steps = np.diff(run)
    starts = np.flatnonzero(steps > steps.mean()) + 1
    grouped = np.mean(steps < 0.5 * steps.mean()) >= _GROUPED
    return run[starts[0] : starts[-1] + 1] if grouped and len(starts) > 1 else run


class Fault(NamedTuple):
    """Why stamps are not even.

    Attributes:
      kind: "packets", "bursts", "duplicates" or "irregular".
      words: for people.
      spread: whether the stamps of rows say so little that rows are to be spread evenly; otherwise between two stamps
        values can be interpolated.
    """

    kind: str
    words: str
    spread: bool


def fault(times: np.ndarray, *, rate: float, grain: float, first_row: int) -> Fault | None:
    """What is uneven in a stretch; None where nothing is but rounding.

    Args:
      times: float64 [N], seconds, never falling.
      rate: Hz.
      grain: see `Clock`.
      first_row: number of the first row in its table, counted from 1.
    """
    steps = np.diff(times)
    uneven = np.flatnonzero(np.abs(steps * rate - 1) > TOLERANCE)
    if not len(uneven) or is_rounded(steps, grain):
        return None
    repeated = steps == 0
    if repeated.any():
        size = _period(~repeated)
        if size > 1:
            return Fault("packets", f"packets: one stamp stands for {size} rows", True)
        row = first_row + int(np.argmax(repeated))
        words = f"{repeated.sum()} rows have the stamp of the row before, the first is data row {row + 1}"
        return Fault("duplicates", words, True)
    size = _period(steps > 2 / rate)
    if size > 1 and np.median(steps) < 0.5 / rate:
        return Fault("bursts", f"bursts: {size} rows follow each other at once, then comes a pause", True)
    row = first_row + int(uneven[0])
    words = (
        f"{len(uneven)} of {len(steps)} steps differ from the usual {1 / rate:.6g} s by more than {TOLERANCE:.0%}, the "
        f"first from data row {row} to {row + 1} ({steps[uneven[0]]:.6g} s)"
    )
    return Fault("irregular", words, False)


def _period(marks):
    """The distance at which nearly all marks follow each other; 0 where they do not."""
    distances = np.diff(np.flatnonzero(marks))
    if not len(distances):
        return 0
    usual = int(np.median(distances))
    return usual if np.mean(distances == usual) >= 1 - TOLERANCE else 0
