"""Losses as pure functions, in pairs where generator and discriminator meet."""

import tensorflow as tf


def negative_log_likelihood(log_prob: tf.Tensor, block: int) -> tf.Tensor:
    """Mean negative log-likelihood of a sample (SenseGen, equation 3; Bishop, 1994).

    Args:
      log_prob: log-densities of the steps, [B, S].
      block: n, samples a step.

    Returns:
      A scalar in nats a sample, without bounds.
    """
    return -tf.reduce_mean(log_prob) / block


def latent_loss(divergence: tf.Tensor, *, free_bits: float, samples: int) -> tf.Tensor:
    """What the latent costs beside the negative log-likelihood, so that their sum is a negative evidence lower bound
    (Kingma and Welling, 2014, equation 3), but for the free bits (Kingma et al., 2016, appendix C.8).

    Args:
      divergence: of posteriors from the prior, [B, Z], nats; Z may be 0.
      free_bits: nats of each entry that cost nothing.
      samples: T, of a series.

    Returns:
      A scalar in nats a sample, at least Z times the free bits over T.
    """
    return tf.reduce_mean(tf.reduce_sum(tf.maximum(divergence, free_bits), -1)) / samples


def discriminator_loss(real_logits: tf.Tensor, generated_logits: tf.Tensor) -> tf.Tensor:
    """Binary cross-entropy of the discriminator (Goodfellow et al., 2014, equation 1; SenseGen, section III).

    Args:
      real_logits: [B], above 0 where a real series is classified as real.
      generated_logits: [B].

    Returns:
      A scalar in nats, at least 0; ln 2 where every logit is 0.
    """
    real = tf.reduce_mean(tf.nn.softplus(-real_logits))
    generated = tf.reduce_mean(tf.nn.softplus(generated_logits))
    return 0.5 * (real + generated)


def non_saturating_generator_loss(generated_logits: tf.Tensor) -> tf.Tensor:
    """The adversarial loss of the generator, in the form that does not saturate (Goodfellow et al., 2014, section 3).

    Args:
      generated_logits: [B], above 0 where a generated series is classified as real.

    Returns:
      A scalar in nats, at least 0; ln 2 where every logit is 0.
    """
    return tf.reduce_mean(tf.nn.softplus(-generated_logits))
