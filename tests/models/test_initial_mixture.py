import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.layers.heads.base import Reference
from sensegen_tf.layers.heads.joint import JointHead
from sensegen_tf.models.initial_mixture import fit_by_label, fit_initial_mixture


def fitted(head, blocks, *, unit=None, subject=None, min_subjects=0):
    """A `Mixture` with a batch of one."""
    unit = np.ones(head.channels, "f") if unit is None else np.array(unit, "f")
    subject = np.zeros(len(blocks), int) if subject is None else subject
    raw = fit_initial_mixture(head, blocks, unit=unit, subject=subject, min_subjects=min_subjects)
    assert raw.dtype == np.float32 and np.isfinite(raw).all()
    return head.unpack(raw[None])


@pytest.mark.parametrize("full", [False, True])
def test_it_is_fitted_to_the_clusters_of_blocks(full):
    rng, unit = np.random.default_rng(0), np.array([0.2, 2.0], "f")
    one, other = [[0.01, 0.009], [0.009, 0.01]], [[0.25, 0.0], [0.0, 0.25]]
    first = np.concatenate([rng.multivariate_normal([-3, 0], one, 3000), rng.multivariate_normal([3, 1], other, 1000)])
    steps = rng.normal([0.4, 0.0], [0.02, 0.2], [4000, 2, 2])
    blocks = np.cumsum(np.concatenate([first[:, None], steps], 1), 1).astype("f")
    head = JointHead(2, 2, scale_floor=1e-3, block=3, full_covariance=full, regressors=2)
    found = fitted(head, blocks, unit=unit)
    order = np.argsort(found.loc[0, :, 0, 0])
    np.testing.assert_allclose(found.loc.numpy()[0, order, 0], [[-3, 0], [3, 1]], atol=0.05)
    np.testing.assert_allclose(found.loc.numpy()[0, :, 1:], np.tile([2.0, 0.0], [2, 2, 1]), atol=0.03)
    np.testing.assert_allclose(tf.nn.softmax(found.logits).numpy()[0, order], [0.75, 0.25], atol=0.01)
    assert (found.coefficients == 0).numpy().all()
    location = tf.concat([tf.zeros([1, 1, 2]), tf.constant(blocks[:1, :-1])], 1)
    reference = Reference(location, tf.constant([[[1.0, 1.0], unit, unit]]), tf.zeros([1, 3, 2, 2]))
    normals = head.distribution(found, reference).components_distribution.distribution
    covariance = normals.covariance().numpy()[0, order]
    correlated = one if full else np.diag(np.diag(one))
    np.testing.assert_allclose(covariance[:, 0], [correlated, other], atol=0.02)
    np.testing.assert_allclose(covariance[:, 1:], np.tile(np.diag([0.0004, 0.04]), [2, 2, 1, 1]), atol=0.004)


@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("min_subjects", [0, 5])
def test_few_or_equal_blocks_are_enough_to_fit(count, full, min_subjects):
    head = JointHead(2, 8, scale_floor=1e-3, block=2, full_covariance=full)
    subject = np.arange(count)
    found = fitted(head, np.ones([count, 2, 2], "f"), unit=[1e-2, 1.0], subject=subject, min_subjects=min_subjects)
    expected = np.tile([[1.0, 1.0], [0.0, 0.0]], [1, 8, 1, 1])
    np.testing.assert_allclose(found.loc, expected, atol=1e-5)


@pytest.mark.parametrize("full", [False, True])
def test_each_gaussian_describes_min_subjects_at_least_all_with_the_same_weight(full):
    """Eight subjects who never move, a metre from one another, the first of them recorded a hundred times as often."""
    places = np.stack([np.arange(8), np.zeros(8)], 1)
    subject = np.concatenate([np.zeros(2000, int), np.repeat(np.arange(8), 20)])
    blocks = (places[subject] + np.random.default_rng(0).normal(0, 1e-3, [len(subject), 2]))[:, None].astype("f")
    head = JointHead(2, 8, scale_floor=1e-4, full_covariance=full)
    alone, together = (fitted(head, blocks, subject=subject, min_subjects=fewest) for fewest in (0, 3))
    np.testing.assert_allclose(np.sort(alone.loc[0, :, 0, 0]), np.arange(8), atol=0.01)
    assert np.max(alone.scale[0, :, 0, 0]) < 0.01
    # Three in a row have their mean at the one in the middle, and a variance of 2/3; at an end the two next to it.
    np.testing.assert_allclose(np.sort(together.loc[0, :, 0, 0]), [1, 1, 2, 3, 4, 5, 6, 6], atol=0.01)
    np.testing.assert_allclose(together.scale[0, :, 0, 0], np.sqrt(2 / 3), rtol=0.02)
    np.testing.assert_allclose(tf.nn.softmax(together.logits), tf.nn.softmax(alone.logits))


def test_where_there_are_fewer_subjects_each_gaussian_describes_all():
    blocks = np.repeat([[[0.0]], [[1.0]], [[5.0]]], 50, 0).astype("f")
    head = JointHead(1, 3, scale_floor=1e-4)
    found = fitted(head, blocks, subject=np.repeat([0, 1, 2], 50), min_subjects=5)
    np.testing.assert_allclose(found.loc[0, :, 0, 0], [2.0] * 3, rtol=1e-5)


def test_every_label_has_a_mixture_of_its_own_blocks_and_one_without_blocks_that_of_all():
    head = JointHead(1, 2, scale_floor=1e-3)
    label, subject = np.repeat([0, 2], 20), np.tile([0, 1], 20)
    blocks = np.where(label == 0, -3.0, 5.0)[:, None, None].astype("f")
    how = {"unit": np.ones(1, "f"), "subject": subject}
    found = fit_by_label(head, blocks, label=label, labels=3, **how)
    assert found.kernel.shape == (3, head.size) and (found.bias == 0).all()
    np.testing.assert_array_equal(
        found.kernel[0], fit_initial_mixture(head, blocks[:20], unit=[1], subject=subject[:20])
    )
    np.testing.assert_array_equal(found.kernel[1], fit_initial_mixture(head, blocks, **how))
    np.testing.assert_array_equal(
        found.kernel[2], fit_initial_mixture(head, blocks[20:], unit=[1], subject=subject[20:])
    )
    alone = fit_by_label(head, blocks, label=np.zeros(40, int), labels=0, **how)
    assert alone.kernel.shape == (0, head.size)
    np.testing.assert_array_equal(alone.bias, fit_initial_mixture(head, blocks, **how))
