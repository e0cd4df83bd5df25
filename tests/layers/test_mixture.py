import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from sensegen_tf.layers.mixture import MixtureHead, row_noise

K, C = 4, 2


@pytest.fixture
def head():
    head = MixtureHead(C, K, scale_floor=1e-3, seed=5)
    head.build((None, 3))
    return head


@pytest.fixture
def parameters():
    return tf.random.stateless_normal([6, K * (1 + 2 * C)], [1, 2])


def numpy_log_prob(head, parameters, x):
    logits, loc, scale = (np.asarray(part, np.float64) for part in head.unpack(parameters))
    components = scipy.stats.norm.logpdf(x[..., None, :], loc, scale).sum(-1)
    return scipy.special.logsumexp(scipy.special.log_softmax(logits, -1) + components, -1)


def test_density_is_the_mixture_written_by_hand(head, parameters):
    x = np.random.default_rng(0).normal(size=[6, C])
    distribution = head.distribution(parameters)
    assert type(distribution).__name__ == "MixtureSameFamily"
    np.testing.assert_allclose(distribution.log_prob(x.astype("f")), numpy_log_prob(head, parameters, x), rtol=1e-5)


def test_density_stays_finite_far_from_every_component(head, parameters):
    x = tf.fill([6, C], 1e4)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        log_prob = head.distribution(parameters).log_prob(x)
    assert np.isfinite(log_prob).all() and np.isfinite(tape.gradient(log_prob, parameters)).all()


def test_scales_have_a_floor(head):
    _, _, scale = head.unpack(tf.fill([1, K * (1 + 2 * C)], -1e4))
    np.testing.assert_allclose(scale, 1e-3)


def test_samples_agree_with_log_prob(head, parameters):
    """Samples fall into the cells of a grid as often as the density integrates to there."""
    count, one = 200_000, parameters[:1]
    rng = np.random.default_rng(0)
    noise = np.concatenate([rng.uniform(size=[count, 1]), rng.normal(size=[count, C])], -1).astype("f")
    samples = head.sample(tf.repeat(one, count, 0), noise).numpy()
    edges = np.quantile(samples[:, 0], [0.1, 0.3, 0.5, 0.7, 0.9]), np.quantile(samples[:, 1], [0.2, 0.5, 0.8])
    counted, *_ = np.histogram2d(
        samples[:, 0], samples[:, 1], bins=[np.array([-20, *edges[0], 20]), np.array([-20, *edges[1], 20])]
    )
    grid = np.linspace(-20, 20, 2001)
    xs, ys = np.meshgrid(grid, grid, indexing="ij")
    log_prob = head.distribution(one).log_prob(np.stack([xs, ys], -1).reshape(-1, C).astype("f")).numpy()
    mass = np.exp(log_prob) * (grid[1] - grid[0]) ** 2
    expected, *_ = np.histogram2d(
        xs.ravel(), ys.ravel(), bins=[np.array([-20, *edges[0], 20]), np.array([-20, *edges[1], 20])], weights=mass
    )
    # Three standard errors of a count, and the grid's own coarseness.
    bound = 3 * np.sqrt(expected * (1 - expected) / count) + 0.02 * expected + 1e-4
    assert (np.abs(counted / count - expected) < bound).all()


def test_the_uniform_picks_components_by_their_weights(head):
    logits = tf.constant([[0.1, 0.2, 0.3, 0.4]])
    loc = tf.reshape(tf.range(K * C, dtype=tf.float32), [1, K * C])
    parameters = tf.concat([tf.math.log(logits), loc, tf.fill([1, K * C], -1e4)], -1)
    for uniform, component in [
        (0.0, 0),
        (0.0999, 0),
        (0.1001, 1),
        (0.2999, 1),
        (0.3001, 2),
        (0.6001, 3),
        (0.99999994, 3),
    ]:
        sample = head.sample(parameters, tf.constant([[uniform, 0.0, 0.0]]))
        np.testing.assert_allclose(sample[0], [2 * component, 2 * component + 1], atol=1e-5)


def test_row_noise_depends_on_the_row_alone_and_grows_by_appending():
    seeds = tf.constant([7, -3, 2**62], tf.int64)
    noise = row_noise(seeds, 50, 3).numpy()
    np.testing.assert_array_equal(row_noise(seeds[::-1], 50, 3)[::-1], noise)
    np.testing.assert_array_equal(row_noise(seeds[1:2], 50, 3)[0], noise[1])
    for steps in (1, 2, 7, 33):
        np.testing.assert_array_equal(row_noise(seeds, steps, 3), noise[:, :steps])
    assert (noise[0] != noise[1]).all()


def test_row_noise_has_the_right_distribution_and_neighbouring_seeds_are_independent():
    noise = tf.function(row_noise)(tf.range(2000, dtype=tf.int64), 20, 1).numpy()
    assert scipy.stats.kstest(noise[..., 0].ravel(), "uniform").pvalue > 1e-3
    assert scipy.stats.kstest(noise[..., 1].ravel(), "norm").pvalue > 1e-3
    for lag in (1, 2):
        assert abs(np.corrcoef(noise[lag:, :, 1].ravel(), noise[:-lag, :, 1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02
