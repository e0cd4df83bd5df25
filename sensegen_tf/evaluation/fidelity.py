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


def usual_band(rate, length):
    """Where spectra are compared: from 0.5 Hz to 0.4 times the rate; at all frequencies where none lies between.

    Args:
      rate: Hz.
      length: samples in a window, at least 2.

    Returns:
      Lowest and highest frequency, Hz.
    """
    frequencies = np.fft.rfftfreq(length, 1 / rate)[1:]
    if ((frequencies >= 0.5) & (frequencies <= 0.4 * rate)).any():
        return 0.5, 0.4 * rate
    return float(frequencies[0]), float(frequencies[-1])


def spectral_difference(real, synthetic, rate, low, high):
    """Largest difference of the amplitude spectra on a decibel scale, between two frequencies.

    Args:
      real, synthetic: [N, T, C], the same T and C.
      rate: Hz.
      low, high: Hz, both included; at least one frequency of the spectrum must lie between.

    Returns:
      Float array [C], dB.
    """
    frequencies, real_density = amplitude_spectrum(real, rate)
    _, synthetic_density = amplitude_spectrum(synthetic, rate)
    band = (frequencies >= low * (1 - 1e-9)) & (frequencies <= high * (1 + 1e-9))
    tiny = np.finfo(np.float64).tiny
    difference = 20 * (np.log10(synthetic_density[band] + tiny) - np.log10(real_density[band] + tiny))  # [F, C]
    return np.abs(difference).max(0)
