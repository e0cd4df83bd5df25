"""Structures of tensors that the generator takes and returns."""

from __future__ import annotations

import typing

import tensorflow as tf

from sensegen_tf.layers.context import ContextState, Past
from sensegen_tf.layers.heads.base import Reference
from sensegen_tf.layers.lstm import LSTMState
from sensegen_tf.models.condition import Condition


class Noise(typing.NamedTuple):
    """All the noise that series are made of; of each kind uniforms in [0, 1) come first, then standard normals.

    Attributes:
      steps: [B, S, U + n C], of the blocks: what `Head.choose` and `Head.sample` take.
      series: [B, 1 + E], of the subject embedding.
    """

    steps: tf.Tensor
    series: tf.Tensor


class Prediction(typing.NamedTuple):
    """What the blocks of series are drawn from.

    Attributes:
      raw: [B, S, P], raw parameters of the head.
      initial: [B, P'], those of the first block, where it has a mixture of its own; or None.
      reference: of the samples, [B, S, n, ...].
    """

    raw: tf.Tensor
    initial: tf.Tensor | None
    reference: Reference


class SampleScores(typing.NamedTuple):
    """Series scored sample by sample, each sample given those before it.

    Attributes:
      log_density: [B, T], nats.
      pit: [B, T, C], probability integral transforms, see `SequentialDensity`.
      subject_log_weights: [B, T, subjects or 1], log of each subject's share times the likelihood of the series up to
        each sample under that subject's embedding.
    """

    log_density: tf.Tensor
    pit: tf.Tensor
    subject_log_weights: tf.Tensor


class RolloutState(typing.NamedTuple):
    """What a rollout carries from block to block."""

    condition: Condition
    past: Past
    context: ContextState
    recurrent: tuple[LSTMState, ...]
