import numpy as np
import pytest
from tensorflow_probability import distributions as tfd

from sensegen_tf.training import losses

REAL, GENERATED = np.array([2.0, -1.0, 0.5], "f"), np.array([-3.0, 0.0, 1.0], "f")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_negative_log_likelihood_by_hand():
    x = np.random.default_rng(0).normal(size=[2, 5, 1]).astype("f")
    distribution = tfd.MixtureSameFamily(
        tfd.Categorical(probs=[0.25, 0.75]),
        tfd.MultivariateNormalDiag(np.array([[-1.0], [2.0]], "f"), np.array([[0.5], [1.5]], "f")),
    )

    def normal(loc, scale):
        return np.exp(-0.5 * ((x - loc) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))

    expected = -np.log(0.25 * normal(-1, 0.5) + 0.75 * normal(2, 1.5)).mean()
    log_prob = distribution.log_prob(x)
    assert float(losses.negative_log_likelihood(log_prob, 1)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.negative_log_likelihood(log_prob, 4)) == pytest.approx(expected / 4, rel=1e-5)


def test_discriminator_loss_by_hand():
    expected = -0.5 * (np.log(sigmoid(REAL)).mean() + np.log(1 - sigmoid(GENERATED)).mean())
    assert float(losses.discriminator_loss(REAL, GENERATED)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.discriminator_loss(np.zeros(4, "f"), np.zeros(4, "f"))) == pytest.approx(np.log(2))
    assert float(losses.discriminator_loss(np.full(4, -1e4, "f"), np.full(4, 1e4, "f"))) == pytest.approx(1e4)


def test_non_saturating_generator_loss_by_hand():
    expected = -np.log(sigmoid(GENERATED)).mean()
    assert float(losses.non_saturating_generator_loss(GENERATED)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.non_saturating_generator_loss(np.full(4, -1e4, "f"))) == pytest.approx(1e4)
