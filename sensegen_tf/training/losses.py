"""Losses as pure functions, in pairs where two players meet."""

import tensorflow as tf


def negative_log_likelihood(log_prob, block):
    """Mean negative log-likelihood of a sample (SenseGen, equation 3; Bishop, 1994).

    Args:
      log_prob: log-densities of the steps, [B, S].
      block: n, samples a step.

    Returns:
      A scalar in nats a sample, without bounds.
    """
    return -tf.reduce_mean(log_prob) / block


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


def minimax_generator_loss(generated_logits):
    """The generator's side, in the form that does not saturate (Goodfellow et al., 2014, section 3).

    Args:
      generated_logits: [B], above 0 where generated series are taken for real.

    Returns:
      A scalar in nats, at least 0; ln 2 where nothing is told apart.
    """
    return tf.reduce_mean(tf.nn.softplus(-generated_logits))
