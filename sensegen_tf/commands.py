"""What the commands share: how they start and how they end."""

import os
import sys

from absl import app, flags, logging

from sensegen_tf.errors import InputError


def run(main):
    """Parses the flags and runs `main()`; an `InputError` becomes a message and exit status 2.

    TensorFlow's start-up messages are hidden unless TF_CPP_MIN_LOG_LEVEL or --verbosity ask for them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    def guarded(argv):
        if flags.FLAGS["verbosity"].using_default_value:
            logging.set_verbosity(logging.WARNING)
        if len(argv) > 1:
            raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}; every setting is a --flag=value")
        try:
            return main()
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2

    app.run(guarded)
