"""The discriminator: a classifier of series, real or generated."""

from __future__ import annotations

import typing

import keras
import tensorflow as tf

from sensegen_tf.models import stored
from sensegen_tf.models.base import RecurrentModel
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.config import DiscriminatorConfig


@keras.saving.register_keras_serializable("sensegen_tf")
class Discriminator(RecurrentModel):
    """A Keras classifier of series (SenseGen, section III): LSTM, a sigmoid layer, one logit from the last step.

    Arguments as `RecurrentModel`, with a `DiscriminatorConfig`.

    Example:
      >>> import tensorflow as tf
      >>> from sensegen_tf.models.presets import PRESETS
      >>> discriminator = Discriminator(PRESETS["sensegen"].discriminator, 1)
      >>> discriminator.build()
      >>> discriminator(tf.zeros([2, 24, 1]), Condition.of_label(tf.zeros([2], tf.int32))).shape
      TensorShape([2])
    """

    read_config = staticmethod(stored.read_discriminator_config)

    def __init__(self, config: DiscriminatorConfig, channels: int, **kwargs: typing.Any):
        super().__init__(config, channels, **kwargs)
        self.supports_masking = True
        self.logit = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(self.seed), name="logit")

    def build(self, input_shape: typing.Any = None) -> None:
        """Makes the weights."""
        del input_shape
        inputs = self.channels * (2 if self.config.increments else 1) + self.labels
        self.recurrent.build((None, None, inputs))
        self.dense.build((None, self.config.network.units[-1]))
        self.logit.build((None, self.config.network.dense_units))
        self.unit = self._add_unit(self.config.increments)

    def call(self, series: tf.Tensor, condition: Condition, *, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Classifies series.

        Args:
          series: [B, T, C], standardised.
          condition: of the series; its label is an input where L is not 0, its embedding is not.
          mask: bool [B, T], True for the samples of a series, False for the padding after them; None for no padding.

        Returns:
          Logits [B]; above 0 means real.
        """
        inputs = [series]
        if self.unit is not None:
            increments = tf.pad(series[:, 1:] - series[:, :-1], [[0, 0], [1, 0], [0, 0]])
            inputs.append(tf.asinh(increments / tf.convert_to_tensor(self.unit)))
        if self.labels:
            label = tf.one_hot(condition.label, self.labels)
            inputs.append(tf.tile(label[:, None], [1, tf.shape(series)[1], 1]))
        _, states = self.recurrent(tf.concat(inputs, -1), mask=mask)
        return self.logit(self.dense(states[-1].h))[:, 0]
