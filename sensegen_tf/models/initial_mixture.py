"""The mixture of the first block of a series, fitted to the training windows before training (k-means)."""

from __future__ import annotations

import typing
import warnings

import numpy as np
import scipy.cluster.vq

from sensegen_tf.layers.heads.joint import JointHead

_FEWEST_IN_CLUSTER = 8


class FittedMixture(typing.NamedTuple):
    """Weights of the layer that gives the initial mixture: float32 bias [P] and kernel [L, P], a row a label."""

    bias: np.ndarray
    kernel: np.ndarray


class _Clusters(typing.NamedTuple):
    """Clusters of N blocks: centres [count, n C], the cluster of each block [N], and that of each component [K]."""

    centre: np.ndarray
    member: np.ndarray
    of_component: np.ndarray


def fit_by_label(
    head: JointHead,
    blocks: np.ndarray,
    *,
    label: np.ndarray,
    labels: int,
    **how: typing.Any,
) -> FittedMixture:
    """A mixture for each label on its own, or one for all where there are none.

    Args:
      head, blocks: as `fit_initial_mixture`.
      label: int [N], in [0, labels).
      labels: L. A label without blocks gets the mixture of all.
      **how: the other arguments of `fit_initial_mixture`.
    """
    subject = how.pop("subject")

    def fitted(chosen):
        chosen = chosen if chosen.any() else np.ones_like(chosen)
        return fit_initial_mixture(head, blocks[chosen], subject=subject[chosen], **how)

    if not labels:
        return FittedMixture(fitted(label >= 0), np.zeros([0, head.size], np.float32))
    by_label = [fitted(label == number) for number in range(labels)]
    return FittedMixture(np.zeros(head.size, np.float32), np.stack(by_label))


def fit_initial_mixture(
    head: JointHead, blocks: np.ndarray, *, unit: np.ndarray, subject: np.ndarray, min_subjects: int = 0
) -> np.ndarray:
    """Raw parameters of Gaussians around the clusters of the first blocks of series.

    Args:
      head: of the mixture, with K components, blocks of n samples and C channels.
      blocks: float32 [N, n, C], standardised. At the first sample location 0 and scale 1 are the head's reference; at
        the others the sample before, and `unit`.
      unit: [C].
      subject: int [N], whose blocks they are.
      min_subjects: if above 0, a cluster takes in blocks of the nearest subjects until it has those of so many (of all,
        where there are fewer), and each subject in it has the same weight, so that no Gaussian describes one subject.

    Returns:
      float32 [P]; the coefficients of the autoregression are 0.
    """
    k, n, c = head.components, head.block, head.channels
    units = np.concatenate([np.ones([1, c]), np.tile(unit, [n - 1, 1])])
    steps = np.concatenate([blocks[:, :1], np.diff(blocks, axis=1)], 1) / units  # [N, n, C]
    flat = blocks.reshape(len(blocks), -1)
    clusters = _cluster(flat, k, head.seed)
    sizes = np.bincount(clusters.member, minlength=len(clusters.centre))
    shared = np.bincount(clusters.of_component, minlength=len(clusters.centre))
    logits, loc, scale, triangles, coefficients = (np.zeros(size, np.float32) for size in head.sizes)
    logits[:] = np.log(sizes[clusters.of_component] / shared[clusters.of_component] / len(blocks))
    floor = head.scale_floor / units
    for component, cluster in enumerate(clusters.of_component):
        inside = clusters.member == cluster
        weights = inside / sizes[cluster]
        if min_subjects:
            distance = np.linalg.norm(flat - clusters.centre[cluster], axis=1)
            weights = _subject_weights(distance, inside, subject=subject, fewest=min_subjects)
        used = weights > 0
        mean, covariance = _moments(steps[used], weights[used], least=10 * floor, full=head.full_covariance)
        factor = np.linalg.cholesky(covariance)  # [n, C, C]
        loc.reshape(k, n, -1)[component] = mean
        diagonal = np.diagonal(factor, axis1=1, axis2=2)
        scale.reshape(k, n, -1)[component] = np.log(np.expm1(diagonal - floor))
        if head.full_covariance:
            triangles.reshape(k, n, -1)[component] = factor[:, *np.tril_indices(c, -1)]
    return np.concatenate([logits, loc, scale, triangles, coefficients])


def _cluster(flat, components, seed):
    """`_Clusters` of blocks [N, n C]: as many as there are components, but of 8 blocks each on average at least."""
    count = min(components, max(1, len(flat) // _FEWEST_IN_CLUSTER))
    with warnings.catch_warnings():
        # Of empty clusters, which are left out below, and of blocks that are all equal.
        warnings.simplefilter("ignore")
        centre, member = scipy.cluster.vq.kmeans2(flat, count, minit="++", seed=seed)
    sizes = np.bincount(member, minlength=count)
    # Components of empty clusters, and those beyond `count`, stand on the largest cluster and share its weight.
    number = np.arange(components)
    cluster = np.where(number < count, number % count, np.argmax(sizes))
    return _Clusters(centre, member, np.where(sizes[cluster] > 0, cluster, np.argmax(sizes)))


def _subject_weights(distance, inside, *, subject, fewest):
    """Weights [N] of the blocks of a cluster in which every subject has the same weight.

    Args:
      distance: [N], of blocks from the cluster's centre.
      inside: bool [N], the blocks of the cluster; it takes in all others that are as near as those of the nearest
        subjects.
      subject: int [N].
      fewest: how many subjects at least.
    """
    of_subjects = [distance[subject == each] for each in np.unique(subject)]
    nearest = np.sort([np.sort(each)[:_FEWEST_IN_CLUSTER][-1] for each in of_subjects])
    used = inside | (distance <= nearest[min(fewest, len(nearest)) - 1])
    counts = np.bincount(subject[used], minlength=subject.max() + 1)
    return used / np.maximum(counts, 1)[subject] / np.count_nonzero(counts)


def _moments(steps, weights, *, least, full):
    """Weighted means [n, C] and covariances [n, C, C] of steps [N, n, C], the latter shrunk towards their diagonal,
    with standard deviations of at least `least` [n, C]."""
    steps, channels = steps.astype(np.float64), steps.shape[-1]
    mean = np.einsum("a,anc->nc", weights, steps)
    found = np.einsum("a,anc,and->ncd", weights, steps - mean, steps - mean)
    count = 1 / np.square(weights).sum()  # Kish's effective number.
    share = count / (count + 2 * channels) if full else 0.0
    diagonal = np.eye(channels)
    return mean, share * found + ((1 - share) * found + np.square(least)[..., None] * diagonal) * diagonal
