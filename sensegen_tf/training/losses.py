"""Losses as pure functions, in pairs where two players meet."""

import tensorflow as tf


def negative_log_likelihood(distribution, series):
    """Mean negative log-likelihood of a step (SenseGen, equation 3; Bishop, 1994).

    Args:
      distribution: a TFP distribution with batch shape [B, T] and event shape [C].
      series: [B, T, C].

    Returns:
      A scalar in nats a step, without bounds.
    """
    return -tf.reduce_mean(distribution.log_prob(series))


def minimax_discriminator_loss(real_logits, generated_logits):
    """Binary cross-entropy of the discriminator (Goodfellow et al., 2014, equation 1; SenseGen, section III).

    Args:
      real_logits: [B], above 0 where real series are taken for real.
      generated_logits: [B].

    Returns:
      A scalar in nats, at least 0; ln 2 where nothing is told apart.
    """
    real = tf.reduce_mean(tf.nn.softplus(-real_logits))
    generated = tf.reduce_mean(tf.nn.softplus(generated_logits))
    return 0.5 * (real + generated)
