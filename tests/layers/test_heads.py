import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from sensegen_tf.layers.channelwise import ChannelwiseHead
from sensegen_tf.layers.head import Anchor
from sensegen_tf.layers.mixture import MixtureHead

K, C, N, R = 4, 2, 2, 2
BASE, UNIT = np.array([[1.0, -2.0], [0.5, 0.0]], "f"), np.array([[0.5, 2.0], [1.0, 0.3]], "f")


@pytest.fixture(params=[(1, False), (1, True), (N, True)], ids=["diagonal", "full", "full, block"])
def head(request):
    block, full = request.param
    head = MixtureHead(C, K, 1e-3, block, full, R, seed=5)
    head.build((None, 3))
    return head


@pytest.fixture(params=[("head", 1), ("head", N), ("channelwise", 1), ("channelwise", N)], ids=str)
def any_head(request):
    """Of both kinds."""
    kind, block = request.param
    head = (MixtureHead if kind == "head" else ChannelwiseHead)(C, K, 1e-3, block, True, R, seed=5)
    head.build((None, 3))
    return head


def anchor(head, rows=6):
    """Bases and units that differ by sample and channel, regressors that differ by all."""
    base, unit = (np.tile(each[: head.block], [rows, 1, 1]) for each in (BASE, UNIT))
    return Anchor(base, unit, tf.random.stateless_normal([rows, head.block, R, C], [3, 4]))


@pytest.fixture
def raw(head):
    return parameters(head)


def parameters(head):
    return tf.random.stateless_normal([6, head.size], [1, 2])


def by_hand(head, raw):
    """Logits [6, K], means [6, K, n, C] and covariances [6, K, n, C, C], float64."""
    given = anchor(head)
    unit, regressors = np.asarray(given.unit, "d")[:, None], np.asarray(given.regressors, "d")
    n = head.block
    logits, loc, scale, triangle, coefficients = np.split(np.asarray(raw, "d"), np.cumsum(head.sizes)[:-1], -1)
    predicted = (coefficients.reshape(6, n, R, C) * regressors).sum(2)[:, None]
    means = np.asarray(given.base, "d")[:, None] + unit * (loc.reshape(6, K, n, C) + predicted)
    root = np.zeros([6, K, n, C, C])
    scale = 1e-3 + unit * np.log1p(np.exp(scale.reshape(6, K, n, C)))
    root[..., 0, 0], root[..., 1, 1] = scale[..., 0], scale[..., 1]
    if head.full_covariance:
        root[..., 1, 0] = triangle.reshape(6, K, n) * unit[..., 1]
    return logits, means, root @ np.swapaxes(root, -1, -2)


def test_density_is_the_mixture_written_by_hand(head, raw):
    x = np.random.default_rng(0).normal(size=[6, head.block, C])
    logits, means, covariances = by_hand(head, raw)
    components = np.zeros([6, K])
    for row, k, sample in np.ndindex(6, K, head.block):
        normal = scipy.stats.multivariate_normal(means[row, k, sample], covariances[row, k, sample])
        components[row, k] += normal.logpdf(x[row, sample])
    distribution = head.distribution(head.unpack(raw), anchor(head))
    assert type(distribution).__name__ == "MixtureSameFamily"
    expected = scipy.special.logsumexp(scipy.special.log_softmax(logits, -1) + components, -1)
    np.testing.assert_allclose(distribution.log_prob(x.astype("f")), expected, rtol=1e-4)


@pytest.mark.parametrize("full", [False, True])
def test_density_channel_by_channel_is_the_one_written_by_hand(full):
    """Around the autoregression and a regression on what the channels before are beyond theirs."""
    head = ChannelwiseHead(C, K, 1e-3, N, full, R)
    raw, given = parameters(head), anchor(head)
    base, unit, regressors = (np.asarray(each, "d") for each in given)
    parts = np.split(np.asarray(raw, "d"), np.cumsum(head.sizes)[:-1], -1)
    logits, loc, scale = (each.reshape(6, N, C, K) for each in parts[:3])
    coefficients = parts[4].reshape(6, N, R, C)
    x = np.random.default_rng(0).normal(size=[6, N, C])
    expected = np.zeros(6)
    for row, sample, channel in np.ndindex(6, N, C):
        at = row, sample, channel
        centre = base[at] + unit[at] * (coefficients[row, sample, :, channel] @ regressors[row, sample, :, channel])
        if full and channel == 1:
            before = row, sample, 0
            first = base[before] + unit[before] * (coefficients[row, sample, :, 0] @ regressors[row, sample, :, 0])
            centre += unit[at] * parts[3].reshape(6, N)[row, sample] * (x[before] - first) / unit[before]
        spread = 1e-3 + unit[at] * np.log1p(np.exp(scale[at]))
        density = scipy.stats.norm(centre + unit[at] * loc[at], spread).logpdf(x[at])
        expected[row] += scipy.special.logsumexp(scipy.special.log_softmax(logits[at]) + density)
    found = head.distribution(head.unpack(raw), given).log_prob(x.astype("f"))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_density_stays_finite_far_from_every_component(any_head):
    head, raw = any_head, parameters(any_head)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        log_prob = head.distribution(head.unpack(raw), anchor(head)).log_prob(tf.fill([6, head.block, C], 1e4))
    assert np.isfinite(log_prob).all() and np.isfinite(tape.gradient(log_prob, raw)).all()


def test_scales_have_a_floor(head):
    low = tf.fill([6, head.size], -1e4)
    spread = head.distribution(head.unpack(low), anchor(head)).components_distribution.distribution.covariance()
    smallest = np.sqrt(np.diagonal(spread, axis1=-2, axis2=-1))[..., 0]
    np.testing.assert_allclose(smallest, 1e-3, rtol=1e-4)


def drawn(head, raw, noise):
    """Blocks from noise [M, U + n C], all from the first row's mixture and anchor."""
    count = len(noise)
    given = Anchor(*(tf.repeat(each[:1], count, 0) for each in anchor(head)))
    chosen = head.choose(tf.repeat(raw[:1], count, 0), noise[:, : head.uniforms])
    normal = tf.reshape(noise[:, head.uniforms :], [count, head.block, C])
    samples = [
        head.sample(chosen, number, Anchor(*(each[:, number] for each in given)), normal[:, number])
        for number in range(head.block)
    ]
    return tf.stack(samples, 1)


@pytest.mark.parametrize("full", [False, True])
def test_it_is_fitted_to_the_clusters_of_blocks(full):
    rng, unit = np.random.default_rng(0), np.array([0.2, 2.0], "f")
    one, other = [[0.01, 0.009], [0.009, 0.01]], [[0.25, 0.0], [0.0, 0.25]]
    first = np.concatenate([rng.multivariate_normal([-3, 0], one, 3000), rng.multivariate_normal([3, 1], other, 1000)])
    steps = rng.normal([0.4, 0.0], [0.02, 0.2], [4000, 2, 2])
    blocks = np.cumsum(np.concatenate([first[:, None], steps], 1), 1).astype("f")
    head = MixtureHead(2, 2, 1e-3, block=3, full_covariance=full, regressors=2)
    found = head.unpack(head.fitted(blocks, unit, np.zeros(4000, int))[None])
    order = np.argsort(found.loc[0, :, 0, 0])
    np.testing.assert_allclose(found.loc.numpy()[0, order, 0], [[-3, 0], [3, 1]], atol=0.05)
    np.testing.assert_allclose(found.loc.numpy()[0, :, 1:], np.tile([2.0, 0.0], [2, 2, 1]), atol=0.03)
    np.testing.assert_allclose(tf.nn.softmax(found.logits).numpy()[0, order], [0.75, 0.25], atol=0.01)
    assert (found.coefficients == 0).numpy().all()
    base = tf.concat([tf.zeros([1, 1, 2]), tf.constant(blocks[:1, :-1])], 1)
    anchor = Anchor(base, tf.constant([[[1.0, 1.0], unit, unit]]), tf.zeros([1, 3, 2, 2]))
    normals = head.distribution(found, anchor).components_distribution.distribution
    covariance = normals.covariance().numpy()[0, order]
    correlated = one if full else np.diag(np.diag(one))
    np.testing.assert_allclose(covariance[:, 0], [correlated, other], atol=0.02)
    np.testing.assert_allclose(covariance[:, 1:], np.tile(np.diag([0.0004, 0.04]), [2, 2, 1, 1]), atol=0.004)


@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("fewest", [0, 5])
def test_few_or_equal_blocks_are_enough_to_fit(count, full, fewest):
    head = MixtureHead(2, 8, 1e-3, block=2, full_covariance=full)
    raw = head.fitted(np.ones([count, 2, 2], "f"), np.array([1e-2, 1.0], "f"), np.arange(count), fewest)
    assert np.isfinite(raw).all()
    expected = np.tile([[1.0, 1.0], [0.0, 0.0]], [1, 8, 1, 1])
    np.testing.assert_allclose(head.unpack(raw[None]).loc, expected, atol=1e-5)


@pytest.mark.parametrize("full", [False, True])
def test_no_gaussian_tells_of_fewer_people_than_asked_for_and_all_count_alike(full):
    """Eight people who never move, the first of them recorded a hundred times as often, a metre from one another."""
    places = np.stack([np.arange(8), np.zeros(8)], 1)
    person = np.concatenate([np.zeros(2000, int), np.repeat(np.arange(8), 20)])
    blocks = (places[person] + np.random.default_rng(0).normal(0, 1e-3, [len(person), 2]))[:, None].astype("f")
    head = MixtureHead(2, 8, 1e-4, full_covariance=full)
    alone, together = (head.unpack(head.fitted(blocks, np.ones(2, "f"), person, k)[None]) for k in (0, 3))
    np.testing.assert_allclose(np.sort(alone.loc[0, :, 0, 0]), np.arange(8), atol=0.01)
    assert np.max(alone.scale[0, :, 0, 0]) < 0.01
    # Three in a row have their mean at the one in the middle, and a variance of 2/3; at an end the two next to it.
    np.testing.assert_allclose(np.sort(together.loc[0, :, 0, 0]), [1, 1, 2, 3, 4, 5, 6, 6], atol=0.01)
    np.testing.assert_allclose(together.scale[0, :, 0, 0], np.sqrt(2 / 3), rtol=0.02)
    np.testing.assert_allclose(tf.nn.softmax(together.logits), tf.nn.softmax(alone.logits))


def test_where_there_are_fewer_people_a_gaussian_tells_of_all():
    blocks = np.repeat([[[0.0]], [[1.0]], [[5.0]]], 50, 0).astype("f")
    found = MixtureHead(1, 3, 1e-4).fitted(blocks, np.ones(1, "f"), np.repeat([0, 1, 2], 50), 5)
    np.testing.assert_allclose(found[3:6], [2.0] * 3, rtol=1e-5)


def test_samples_agree_with_log_prob(head, raw):
    """The first sample of a block falls into the cells of a grid as often as the density integrates to there."""
    count = 200_000
    rng = np.random.default_rng(0)
    normal = rng.normal(size=[count, head.noise_size - 1])
    noise = np.concatenate([rng.uniform(size=[count, 1]), normal], -1).astype("f")
    samples = drawn(head, raw, noise).numpy()[:, 0]
    edges = np.quantile(samples[:, 0], [0.1, 0.3, 0.5, 0.7, 0.9]), np.quantile(samples[:, 1], [0.2, 0.5, 0.8])
    bins = [np.array([-np.inf, *each, np.inf]) for each in edges]
    counted, *_ = np.histogram2d(samples[:, 0], samples[:, 1], bins=bins)
    logits, means, covariances = (each[0] for each in by_hand(head, raw))
    expected = np.zeros_like(counted)
    for weight, mean, covariance in zip(scipy.special.softmax(logits), means[:, 0], covariances[:, 0], strict=True):
        normal = scipy.stats.multivariate_normal(mean, covariance)
        below = [
            [0.0 if -np.inf in (x, y) else normal.cdf([min(x, 1e6), min(y, 1e6)]) for y in bins[1]] for x in bins[0]
        ]
        expected += weight * np.diff(np.diff(below, axis=0), axis=1)
    assert expected.sum() == pytest.approx(1, abs=1e-3)
    # Four standard errors of a count.
    assert (np.abs(counted / count - expected) < 4 * np.sqrt(expected / count) + 1e-4).all()


def test_what_is_scored_one_by_one_adds_up_to_the_block(any_head):
    head, raw = any_head, parameters(any_head)
    values = tf.random.stateless_normal([6, head.block, C], [4, 4])
    mixture, where = head.unpack(raw), anchor(head)
    density, transform = head.sequential(mixture, where, values)
    expected = head.distribution(mixture, where).log_prob(values)
    np.testing.assert_allclose(tf.reduce_sum(density, -1), expected, rtol=1e-4, atol=1e-4)
    assert transform.shape == values.shape and (transform.numpy() >= 0).all() and (transform.numpy() <= 1).all()


def test_the_transform_of_own_samples_is_uniform_and_independent(any_head):
    head, raw = any_head, parameters(any_head)
    rng, count = np.random.default_rng(3), 20_000
    noise = np.concatenate([rng.uniform(size=[count, head.uniforms]), rng.normal(size=[count, head.block * C])], -1)
    samples = drawn(head, raw, noise.astype("f"))
    given = Anchor(*(tf.repeat(each[:1], count, 0) for each in anchor(head)))
    # The anchor is the first row's for all, so the samples of a block are not regressed on each other here either.
    _, transform = head.sequential(head.unpack(tf.repeat(raw[:1], count, 0)), given, samples)
    flat = tf.reshape(transform, [count, -1]).numpy()
    for column in flat.T:
        assert scipy.stats.kstest(column, "uniform").pvalue > 1e-4
    assert np.abs(np.corrcoef(flat.T) - np.eye(flat.shape[1])).max() < 5 / np.sqrt(count)


@pytest.mark.parametrize("full", [False, True])
def test_channels_one_after_the_other_have_the_transform_of_their_own_samples(full):
    """Of four channels, so that rows and columns of the regression are not taken for one another."""
    head, count, rng = ChannelwiseHead(4, K, 1e-3, 1, full), 20_000, np.random.default_rng(5)
    raw = tf.repeat(tf.random.stateless_normal([1, head.size], [1, 2]), count, 0)
    unit = tf.constant([[[0.5, 2.0, 1.0, 0.1]]])
    given = Anchor(tf.zeros([count, 1, 4]), tf.repeat(unit, count, 0), tf.zeros([count, 1, 0, 4]))
    uniform, normal = rng.uniform(size=[count, 4]).astype("f"), rng.normal(size=[count, 4]).astype("f")
    of_sample = Anchor(*(each[:, 0] for each in given))
    samples = head.sample(head.choose(raw, uniform), 0, of_sample, normal)[:, None]
    _, transform = head.sequential(head.unpack(raw), given, samples)
    for column in transform.numpy()[:, 0].T:
        assert scipy.stats.kstest(column, "uniform").pvalue > 1e-4
    assert np.abs(np.corrcoef(transform.numpy()[:, 0].T) - np.eye(4)).max() < 5 / np.sqrt(count)
    assert (np.abs(np.corrcoef(samples.numpy()[:, 0].T) - np.eye(4)).max() > 0.1) == full


def test_every_row_and_channel_has_its_own_choice_and_temperature():
    head = ChannelwiseHead(2, K, 1e-3)
    logits = np.log([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]).reshape(1, -1)
    raw = tf.concat([logits, np.tile(np.arange(K), 2)[None], np.zeros([1, 2 * K])], 1)
    raw = tf.repeat(tf.cast(raw, tf.float32), 2000, 0)
    uniform = np.random.default_rng(0).permuted(np.tile((np.arange(1000) + 0.5) / 1000, [2, 2, 1]), axis=2)  # [2, 2, M]
    uniform = np.reshape(np.moveaxis(uniform, 1, 2), [2000, 2]).astype("f")
    temperature = tf.repeat(tf.constant([[1.0], [0.5]]), 1000, 0)
    loc = head.choose(raw, uniform, temperature).loc[:, 0].numpy().astype(int)  # [2000, C]
    for rows, channel, expected in (
        (slice(1000), 0, [0.1, 0.2, 0.3, 0.4]),
        (slice(1000), 1, [0.4, 0.3, 0.2, 0.1]),
        (slice(1000, 2000), 0, np.array([1, 4, 9, 16]) / 30),
        (slice(1000, 2000), 1, np.array([16, 9, 4, 1]) / 30),
    ):
        np.testing.assert_allclose(np.bincount(loc[rows, channel], minlength=K) / 1000, expected, atol=0.002)


def test_temperature_flattens_the_choice():
    head = MixtureHead(C, K, 1e-3)
    raw = tf.concat([tf.math.log([[0.1, 0.2, 0.3, 0.4]]), tf.range(2.0 * K * C)[None]], 1)
    uniform = np.linspace(0, 1, 1000, endpoint=False, dtype="f")[:, None]

    def shares(temperature):
        first = head.choose(tf.repeat(raw, 1000, 0), uniform, tf.fill([1000, 1], temperature)).loc[:, 0, 0]
        return np.bincount(first.numpy().astype(int) // C, minlength=K) / 1000

    np.testing.assert_allclose(shares(1.0), [0.1, 0.2, 0.3, 0.4], atol=0.002)
    np.testing.assert_allclose(shares(0.5), np.array([1, 4, 9, 16]) / 30, atol=0.002)


def test_samples_of_a_block_share_their_component_and_nothing_else():
    head = MixtureHead(C, K, 1e-3, N, True, R, seed=5)
    raw = tf.random.stateless_normal([1, head.size], [1, 2])
    rng = np.random.default_rng(0)
    noise = np.concatenate([np.full([50_000, 1], 0.3), rng.normal(size=[50_000, N * C])], -1).astype("f")
    samples = drawn(head, raw, noise).numpy()
    correlation = np.corrcoef(samples.reshape(-1, N * C).T)
    assert np.abs(correlation[:C, C:]).max() < 0.02 < np.abs(correlation[0, 1])


def test_every_parameter_gets_a_gradient_through_a_sample(any_head):
    head, raw = any_head, parameters(any_head)
    rng = np.random.default_rng(0)
    normal = rng.normal(size=[6, head.block * C])
    noise = np.concatenate([rng.uniform(size=[6, head.uniforms]), normal], -1).astype("f")
    with tf.GradientTape() as tape:
        tape.watch(raw)
        made = tf.reduce_sum(tf.square(drawn(head, raw, noise)))
    gradient = tape.gradient(made, raw).numpy()
    for part in np.split(gradient, np.cumsum(head.sizes)[:-1], axis=-1):
        assert part.shape[-1] == 0 or np.abs(part).max() > 0


def test_the_uniform_picks_components_by_their_weights():
    head = MixtureHead(C, K, 1e-3)
    logits, loc = tf.math.log([[0.1, 0.2, 0.3, 0.4]]), tf.range(K * C, dtype=tf.float32)[None]
    one = tf.concat([logits, loc, tf.zeros([1, K * C])], 1)
    where = Anchor(tf.zeros([1, C]), tf.ones([1, C]), tf.zeros([1, 0, C]))
    for uniform, component in [
        (0.0, 0),
        (0.0999, 0),
        (0.1001, 1),
        (0.2999, 1),
        (0.3001, 2),
        (0.6001, 3),
        (0.99999994, 3),
    ]:
        sample = head.sample(head.choose(one, tf.constant([[uniform]])), 0, where, tf.zeros([1, C]))
        np.testing.assert_allclose(sample[0], [2 * component, 2 * component + 1], atol=1e-5)
