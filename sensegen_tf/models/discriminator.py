"""The discriminator: tells real series from generated ones."""

import keras

from sensegen_tf.models.sized import SizedModel
from sensegen_tf.models.zoo import DiscriminatorConfig


@keras.saving.register_keras_serializable("sensegen_tf")
class Discriminator(SizedModel):
    """A Keras classifier of series (SenseGen, section III): LSTM, a sigmoid layer, one logit from the last step.

    Arguments as `SizedModel`, with a `DiscriminatorConfig`.
    """

    config_class = DiscriminatorConfig

    def __init__(self, config, channels, seed=0, **kwargs):
        super().__init__(config, channels, seed, **kwargs)
        self.recurrent, self.dense = self._recurrent(), self._dense()
        self.logit = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed), name="logit")

    def build(self, input_shape=None):
        del input_shape
        self.recurrent.build((None, None, self.channels))
        self.dense.build((None, self.config.units[-1]))
        self.logit.build((None, self.config.dense_units))

    def call(self, series):
        """Standardised series [B, T, C] -> logits [B]; above 0 means real."""
        _, state = self.recurrent(series)
        h, _ = state[-1]
        return self.logit(self.dense(h))[:, 0]
