"""The package's errors: one base, and one that says what was wrong with what a user gave."""

from collections.abc import Sequence


class SensegenError(Exception):
    """The base of every error that this package raises on purpose."""


class InputError(SensegenError, ValueError):
    """What a user gave (a file, an argument, a request) cannot be used; the message says what, where, and what to do.

    The message calls fields of configurations and arguments by their bare names. The commands write `--flag` in their
    place, print the message without a traceback, and exit with status 2.

    Args:
      message: what was wrong, where, and what to do.
      fields: names of the fields or arguments that the message mentions.

    Attributes:
      fields: the same, as a tuple.

    Example:
      >>> error = InputError("block must be at least 1, got 0", fields=["block"])
      >>> error.fields
      ('block',)
    """

    def __init__(self, message: str, *, fields: Sequence[str] = ()):
        super().__init__(message)
        self.fields = tuple(fields)

    def __reduce__(self):
        return _restore, (type(self), str(self), self.fields)


def _restore(kind, message, fields):
    return kind(message, fields=fields)
