"""The discriminator: tells real series from generated ones."""

import keras
import tensorflow as tf

from sensegen_tf.models.sized import SizedModel
from sensegen_tf.models.zoo import DiscriminatorConfig


@keras.saving.register_keras_serializable("sensegen_tf")
class Discriminator(SizedModel):
    """A Keras classifier of series (SenseGen, section III): LSTM, a sigmoid layer, one logit from the last step.

    Arguments as `SizedModel`, with a `DiscriminatorConfig`, and
      labels: L, how many labels the series may have, of which it is told; 0 for none.
    """

    config_class = DiscriminatorConfig

    def __init__(self, config, channels, seed=0, labels=0, **kwargs):
        super().__init__(config, channels, seed, **kwargs)
        self.labels, self.supports_masking = labels, True
        self.recurrent, self.dense = self._recurrent(), self._dense()
        self.logit = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed), name="logit")

    def build(self, input_shape=None):
        del input_shape
        seen = self.channels * (2 if self.config.increments else 1) + self.labels
        self.recurrent.build((None, None, seen))
        self.dense.build((None, self.config.units[-1]))
        self.logit.build((None, self.config.dense_units))
        if self.config.increments:
            self.unit = self.add_weight(name="unit", shape=(self.channels,), initializer="ones", trainable=False)

    def call(self, series, label=None, mask=None):
        """Says whether series are real.

        Args:
          series: [B, T, C], standardised.
          label: int32 [B], where L is not 0.
          mask: bool [B, T], True for a row's samples, False for what fills it up behind them; None for no filling.

        Returns:
          Logits [B]; above 0 means real.
        """
        seen = [series]
        if self.config.increments:
            increments = tf.pad(series[:, 1:] - series[:, :-1], [[0, 0], [1, 0], [0, 0]])
            seen.append(tf.asinh(increments / tf.convert_to_tensor(self.unit)))
        if self.labels:
            seen.append(tf.tile(tf.one_hot(label, self.labels)[:, None], [1, tf.shape(series)[1], 1]))
        _, state = self.recurrent(tf.concat(seen, -1), mask=mask)
        h, _ = state[-1]
        return self.logit(self.dense(h))[:, 0]

    def get_config(self):
        return {**super().get_config(), "labels": self.labels}
