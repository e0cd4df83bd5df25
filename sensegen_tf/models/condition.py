"""What a series is conditioned on, as one structure that is passed whole from the records to the signatures."""

from __future__ import annotations

import typing

import tensorflow as tf


class Condition(typing.NamedTuple):
    """The condition of B series.

    Attributes:
      label: int32 [B], in [0, L); of no meaning where L is 0.
      latent: float32 [B, Z], of the subject; Z may be 0.
    """

    label: tf.Tensor
    latent: tf.Tensor

    @classmethod
    def of_label(cls, label: tf.Tensor) -> Condition:
        """The condition of series that have a label and no latent."""
        return cls(label, tf.zeros([tf.shape(label)[0], 0]))

    def encode(self, labels: int) -> tf.Tensor:
        """The condition as inputs of a network, [B, L + Z]: the label one-hot, then the latent."""
        return tf.concat([tf.one_hot(self.label, labels), self.latent], -1)
