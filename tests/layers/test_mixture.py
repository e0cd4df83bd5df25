import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from sensegen_tf.layers.mixture import Anchor, Mixture, MixtureHead, row_noise

K, C = 4, 2
KINDS = {"diagonal": {}, "full": {"covariance": "full"}, "low_rank": {"covariance": "low_rank", "rank": 1}}


@pytest.fixture(params=list(KINDS))
def head(request):
    head = MixtureHead(C, K, scale_floor=1e-3, regressors=2, seed=5, **KINDS[request.param])
    head.build((None, 3))
    return head


def mixture(head, raw):
    """Around bases and in units that differ by dimension."""
    rows = raw.shape[0]
    base, unit = tf.tile([[1.0, -2.0]], [rows, 1]), tf.constant([0.5, 2.0])
    regressors = tf.random.stateless_normal([rows, 2, C], [3, 4])
    return head.unpack(raw, Anchor(base, unit, regressors))


@pytest.fixture
def drawn(head):
    return mixture(head, tf.random.stateless_normal([6, head.size], [1, 2]))


def covariances(head, drawn):
    """[..., K, C, C], float64."""
    scale = np.asarray(drawn.scale, np.float64)
    diagonal = scale[..., None] * np.eye(C)
    if head.covariance == "diagonal":
        return diagonal**2
    factor = np.asarray(drawn.factor, np.float64)
    if head.covariance == "full":
        assert (np.triu(factor) == 0).all()
        return (factor + diagonal) @ np.swapaxes(factor + diagonal, -1, -2)
    return diagonal**2 + (factor @ np.swapaxes(factor, -1, -2))[:, None]


def test_density_is_the_mixture_written_by_hand(head, drawn):
    x = np.random.default_rng(0).normal(size=[6, C])
    loc, covariance = np.asarray(drawn.loc, np.float64), covariances(head, drawn)
    components = np.array(
        [
            [scipy.stats.multivariate_normal.logpdf(x[row], loc[row, k], covariance[row, k]) for k in range(K)]
            for row in range(6)
        ]
    )
    logits = scipy.special.log_softmax(np.asarray(drawn.logits, np.float64), -1)
    distribution = head.distribution(drawn)
    assert type(distribution).__name__ == "MixtureSameFamily"
    expected = scipy.special.logsumexp(logits + components, -1)
    np.testing.assert_allclose(distribution.log_prob(x.astype("f")), expected, rtol=1e-4)


def test_density_stays_finite_far_from_every_component(head):
    raw = tf.random.stateless_normal([6, head.size], [1, 2])
    with tf.GradientTape() as tape:
        tape.watch(raw)
        log_prob = head.distribution(mixture(head, raw)).log_prob(tf.fill([6, C], 1e4))
    assert np.isfinite(log_prob).all() and np.isfinite(tape.gradient(log_prob, raw)).all()


def test_scales_have_a_floor(head):
    np.testing.assert_allclose(mixture(head, tf.fill([1, head.size], -1e4)).scale, 1e-3)


def test_locations_and_scales_are_relative_to_their_anchor():
    head = MixtureHead(2 * C, 1, 0.0, regressors=1)
    raw = tf.concat([[[0.0]], [[1.0, 2.0, 3.0, 4.0]], tf.zeros([1, 4]), [[10.0, 20.0, 30.0, 40.0]]], -1)
    base, unit = tf.constant([[100.0, 200.0, 100.0, 200.0]]), tf.constant([1.0, 2.0, 1.0, 2.0])
    found = head.unpack(raw, Anchor(base, unit, tf.constant([[[0.5, 0.1]]])))
    expected = [100 + 1 + 10 * 0.5, 200 + 2 * (2 + 20 * 0.1), 100 + 3 + 30 * 0.5, 200 + 2 * (4 + 40 * 0.1)]
    np.testing.assert_allclose(found.loc[0, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(found.scale[0, 0], np.log(2) * np.array([1, 2, 1, 2]), rtol=1e-6)


def test_it_starts_around_the_clusters_of_values():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal([-3, 0], 0.1, [300, 2]), rng.normal([3, 1], 0.5, [100, 2])]).astype("f")
    for covariance in KINDS.values():
        head = MixtureHead(2, 2, 1e-3, **covariance)
        found = head.unpack(head.fitted(values)[None], Anchor(tf.zeros([1, 2]), tf.ones([2]), tf.zeros([1, 0, 2])))
        order = np.argsort(found.loc[0, :, 0])
        np.testing.assert_allclose(found.loc.numpy()[0, order], [[-3, 0], [3, 1]], atol=0.15)
        np.testing.assert_allclose(found.scale.numpy()[0, order], [[0.1] * 2, [0.5] * 2], rtol=0.2)
        np.testing.assert_allclose(tf.nn.softmax(found.logits).numpy()[0, order], [0.75, 0.25], atol=0.01)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_few_or_equal_values_are_enough_to_start(count):
    head = MixtureHead(2, 8, 1e-3)
    raw = head.fitted(np.ones([count, 2], "f"))
    assert np.isfinite(raw).all()
    found = head.unpack(raw[None], Anchor(tf.zeros([1, 2]), tf.ones([2]), tf.zeros([1, 0, 2])))
    np.testing.assert_allclose(found.loc, np.ones([1, 8, 2]), atol=1e-5)


def test_samples_agree_with_log_prob(head, drawn):
    """Samples fall into the cells of a grid as often as the density integrates to there."""
    count = 200_000
    one = Mixture(*(None if each is None else each[:1] for each in drawn))
    rng = np.random.default_rng(0)
    noise = np.concatenate([rng.uniform(size=[count, 1]), rng.normal(size=[count, head.noise_size - 1])], -1).astype(
        "f"
    )
    repeated = Mixture(*(None if each is None else tf.repeat(each, count, 0) for each in one))
    samples = head.sample(repeated, noise).numpy()
    edges = np.quantile(samples[:, 0], [0.1, 0.3, 0.5, 0.7, 0.9]), np.quantile(samples[:, 1], [0.2, 0.5, 0.8])
    ends = [samples.min(0) - 1, samples.max(0) + 1]
    bins = [np.array([ends[0][axis], *edges[axis], ends[1][axis]]) for axis in (0, 1)]
    counted, *_ = np.histogram2d(samples[:, 0], samples[:, 1], bins=bins)
    axes = [np.linspace(ends[0][axis], ends[1][axis], 2001) for axis in (0, 1)]
    xs, ys = np.meshgrid(*axes, indexing="ij")
    log_prob = head.distribution(one).log_prob(np.stack([xs, ys], -1).reshape(-1, C).astype("f")).numpy()
    mass = np.exp(log_prob) * (axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0])
    expected, *_ = np.histogram2d(xs.ravel(), ys.ravel(), bins=bins, weights=mass)
    # Three standard errors of a count, and the grid's own coarseness.
    bound = 3 * np.sqrt(expected * (1 - np.minimum(expected, 1)) / count) + 0.02 * expected + 1e-4
    assert (np.abs(counted / count - expected) < bound).all()


def test_every_parameter_gets_a_gradient_through_a_sample(head):
    raw = tf.random.stateless_normal([6, head.size], [1, 2])
    noise = tf.abs(tf.random.stateless_normal([6, head.noise_size], [5, 6])) % 1.0
    with tf.GradientTape() as tape:
        tape.watch(raw)
        made = tf.reduce_sum(tf.square(head.sample(mixture(head, raw), noise)))
    gradient = tape.gradient(made, raw).numpy()
    parts = np.split(gradient, np.cumsum(head.sizes)[:-1], axis=-1)
    for part in parts:
        assert part.shape[-1] == 0 or np.abs(part).max() > 0


def test_the_uniform_picks_components_by_their_weights():
    head = MixtureHead(C, K, 1e-3)
    logits = tf.math.log([[0.1, 0.2, 0.3, 0.4]])
    loc = tf.reshape(tf.range(K * C, dtype=tf.float32), [1, K, C])
    one = Mixture(logits, loc, tf.zeros([1, K, C]), None)
    for uniform, component in [
        (0.0, 0),
        (0.0999, 0),
        (0.1001, 1),
        (0.2999, 1),
        (0.3001, 2),
        (0.6001, 3),
        (0.99999994, 3),
    ]:
        sample = head.sample(one, tf.constant([[uniform, 0.0, 0.0]]))
        np.testing.assert_allclose(sample[0], [2 * component, 2 * component + 1], atol=1e-5)


def test_row_noise_depends_on_the_row_alone_and_grows_by_appending():
    seeds = tf.constant([7, -3, 2**62], tf.int64)
    noise = row_noise(seeds, 50, 4).numpy()
    np.testing.assert_array_equal(row_noise(seeds[::-1], 50, 4)[::-1], noise)
    np.testing.assert_array_equal(row_noise(seeds[1:2], 50, 4)[0], noise[1])
    for steps in (1, 2, 7, 33):
        np.testing.assert_array_equal(row_noise(seeds, steps, 4), noise[:, :steps])
    assert (noise[0] != noise[1]).all()
    assert (row_noise(seeds, 50, 4, stream=1) != noise).numpy().all()


def test_row_noise_has_the_right_distribution_and_neighbouring_seeds_are_independent():
    noise = tf.function(row_noise)(tf.range(2000, dtype=tf.int64), 20, 2).numpy()
    assert scipy.stats.kstest(noise[..., 0].ravel(), "uniform").pvalue > 1e-3
    assert scipy.stats.kstest(noise[..., 1].ravel(), "norm").pvalue > 1e-3
    for lag in (1, 2):
        assert abs(np.corrcoef(noise[lag:, :, 1].ravel(), noise[:-lag, :, 1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02
