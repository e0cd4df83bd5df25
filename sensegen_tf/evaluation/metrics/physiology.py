"""Whether the physiology is right: gait and gravity in accelerations, beats in ECGs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.stats

_GRAVITY = {"g": 1.0, "m/s^2": 9.80665, "m/s²": 9.80665, "m/s2": 9.80665}
_VOLTAGE = {"mV": 1.0, "uV": 1e3, "µV": 1e3, "V": 1e-3}
# Steps a second of walking and running people.
_CADENCE_HZ = (1.0, 3.5)
# A window is rhythmic if it moves this much [g] and the strongest line of its spectrum lies in the band of cadences.
_MOVING, _STRONGEST = 0.05, 0.5
_FEWEST = 10


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Motion:
    """What is measured in windows of accelerations.

    Attributes:
      cadence: float [N], Hz; 0 where a window is not rhythmic.
      gravity: float [N], norm of the mean acceleration, g; None without three axes.
      energy: float [N], root mean square of the acceleration around its mean, g.
    """

    cadence: np.ndarray
    gravity: np.ndarray | None
    energy: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Heart:
    """What is measured in windows of an ECG; NaN where a window has too few beats.

    Attributes:
      heart_rate: float [N], beats a minute, from the mean RR interval; needs two beats.
      intervals: N arrays of RR intervals, ms.
      sdnn: float [N], standard deviation of a window's RR intervals, ms; needs three beats.
      rmssd: float [N], root mean square of successive differences of RR intervals, ms; needs three beats.
      beats: float [N, S], mean beat of a window, mV, around its R peaks, the beat's own median taken away.
      median_beats: the same, of the median beat.
      times: float [S], s, of `beats`.
    """

    heart_rate: np.ndarray
    intervals: list[np.ndarray]
    sdnn: np.ndarray
    rmssd: np.ndarray
    beats: np.ndarray
    median_beats: np.ndarray
    times: np.ndarray


def accelerations(units: Sequence[str]) -> list[int]:
    """Columns of the accelerations, by their units: the first three, or one where there are fewer, or none."""
    columns = [index for index, unit in enumerate(units) if unit in _GRAVITY]
    return columns[:3] if len(columns) >= 3 else columns[:1]


def leads(units: Sequence[str]) -> list[int]:
    """Columns of the ECG leads, by their units: mV, uV or V."""
    return [index for index, unit in enumerate(units) if unit in _VOLTAGE]


def motion(values: np.ndarray, rate: float, *, unit: str) -> Motion:
    """Measures windows of accelerations.

    The cadence is the strongest line between 1 and 3.5 Hz of the spectrum (Hann window) of the norm of the
    acceleration, in windows that move and in which no line outside that band is twice as strong.

    Args:
      values: [N, T, A], A 3 axes or 1.
      rate: Hz, at least 10.
      unit: of acceleration.

    Returns:
      What was measured.
    """
    values = values.astype(np.float64) / _GRAVITY[unit]
    means = values.mean(1)
    energy = np.sqrt(((values - means[:, None]) ** 2).sum(-1).mean(1))
    signal = np.linalg.norm(values, axis=-1) if values.shape[-1] == 3 else values[..., 0]
    signal = signal - signal.mean(1, keepdims=True)
    # Padded with zeros to lines 0.01 to 0.05 Hz apart, finer than cadences differ.
    padded = 2 ** int(np.ceil(np.log2(max(signal.shape[1], 40 * rate))))
    power = np.abs(np.fft.rfft(signal * np.hanning(signal.shape[1]), padded, axis=1)) ** 2
    frequencies = np.fft.rfftfreq(padded, 1 / rate)
    band = (frequencies >= _CADENCE_HZ[0]) & (frequencies <= _CADENCE_HZ[1])
    strongest = power[:, band].max(1)
    rhythmic = (signal.std(1) > _MOVING) & (strongest > _STRONGEST * power.max(1))
    cadence = np.where(rhythmic, frequencies[band][power[:, band].argmax(1)], 0)
    gravity = np.linalg.norm(means, axis=-1) if values.shape[-1] == 3 else None
    return Motion(cadence=cadence, gravity=gravity, energy=energy)


def heart(values: np.ndarray, rate: float, *, unit: str) -> Heart:
    """Finds the beats in windows of an ECG, by sleepecg's detector (Brunner and Hofer, 2023, after Pan and Tompkins).

    Args:
      values: [N, T], one lead.
      rate: Hz, at least 60, since the detector filters up to 25 Hz.
      unit: of voltage.

    Returns:
      What was measured.

    Raises:
      ImportError: sleepecg is not installed.
    """
    import sleepecg

    values = values.astype(np.float64) / _VOLTAGE[unit]
    before, after = round(0.2 * rate), round(0.4 * rate)
    intervals: list[np.ndarray] = []
    beats, medians = (np.full([len(values), before + after], np.nan) for _ in range(2))
    for index, window in enumerate(values):
        # A window that never changes has no beats, and the detector divides by its standard deviation.
        peaks = sleepecg.detect_heartbeats(window, rate) if np.ptp(window) > 0 else np.array([], int)
        intervals.append(np.diff(peaks) * 1000 / rate)
        whole = [window[p - before : p + after] for p in peaks if p >= before and p + after <= len(window)]
        if whole:
            for found, beat in ((beats, np.mean(whole, 0)), (medians, np.median(whole, 0))):
                found[index] = beat - np.median(beat)

    def each(function, fewest):
        return np.array([function(rr) if len(rr) >= fewest else np.nan for rr in intervals])

    return Heart(
        heart_rate=each(lambda rr: 60_000 / rr.mean(), 1),
        intervals=intervals,
        sdnn=each(np.std, 2),
        rmssd=each(lambda rr: np.sqrt(np.mean(np.diff(rr) ** 2)), 2),
        beats=beats,
        median_beats=medians,
        times=np.arange(-before, after) / rate,
    )


def _distance(real, synthetic):
    """1-Wasserstein distance of the finite values; None with too few real ones, from 0 with too few synthetic ones."""
    real, synthetic = real[np.isfinite(real)], synthetic[np.isfinite(synthetic)]
    if len(real) < _FEWEST:
        return None
    if len(synthetic) < _FEWEST:
        return float(np.abs(real).mean())
    return float(scipy.stats.wasserstein_distance(real, synthetic))


def compare_motion(
    real: np.ndarray, synthetic: np.ndarray, *, measured: Motion, labels: np.ndarray | None = None
) -> dict[str, float]:
    """Distances between the motion in two sets of windows.

    Args:
      real, synthetic: row numbers.
      measured: in all windows.
      labels: of all windows, or None.

    Returns:
      Metric -> value, without the metrics for which too few real windows have a value.
    """
    cadence = measured.cadence[real], measured.cadence[synthetic]
    values = {
        "cadence": _distance(*(each[each > 0] for each in cadence)),
        "rhythm": float(abs((cadence[0] > 0).mean() - (cadence[1] > 0).mean())),
    }
    if measured.gravity is not None:
        values["gravity"] = _distance(measured.gravity[real], measured.gravity[synthetic])
    energy = measured.energy[real], measured.energy[synthetic]
    values["energy"] = _distance(*energy) / float(energy[0].mean())
    if labels is not None:
        values["energy_by_label"] = _energy_by_label(*energy, labels[real], labels[synthetic])
    return {name: value for name, value in values.items() if value is not None}


def _energy_by_label(real, synthetic, real_labels, synthetic_labels):
    """Mean over labels of the relative difference of the mean energy; None where no label is in both often enough."""
    differences = []
    for label in np.unique(real_labels):
        real_energy, synthetic_energy = real[real_labels == label], synthetic[synthetic_labels == label]
        if min(len(real_energy), len(synthetic_energy)) >= _FEWEST:
            differences.append(abs(synthetic_energy.mean() / real_energy.mean() - 1))
    return float(np.mean(differences)) if differences else None


def compare_hearts(real: np.ndarray, synthetic: np.ndarray, *, measured: Heart) -> dict[str, float]:
    """Distances between the beats in two sets of windows.

    Args:
      real, synthetic: row numbers.
      measured: in all windows.

    Returns:
      Metric -> value, without the metrics for which too few real windows have a value.
    """

    def rr(rows):
        return np.concatenate([measured.intervals[row] for row in rows])

    values = {
        "heart_rate": _distance(measured.heart_rate[real], measured.heart_rate[synthetic]),
        "rr_intervals": _distance(rr(real), rr(synthetic)),
        "sdnn": _distance(measured.sdnn[real], measured.sdnn[synthetic]),
        "rmssd": _distance(measured.rmssd[real], measured.rmssd[synthetic]),
        "beat_shape": _beat_shape(measured.beats[real], measured.beats[synthetic]),
    }
    return {name: value for name, value in values.items() if value is not None}


def _beat_shape(real, synthetic):
    """Root mean square difference of the mean beats, as a share of the real one's root mean square."""
    real, synthetic = (each[np.isfinite(each[:, 0])] for each in (real, synthetic))
    if len(real) < _FEWEST:
        return None
    mean = real.mean(0)
    other = synthetic.mean(0) if len(synthetic) else np.zeros_like(mean)
    return float(np.sqrt(np.mean((other - mean) ** 2) / np.mean(mean**2)))
