"""An exported model as a Python object: numbers in, NumPy arrays out."""

import numpy as np

from sensegen_tf.errors import InputError
from sensegen_tf.generation import local
from sensegen_tf.serving import saved_model


class Model:
    """A SavedModel version.

    Args:
      path: folder of a version or of versions (the highest is taken), or the name of a pretrained model.

    Attributes:
      version: the folder.
      card: its `ModelCard`: rate, channels, units, labels.

    Raises:
      InputError: there is no model there.
    """

    def __init__(self, path):
        self.version = saved_model.find_version(path)
        self.card = saved_model.read_card(self.version)

    def sample(self, count, length=None, seed=0, label=None):
        """Samples series, the same as `python -m sensegen_tf.sample` with the same arguments.

        Args:
          count: N, at least 1.
          length: T, at least 1; by default as long as the training windows.
          seed: in [0, 2^31); other seeds give other series.
          label: of all series, one of `card.labels`; by default labels are as common as in training.

        Returns:
          float32 [N, T, C] in physical units; of a conditional model without `label`, that and N labels.

        Raises:
          InputError: an argument out of its range; it is named.
        """
        length = self.card.window_length if length is None else length
        for name, value, low, high in (
            ("count", count, 1, 2**32),
            ("length", length, 1, 2**31),
            ("seed", seed, 0, 2**31),
        ):
            if not isinstance(value, int | np.integer) or not low <= value < high:
                raise InputError(f"{name} must be a whole number in [{low}, {high}), got {value!r}")
        shares = local.label_shares(self.card, label)
        chunks = list(local.generate(self.version, count, length, seed, count, shares))
        samples = np.concatenate([chunk for _, _, chunk in chunks])
        if label is not None or not self.card.labels:
            return samples
        return samples, np.array(self.card.labels)[np.concatenate([numbers for _, numbers, _ in chunks])]
