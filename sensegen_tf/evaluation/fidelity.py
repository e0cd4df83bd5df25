"""How much samples look like real recordings, as numbers: NumPy arrays in, numbers out."""

import numpy as np
import scipy.signal


def amplitude_spectrum(values, rate):
    """Amplitude spectral density of each channel, averaged (as power) over windows.

    Hann window; each window's mean is taken away first, so that gravity does not leak into the lowest bins.

    Args:
      values: [N, T, C].
      rate: Hz.

    Returns:
      Frequencies [F] in Hz, and densities [F, C] in units / sqrt(Hz).
    """
    frequencies, power = scipy.signal.periodogram(values, rate, window="hann", detrend="constant", axis=1)
    return frequencies, np.sqrt(power.mean(0))


def spectral_difference(real, synthetic, rate, low, high):
    """Difference of the amplitude spectra on a decibel scale, between two frequencies.

    Args:
      real, synthetic: [N, T, C], the same T and C.
      rate: Hz.
      low, high: Hz, both included.

    Returns:
      Two float arrays [C] in dB: the largest absolute difference, and the root mean square (log-spectral distance).
    """
    frequencies, real_density = amplitude_spectrum(real, rate)
    _, synthetic_density = amplitude_spectrum(synthetic, rate)
    band = (frequencies >= low) & (frequencies <= high)
    tiny = np.finfo(np.float64).tiny
    difference = 20 * (np.log10(synthetic_density[band] + tiny) - np.log10(real_density[band] + tiny))  # [F, C]
    return np.abs(difference).max(0), np.sqrt((difference**2).mean(0))
