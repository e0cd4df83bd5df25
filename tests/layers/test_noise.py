import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from sensegen_tf.layers.noise import normal, philox, row_noise

ONES = 2**32 - 1


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([ONES] * 4, [ONES] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_philox_gives_the_words_that_its_authors_publish(counter, key, expected, compiled):
    words = tf.function(philox, jit_compile=compiled)(*([tf.constant(w, tf.int64) for w in x] for x in (counter, key)))
    assert [int(word) for word in words] == expected


@pytest.mark.parametrize("compiled", [False, True])
def test_normals_are_right_out_to_the_last_interval(compiled):
    bits = np.concatenate([np.arange(1000), np.arange(0, 2**24, 9973), 2**24 - 1 - np.arange(1000)])
    found = tf.function(normal, jit_compile=compiled)(tf.constant(bits)).numpy()
    np.testing.assert_allclose(found, scipy.stats.norm.ppf((bits + 0.5) / 2**24), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found[:1000], -found[-1000:])


def test_row_noise_depends_on_the_row_alone_and_grows_by_appending():
    seeds = np.concatenate([[7, -3, 2**62], np.arange(100, 113)])
    noise = row_noise(tf.constant(seeds), 50, size=6).numpy()
    np.testing.assert_array_equal(row_noise(tf.constant(seeds[::-1]), 50, size=6)[::-1], noise)
    others = np.arange(32)
    others[9] = seeds[1]
    np.testing.assert_array_equal(row_noise(tf.constant(others), 50, size=6)[9], noise[1])
    np.testing.assert_allclose(row_noise(tf.constant(seeds[1:2]), 50, size=6)[0], noise[1], rtol=1e-6)
    for steps in (1, 2, 7, 33):
        np.testing.assert_array_equal(row_noise(tf.constant(seeds), steps, size=6), noise[:, :steps])
    first = np.arange(16) * 2
    later = row_noise(tf.constant(seeds), 20, size=6, first=tf.constant(first))
    for row, start in enumerate(first):
        np.testing.assert_array_equal(later[row], noise[row, start : start + 20])
    assert (noise[0] != noise[1]).all()
    assert (row_noise(tf.constant(seeds), 50, size=6, stream=1) != noise).numpy().all()


def test_row_noise_has_the_right_distribution_and_neighbouring_seeds_are_independent():
    noise = tf.function(row_noise)(tf.range(2000, dtype=tf.int64), 20, size=2).numpy()
    assert scipy.stats.kstest(noise[..., 0].ravel(), "uniform").pvalue > 1e-3
    assert scipy.stats.kstest(noise[..., 1].ravel(), "norm").pvalue > 1e-3
    for lag in (1, 2):
        assert abs(np.corrcoef(noise[lag:, :, 1].ravel(), noise[:-lag, :, 1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02
    assert noise[..., 0].max() < 1 and np.isfinite(noise).all()


def test_row_noise_begins_with_as_many_uniforms_as_asked_for():
    seeds = tf.range(2000, dtype=tf.int64)
    noise, one = row_noise(seeds, 20, size=5, uniforms=3).numpy(), row_noise(seeds, 20, size=5).numpy()
    for column, law in enumerate(["uniform"] * 3 + ["norm"] * 2):
        assert scipy.stats.kstest(noise[..., column].ravel(), law).pvalue > 1e-3
    assert np.abs(np.corrcoef(noise.reshape(-1, 5).T) - np.eye(5)).max() < 0.02
    np.testing.assert_array_equal(noise[..., [0, 3, 4]], one[..., [0, 3, 4]])
    np.testing.assert_allclose(scipy.stats.norm.ppf(noise[..., 1]), one[..., 1], atol=1e-2)
