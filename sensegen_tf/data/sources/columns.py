"""What the columns of a table, or the arrays of an NPZ, mean."""

from __future__ import annotations

import dataclasses

import numpy as np

from sensegen_tf.data.clock import UNITS
from sensegen_tf.data.dialect import DECIMALS, DELIMITERS
from sensegen_tf.data.missing import HOW
from sensegen_tf.errors import InputError


def text_of(value: object) -> str:
    """A cell that names a subject, a session or a label; a whole number has no decimals, however it is stored.

    Example:
      >>> text_of(11.0), text_of(" run "), text_of(None)
      ('11', 'run', '')
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableConfig:
    """What the columns of a table mean.

    Attributes:
      channels: channel columns; for an NPZ without `channels` the names of the last axis.
      units: of the channels, one each; "1" for all where left out.
      rate_hz: samples a second; None to take it from the time column (or from `rate` in an NPZ).
      delimiter: of a text file, of `data.dialect.DELIMITERS`; "auto" to find it.
      decimal: "point" or "comma"; "auto" to find it.
      encoding: of a text file, as Python calls it; "auto" to find it.
      skip_lines: of a text file, before its table; None to find them.
      column_names: of a text file that has none, or in the place of its own.
      path_pattern: what the paths of files say, see `data.paths`; "" for nothing.
      time_column: numbers, timestamps or texts, see `data.clock` and `data.moments`.
      time_unit: of the numbers of the time column, of `data.clock.UNITS`; "auto" to find it.
      time_format: of the texts of the time column, as `datetime.strptime` takes it; "" to find it.
      gap_seconds: a step of time longer than this starts another recording; None for 10 usual steps.
      subject_column, label_column: text or numbers; "" where there is none.
      session_column: text or numbers, a change of which starts another recording; "" where there is none.
      missing: what is done with empty cells and NaN in the channels: "refuse", "cut" (another recording starts behind
        them), or "interpolate" between the values around them, where they last `longest_gap_seconds` at most, and
        otherwise cut.
      longest_gap_seconds: see `missing`; above 0.
      array: of an NPZ; "" where it holds one array of two or three dimensions.
      resample_hz: given where the recordings are to be resampled, so that irregular sampling may be interpolated; None
        to refuse it.

    Raises:
      InputError: a rate or a gap that is not above 0, an unknown unit, or something that is said twice.
    """

    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    rate_hz: float | None = None
    delimiter: str = "auto"
    decimal: str = "auto"
    encoding: str = "auto"
    skip_lines: int | None = None
    column_names: tuple[str, ...] = ()
    path_pattern: str = ""
    time_column: str = ""
    time_unit: str = "auto"
    time_format: str = ""
    gap_seconds: float | None = None
    subject_column: str = ""
    session_column: str = ""
    label_column: str = ""
    missing: str = "refuse"
    longest_gap_seconds: float = 0.1
    array: str = ""
    resample_hz: float | None = None

    def __post_init__(self) -> None:
        for name in ("rate_hz", "gap_seconds", "longest_gap_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise InputError(f"{name} must be above 0, got {value}", fields=[name])
        known = {
            "missing": HOW,
            "time_unit": ("auto", *UNITS),
            "delimiter": ("auto", *DELIMITERS),
            "decimal": ("auto", *DECIMALS),
        }
        for name, values in known.items():
            if getattr(self, name) not in values:
                message = f"{name} must be one of {', '.join(values)}, got {getattr(self, name)}"
                raise InputError(message, fields=[name])
        for part, column in (("subject", "subject_column"), ("session", "session_column"), ("label", "label_column")):
            if getattr(self, column) and f"{{{part}}}" in self.path_pattern:
                message = f"{column} and path_pattern both say the {part}: leave one of them out"
                raise InputError(message, fields=[column, "path_pattern"])
        if self.skip_lines is not None and self.skip_lines < 0:
            raise InputError(f"skip_lines must be at least 0, got {self.skip_lines}", fields=["skip_lines"])

    def units_of(self, count: int) -> tuple[str, ...]:
        """The units of so many channels.

        Raises:
          InputError: there are more or fewer.
        """
        if self.units and len(self.units) != count:
            raise InputError(f"units has {len(self.units)} entries, but there are {count} channels", fields=["units"])
        return self.units or ("1",) * count
