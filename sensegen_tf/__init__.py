"""SenseGen: synthetic sensor data from a recurrent mixture density generator and a discriminator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensegen_tf.generation.model import Model

__version__ = "0.2.0"


def load(path: str | os.PathLike[str]) -> Model:
    """Loads an exported model, or a pretrained one by its name.

    Args:
      path: folder of a SavedModel version or of versions (the highest is taken), or a name such as "sensegen_ecg".

    Raises:
      sensegen_tf.errors.InputError: there is no such model; pretrained ones are listed.

    Example:
      >>> import sensegen_tf
      >>> model = sensegen_tf.load("sensegen_watch")
      >>> model.card.channels, model.card.rate, model.card.labels[:2]
      (('ax', 'ay', 'az'), 50.0, ('abduction', 'external rotation'))
      >>> samples = model.sample(3, length=64, seed=1)
      >>> samples.values.shape, samples.labels.shape, samples.seeds.shape
      ((3, 64, 3), (3,), (3,))
    """
    from sensegen_tf.generation.model import Model

    return Model(path)
