import dataclasses
import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from sensegen_tf.layers.encoder import Posterior, Prior
from sensegen_tf.models import scoring
from sensegen_tf.models.condition import Condition
from tests.models.test_generator import CHANNELS, KINDS, LABELS, LATENT, build

KINDS_OF_SCORES = (
    "published",
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("latent", "block, events", "channelwise, block")),
)


def test_a_posterior_is_a_gaussian():
    mean, std = np.array([[1.0, -2.0]], "f"), np.array([[0.5, 3.0]], "f")
    posterior, latent = Posterior(mean, np.log(std)), np.array([[0.2, 0.3]], "f")
    np.testing.assert_allclose(posterior.sample(np.ones([1, 2], "f")), mean + std, rtol=1e-6)
    expected = scipy.stats.norm.logpdf(latent, mean, std).sum(1)
    np.testing.assert_allclose(posterior.log_prob(latent), expected, rtol=1e-5)
    by_hand = np.log(1 / std) + (std**2 + mean**2) / 2 - 0.5
    np.testing.assert_allclose(posterior.divergence(), by_hand, rtol=1e-5)


def test_a_prior_is_a_gaussian_fitted_to_posteriors():
    encoder = dataclasses.replace(LATENT, size=2).build(seed=0, use_xla=False, precision="float32")
    encoder.build([None, None, 4])
    rng = np.random.default_rng(0)
    mean = rng.normal([1.0, -2.0], 1.0, [4000, 2]) @ [[0.5, 0.3], [0.0, 0.2]]
    encoder.fit_prior(Posterior(mean, np.log(np.full([4000, 2], [0.1, 0.3]))))
    prior, covariance = encoder.prior, np.cov(mean.T) + np.diag([0.01, 0.09])
    latent = prior.sample(tf.random.stateless_normal([2, 5000, 2], [1, 2])).numpy()
    np.testing.assert_allclose(latent.mean((0, 1)), mean.mean(0), atol=0.02)
    np.testing.assert_allclose(np.cov(latent.reshape(-1, 2).T), covariance, atol=0.02)
    expected = scipy.stats.multivariate_normal(mean.mean(0), covariance).logpdf(latent)
    np.testing.assert_allclose(prior.log_prob(latent), expected, rtol=1e-3, atol=1e-3)


def test_weights_of_latents_are_those_of_the_balance_heuristic(monkeypatch):
    """Where the posterior is the prior all are equal; elsewhere none is above 2 / K, and integrals come out right."""
    standard = Prior(tf.zeros([3]), tf.eye(3))
    same = scoring.sample_latents(Posterior(tf.zeros([2, 3]), tf.zeros([2, 3])), prior=standard)
    np.testing.assert_allclose(same.log_weight, np.full([scoring.LATENTS, 2], -math.log(scoring.LATENTS)), rtol=1e-6)
    monkeypatch.setattr(scoring, "LATENTS", 10_000)
    prior = Prior(tf.constant([1.0]), tf.constant([[2.0]]))
    posterior = Posterior(tf.constant([[-1.0], [5.0]]), tf.math.log([[0.6], [1.0]]))
    found = scoring.sample_latents(posterior, prior=prior)
    weight, latent = np.exp(found.log_weight), (found.latent[..., 0].numpy() - 1) / 2
    assert weight.max() <= 2 / scoring.LATENTS + 1e-6
    for power, moment in ((0, 1), (1, 0), (2, 1), (4, 3)):  # Of the prior, whatever the posteriors.
        np.testing.assert_allclose((weight * latent**power).sum(0), [moment] * 2, atol=0.2)


@pytest.mark.parametrize("kind", KINDS_OF_SCORES)
def test_scores_of_samples_add_up_to_those_of_blocks(kind):
    """With a latent: to the weighted mean of the likelihoods under the latents."""
    generator = build(**KINDS[kind])
    series, label = tf.random.stateless_normal([3, 4 * generator.block, CHANNELS], [5, 5]), tf.constant([0, 1, 1])
    scores = tf.function(scoring.score)(generator, series, label=label)
    assert scores.log_density.shape == series.shape[:2] and scores.pit.shape == series.shape
    proposals = scoring.latents(generator, series, past=generator.past(series))
    under = [
        tf.reduce_sum(generator.log_prob(generator(series, Condition(label, latent)), series), 1)
        for latent in proposals.latent
    ]
    expected = scipy.special.logsumexp(under + proposals.log_weight, axis=0)
    np.testing.assert_allclose(tf.reduce_sum(scores.log_density, 1), expected, rtol=1e-4, atol=1e-3)


def fit_prior(generator):
    """To anything but a standard normal."""
    mean = np.random.default_rng(0).normal(0.3, 0.5, [100, LATENT.size])
    generator.encoder.fit_prior(Posterior(mean, np.full_like(mean, -0.5)))


def test_the_likelihood_with_a_latent_is_that_of_the_mixture_over_the_prior():
    generator = build(**KINDS["latent"])
    fit_prior(generator)
    series, label = tf.random.stateless_normal([4, 6, CHANNELS], [5, 5]), tf.constant([0, 1, 1, 0])
    found = tf.reduce_sum(tf.function(scoring.score)(generator, series, label=label).log_density, 1)
    prior = generator.sample_latent(tf.random.stateless_normal([4 * 2000, LATENT.size], [1, 2]))
    series, label = tf.repeat(series, 2000, axis=0), tf.repeat(label, 2000)
    under = tf.reduce_sum(generator.log_prob(generator(series, Condition(label, prior)), series), 1)
    expected = scipy.special.logsumexp(tf.reshape(under, [4, 2000]), axis=1) - math.log(2000)
    np.testing.assert_allclose(found, expected, atol=0.5)


@pytest.mark.parametrize("kind", ["block, events", pytest.param("channelwise, block", marks=pytest.mark.slow)])
def test_pit_of_own_series_is_uniform(kind):
    generator = build(**KINDS[kind], latent=LATENT)
    fit_prior(generator)
    noise = generator.noise(tf.range(1000, dtype=tf.int64), 12)
    label = tf.range(1000) % LABELS
    pit = tf.function(scoring.score)(generator, generator.generate(noise, label), label=label).pit.numpy()
    for sample in (1, 6):  # Of the first block, which has a mixture of its own, and of the next.
        assert scipy.stats.kstest(pit[:, sample].ravel(), "uniform").pvalue > 1e-4
