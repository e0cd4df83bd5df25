import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from sensegen_tf.layers.heads.base import Reference
from sensegen_tf.layers.heads.channelwise import ChannelwiseHead
from sensegen_tf.layers.heads.joint import JointHead

K, C, N, R = 4, 2, 2, 2
LOCATION, SCALE = np.array([[1.0, -2.0], [0.5, 0.0]], "f"), np.array([[0.5, 2.0], [1.0, 0.3]], "f")


def build(kind, **options):
    head = kind(C, K, **{"scale_floor": 1e-3, "seed": 5, **options})
    head.build((None, 3))
    return head


@pytest.fixture(params=[(1, False), (1, True), (N, True)], ids=["diagonal", "full", "full, block"])
def head(request):
    block, full = request.param
    return build(JointHead, block=block, full_covariance=full, regressors=R)


@pytest.fixture(
    params=[(JointHead, 1), (JointHead, N), (ChannelwiseHead, 1), (ChannelwiseHead, N)],
    ids=lambda p: f"{p[0].__name__}, {p[1]}",
)
def any_head(request):
    """Of both kinds."""
    kind, block = request.param
    return build(kind, block=block, full_covariance=True, regressors=R)


def make_reference(head, rows=6):
    """Locations and scales that differ by sample and channel, regressors that differ by all."""
    location, scale = (np.tile(each[: head.block], [rows, 1, 1]) for each in (LOCATION, SCALE))
    return Reference(location, scale, tf.random.stateless_normal([rows, head.block, R, C], [3, 4]))


@pytest.fixture
def raw(head):
    return parameters(head)


def parameters(head):
    return tf.random.stateless_normal([6, head.size], [1, 2])


def by_hand(head, raw):
    """Logits [6, K], means [6, K, n, C] and covariances [6, K, n, C, C], float64."""
    reference = make_reference(head)
    unit, regressors = np.asarray(reference.scale, "d")[:, None], np.asarray(reference.regressors, "d")
    n = head.block
    logits, loc, scale, triangle, coefficients = np.split(np.asarray(raw, "d"), np.cumsum(head.sizes)[:-1], -1)
    predicted = (coefficients.reshape(6, n, R, C) * regressors).sum(2)[:, None]
    means = np.asarray(reference.location, "d")[:, None] + unit * (loc.reshape(6, K, n, C) + predicted)
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
    distribution = head.distribution(head.unpack(raw), make_reference(head))
    assert type(distribution).__name__ == "MixtureSameFamily"
    expected = scipy.special.logsumexp(scipy.special.log_softmax(logits, -1) + components, -1)
    np.testing.assert_allclose(distribution.log_prob(x.astype("f")), expected, rtol=1e-4)


@pytest.mark.parametrize("full", [False, True])
def test_density_channel_by_channel_is_the_one_written_by_hand(full):
    """Around the autoregression and a regression on what the channels before are beyond theirs."""
    head = build(ChannelwiseHead, block=N, full_covariance=full, regressors=R)
    raw, reference = parameters(head), make_reference(head)
    location, unit, regressors = (np.asarray(each, "d") for each in reference)
    parts = np.split(np.asarray(raw, "d"), np.cumsum(head.sizes)[:-1], -1)
    logits, loc, scale = (each.reshape(6, N, C, K) for each in parts[:3])
    coefficients = parts[4].reshape(6, N, R, C)
    x = np.random.default_rng(0).normal(size=[6, N, C])
    expected = np.zeros(6)
    for row, sample, channel in np.ndindex(6, N, C):
        at = row, sample, channel
        centre = location[at] + unit[at] * (coefficients[row, sample, :, channel] @ regressors[row, sample, :, channel])
        if full and channel == 1:
            before = row, sample, 0
            first = location[before] + unit[before] * (coefficients[row, sample, :, 0] @ regressors[row, sample, :, 0])
            centre += unit[at] * parts[3].reshape(6, N)[row, sample] * (x[before] - first) / unit[before]
        deviation = 1e-3 + unit[at] * np.log1p(np.exp(scale[at]))
        density = scipy.stats.norm(centre + unit[at] * loc[at], deviation).logpdf(x[at])
        expected[row] += scipy.special.logsumexp(scipy.special.log_softmax(logits[at]) + density)
    found = head.distribution(head.unpack(raw), reference).log_prob(x.astype("f"))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_density_stays_finite_far_from_every_component(any_head):
    head, raw = any_head, parameters(any_head)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        log_prob = head.distribution(head.unpack(raw), make_reference(head)).log_prob(tf.fill([6, head.block, C], 1e4))
    assert np.isfinite(log_prob).all() and np.isfinite(tape.gradient(log_prob, raw)).all()


def test_scales_have_a_floor(head):
    low = tf.fill([6, head.size], -1e4)
    normals = head.distribution(head.unpack(low), make_reference(head)).components_distribution.distribution
    smallest = np.sqrt(np.diagonal(normals.covariance(), axis1=-2, axis2=-1))[..., 0]
    np.testing.assert_allclose(smallest, 1e-3, rtol=1e-4)


def first_reference(head, count):
    """That of the first example, for all."""
    return Reference(*(tf.repeat(each[:1], count, 0) for each in make_reference(head)))


def of_sample(reference, number):
    return Reference(*(each[:, number] for each in reference))


def sample(head, raw, noise):
    """Blocks from noise [M, U + n C], all from the first example's mixture and reference."""
    count = len(noise)
    reference = first_reference(head, count)
    chosen = head.choose(tf.repeat(raw[:1], count, 0), noise[:, : head.uniforms])
    normal = tf.reshape(noise[:, head.uniforms :], [count, head.block, C])
    samples = [
        head.sample(chosen, number, reference=of_sample(reference, number), normal=normal[:, number])
        for number in range(head.block)
    ]
    return tf.stack(samples, 1)


def test_samples_are_as_frequent_as_log_prob_says(head, raw):
    """The first sample of a block falls into the cells of a grid as often as the density integrates to there."""
    count = 200_000
    rng = np.random.default_rng(0)
    normal = rng.normal(size=[count, head.noise_size - 1])
    noise = np.concatenate([rng.uniform(size=[count, 1]), normal], -1).astype("f")
    samples = sample(head, raw, noise).numpy()[:, 0]
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


def test_log_densities_of_samples_add_up_to_that_of_the_block(any_head):
    head, raw = any_head, parameters(any_head)
    values = tf.random.stateless_normal([6, head.block, C], [4, 4])
    mixture, reference = head.unpack(raw), make_reference(head)
    density, pit = head.sequential(mixture, reference, values=values)
    expected = head.distribution(mixture, reference).log_prob(values)
    np.testing.assert_allclose(tf.reduce_sum(density, -1), expected, rtol=1e-4, atol=1e-4)
    assert pit.shape == values.shape and (pit.numpy() >= 0).all() and (pit.numpy() <= 1).all()


def test_pit_of_own_samples_is_uniform_and_independent(any_head):
    head, raw = any_head, parameters(any_head)
    rng, count = np.random.default_rng(3), 20_000
    noise = np.concatenate([rng.uniform(size=[count, head.uniforms]), rng.normal(size=[count, head.block * C])], -1)
    samples = sample(head, raw, noise.astype("f"))
    # The reference is the first example's for all, so the samples of a block are not regressed on each other here.
    mixture = head.unpack(tf.repeat(raw[:1], count, 0))
    pit = head.sequential(mixture, first_reference(head, count), values=samples).pit
    flat = tf.reshape(pit, [count, -1]).numpy()
    for column in flat.T:
        assert scipy.stats.kstest(column, "uniform").pvalue > 1e-4
    assert np.abs(np.corrcoef(flat.T) - np.eye(flat.shape[1])).max() < 5 / np.sqrt(count)


@pytest.mark.parametrize("full", [False, True])
def test_pit_of_own_samples_is_uniform_channel_after_channel(full):
    """Of four channels, so that rows and columns of the regression are not taken for one another."""
    head, count, rng = ChannelwiseHead(4, K, scale_floor=1e-3, full_covariance=full), 20_000, np.random.default_rng(5)
    raw = tf.repeat(tf.random.stateless_normal([1, head.size], [1, 2]), count, 0)
    unit = tf.constant([[[0.5, 2.0, 1.0, 0.1]]])
    reference = Reference(tf.zeros([count, 1, 4]), tf.repeat(unit, count, 0), tf.zeros([count, 1, 0, 4]))
    uniform, normal = rng.uniform(size=[count, 4]).astype("f"), rng.normal(size=[count, 4]).astype("f")
    chosen = head.choose(raw, uniform)
    samples = head.sample(chosen, 0, reference=of_sample(reference, 0), normal=normal)[:, None]
    pit = head.sequential(head.unpack(raw), reference, values=samples).pit.numpy()
    for column in pit[:, 0].T:
        assert scipy.stats.kstest(column, "uniform").pvalue > 1e-4
    assert np.abs(np.corrcoef(pit[:, 0].T) - np.eye(4)).max() < 5 / np.sqrt(count)
    assert (np.abs(np.corrcoef(samples.numpy()[:, 0].T) - np.eye(4)).max() > 0.1) == full


def test_every_example_and_channel_has_its_own_choice_and_temperature():
    head = ChannelwiseHead(2, K, scale_floor=1e-3)
    logits = np.log([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]).reshape(1, -1)
    raw = tf.concat([logits, np.tile(np.arange(K), 2)[None], np.zeros([1, 2 * K])], 1)
    raw = tf.repeat(tf.cast(raw, tf.float32), 2000, 0)
    uniform = np.random.default_rng(0).permuted(np.tile((np.arange(1000) + 0.5) / 1000, [2, 2, 1]), axis=2)  # [2, 2, M]
    uniform = np.reshape(np.moveaxis(uniform, 1, 2), [2000, 2]).astype("f")
    temperature = tf.repeat(tf.constant([[1.0], [0.5]]), 1000, 0)
    loc = head.choose(raw, uniform, temperature=temperature).loc[:, 0].numpy().astype(int)  # [2000, C]
    for rows, channel, expected in (
        (slice(1000), 0, [0.1, 0.2, 0.3, 0.4]),
        (slice(1000), 1, [0.4, 0.3, 0.2, 0.1]),
        (slice(1000, 2000), 0, np.array([1, 4, 9, 16]) / 30),
        (slice(1000, 2000), 1, np.array([16, 9, 4, 1]) / 30),
    ):
        np.testing.assert_allclose(np.bincount(loc[rows, channel], minlength=K) / 1000, expected, atol=0.002)


def test_temperature_flattens_the_choice():
    head = JointHead(C, K, scale_floor=1e-3)
    raw = tf.concat([tf.math.log([[0.1, 0.2, 0.3, 0.4]]), tf.range(2.0 * K * C)[None]], 1)
    uniform = np.linspace(0, 1, 1000, endpoint=False, dtype="f")[:, None]

    def shares(temperature):
        chosen = head.choose(tf.repeat(raw, 1000, 0), uniform, temperature=tf.fill([1000, 1], temperature))
        return np.bincount(chosen.loc[:, 0, 0].numpy().astype(int) // C, minlength=K) / 1000

    np.testing.assert_allclose(shares(1.0), [0.1, 0.2, 0.3, 0.4], atol=0.002)
    np.testing.assert_allclose(shares(0.5), np.array([1, 4, 9, 16]) / 30, atol=0.002)


def test_samples_of_a_block_share_their_component_and_nothing_else():
    head = build(JointHead, block=N, full_covariance=True, regressors=R)
    raw = tf.random.stateless_normal([1, head.size], [1, 2])
    rng = np.random.default_rng(0)
    noise = np.concatenate([np.full([50_000, 1], 0.3), rng.normal(size=[50_000, N * C])], -1).astype("f")
    samples = sample(head, raw, noise).numpy()
    correlation = np.corrcoef(samples.reshape(-1, N * C).T)
    assert np.abs(correlation[:C, C:]).max() < 0.02 < np.abs(correlation[0, 1])


def test_every_parameter_gets_a_gradient_through_a_sample(any_head):
    head, raw = any_head, parameters(any_head)
    rng = np.random.default_rng(0)
    normal = rng.normal(size=[6, head.block * C])
    noise = np.concatenate([rng.uniform(size=[6, head.uniforms]), normal], -1).astype("f")
    with tf.GradientTape() as tape:
        tape.watch(raw)
        total = tf.reduce_sum(tf.square(sample(head, raw, noise)))
    gradient = tape.gradient(total, raw).numpy()
    for part in np.split(gradient, np.cumsum(head.sizes)[:-1], axis=-1):
        assert part.shape[-1] == 0 or np.abs(part).max() > 0


def test_the_uniform_number_chooses_components_by_their_weights():
    head = JointHead(C, K, scale_floor=1e-3)
    logits, loc = tf.math.log([[0.1, 0.2, 0.3, 0.4]]), tf.range(K * C, dtype=tf.float32)[None]
    one = tf.concat([logits, loc, tf.zeros([1, K * C])], 1)
    reference = Reference(tf.zeros([1, C]), tf.ones([1, C]), tf.zeros([1, 0, C]))
    for uniform, component in [
        (0.0, 0),
        (0.0999, 0),
        (0.1001, 1),
        (0.2999, 1),
        (0.3001, 2),
        (0.6001, 3),
        (0.99999994, 3),
    ]:
        chosen = head.choose(one, tf.constant([[uniform]]))
        found = head.sample(chosen, 0, reference=reference, normal=tf.zeros([1, C]))
        np.testing.assert_allclose(found[0], [2 * component, 2 * component + 1], atol=1e-5)
