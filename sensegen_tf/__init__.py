"""SenseGen: synthetic sensor data from a recurrent mixture density generator and a discriminator."""

__version__ = "0.1.0"


def load(path):
    """Loads an exported model, or a pretrained one by its name.

    Args:
      path: folder of a SavedModel version or of versions (the highest is taken), or a name such as "sensegen_ecg".

    Returns:
      A `sensegen_tf.generation.model.Model`.

    Raises:
      sensegen_tf.errors.InputError: there is no such model; pretrained ones are listed.
    """
    from sensegen_tf.generation.model import Model

    return Model(path)
