import numpy as np
import pytest

from sensegen_tf.data.spectrum import amplitude_spectrum, log_spectral_distance
from sensegen_tf.evaluation.metrics import fidelity


def noise(seed, count=400, steps=128, channels=2):
    return np.random.default_rng(seed).normal(size=[count, steps, channels])


def test_the_spectrum_of_white_noise_is_flat_and_right():
    frequencies, density = amplitude_spectrum(noise(0), 50.0)
    # Unit variance over 0 to 25 Hz: 1/25 a hertz.
    np.testing.assert_allclose(density[2:-1], np.sqrt(1 / 25), rtol=0.12)
    assert frequencies[-1] == 25


def test_a_sine_stands_at_its_frequency():
    time = np.arange(200) / 50
    frequencies, density = amplitude_spectrum(np.sin(2 * np.pi * 5 * time)[None, :, None], 50.0)
    assert frequencies[np.argmax(density[:, 0])] == pytest.approx(5)


def test_doubling_a_channel_is_six_decibels_on_that_channel():
    real = noise(1)
    largest = fidelity.spectral_difference(real, real * [2.0, 1.0], rate=50.0, low=0.5, high=20.0)
    np.testing.assert_allclose(largest, [20 * np.log10(2), 0], atol=1e-4)


def test_differences_outside_the_band_do_not_count():
    real = noise(2)
    offset = real + 100.0
    largest = fidelity.spectral_difference(real, offset, rate=50.0, low=0.5, high=20.0)
    assert largest.max() < 1e-6
    smooth = (real[:, 1:] + real[:, :-1]) / 2
    in_low = fidelity.spectral_difference(real[:, 1:], smooth, rate=50.0, low=0.5, high=3.0)
    in_high = fidelity.spectral_difference(real[:, 1:], smooth, rate=50.0, low=15.0, high=20.0)
    assert in_low.max() < 1.5 < 4 < in_high.min()


@pytest.mark.parametrize(
    ("rate", "length"), [(50.0, 128), (360.0, 720), (1.0, 128), (1 / 3600, 24), (50.0, 2), (1.3, 3)]
)
def test_the_usual_band_holds_a_frequency_at_any_rate(rate, length):
    low, high = fidelity.usual_band(rate, length)
    values = noise(3, 5, length)
    assert np.isfinite(fidelity.spectral_difference(values, 2 * values, rate=rate, low=low, high=high)).all()
    assert fidelity.usual_band(50.0, 128) == (0.5, 20.0)


def test_a_shift_by_half_a_standard_deviation_is_a_wasserstein_distance_of_a_half():
    real = noise(4)
    assert fidelity.wasserstein(real, real + 0.5 * real.std((0, 1))) == pytest.approx(0.5, rel=1e-6)
    assert fidelity.wasserstein(real, 1000 * real) > 100


def test_the_autocorrelation_of_a_sine_and_of_noise():
    time = np.arange(400) / 50
    sine = np.sin(2 * np.pi * 5 * time)[None, :, None]
    correlation = fidelity.autocorrelation(sine)[:, 0]
    assert correlation[0] == pytest.approx(1)
    assert correlation[10] == pytest.approx(1 - 10 / 400, abs=1e-3)  # a whole period; biased estimate
    assert correlation[5] == pytest.approx(-(1 - 5 / 400), abs=1e-3)
    assert np.abs(fidelity.autocorrelation(noise(5))[1:]).max() < 0.02


def test_a_window_that_never_changes_has_no_autocorrelation():
    still = np.full([3, 20, 1], 0.7, np.float32)
    assert np.all(fidelity.autocorrelation(still) == 0)


def test_the_log_spectral_distance_of_a_doubled_channel_is_six_decibels():
    real = noise(6, channels=1)
    assert log_spectral_distance(real, 2 * real, rate=50.0) == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert np.isfinite(log_spectral_distance(real, 0 * real, rate=50.0))


def test_correlations_of_means_and_around_them_are_two_things():
    rng = np.random.default_rng(7)
    means, around = rng.normal(size=[500, 1, 1]), rng.normal(size=[500, 64, 1])
    values = np.concatenate([means + around, means - around], -1)
    of_means, of_rest = fidelity.cross_correlation(values)
    assert of_means[0] > 0.9 and of_rest[0] == pytest.approx(-1)
    assert fidelity.cross_correlation_difference(values, values) == 0


def test_the_skewness_of_increments_changes_its_sign_with_time():
    saw = (np.arange(200) % 20)[None, :, None] + 0.01 * noise(8, 50, 200, 1)
    forwards, backwards = fidelity.increment_skewness(saw), fidelity.increment_skewness(saw[:, ::-1])
    np.testing.assert_allclose(forwards, -backwards, rtol=1e-6)
    assert forwards[0, 0] < -1


def test_neighbourhoods_of_the_same_and_of_other_distributions():
    real, same, far = noise(9, 300, 16), noise(10, 300, 16), noise(11, 300, 16) + 3
    alike, apart = fidelity.neighbourhoods(real, same), fidelity.neighbourhoods(real, far)
    assert abs(alike["mmd"]) < 2e-3 < 0.2 < apart["mmd"]
    assert alike["precision"] > 0.7 and alike["coverage"] > 0.7
    assert apart["precision"] == 0 and apart["coverage"] == 0
    copies = fidelity.neighbourhoods(real, real)
    assert copies["precision"] == 1 and copies["coverage"] == 1


def test_the_mmd_agrees_with_its_definition():
    real, other = noise(12, 20, 8, 1), 1.5 * noise(13, 20, 8, 1)
    scaled = [((each - real.mean()) / real.std()).reshape(20, -1) for each in (real, other)]

    def distance(a, b):
        return ((a - b) ** 2).sum()

    pairs = [distance(a, b) for i, a in enumerate(scaled[0]) for b in scaled[0][i + 1 :]]
    median = np.median(pairs)

    def kernel(a, b):
        return np.mean([np.exp(-distance(a, b) / (2 * median * scale)) for scale in (0.25, 1, 4)])

    def mean(first, second, same):
        return np.mean([kernel(a, b) for i, a in enumerate(first) for j, b in enumerate(second) if not same or i != j])

    expected = mean(scaled[0], scaled[0], True) + mean(scaled[1], scaled[1], True) - 2 * mean(*scaled, False)
    assert fidelity.neighbourhoods(real, other)["mmd"] == pytest.approx(expected, abs=1e-5)
