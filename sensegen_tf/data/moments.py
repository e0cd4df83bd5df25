"""Texts of a time column as seconds: ISO 8601 and the common forms of exports, through pyarrow (extra `tables`)."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from sensegen_tf.data.arrow import pyarrow
from sensegen_tf.errors import InputError

_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{1,2}(?:[.,]\d+)?))?\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
_ZONE = r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?\s*(?:\[.*\])?\s*$"
_PATTERNS = {
    "ISO 8601": rf"^\s*(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})(?:[T\s]+{_CLOCK})?{_ZONE}",
    "dates": rf"^\s*(?P<first>\d{{1,2}})[-/.](?P<other>\d{{1,2}})[-/.](?P<year>\d{{4}})(?:[T,\s]+{_CLOCK})?{_ZONE}",
    "times of day": rf"^\s*{_CLOCK}{_ZONE}",
}
_DAY = 86400.0
_FORMS = "seconds, ISO 8601, 31/12/2024 or 12/31/2024 with a time of day, a time of day"


def parse(texts: Any, *, time_format: str = "", where: str) -> tuple[np.ndarray, str]:
    """Seconds of texts, from midnight of the first one's day on, and what they were read as.

    Args:
      texts: a pyarrow array or chunked array of strings.
      time_format: as `datetime.strptime` takes it; "" to find the form.
      where: the column, for messages.

    Returns:
      float64 [N]; and words for people. Times of day go on over midnight.

    Raises:
      InputError: a text of no known form, with its row; or days and months in an order that nothing shows.
    """
    arrow = pyarrow(where)
    if time_format:
        return _by_format(texts.to_pylist(), time_format, where), f"texts by {time_format}"
    best = 0
    for words, pattern in _PATTERNS.items():
        found = arrow.compute.extract_regex(texts, pattern=pattern)
        missing = arrow.compute.is_null(found).to_numpy(zero_copy_only=False)
        if not missing.any():
            return _seconds(_fields(arrow, found), words, where), words
        best = max(best, int(missing.argmax()))
    raise InputError(
        f"{where}, data row {best + 1}: {str(texts[best])!r} is no time that is known ({_FORMS}); give time_format, "
        "such as %d.%m.%Y %H:%M:%S.%f",
        fields=["time_format"],
    )


def _fields(arrow, found):
    """Name of a part -> texts [N], "" where a moment lacks it."""
    found = found.combine_chunks() if hasattr(found, "combine_chunks") else found
    names = [field.name for field in found.type]
    return {name: found.field(name).to_numpy(zero_copy_only=False).astype(str) for name in names}


def _seconds(fields, words, where):
    days = _days(fields, where) if words != "times of day" else np.zeros(len(fields["hour"]))
    clock = _number(fields["hour"]), _number(fields["minute"]), _number(np.char.replace(fields["second"], ",", "."))
    half = np.char.lower(np.char.replace(fields["half"], ".", ""))
    hours = np.where(half == "", clock[0], clock[0] % 12 + 12 * (half == "pm"))
    seconds = (days - days[0]) * _DAY + hours * 3600 + clock[1] * 60 + clock[2] - _offset(fields["zone"])
    if words == "times of day":
        # A fall by most of a day is midnight.
        seconds += _DAY * np.concatenate([[0], np.cumsum(np.diff(seconds) < -_DAY / 2)])
    return seconds


def _number(texts):
    return np.where(texts == "", "0", texts).astype(np.float64)


def _offset(zones):
    """Seconds that a zone is ahead of UTC."""
    digits = np.char.replace(zones, ":", "")
    known = np.char.isdecimal(np.char.lstrip(digits, "+-")) & (zones != "")
    numbers = np.where(known, digits, "+0000")
    sign = np.where(np.char.startswith(numbers, "-"), -1, 1)
    numbers = np.abs(numbers.astype(np.int64))
    return sign * (numbers // 100 * 3600 + numbers % 100 * 60)


def _days(fields, where):
    """Days since 1970."""
    if "first" not in fields:
        return _date(fields["year"], fields["month"], fields["day"], where)
    first, other = (_number(fields[name]) for name in ("first", "other"))
    orders = {"day first": (other, first), "month first": (first, other)}
    possible = {}
    for name, (months, days) in orders.items():
        if (months <= 12).all():
            found = _date(fields["year"], months.astype(int).astype(str), days.astype(int).astype(str), where)
            possible[name] = found
    if not possible:
        raise InputError(f"{where}: its dates have no month; give time_format", fields=["time_format"])
    rising = {name: found for name, found in possible.items() if (np.diff(found) >= 0).all()} or possible
    shortest = min(rising.values(), key=np.ptp)
    if len(rising) > 1 and np.ptp(np.stack(list(rising.values())), 0).any():
        spans = {name: np.ptp(found) for name, found in rising.items()}
        # Without a change of the date both orders say the same of the rate.
        if any(spans.values()):
            raise InputError(
                f"{where}: whether a day or a month comes first cannot be told; give time_format, such as "
                "%d/%m/%Y %H:%M:%S.%f",
                fields=["time_format"],
            )
    return shortest


def _date(years, months, days, where):
    pieces = [years, np.char.zfill(months, 2), np.char.zfill(days, 2)]
    try:
        dates = np.char.add(np.char.add(np.char.add(pieces[0], "-"), np.char.add(pieces[1], "-")), pieces[2])
        return dates.astype("datetime64[D]").astype(np.int64).astype(np.float64)
    except ValueError as error:
        raise InputError(
            f"{where}: a date does not exist: {error}; give time_format", fields=["time_format"]
        ) from error


def _by_format(texts, time_format, where):
    moments = []
    for number, text in enumerate(texts, 1):
        try:
            moment = datetime.datetime.strptime(text, time_format)
        except (ValueError, TypeError) as error:
            raise InputError(f"{where}, data row {number}: {error}", fields=["time_format"]) from error
        moments.append(moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC))
    first = moments[0].replace(hour=0, minute=0, second=0, microsecond=0) if moments else None
    return np.array([(moment - first).total_seconds() for moment in moments])
