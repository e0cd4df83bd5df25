"""What the models share: a configuration, their lower layers, and the way to and from what is stored of them."""

from __future__ import annotations

import typing
from collections.abc import Mapping

import keras
import numpy as np

from sensegen_tf.models import stored


class RecurrentModel(keras.Model):
    """A Keras model of C channels: LSTM layers and a sigmoid layer, to which a subclass adds its outputs.

    Args:
      config: the configuration.
      channels: C.
      labels: L, how many labels there are to condition on; 0 for none.
      seed: of the initial weights.
      use_xla: whether the recurrent layers run as this machine is fastest, see `layers.lstm.LSTM`.
      precision: "float32", or "bfloat16" to multiply in bfloat16 all but what the densities and logits are made of.
    """

    read_config: typing.ClassVar[typing.Any]  # Stored configuration -> configuration.

    def __init__(
        self,
        config: typing.Any,
        channels: int,
        *,
        labels: int = 0,
        seed: int = 0,
        use_xla: bool = False,
        precision: str = "float32",
        **kwargs: typing.Any,
    ):
        # A name of Keras's own choice counts the models of the process, so that a run could not go on in another one.
        super().__init__(**{"name": type(self).__name__.lower(), **kwargs})
        self.config, self.channels, self.labels, self.seed = config, channels, labels, seed
        self.use_xla, self.precision = use_xla, precision
        self.recurrent = config.network.build_recurrent(seed=seed, use_xla=use_xla, precision=precision)
        self.dense = config.network.build_dense(seed=seed, precision=precision)

    def set_increment_unit(self, increments: np.ndarray) -> None:
        """Takes the standard deviation of the increments [C], standardised, as their unit, where the model has one."""
        if self.unit is not None:
            self.unit.assign(increments)

    def to_inference(self) -> typing.Self:
        """The same weights in a model that multiplies in float32 and runs on any machine, as it is exported."""
        model = self.from_config(self.get_config())
        model.build()
        model.set_weights(self.get_weights())
        return model

    def _add_unit(self, wanted):
        """The weight that holds the unit of the increments, or None."""
        if not wanted:
            return None
        return self.add_weight(name="unit", shape=(self.channels,), initializer="ones", trainable=False)

    def get_config(self) -> dict[str, typing.Any]:
        """What `from_config` takes, as JSON can hold it."""
        return {
            "config": stored.describe(self.config),
            "channels": self.channels,
            "labels": self.labels,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, typing.Any]) -> typing.Self:
        """The model that `get_config` describes, also of version 0.1."""
        values = dict(config)
        for name in ("people", "subjects"):  # Of a table of subject embeddings.
            values.pop(name, None)
        return cls(**{**values, "config": cls.read_config(values["config"])})
