"""Simulated ECG of people who do not exist: a public start for training with a guarantee.

A beat is a sum of Gaussians over the time around its R peak, as in McSharry et al., "A dynamical model for generating
synthetic electrocardiogram signals", IEEE TBME 2003, here in closed form rather than as a differential equation, so
that thousands of people take seconds. Sizes, widths, rate, variability, polarity, wander and noise are drawn for each
person; rhythms are normal (N), atrial fibrillation (A: no P wave, irregular, fibrillating baseline) and other (O: too
slow, too fast, or with ventricular beats), named as in the CinC Challenge 2017.
"""

from __future__ import annotations

import typing

import numpy as np
import scipy.signal

from sensegen_tf.data.recording import Collection, Event, Recording, Span

RATE = 240.0
SUBJECTS, SECONDS = 4000, 32.0
# Shares of the rhythms among the people, and how many of those with another rhythm are too slow or too fast.
_RHYTHMS = {"N": 0.6, "A": 0.15, "O": 0.25}
_SLOW, _FAST = 0.25, 0.3
# Heart rates in beats a minute: mean and standard deviation over people, limits.
_RATES = {"N": (72, 12, 48, 105), "A": (88, 20, 50, 150), "O": (75, 13, 50, 110)}
_SLOW_RATES, _FAST_RATES = (44, 4, 34, 50), (118, 12, 102, 150)
# Of the intervals: frequencies (Hz) and largest sizes, as shares of the mean, of slow waves and of breathing.
_VARIABILITY = (((0.02, 0.12), 0.05), ((0.15, 0.35), 0.06))
# Waves of a beat: lowest and highest size (mV), time after R and width (s) over people. The last two shape T.
_WAVES = (
    ((0.03, 0.2), (-0.20, -0.13), (0.018, 0.032)),  # P
    ((-0.25, 0.0), (-0.040, -0.026), (0.007, 0.012)),  # Q
    ((0.4, 1.6), (0.0, 0.0), (0.009, 0.014)),  # R
    ((-0.5, 0.0), (0.026, 0.042), (0.008, 0.014)),  # S
    ((-0.06, 0.06), (0.09, 0.14), (0.03, 0.05)),  # ST
    ((-0.05, 0.35), (0.22, 0.29), (0.045, 0.07)),  # T, rising
    ((0.0, 0.25), (0.27, 0.33), (0.025, 0.045)),  # T, falling
)
# The ventricular beat: wide, without a P wave, its T against the QRS complex.
_VENTRICULAR = (
    ((0.6, 1.6), (-0.02, 0.02), (0.030, 0.045)),
    ((-0.8, -0.2), (0.07, 0.10), (0.03, 0.05)),
    ((-0.6, -0.2), (0.26, 0.32), (0.05, 0.08)),
)
_INVERTED = 0.12  # Share of people whose electrodes are the wrong way round.
_BAND = (0.4, 40.0)  # Hz, of the recorder.


class _Waves(typing.NamedTuple):
    """The Gaussians of a beat: sizes (mV), times after R (s), widths (s), [W] each."""

    sizes: np.ndarray
    times: np.ndarray
    widths: np.ndarray


def ecg(*, subjects: int = SUBJECTS, seconds: float = SECONDS, seed: int = 0) -> Collection:
    """Simulated people with one recording each.

    Args:
      subjects: how many, at least 1.
      seconds: of each recording, at least 2.
      seed: of all random numbers; the same people with the same seed.

    Returns:
      Recordings of one channel at 240 Hz in mV, with R peaks as events and one span of the rhythm.

    Example:
      >>> collection = ecg(subjects=2, seconds=4.0)
      >>> collection.recordings[0].signals.shape, collection.recordings[0].spans[0].label in "NAO"
      ((960, 1), True)
    """
    recordings = [_recording(number, seconds, np.random.default_rng([seed, number])) for number in range(subjects)]
    return Collection(
        recordings=recordings,
        terms="simulated; nobody's recordings",
        notes=(f"{subjects} simulated people, {seconds:g} s each",),
    )


def _recording(number, seconds, rng):
    rhythm = str(rng.choice(list(_RHYTHMS), p=list(_RHYTHMS.values())))
    count = round(seconds * RATE)
    peaks, ectopic, intervals = _beats(rhythm, seconds, rng)
    usual, wide = _draw(_WAVES, rng), _draw(_VENTRICULAR, rng)
    if rhythm == "A":
        usual.sizes[0] = 0.0
    breath = rng.uniform(0.15, 0.35), rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.12)
    signal = np.zeros(count)
    for peak, is_ectopic, interval in zip(peaks, ectopic, intervals, strict=True):
        gain = 1 + breath[2] * np.sin(2 * np.pi * breath[0] * peak + breath[1]) + rng.normal(0, 0.01)
        _add_beat(signal, peak, wide if is_ectopic else usual, interval, gain)
    if rhythm == "A":
        signal += _fibrillation(count, rng)
    signal = _record(signal, rng)
    name = f"simulated-{number:05d}"
    inside = [round(peak * RATE) for peak in peaks if 0 <= round(peak * RATE) < count]
    return Recording(
        name=name,
        signals=signal[:, None],
        rate=RATE,
        channels=("ECG",),
        units=("mV",),
        subject=name,
        spans=(Span(start=0, stop=count, label=rhythm),),
        events=tuple(Event(sample, "N") for sample in inside),
    )


def _draw(waves, rng):
    """Waves of one person, uniform between the limits."""
    return _Waves(*np.array([[rng.uniform(*limits) for limits in wave] for wave in waves]).T)


def _rate(limits, rng):
    mean, std, low, high = limits
    return float(np.clip(rng.normal(mean, std), low, high))


def _beats(rhythm, seconds, rng):
    """Times of the R peaks (s), whether each is ventricular, and the interval before each (s)."""
    kind = rng.random()
    slow, fast = rhythm == "O" and kind < _SLOW, rhythm == "O" and _SLOW <= kind < _SLOW + _FAST
    mean = 60 / _rate(_SLOW_RATES if slow else _FAST_RATES if fast else _RATES[rhythm], rng)
    share = rng.uniform(0.04, 0.25) if rhythm == "O" and not (slow or fast) else 0.0
    irregular = rng.uniform(0.14, 0.3) if rhythm == "A" else rng.uniform(0.004, 0.02)
    waves = [(rng.uniform(*band), rng.uniform(0, 2 * np.pi), rng.uniform(0.0, size)) for band, size in _VARIABILITY]
    time, pause = -rng.uniform(0, mean), False
    peaks, ectopic, intervals = [], [], []
    while time < seconds + 1:
        early = not pause and rng.random() < share
        if rhythm == "A":
            interval = mean * rng.lognormal(-(irregular**2) / 2, irregular)
        else:
            slow_waves = sum(size * np.sin(2 * np.pi * hertz * time + phase) for hertz, phase, size in waves)
            interval = mean * (1 + slow_waves + rng.normal(0, irregular))
        # A ventricular beat comes early, and the next one waits for the beat that it replaced.
        interval *= rng.uniform(0.55, 0.75) if early else rng.uniform(1.2, 1.4) if pause else 1.0
        interval = max(interval, 0.3)
        time += interval
        peaks.append(time)
        ectopic.append(early)
        intervals.append(interval)
        pause = early
    return peaks, ectopic, intervals


def _add_beat(signal, peak, waves, interval, gain):
    """Adds a beat; what comes after the QRS complex is earlier when the heart is faster (Bazett)."""
    first, last = max(round((peak - 0.4) * RATE), 0), min(round((peak + 0.8) * RATE), len(signal))
    if first >= last:
        return
    stretch = np.clip(interval, 0.4, 1.3) ** 0.5
    times = np.where(waves.times > 0.05, waves.times * stretch, waves.times)
    after = np.arange(first, last) / RATE - peak
    shapes = np.exp(-((after[:, None] - times) ** 2) / (2 * waves.widths**2))
    signal[first:last] += gain * shapes @ waves.sizes


def _fibrillation(count, rng):
    """Waves of the fibrillating atria, mV: 4 to 9 a second, of changing size and rate."""
    time = np.arange(count) / RATE
    rate = rng.uniform(4.0, 9.0) + 0.3 * np.sin(2 * np.pi * rng.uniform(0.05, 0.2) * time + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(rate) / RATE + rng.uniform(0, 2 * np.pi)
    size = rng.uniform(0.01, 0.08) * (1 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.05, 0.3) * time))
    return size * (np.sin(phase) + 0.3 * np.sin(2 * phase))


def _record(signal, rng):
    """What the recorder makes of it: wander, noise of muscles and electrodes, its band, and the polarity."""
    time = np.arange(len(signal)) / RATE
    size = rng.uniform(0.3, 1.0)
    for hertz in rng.uniform(0.05, 0.6, 3):
        signal = signal + rng.uniform(0, 0.08) * np.sin(2 * np.pi * hertz * time + rng.uniform(0, 2 * np.pi))
    noise = np.exp(rng.uniform(np.log(0.003), np.log(0.04)))
    signal = size * signal + noise * rng.normal(0, 1, len(signal))
    signal = scipy.signal.sosfiltfilt(scipy.signal.butter(2, _BAND, "bandpass", fs=RATE, output="sos"), signal)
    return -signal if rng.random() < _INVERTED else signal
