"""How a text file holds a table: encoding, delimiter, decimal mark, lines before the table, names of columns."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sensegen_tf.errors import InputError

# Suffixes of text files that hold tables.
SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".log")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " "}
DECIMALS = {"point": ".", "comma": ","}
# What is read of a file to find out.
_SAMPLE_BYTES = 1 << 18
_COMMENTS = ("#", "%", "//")
# Rows at the end of the sample that say which columns hold numbers.
_TAIL = 50
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^$|^[+-]?(nan|inf|na|null)$", re.IGNORECASE)
_COMMA_NUMBER = re.compile(r"^[+-]?\d+,\d+([eE][+-]?\d+)?$")


class Dialect(NamedTuple):
    """A table in a text file.

    Attributes:
      encoding: as Python calls it.
      delimiter: one character; " " for any white space.
      decimal: "." or ",".
      skipped: lines before the first data row.
      names: of the columns, stripped; empty where the file has none.
      units: of the columns, where a line below the names says them; otherwise empty.
      ending: what stands behind the last value of every row, such as ";".
      columns: how many there are.
      first: the first data row, for messages.
    """

    encoding: str
    delimiter: str
    decimal: str
    skipped: int
    names: tuple[str, ...]
    units: tuple[str, ...]
    ending: str
    columns: int
    first: str

    @property
    def readable_delimiter(self) -> str:
        """That of `readable`."""
        return "\t" if self.delimiter == " " else self.delimiter


class Text(NamedTuple):
    """The text of a file, and its encoding as Python calls it."""

    content: str
    encoding: str


def read_text(path: str, *, size: int = -1, encoding: str = "auto") -> Text:
    """The text of a file, also of a compressed one.

    Args:
      path: a `.gz` or `.bz2` file is decompressed.
      size: bytes from its beginning; all where negative.
      encoding: "auto" to find it: UTF-8, UTF-16 with a mark, otherwise Windows-1252.

    Raises:
      InputError: it cannot be read, or the encoding is unknown.
    """
    openers: dict[str, Callable[..., Any]] = {"gz": gzip.open, "bz2": bz2.open}
    try:
        with openers.get(path.rpartition(".")[2].lower(), open)(path, "rb") as file:
            content = file.read(size)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if encoding != "auto":
        try:
            return Text(content.decode(encoding, errors="replace"), encoding)
        except LookupError as error:
            raise InputError(f"encoding: {error}", fields=["encoding"]) from error
    for mark, name in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if content.startswith(mark):
            return Text(content.decode(name, errors="replace"), name)
    try:
        return Text(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        # A character may be cut at the end of the sample.
        if error.start >= len(content) - 4 and size >= 0:
            return Text(content[: error.start].decode("utf-8"), "utf-8")
    return Text(content.decode("cp1252", errors="replace"), "cp1252")


def find(
    path: str,
    *,
    delimiter: str = "auto",
    decimal: str = "auto",
    encoding: str = "auto",
    skip_lines: int | None = None,
    column_names: Sequence[str] = (),
) -> Dialect:
    """How a file holds its table.

    Args:
      path: of the file.
      delimiter: a key of `DELIMITERS`; "auto" to find it.
      decimal: "point" or "comma"; "auto" to find it.
      encoding: see `read_text`.
      skip_lines: lines before the table; None to find them.
      column_names: of the columns, where the file has none, or in the place of its own.

    Raises:
      InputError: it cannot be read, or holds no table.
    """
    text, encoding = read_text(path, size=_SAMPLE_BYTES, encoding=encoding)
    lines = text.splitlines()
    if len(text) >= _SAMPLE_BYTES // 4 and len(lines) > 1:
        # It may be cut.
        lines.pop()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InputError(f"{path} is empty")
    ending = ";" if _always_ends(lines, ";") and delimiter != "semicolon" else ""
    lines = [line.rstrip().removesuffix(ending) if ending else line for line in lines]
    chosen = DELIMITERS.get(delimiter) or max(DELIMITERS.values(), key=lambda each: _fit(lines, each))
    start = _start(lines, chosen) if skip_lines is None else skip_lines
    rows = [split(line, chosen) for line in lines[start:]]
    if not rows:
        raise InputError(f"{path} has no line {start + 1}", fields=["skip_lines"])
    mark = DECIMALS.get(decimal) or _decimal(rows, chosen)
    head = _head(rows, mark)
    found = [tuple(cell.strip().strip('"').strip() for cell in row) for row in rows[:head]]
    own = found[0] if found else ()
    while own and not own[-1]:
        own = own[:-1]
    first = lines[start + head] if start + head < len(lines) else ""
    units = found[1][: len(own)] if len(found) > 1 else ()
    names = tuple(column_names) or own
    return Dialect(encoding, chosen, mark, start + head, names, units, ending, _width(rows[-_TAIL:]), first)


def readable(path: str, dialect: Dialect) -> str | io.BytesIO:
    """What pyarrow's reader can read: the file itself where it is UTF-8 with one character between cells.

    Args:
      path: of the file.
      dialect: of it.

    Raises:
      InputError: it cannot be read.
    """
    if dialect.encoding in ("utf-8", "utf-8-sig") and dialect.delimiter != " " and not dialect.ending:
        return path
    lines = read_text(path, encoding=dialect.encoding).content.splitlines()
    if dialect.ending:
        lines = [line.rstrip().removesuffix(dialect.ending) for line in lines]
    if dialect.delimiter == " ":
        lines = ["\t".join(line.split()) for line in lines]
    return io.BytesIO("\n".join(lines).encode("utf-8"))


def split(line: str, delimiter: str) -> list[str]:
    """The cells of a line."""
    if delimiter == " ":
        return line.split()
    return next(csv.reader([line], delimiter=delimiter), [])


def _always_ends(lines, mark):
    kept = lines[len(lines) // 2 :]
    return all(line.rstrip().endswith(mark) for line in kept) and all(line.count(mark) == 1 for line in kept)


def _width(rows):
    """The most common number of cells."""
    return max(set(map(len, rows)), key=[len(row) for row in rows].count)


def _fit(lines, delimiter):
    """How well a delimiter explains the end of a file: the share of cells that are numbers, of rows, columns."""
    rows = [split(line, delimiter) for line in lines[-_TAIL:]]
    width = _width(rows)
    if width < 2:
        return (0.0, 0.0, 0)
    alike = [row for row in rows if len(row) == width]
    cells = [cell.strip() for row in alike for cell in row]
    comma = delimiter != ","
    numbers = sum(bool(_NUMBER.match(cell) or (comma and _COMMA_NUMBER.match(cell))) for cell in cells)
    return (round(numbers / len(cells), 2), len(alike) / len(rows), width)


def _start(lines, delimiter):
    """How many lines stand before the table, which are of another width; a single odd row within it is damaged."""
    rows = [split(line, delimiter) for line in lines]
    width = _width(rows[-_TAIL:])
    belongs = [len(row) == width and not line.startswith(_COMMENTS) for row, line in zip(rows, lines, strict=True)]
    start = len(lines) - belongs[::-1].index(True) - 1
    while start and (belongs[start - 1] or (start > 1 and belongs[start - 2])):
        start -= 1 if belongs[start - 1] else 2
    return start


def _decimal(rows, delimiter):
    cells = [cell.strip() for row in rows[-_TAIL:] for cell in row]
    if delimiter == "," or not any(_COMMA_NUMBER.match(cell) for cell in cells):
        return "."
    return "." if any("." in cell and _NUMBER.match(cell) for cell in cells) else ","


def _head(rows, mark):
    """How many rows at the beginning hold names and units: where columns of numbers hold none."""

    def is_number(cell):
        return bool(_NUMBER.match(cell.strip().replace(",", ".") if mark == "," else cell.strip()))

    tail = rows[-_TAIL:] if len(rows) > 3 else rows[-1:]
    width = _width(tail)
    cells = [[row[column].strip() for row in tail if column < len(row)] for column in range(width)]
    numeric = [
        at for at, each in enumerate(cells) if sum(bool(cell) and is_number(cell) for cell in each) > len(tail) / 2
    ]
    if not numeric:
        return 1
    head = 0
    for row in rows[: min(3, len(rows))]:
        if any(column < len(row) and row[column].strip() and is_number(row[column]) for column in numeric):
            break
        head += 1
    return min(head, 2)
