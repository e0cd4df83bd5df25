"""The generator's functions compiled for this machine: noise, series, and likelihoods of whole series."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sensegen_tf.layers.encoder import Posterior
from sensegen_tf.layers.micro_batches import map_micro_batches
from sensegen_tf.models import scoring
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.structures import Noise, Prediction
from sensegen_tf.training import losses

# Series that are scored or generated at once.
CHUNK = 256


class CompiledGenerator:
    """A generator while it learns.

    Args:
      generator: built.
    """

    def __init__(self, generator: Generator):
        self.generator = generator

    @tf.function
    def noise(self, seeds: tf.Tensor, steps: tf.Tensor) -> Noise:
        """Noise of series of `steps` samples from a seed each, int64 [B]."""
        return self.generator.noise(seeds, steps)

    @tf.function
    def generate(self, noise: Noise, label: tf.Tensor) -> tf.Tensor:
        """Standardised series [B, T, C] from noise and labels int32 [B]."""
        return map_micro_batches(self._generate, *noise, label)

    @tf.function(jit_compile=True)
    def _generate(self, step_noise, series_noise, label):
        return self.generator.generate(Noise(step_noise, series_noise), label)

    @tf.function(jit_compile=True)
    def log_prob(self, prediction: Prediction, series: tf.Tensor) -> tf.Tensor:
        """Log-densities [B, S] of the blocks of series, nats."""
        return self.generator.log_prob(prediction, series)

    def likelihood_loss(
        self, series: tf.Tensor, label: tf.Tensor, *, latent_noise: tf.Tensor, dropout_noise: tf.Tensor
    ) -> tf.Tensor:
        """The loss of the generator by likelihood (SenseGen, equation 3), with what its latent costs: nats a sample.

        Args:
          series: [B, T, C], real series, standardised.
          label, latent_noise, dropout_noise: as in `training.steps.GeneratorBatch`.
        """
        generator, past = self.generator, self.generator.past(series)
        condition, divergence = generator.infer(series, label, noise=latent_noise, past=past)
        prediction = generator(series, condition, past=past, dropout_noise=dropout_noise)
        of_latent = losses.latent_loss(divergence, free_bits=generator.free_bits, samples=series.shape[1])
        return losses.negative_log_likelihood(self.log_prob(prediction, series), generator.block) + of_latent

    @tf.function
    def _log_likelihood(self, series, label):
        past = self.generator.past(series)
        proposals = scoring.latents(self.generator, series, past=past)

        def under(latent):
            prediction = self.generator(series, Condition(label, latent), past=past)
            return tf.reduce_sum(self.log_prob(prediction, series), 1)

        found = tf.map_fn(under, proposals.latent, fn_output_signature=tf.float32)
        return tf.reduce_logsumexp(found + proposals.log_weight, 0)

    def log_likelihood(self, series: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Log-likelihood of whole series [N, T, C], standardised, given their labels [N]: float32 [N], nats.

        With a latent it is an estimate, see `models.scoring`.
        """
        starts = range(0, len(series), CHUNK)
        chunks = [(series[start : start + CHUNK], label[start : start + CHUNK]) for start in starts]
        return np.concatenate([self._log_likelihood(*chunk).numpy() for chunk in chunks])

    @tf.function
    def _posterior(self, series):
        return self.generator.posterior(series, self.generator.past(series))

    def posterior(self, series: np.ndarray) -> Posterior:
        """What the encoder says of the latent of series [N, T, C], standardised."""
        chunks = [self._posterior(series[start : start + CHUNK]) for start in range(0, len(series), CHUNK)]
        return Posterior(*(np.concatenate(each) for each in zip(*chunks, strict=True)))
