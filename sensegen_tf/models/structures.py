"""Structures of tensors that the generator takes and returns."""

from __future__ import annotations

import typing

import tensorflow as tf

from sensegen_tf.layers.context import ContextState, Past
from sensegen_tf.layers.heads.base import Reference
from sensegen_tf.layers.lstm import LSTMState
from sensegen_tf.models.condition import Condition


class Noise(typing.NamedTuple):
    """All the noise that series are made of.

    Attributes:
      steps: [B, S, U + n C], of the blocks: what `Head.choose` and `Head.sample` take, uniforms in [0, 1) and then
        standard normals.
      series: [B, Z], standard normals: the latent.
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


class Inference(typing.NamedTuple):
    """What an encoder says of series.

    Attributes:
      condition: with a latent from the posterior of each series.
      divergence: [B, Z], of the posterior from the prior, see `Posterior.divergence`; Z may be 0.
    """

    condition: Condition
    divergence: tf.Tensor


class SampleScores(typing.NamedTuple):
    """Series scored sample by sample, each sample given those before it.

    Attributes:
      log_density: [B, T], nats.
      pit: [B, T, C], probability integral transforms, see `SequentialDensity`.
    """

    log_density: tf.Tensor
    pit: tf.Tensor


class RolloutState(typing.NamedTuple):
    """What a rollout carries from block to block."""

    condition: Condition
    past: Past
    context: ContextState
    recurrent: tuple[LSTMState, ...]
