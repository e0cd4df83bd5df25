import numpy as np
import pytest

from sensegen_tf.evaluation import fidelity


def noise(seed, count=400, steps=128, channels=2):
    return np.random.default_rng(seed).normal(size=[count, steps, channels])


def test_the_spectrum_of_white_noise_is_flat_and_right():
    frequencies, density = fidelity.amplitude_spectrum(noise(0), 50.0)
    # Power of unit variance spread over 0 to 25 Hz: 1/25 a hertz.
    np.testing.assert_allclose(density[2:-1], np.sqrt(1 / 25), rtol=0.12)
    assert frequencies[-1] == 25


def test_a_sine_stands_at_its_frequency():
    time = np.arange(200) / 50
    frequencies, density = fidelity.amplitude_spectrum(np.sin(2 * np.pi * 5 * time)[None, :, None], 50.0)
    assert frequencies[np.argmax(density[:, 0])] == pytest.approx(5)


def test_doubling_a_channel_is_six_decibels_on_that_channel():
    real = noise(1)
    largest = fidelity.spectral_difference(real, real * [2.0, 1.0], 50.0, 0.5, 20.0)
    np.testing.assert_allclose(largest, [20 * np.log10(2), 0], atol=1e-6)


def test_differences_outside_the_band_do_not_count():
    real = noise(2)
    offset = real + 100.0
    largest = fidelity.spectral_difference(real, offset, 50.0, 0.5, 20.0)
    assert largest.max() < 1e-6
    smooth = (real[:, 1:] + real[:, :-1]) / 2
    in_low = fidelity.spectral_difference(real[:, 1:], smooth, 50.0, 0.5, 3.0)
    in_high = fidelity.spectral_difference(real[:, 1:], smooth, 50.0, 15.0, 20.0)
    assert in_low.max() < 1.5 < 4 < in_high.min()


@pytest.mark.parametrize(
    ("rate", "length"), [(50.0, 128), (360.0, 720), (1.0, 128), (1 / 3600, 24), (50.0, 2), (1.3, 3)]
)
def test_the_usual_band_holds_a_frequency_at_any_rate(rate, length):
    low, high = fidelity.usual_band(rate, length)
    values = noise(3, 5, length)
    assert np.isfinite(fidelity.spectral_difference(values, 2 * values, rate, low, high)).all()
    assert fidelity.usual_band(50.0, 128) == (0.5, 20.0)
