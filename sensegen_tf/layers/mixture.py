"""The mixture density head as published: parameters <-> a TFP `MixtureSameFamily`; noise -> sample.

Logits, location and scale of K Gaussians over the C channels of a sample. Their covariance is diagonal as published, or
full (`MultivariateNormalTriL`). A step may be a block of n samples: then a component is a location and a scale for each
of them, given the samples before it, and one component is chosen for the block. Densities stay in log space throughout.
"""

import math
import warnings

import keras
import numpy as np
import scipy.cluster.vq
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from sensegen_tf.layers.head import Head, Mixture, picked, strict_lower, unpacked

_FEWEST_IN_CLUSTER = 8


@keras.saving.register_keras_serializable("sensegen_tf")
class MixtureHead(Head):
    """A head whose components are of whole blocks; arguments as `Head`, where `full_covariance` is that of a component.

    Raw parameters are K logits, K n C locations, K n C raw scales, the triangles of the covariances, n R C coefficients
    of the autoregression.
    """

    uniforms = 1

    @property
    def sizes(self):
        """Numbers of raw logits, locations, scales, of the triangles, and of coefficients; in all K (1 + 2 C) as
        published."""
        k, n, c = self.components, self.block, self.channels
        triangles = k * n * c * (c - 1) // 2 if self.full_covariance else 0
        return k, k * n * c, k * n * c, triangles, n * self.regressors * c

    def _parts(self, raw):
        """Raw parameters [..., P] -> logits [..., K], those of the components, three of [..., K, n C or
        n C (C - 1) / 2], and the coefficients [..., n R C]."""
        logits, *of_components, coefficients = tf.split(raw, self.sizes, axis=-1)
        k, sizes = self.components, self.sizes[1:-1]
        of_components = [unpacked(each, k, size // k) for each, size in zip(of_components, sizes, strict=True)]
        return logits, of_components, coefficients

    def _mixture(self, logits, of_components, coefficients):
        """From what `_parts` returns, with or without the axis of K."""
        n, c = self.block, self.channels
        loc, scale = (unpacked(each, n, c) for each in of_components[:2])
        factor = None
        if self.full_covariance:
            factor = strict_lower(unpacked(of_components[2], n, c * (c - 1) // 2), c)
        return Mixture(logits, loc, tf.nn.softplus(scale), factor, self._coefficients(coefficients))

    def unpack(self, raw):
        """Raw parameters [..., P] -> `Mixture`."""
        return self._mixture(*self._parts(raw))

    def fitted(self, blocks, unit, person, fewest_people=0):
        """Raw parameters [P] of Gaussians around the clusters of blocks (k-means), to start or to learn from.

        Args:
          blocks: float32 [N, n, C].
          unit: [C]. The anchor's base must be 0 and its unit 1 at the first sample; at the others the base is the
            sample before, and the unit this.
          person: int [N], whose blocks they are.
          fewest_people: if above 0, a cluster takes in blocks of the nearest people until it has those of so many (of
            all, where there are fewer), and everybody in it counts alike: no Gaussian tells of one person.

        Returns:
          float32 [P]; the coefficients of the autoregression are 0.
        """
        k, units = self.components, np.concatenate([np.ones([1, self.channels]), np.tile(unit, [self.block - 1, 1])])
        steps = np.concatenate([blocks[:, :1], np.diff(blocks, axis=1)], 1) / units  # [N, n, C]
        flat = blocks.reshape(len(blocks), -1)
        count = min(k, max(1, len(blocks) // _FEWEST_IN_CLUSTER))
        with warnings.catch_warnings():
            # Of empty clusters, which are left out below, and of blocks that are all equal.
            warnings.simplefilter("ignore")
            centre, member = scipy.cluster.vq.kmeans2(flat, count, minit="++", seed=self.seed)
        sizes = np.bincount(member, minlength=count)
        # Empty ones, and those beyond `count`, stand where the largest one stands and share its weight.
        cluster = np.where(np.arange(k) < count, np.arange(k) % count, np.argmax(sizes))
        cluster = np.where(sizes[cluster] > 0, cluster, np.argmax(sizes))
        shared = np.bincount(cluster, minlength=count)
        logits, loc, scale, triangles, coefficients = (np.zeros(size, np.float32) for size in self.sizes)
        logits[:] = np.log(sizes[cluster] / shared[cluster] / len(blocks))
        lower = np.tril_indices(self.channels, -1)
        floor = self.scale_floor / units
        for number, which in enumerate(cluster):
            weights = (member == which) / sizes[which]
            if fewest_people:
                distance = np.linalg.norm(flat - centre[which], axis=1)
                weights = _of_people(distance, member == which, person, fewest_people)
            taken = weights > 0
            mean, covariance = _moments(steps[taken], weights[taken], 10 * floor, self.full_covariance)
            factor = np.linalg.cholesky(covariance)  # [n, C, C]
            loc.reshape(k, self.block, -1)[number] = mean
            diagonal = np.diagonal(factor, axis1=1, axis2=2)
            scale.reshape(k, self.block, -1)[number] = np.log(np.expm1(diagonal - floor))
            if self.full_covariance:
                triangles.reshape(k, self.block, -1)[number] = factor[:, *lower]
        return np.concatenate([logits, loc, scale, triangles, coefficients])

    def distribution(self, mixture, anchor):
        """The `tfd.MixtureSameFamily` of a `Mixture` around its `Anchor`: batch shape [...], event shape [n, C]."""
        base, unit = anchor.base[..., None, :, :], anchor.unit[..., None, :, :]  # [..., 1, n, C]
        loc = mixture.loc
        if self.regressors:
            loc += tf.reduce_sum(mixture.coefficients * anchor.regressors, -2)[..., None, :, :]
        loc = base + unit * loc
        scale = self.scale_floor + unit * mixture.scale
        if self.full_covariance:
            matrix = mixture.factor * unit[..., None] + tf.linalg.diag(scale)
            samples = tfd.MultivariateNormalTriL(loc=loc, scale_tril=matrix)
        else:
            samples = tfd.MultivariateNormalDiag(loc=loc, scale_diag=scale)
        return tfd.MixtureSameFamily(
            mixture_distribution=tfd.Categorical(logits=mixture.logits),
            components_distribution=tfd.Independent(samples, reinterpreted_batch_ndims=1),
        )

    def choose(self, raw, uniform, temperature=1.0):
        """The component that a uniform picks, see `picked`.

        Args:
          raw: [..., P].
          uniform: [..., 1], in [0, 1).
          temperature: [..., 1] or a number above 0, by which the logits are divided.

        Returns:
          A `Mixture` of one component: no logits, loc and scale [..., n, C], factor [..., n, C, C].
        """
        logits, of_components, coefficients = self._parts(raw)
        chosen = picked(logits / temperature, uniform)  # [..., K]
        of_chosen = [tf.reduce_sum(chosen[..., None] * each, -2) for each in of_components]
        return self._mixture(None, of_chosen, coefficients)

    def sample(self, chosen, number, anchor, normal):
        """Sample `number` of a block, without a random operation.

        Args:
          chosen: what `choose` returned.
          number: in [0, n).
          anchor: the `Anchor` of this sample alone: base and unit [..., C], regressors [..., R, C].
          normal: standard normals [..., C].

        Returns:
          [..., C].
        """
        loc = chosen.loc[..., number, :]
        if self.regressors:
            loc += tf.reduce_sum(chosen.coefficients[..., number, :, :] * anchor.regressors, -2)
        sample = anchor.base + anchor.unit * loc
        sample += (self.scale_floor + anchor.unit * chosen.scale[..., number, :]) * normal
        if self.full_covariance:
            sample += anchor.unit * tf.linalg.matvec(chosen.factor[..., number, :, :], normal)
        return sample

    def sequential(self, mixture, anchor, values):
        """Scores a block sample by sample, each given those before it.

        Args:
          mixture, anchor: as `distribution`.
          values: [..., n, C].

        Returns:
          The log-densities of the samples [..., n], which add up to the block's `log_prob`; and the conditional
          distribution functions at each value given those before it [..., n, C], channel after channel (the probability
          integral transform of Rosenblatt, 1952): uniform in [0, 1] where the model is right.
        """
        n, c = self.block, self.channels
        normals = self.distribution(mixture, anchor).components_distribution.distribution
        centred = values[..., None, :, :] - normals.loc  # [..., K, n, C]
        if self.full_covariance:
            matrix = normals.scale.to_dense()  # [..., K, n, C, C]
            scale = tf.linalg.diag_part(matrix)
            score = tf.linalg.triangular_solve(matrix, centred[..., None])[..., 0]
        else:
            scale = normals.scale.diag_part()
            score = centred / scale
        log_density = -0.5 * tf.square(score) - tf.math.log(scale) - 0.5 * math.log(2 * math.pi)
        flat = tf.concat([tf.shape(values)[:-2], [self.components, n * c]], 0)
        log_density, score = tf.reshape(log_density, flat), tf.reshape(score, flat)  # [..., K, n C]
        before = tf.cumsum(log_density, axis=-1, exclusive=True) + tf.nn.log_softmax(mixture.logits)[..., None]
        transform = tf.reduce_sum(tf.nn.softmax(before, -2) * tfd.Normal(0.0, 1.0).cdf(score), -2)  # [..., n C]
        conditional = tf.reduce_logsumexp(before + log_density, -2) - tf.reduce_logsumexp(before, -2)
        shape = tf.shape(values)
        return tf.reduce_sum(tf.reshape(conditional, shape), -1), tf.reshape(transform, shape)


def _of_people(distance, own, person, fewest):
    """Weights [N] of the blocks of a cluster when everybody in it counts alike.

    Args:
      distance: [N], of blocks from the cluster's centre.
      own: bool [N], those of the cluster, which takes in all others as near as the `fewest`-th nearest person's are.
      person: int [N].
      fewest: of people.
    """
    apart = [distance[person == one] for one in np.unique(person)]
    nearest = np.sort([np.sort(each)[:_FEWEST_IN_CLUSTER][-1] for each in apart])
    taken = own | (distance <= nearest[min(fewest, len(nearest)) - 1])
    counts = np.bincount(person[taken], minlength=person.max() + 1)
    return taken / np.maximum(counts, 1)[person] / np.count_nonzero(counts)


def _moments(steps, weights, spread, full):
    """Weighted means [n, C] and covariances [n, C, C] of steps [N, n, C], these shrunk towards their diagonal, with at
    least `spread` [n, C]."""
    steps, channels = steps.astype(np.float64), steps.shape[-1]
    mean = np.einsum("a,anc->nc", weights, steps)
    found = np.einsum("a,anc,and->ncd", weights, steps - mean, steps - mean)
    count = 1 / np.square(weights).sum()  # Kish's effective number.
    share = count / (count + 2 * channels) if full else 0.0
    diagonal = np.eye(channels)
    return mean, share * found + ((1 - share) * found + np.square(spread)[..., None] * diagonal) * diagonal
