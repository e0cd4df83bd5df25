"""Text tables that say something of records or subjects, a row each."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sensegen_tf.data import dialect
from sensegen_tf.errors import InputError


class Lookup(NamedTuple):
    """A text table.

    Attributes:
      path: of its file.
      names: of its columns.
      rows: name -> text, in their order.
      skipped: lines before the first row.
    """

    path: str
    names: tuple[str, ...]
    rows: list[dict[str, str]]
    skipped: int

    def check(self, columns: Sequence[str], *, field: str) -> None:
        """Refuses names of columns that it lacks; `field` is what named them."""
        for name in columns:
            if name not in self.names:
                raise InputError(f"{self.path} has no column {name}; it has {', '.join(self.names)}", fields=[field])


def read_lookup(path: str, *, data_dir: str | os.PathLike[str], field: str, column_names: Sequence[str] = ()) -> Lookup:
    """A text table of any dialect.

    Args:
      path: of it, also below `data_dir`.
      data_dir: folder of the recordings; "" for none.
      field: that named it, for messages.
      column_names: of its columns, where it has none.

    Raises:
      InputError: there is no such file, it cannot be read, or its columns have no names.
    """
    found = path if os.path.exists(path) else os.path.join(data_dir, path)
    if not os.path.isfile(found):
        raise InputError(f"there is no file {path}: {field} must name one", fields=[field])
    how = dialect.find(found, column_names=column_names)
    if not how.names:
        raise InputError(f"{found} has no line of names: name its columns with column_names", fields=["column_names"])
    lines = dialect.read_text(found).content.splitlines()[how.skipped :]
    cells = [dialect.split(line, " ") for line in lines] if how.delimiter == " " else []
    rows = cells or list(csv.reader(lines, delimiter=how.delimiter))
    texts = [{name: text.strip() for name, text in zip(how.names, row, strict=False)} for row in rows if row]
    return Lookup(found, how.names, texts, how.skipped)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttributesConfig:
    """What a table says of the subjects, such as their age.

    Attributes:
      attribute_table: a text file with a row a subject, in the folder of the recordings or elsewhere; "" for none.
      attribute_columns: of it, what is kept of a subject; empty for all.
      attribute_subject_column: of it, the subject; "" for its first column.

    Raises:
      InputError: columns without a table.
    """

    attribute_table: str = ""
    attribute_columns: tuple[str, ...] = ()
    attribute_subject_column: str = ""

    def __post_init__(self) -> None:
        if not self.attribute_table and (self.attribute_columns or self.attribute_subject_column):
            raise InputError("attribute_columns need an attribute_table", fields=["attribute_table"])


class Attributes:
    """What is known of subjects beside their recordings.

    Args:
      config: which table, and which of its columns.
      data_dir: folder of the recordings.

    Raises:
      InputError: no such table or column, or two rows of one subject that disagree.
    """

    def __init__(self, config: AttributesConfig, data_dir: str):
        self._rows: dict[str, dict[str, str]] = {}
        self._path = config.attribute_table
        if not self._path:
            return
        table = read_lookup(self._path, data_dir=data_dir, field="attribute_table")
        key = config.attribute_subject_column or table.names[0]
        table.check([key], field="attribute_subject_column")
        table.check(config.attribute_columns, field="attribute_columns")
        columns = config.attribute_columns or tuple(name for name in table.names if name != key)
        for number, row in enumerate(table.rows, 1):
            found = {name: row.get(name, "") for name in columns}
            before = self._rows.setdefault(row.get(key, ""), found)
            differs = [name for name in columns if before[name] != found[name]]
            if differs:
                name = differs[0]
                raise InputError(
                    f"{table.path}, data row {number}: {name} of subject {row.get(key, '')} is {found[name]!r}, but an "
                    f"earlier row says {before[name]!r}. Keep one row a subject, or leave {name} out of "
                    "attribute_columns",
                    fields=["attribute_columns"],
                )

    def of(self, subject: str) -> Mapping[str, str]:
        """Name -> text of a subject's attributes, "" where one is unknown; empty where no table was named.

        Raises:
          InputError: the table has no row of the subject.
        """
        if not self._path:
            return {}
        if subject not in self._rows:
            some = ", ".join(sorted(self._rows)[:5])
            raise InputError(
                f"{self._path} has no row of subject {subject}; it has {some} and so on. Add a row, or name the column "
                "of the subjects with attribute_subject_column",
                fields=["attribute_table", "attribute_subject_column"],
            )
        return self._rows[subject]
