"""The generator's functions compiled for this machine: noise, series, and likelihoods of whole series."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sensegen_tf.layers.micro_batches import map_micro_batches
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.structures import Noise, Prediction

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

    @tf.function
    def _log_likelihood(self, series, label, subject):
        prediction = self.generator(series, self.generator.subject_condition(label, subject))
        return tf.reduce_sum(self.log_prob(prediction, series), 1)

    def log_likelihood(self, series: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Log-likelihood of whole series [N, T, C], standardised, given their labels [N]: float32 [N], nats.

        With subject embeddings it is that of the mixture of all subjects, in their shares under the label.
        """
        generator = self.generator
        subjects = range(generator.subjects if generator.embedding_size else 1)
        found = []
        for start in range(0, len(series), CHUNK):
            chunk, of_chunk = series[start : start + CHUNK], label[start : start + CHUNK]
            under = [
                self._log_likelihood(chunk, of_chunk, np.full(len(chunk), subject, np.int32)).numpy()
                for subject in subjects
            ]
            found.append(np.logaddexp.reduce(under + generator.log_shares(of_chunk).numpy().T, axis=0))
        return np.concatenate(found)
