"""What the commands share: how they start and how they end."""

import contextlib
import os
import sys

from absl import app, flags, logging

from sensegen_tf.errors import InputError


def import_tensorflow():
    """Imports TensorFlow without its start-up messages, unless TF_CPP_MIN_LOG_LEVEL asks for them.

    Its C++ part writes them before it reads that variable, so the stream itself is set aside for the moment.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with contextlib.ExitStack() as stack:
        stderr = os.dup(2)
        stack.callback(os.close, stderr)
        stack.callback(os.dup2, stderr, 2)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import tensorflow as tf
    # It warns where one process compiles many small functions, as the judge does.
    tf.get_logger().setLevel("ERROR")


def from_flags(config_class, **given):
    """An instance of a dataclass: fields from `given`, the rest from the flags of the same names, lists as tuples."""
    values = {name: flags.FLAGS[name].value for name in config_class.__dataclass_fields__ if name not in given}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return config_class(**values, **given)


def run(main, positional=False):
    """Parses the flags and runs `main()`; an `InputError` becomes a message and exit status 2.

    Args:
      main: a function; it gets the arguments that are no flags, if there may be any.
      positional: whether there may.
    """

    def guarded(argv):
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)
        if len(argv) > 1 and not positional:
            raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}; every setting is a --flag=value")
        import_tensorflow()
        try:
            return main(*argv[1:])
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return 130

    app.run(guarded)
