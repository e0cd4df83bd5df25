"""What the fork server of `tests.commands` imports once: nothing of it starts TensorFlow's own threads."""

from sensegen_tf import commands

commands.import_tensorflow()

import tensorflow_probability  # noqa: E402, F401
