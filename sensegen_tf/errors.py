"""The one exception that says: the input is wrong, and here is what to do."""


class InputError(ValueError):
    """What a user gave (a file, a flag, a request) cannot be used; the message says what, where, and what to do.

    The commands print the message alone, without a traceback, and exit with status 2.
    """
