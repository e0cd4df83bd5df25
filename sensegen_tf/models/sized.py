"""What the models share: sizes from a configuration, and back from what Keras saved of it."""

import dataclasses

import keras


class SizedModel(keras.Model):
    """A Keras model of C channels whose sizes stand in a frozen dataclass.

    Args:
      config: an instance of the subclass's `config_class`.
      channels: C.
      seed: of the initial weights.
    """

    config_class = None

    def __init__(self, config, channels, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.config, self.channels, self.seed = config, channels, seed

    def get_config(self):
        return {
            "config": dataclasses.asdict(self.config),
            "channels": self.channels,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        sizes = {**config["config"], "units": tuple(config["config"]["units"])}
        return cls(**{**config, "config": cls.config_class(**sizes)})
