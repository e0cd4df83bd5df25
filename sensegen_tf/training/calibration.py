"""What is chosen when all steps are done: the prior of the latent, and the temperatures of sampling.

The temperature of a label is that whose samples have the recordings' spectrum.

A generator learns from recordings, but a rollout goes on from its own samples, where small errors add up: vigorous
movements lose energy along a window, and rest becomes restless. Its likelihood says nothing of that. One number for
each label mends most of it: the temperature of all steps after the first. Guo et al., "On calibration of modern neural
networks" (2017), fit one to a trained classifier; here it is chosen by samples. Those that ran away, twice as
far as any recording goes, are left out: a few of them would outweigh the spectrum of all others.
"""

from __future__ import annotations

import numpy as np

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.spectrum import log_spectral_distance
from sensegen_tf.training.batches import Stream
from sensegen_tf.training.loop import Trainer

# Windows to which the prior of a latent is fitted.
_PRIOR_WINDOWS = 8192
# The nearest to 1 first: it is kept where no other is better.
TEMPERATURES = (1.0, 1.05, 0.95, 1.1, 0.9, 1.15, 0.85, 1.2, 0.8, 1.25, 1.3, 0.7, 0.6, 0.5)
_REAL, _SAMPLES = 8192, 1024


def calibrate(trainer: Trainer, dataset: Dataset) -> None:
    """Sets the generator's temperature of every label to that of `TEMPERATURES` whose samples have the spectrum nearest
    to that of the label's training windows (log-spectral distance).

    Args:
      trainer: whose generator is trained.
      dataset: its dataset.
    """
    generator, windows = trainer.generator, dataset.training.subsample(_REAL)
    real = trainer.batches.standardize_windows(dataset, windows)
    label = trainer.batches.encode_labels(dataset, windows)
    chosen = np.ones(generator.temperatures.shape, np.float32)
    for number in np.unique(label):
        of_label, samples_label = real[label == number], np.full(_SAMPLES, number, np.int32)
        distances = []
        for temperature in TEMPERATURES:
            generator.temperatures.assign(np.full_like(chosen, temperature))
            samples = trainer.batches.generate_in_chunks(
                Stream.CALIBRATION_ROLLOUTS, label=samples_label, steps=dataset.length
            )
            distances.append(log_spectral_distance(of_label, _within(of_label, samples), rate=dataset.rate))
        chosen[number] = TEMPERATURES[np.argmin(np.nan_to_num(distances, nan=np.inf))]
    generator.temperatures.assign(chosen)


def fit_prior(trainer: Trainer, dataset: Dataset) -> None:
    """Fits the prior of the generator's latent to the posteriors of training windows, see `layers.encoder`.

    Args:
      trainer: whose generator is trained.
      dataset: its dataset.
    """
    real = trainer.batches.standardize_windows(dataset, dataset.training.subsample(_PRIOR_WINDOWS))
    encoder = trainer.generator.encoder
    assert encoder is not None, "a model without a latent has no prior"
    encoder.fit_prior(trainer.compiled.posterior(real))


def _within(real, samples):
    """The samples that go twice as far as real windows at most; all where most go farther."""
    kept = np.abs(samples).max((1, 2)) <= 2 * np.abs(real).max()
    return samples[kept] if kept.mean() > 0.5 else samples
