"""How likely series are, sample by sample.

A model with a latent z is a mixture over all z. Its density is estimated by importance sampling (Burda et al.,
"Importance weighted autoencoders", 2016, equation 8): half of the latents come from the prior and half from the
posterior that the encoder gives, and each is weighed against the mixture of the two (the balance heuristic, Veach and
Guibas, 1995), so that no weight is above 2. In expectation the logarithm is a lower bound. The noise is fixed, so that
a series always has the same score.
"""

from __future__ import annotations

import math
import typing

import numpy as np
import tensorflow as tf

from sensegen_tf.layers.context import Past
from sensegen_tf.layers.encoder import Posterior, Prior
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.generator import Generator, first_blocks
from sensegen_tf.models.structures import SampleScores

# Latents of which a score is the mean.
LATENTS = 16


class WeightedLatents(typing.NamedTuple):
    """Latents of series with the weights of importance sampling.

    Attributes:
      latent: [K, B, Z].
      log_weight: [K, B]; the sum of the weights over K is 1 in expectation.
    """

    latent: tf.Tensor
    log_weight: tf.Tensor


def sample_latents(posterior: Posterior, *, prior: Prior) -> WeightedLatents:
    """`LATENTS` latents of each series, half from the prior and half from its posterior; the same at every call."""
    rows, size = tf.shape(posterior.mean)[0], posterior.mean.shape[-1]
    noise = np.random.default_rng(0).standard_normal([LATENTS, 1, size]).astype(np.float32)
    noise = tf.tile(noise, [1, rows, 1])
    drawn, inferred = prior.sample(noise[: LATENTS // 2]), posterior.sample(noise[LATENTS // 2 :])
    latent = tf.concat([drawn, inferred], 0)
    log_prior, log_posterior = prior.log_prob(latent), posterior.log_prob(latent)
    log_mixture = tf.reduce_logsumexp(tf.stack([log_prior, log_posterior]), 0) - math.log(2)
    return WeightedLatents(latent, log_prior - log_mixture - math.log(LATENTS))


def latents(generator: Generator, series: tf.Tensor, *, past: Past, steps: tf.Tensor | None = None) -> WeightedLatents:
    """The latents under which series [B, T, C] are scored: one without numbers where the model has none.

    Args:
      generator: built.
      series: standardised; T a multiple of n.
      past: of the series.
      steps: int32 [B], how many blocks of each count; None for all.
    """
    if not generator.encoder:
        rows = tf.shape(series)[0]
        return WeightedLatents(tf.zeros([1, rows, 0]), tf.zeros([1, rows]))
    return sample_latents(generator.posterior(series, past, steps=steps), prior=generator.encoder.prior)


def score(generator: Generator, series: tf.Tensor, *, label: tf.Tensor, steps: tf.Tensor | None = None) -> SampleScores:
    """Scores series sample by sample.

    With a latent, the prediction of a sample weighs the latents by the likelihood of the samples before it.

    Args:
      generator: built.
      series: [B, T, C], standardised; T a multiple of n.
      label: int32 [B].
      steps: int32 [B], how many blocks of each the encoder sees; None for all.
    """
    past = generator.past(series)
    proposals = latents(generator, series, past=past, steps=steps)

    def under(latent):
        return _sequential(generator, series, past, Condition(label, latent))

    log_density, pit = tf.map_fn(under, proposals.latent, fn_output_signature=(tf.float32, tf.float32))
    before = tf.cumsum(log_density, axis=-1, exclusive=True) + proposals.log_weight[..., None]  # [K, B, T]
    log_weight = tf.nn.log_softmax(before, 0)  # Of the latents, given the samples before.
    conditional = tf.reduce_logsumexp(log_weight + log_density, 0)  # [B, T]
    total = tf.reduce_logsumexp(proposals.log_weight, 0)[:, None]  # 0 in expectation of its exponential.
    conditional = tf.concat([conditional[:, :1] + total, conditional[:, 1:]], 1)
    return SampleScores(conditional, tf.reduce_sum(tf.exp(log_weight)[..., None] * pit, 0))


def _sequential(generator, series, past, condition):
    """Log-densities [B, T] and probability integral transforms [B, T, C] of the samples of series."""
    prediction, blocks = generator(series, condition, past=past), generator.blocks(series)
    shape, head, initial = tf.shape(series), generator.head, generator.initial
    found = head.sequential(head.unpack(prediction.raw), prediction.reference, values=blocks)
    if initial:
        reference = first_blocks(prediction.reference)
        first = initial.sequential(initial.unpack(prediction.initial), reference, values=blocks[:, 0])
        found = (tf.concat([a[:, None], b[:, 1:]], 1) for a, b in zip(first, found, strict=True))
    density, pit = found
    return tf.reshape(density, shape[:2]), tf.reshape(pit, shape)
