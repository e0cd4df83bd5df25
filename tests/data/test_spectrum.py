import numpy as np
import pytest

from sensegen_tf.data.spectrum import amplitude_spectrum, decibel_difference, log_spectral_distance


def sines(amplitude, *, frequency=5.0, rate=50.0, count=20, length=200):
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, [count, 1])
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(length) / rate + phase)[..., None]


def test_a_spectrum_stands_where_the_sine_is_and_leaves_the_mean_out():
    frequencies, density = amplitude_spectrum(sines(1.0) + 100, 50.0)
    assert frequencies[np.argmax(density)] == pytest.approx(5) and density.shape == (101, 1)
    # The power of a sine of amplitude 1 is a half, whatever the window.
    assert (density**2).sum() * frequencies[1] == pytest.approx(0.5, rel=1e-6)
    assert density[0] < 1e-6


def test_twice_the_amplitude_is_six_decibels():
    noise = np.random.default_rng(1).normal(size=[50, 64, 2])
    _, difference = decibel_difference(noise, 2 * noise, rate=50.0)
    np.testing.assert_allclose(difference[1:], 20 * np.log10(2), atol=1e-3)
    assert log_spectral_distance(noise, 2 * noise, rate=50.0) == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert log_spectral_distance(noise, noise, rate=50.0) == 0


def test_silence_is_far_away_and_finite():
    noise = np.random.default_rng(1).normal(size=[50, 64, 1])
    assert 80 < log_spectral_distance(noise, 0 * noise, rate=50.0) < 130
