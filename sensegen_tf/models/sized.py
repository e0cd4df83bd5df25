"""What the models share: their lower layers, and sizes from a configuration and back from what Keras saved of it."""

import dataclasses
import math

import keras

from sensegen_tf.layers.lstm import LSTMStack, policy


class SizedModel(keras.Model):
    """A Keras model of C channels whose sizes stand in a frozen dataclass.

    Args:
      config: an instance of the subclass's `config_class`.
      channels: C.
      seed: of the initial weights.
      native: whether the recurrent layers run as this machine is fastest, see `layers.lstm.LSTM`.
      precision: "float32", or "bfloat16" to multiply in bfloat16 all but what the densities and logits are made of.
    """

    config_class = None

    def __init__(self, config, channels, seed=0, native=False, precision="float32", **kwargs):
        super().__init__(**kwargs)
        self.config, self.channels, self.seed = config, channels, seed
        self.native, self.precision = native, precision

    def _recurrent(self):
        return LSTMStack(self.config.units, self.seed, self.native, self.precision, name="recurrent")

    def _dense(self):
        return keras.layers.Dense(
            self.config.dense_units,
            activation="sigmoid",
            kernel_initializer=keras.initializers.GlorotUniform(self.seed),
            dtype=policy(self.precision),
            name="dense",
        )

    def adapt(self, increments):
        """Takes the spread of the increments [C], standardised, as the unit of what the model is told of them."""
        if self.config.increments:
            self.unit.assign(increments)

    def plain(self):
        """The same weights in a model that multiplies in float32 and runs on any machine, as it is exported."""
        model = self.from_config(self.get_config())
        model.build()
        model.set_weights(self.get_weights())
        return model

    def get_config(self):
        """What `from_config` takes, as JSON can hold it."""
        sizes = dataclasses.asdict(self.config)
        if "levels" in sizes:
            sizes["levels"] = [str(level) if math.isinf(level) else level for level in sizes["levels"]]
        return {
            "config": sizes,
            "channels": self.channels,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        sizes = {name: tuple(v) if isinstance(v, list) else v for name, v in config["config"].items()}
        return cls(**{**config, "config": cls.config_class(**sizes)})
