"""How much windows look like real ones: pure functions of two arrays [N, T, C], of real and of synthetic windows."""

from __future__ import annotations

import numpy as np
import scipy.stats

from sensegen_tf.data.spectrum import decibel_difference, log_spectral_distance
from sensegen_tf.data.windows import evenly_spaced

_NEIGHBOURS = 5
# Most windows that are taken for points, since all are compared with all.
_POINTS = 1000


def usual_band(rate: float, length: int) -> tuple[float, float]:
    """Where spectra are compared: from 0.5 Hz to 0.4 times the rate; at all frequencies where none lies between.

    Args:
      rate: Hz.
      length: time steps in a window, at least 2.

    Returns:
      Lowest and highest frequency, Hz.
    """
    frequencies = np.fft.rfftfreq(length, 1 / rate)[1:]
    if ((frequencies >= 0.5) & (frequencies <= 0.4 * rate)).any():
        return 0.5, 0.4 * rate
    return float(frequencies[0]), float(frequencies[-1])


def usual_range(values: np.ndarray) -> tuple[float, float]:
    """What a figure shows: all values but the outermost 0.05 % at either end, and a tenth of that width around them.

    Args:
      values: any shape.

    Returns:
      Lowest and highest value.
    """
    low, high = np.quantile(values, [0.0005, 0.9995])
    margin = 0.1 * (high - low)
    return float(low - margin), float(high + margin)


def spectral_difference(real: np.ndarray, synthetic: np.ndarray, *, rate: float, low: float, high: float) -> np.ndarray:
    """Largest difference of the amplitude spectra on a decibel scale, between two frequencies.

    Args:
      real, synthetic: [N, T, C], the same T and C.
      rate: Hz.
      low, high: Hz, both included; at least one frequency of the spectrum must lie between.

    Returns:
      Float array [C], dB.
    """
    frequencies, difference = decibel_difference(real, synthetic, rate=rate)
    band = (frequencies >= low * (1 - 1e-9)) & (frequencies <= high * (1 + 1e-9))
    return np.abs(difference[band]).max(0)


def wasserstein(real: np.ndarray, synthetic: np.ndarray) -> float:
    """1-Wasserstein distance of the values, in standard deviations of the real ones, mean over channels."""
    return float(
        np.mean(
            [
                scipy.stats.wasserstein_distance(real[..., c].ravel(), synthetic[..., c].ravel()) / real[..., c].std()
                for c in range(real.shape[-1])
            ]
        )
    )


def autocorrelation(values: np.ndarray) -> np.ndarray:
    """Autocorrelation of each channel, mean over windows, at lags from 0 to half a window.

    Each window is centred, and scaled by its own variance (biased estimate); one that never changes counts as 0.

    Args:
      values: [N, T, C].

    Returns:
      [T // 2 + 1, C].
    """
    length = values.shape[1]
    centred = values - values.mean(1, keepdims=True, dtype=np.float64)
    power = np.abs(np.fft.rfft(centred, 2 * length, axis=1)) ** 2
    covariance = np.fft.irfft(power, 2 * length, axis=1)[:, : length // 2 + 1]  # [N, L, C]
    variance = covariance[:, :1]
    changing = variance > 1e-12 * (values.astype(np.float64) ** 2).sum(1, keepdims=True)
    return np.where(changing, covariance / np.where(changing, variance, 1), 0).mean(0)


def autocorrelation_difference(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Mean absolute difference of the autocorrelations over lags of 1 to half a window and channels; 0 to 2."""
    return float(np.abs(autocorrelation(real) - autocorrelation(synthetic))[1:].mean())


def cross_correlation(values: np.ndarray) -> np.ndarray:
    """Correlations between channels: of the windows' means, and of the values around them.

    Args:
      values: [N, T, C], C at least 2.

    Returns:
      [2, C (C - 1) / 2]; 0 where one of the two never changes.
    """
    means = values.mean(1, dtype=np.float64)  # [N, C]
    around = (values - means[:, None]).reshape(-1, values.shape[-1])
    pairs = np.triu_indices(values.shape[-1], 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = [np.corrcoef(part, rowvar=False)[pairs] for part in (means, around)]
    return np.nan_to_num(np.stack(correlations))


def cross_correlation_difference(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Mean absolute difference of the correlations between channels, see `cross_correlation`; 0 to 2."""
    return float(np.abs(cross_correlation(real) - cross_correlation(synthetic)).mean())


def increment_skewness(values: np.ndarray) -> np.ndarray:
    """Skewness of the increments over 1, 2, 4, ... time steps, up to a quarter of a window: [lags, C].

    It changes its sign when time runs backwards (Ramsey and Rothman, 1996), which spectra do not notice.
    """
    lags = 2 ** np.arange(int(np.log2(values.shape[1] // 4)) + 1)
    rows = [scipy.stats.skew(_increments(values, lag).reshape(-1, values.shape[-1]), axis=0) for lag in lags]
    return np.nan_to_num(np.stack(rows))


def _increments(values, lag):
    return (values[:, lag:] - values[:, :-lag]).astype(np.float64)


def increment_skewness_difference(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Mean absolute difference of `increment_skewness` over lags and channels."""
    return float(np.abs(increment_skewness(real) - increment_skewness(synthetic)).mean())


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances [N, M] between rows [N, D] and [M, D], float32."""
    products = first @ second.T
    return np.maximum((first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2 * products, 0)


def neighbourhoods(real: np.ndarray, synthetic: np.ndarray) -> dict[str, float]:
    """Three measures on the windows as points, each channel in standard deviations of the real values.

    Returns:
      A dictionary: `mmd`, the squared maximum mean discrepancy (unbiased; mean of Gaussian kernels of a half, one and
      two times the median distance of the real windows; Gretton et al., 2012); `precision`, the share of synthetic
      windows that lie within a real window's five nearest neighbours' radius (Kynkäänniemi et al., 2019);
      `coverage`, the share of real windows that have a synthetic one within that radius (Naeem et al., 2020).
    """
    mean, std = real.mean((0, 1)), real.std((0, 1))
    real, synthetic = (((each - mean) / std).reshape(len(each), -1).astype(np.float32) for each in (real, synthetic))
    within, across = squared_distances(real, real), squared_distances(real, synthetic)
    np.fill_diagonal(within, np.nan)
    median = np.nanmedian(within)
    np.fill_diagonal(within, np.inf)
    radius = np.partition(within, _NEIGHBOURS - 1, axis=1)[:, _NEIGHBOURS - 1]
    others = squared_distances(synthetic, synthetic)
    np.fill_diagonal(others, np.inf)

    def kernel(distances):
        return sum(np.exp(-distances / (2 * median * scale)) for scale in (0.25, 1, 4)) / 3

    # The diagonals are at an infinite distance, so they add nothing.
    pairs_within, pairs_others = len(real) * (len(real) - 1), len(synthetic) * (len(synthetic) - 1)
    mmd = (
        kernel(within).sum(dtype=np.float64) / pairs_within
        + kernel(others).sum(dtype=np.float64) / pairs_others
        - 2 * kernel(across).mean(dtype=np.float64)
    )
    return {
        "mmd": float(mmd),
        "precision": float((across <= radius[:, None]).any(0).mean()),
        "coverage": float((across.min(1) <= radius).mean()),
    }


def _subsample(windows):
    """At most `_POINTS` of them, evenly spaced."""
    return windows[evenly_spaced(len(windows), _POINTS)]


def measure(real: np.ndarray, synthetic: np.ndarray, *, rate: float) -> dict[str, float]:
    """All measures of this module that are one number: metric -> value; the correlation of channels needs two.

    Args:
      real, synthetic: [N, T, C].
      rate: Hz.
    """
    values = {
        "marginals": wasserstein(real, synthetic),
        "increments": wasserstein(_increments(real, 1), _increments(synthetic, 1)),
        "autocorrelation": autocorrelation_difference(real, synthetic),
        "spectrum": log_spectral_distance(real, synthetic, rate=rate),
        "time_direction": increment_skewness_difference(real, synthetic),
        **neighbourhoods(_subsample(real), _subsample(synthetic)),
    }
    if real.shape[-1] > 1:
        values["cross_correlation"] = cross_correlation_difference(real, synthetic)
    return values
