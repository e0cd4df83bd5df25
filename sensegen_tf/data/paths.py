"""The files of a folder, and what their names say of the recordings in them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from sensegen_tf.errors import InputError

COMPRESSED = (".gz", ".bz2")
# Most files that a note names.
_SHOWN = 10
# In the folder of a prepared set.
MANIFEST = "manifest.json"
# What a pattern can say; other names in braces match anything.
PARTS = ("subject", "session", "label")


class Located(NamedTuple):
    """A file.

    Attributes:
      path: to it.
      name: its path in its folder without the suffix, which is a subject's name where nothing else is.
      parts: of `PARTS` -> text, where a pattern was given.
    """

    path: str
    name: str
    parts: dict[str, str]


class Folder(NamedTuple):
    """The files of a folder.

    Attributes:
      files: that are read, sorted.
      left_out: paths of the others in it.
    """

    files: list[Located]
    left_out: list[str]

    def notes(self, path: str) -> tuple[str, ...]:
        """A note on the files of the folder at `path` that are not read; none where all are."""
        if not self.left_out:
            return ()
        shown = ", ".join(self.left_out[:_SHOWN]) + ", ..." * (len(self.left_out) > _SHOWN)
        return (f"{len(self.left_out)} files of {path} were not read: {shown}",)


def suffix(path: str) -> str:
    """The suffix of a file's name in lower case, without that of a compression.

    Example:
      >>> suffix("S3.CSV.gz"), suffix("a/b.c/x.txt")
      ('.csv', '.txt')
    """
    stem, last = os.path.splitext(os.path.basename(path).lower())
    return os.path.splitext(stem)[1] if last in COMPRESSED else last


def stem(path: str) -> str:
    """The name of a file without its folder and its suffix."""
    name = os.path.basename(path)
    if name.lower().endswith(COMPRESSED):
        name = os.path.splitext(name)[0]
    return os.path.splitext(name)[0]


def files_below(folder: str, suffixes: Sequence[str], *, pattern: str = "") -> Folder:
    """The files with these suffixes in a folder and the folders in it.

    Args:
      folder: its path.
      suffixes: in lower case, see `suffix`.
      pattern: of the end of a path, such as "{label}_{trial}/sub_{subject}.csv"; "" for none. Files that it does not
        match are left out.

    Raises:
      InputError: no file is read.
    """
    matcher = compiled(pattern) if pattern else None
    files, left_out = [], []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(root, name)
            inside = os.path.relpath(path, folder)
            matched = matcher.search(inside) if matcher else None
            if name.startswith(".") or suffix(name) not in suffixes or (matcher and not matched):
                left_out.append(inside)
                continue
            files.append(Located(path, os.path.join(os.path.dirname(inside), stem(inside)), parts_of(matched)))
    if not files:
        like = f" whose path ends like {pattern}" if pattern else ""
        raise InputError(f"{folder} holds no {', '.join(suffixes)} file{like}")
    return Folder(files, left_out)


def parts_of(matched: re.Match[str] | None) -> dict[str, str]:
    """What a matched pattern says, of `PARTS`; nothing where none matched."""
    return {part: text for part, text in matched.groupdict().items() if part in PARTS} if matched else {}


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression of a path pattern.

    Raises:
      InputError: a name stands in it twice, or braces that hold no name.

    Example:
      >>> compiled("{label}_{trial}/sub_{subject}.csv").search("data/wlk_7/sub_1.csv").groupdict()
      {'label': 'wlk', 'trial': '7', 'subject': '1'}
    """
    pieces = re.split(r"\{(\w+)\}", pattern)
    literal, names = pieces[::2], pieces[1::2]
    if any(mark in text for text in literal for mark in "{}") or len(set(names)) < len(names):
        raise InputError(
            f"path_pattern {pattern!r} must hold names in braces, none twice, such as sub_{{subject}}.csv",
            fields=["path_pattern"],
        )
    groups = [f"(?P<{name}>[^/]+?)" for name in names] + [""]
    return re.compile(r"(?:^|/)" + "".join(map("".join, zip(map(re.escape, literal), groups, strict=True))) + "$")
