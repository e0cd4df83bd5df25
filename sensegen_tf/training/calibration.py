"""How lively samples are: for every label the temperature that suits the recordings.

A generator learns from recordings, but goes on from its own samples, where small errors add up: vigorous movements lose
energy along a window, and rest becomes restless. Its likelihood says nothing of that. One number a label mends most of
it: the temperature of all steps after the first, as Guo et al., "On calibration of modern neural networks" (2017), fit
one to a trained classifier, but chosen by samples.
"""

import numpy as np

# The nearest to 1 first: it is kept where nothing speaks for another.
TEMPERATURES = (1.0, 1.05, 0.95, 1.1, 0.9, 1.15, 0.85, 1.2, 0.8, 1.25, 1.3, 0.7, 0.6, 0.5)
_REAL, _SAMPLES = 8192, 1024


def calibrate(trainer, dataset, distance):
    """Sets the generator's temperature of every label to that of `TEMPERATURES` whose samples are nearest to training
    windows of the label.

    Args:
      trainer: a `Trainer` whose generator has learnt.
      dataset: its `Dataset`.
      distance: a function of real windows, of samples, [N, T, C] and [M, T, C], and of the rate, Hz, that returns a
        number, smaller where they are more alike, such as `evaluation.fidelity.log_spectral_distance`.
    """
    generator = trainer.generator
    real, label = trainer.standardized(dataset, dataset.training.spread(_REAL))
    chosen = np.ones(generator.temperatures.shape, np.float32)
    for number in np.unique(label):
        own, of_label = real[label == number], np.full(_SAMPLES, number, np.int32)
        distances = []
        for temperature in TEMPERATURES:
            generator.temperatures.assign(np.full_like(chosen, temperature))
            distances.append(distance(own, trainer.generate_for_calibration(of_label, dataset.length), dataset.rate))
        chosen[number] = TEMPERATURES[np.argmin(np.nan_to_num(distances, nan=np.inf))]
    generator.temperatures.assign(chosen)
