"""Amplitude spectra of windows, and how far two of them lie apart."""

from __future__ import annotations

import numpy as np
import scipy.signal


def amplitude_spectrum(values: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
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


def decibel_difference(real: np.ndarray, synthetic: np.ndarray, *, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """The amplitude spectrum of synthetic windows above that of real ones, on a decibel scale.

    Args:
      real, synthetic: [N, T, C], the same T and C.
      rate: Hz.

    Returns:
      Frequencies [F] in Hz, and differences [F, C] in dB.
    """
    frequencies, real_density = amplitude_spectrum(real, rate)
    _, synthetic_density = amplitude_spectrum(synthetic, rate)
    # An offset far below any sensor's noise, so that silence is a large and finite difference.
    offset = 1e-6 * real_density.max(0)
    return frequencies, 20 * (np.log10(synthetic_density + offset) - np.log10(real_density + offset))


def log_spectral_distance(real: np.ndarray, synthetic: np.ndarray, *, rate: float) -> float:
    """Root mean square over all frequencies above 0 of `decibel_difference`, mean over channels; dB.

    Gray and Markel, 1976.

    Args:
      real, synthetic: [N, T, C], the same T and C.
      rate: Hz.
    """
    _, difference = decibel_difference(real, synthetic, rate=rate)
    return float(np.sqrt((difference[1:] ** 2).mean(0)).mean())
