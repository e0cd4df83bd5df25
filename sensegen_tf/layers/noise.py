"""The noise of series: a pure function of a series' seed and of the step at which it is used.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) turns a counter of four words and a
key of two into four words that look random. It is written here in ordinary operations on whole arrays, since
TensorFlow's own takes one key for an array, and a loop over the rows' keys took as long as the network itself.
"""

import math
from collections.abc import Sequence

import tensorflow as tf

_ROUNDS = 10
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85


def _words(values):
    """The low and the high word of int64 values."""
    mask = tf.constant(2**32 - 1, tf.int64)
    high = tf.bitwise.right_shift(values, tf.constant(32, tf.int64))
    return tf.bitwise.bitwise_and(values, mask), tf.bitwise.bitwise_and(high, mask)


def philox(counter: Sequence[tf.Tensor], key: Sequence[tf.Tensor]) -> tuple[tf.Tensor, ...]:
    """Random words.

    Args:
      counter: four, and key: two, int64 arrays that broadcast, of words in [0, 2^32).

    Returns:
      Four int64 arrays of words in [0, 2^32).
    """
    xor = tf.bitwise.bitwise_xor
    a, b, c, d = counter
    for number in range(_ROUNDS):
        first, second = (_words(word + number * weyl)[0] for word, weyl in zip(key, _WEYL, strict=True))
        (low_a, high_a), (low_c, high_c) = (_words(x * m) for x, m in zip((a, c), _MULTIPLIERS, strict=True))
        a, b, c, d = xor(xor(high_c, b), first), low_c, xor(xor(high_a, d), second), low_a
    return a, b, c, d


def row_noise(
    seed: tf.Tensor,
    steps: tf.Tensor | int,
    *,
    size: int,
    stream: int = 0,
    first: tf.Tensor | None = None,
    uniforms: int = 1,
) -> tf.Tensor:
    """The noise of each row, from the row's seed and the stream alone.

    A row's noise does not depend on the other rows, and a longer series begins with the noise of a shorter one: to the
    bit with a multiple of 16 rows, since kernels round the last few elements of an array otherwise than the rest.

    Args:
      seed: int64 [B].
      steps: S.
      size: U + N, how many numbers a step takes, see `Head.noise_size`.
      stream: an integer in [0, 2^32); other streams are other noise.
      first: int64 [B], the number of each row's first step, at least 0; by default 0.
      uniforms: U.

    Returns:
      float32 [B, S, U + N]: uniforms in [0, 1), then standard normals.
    """
    rows, fours = tf.shape(seed)[0], -(-size // 4)
    step = tf.range(tf.cast(steps, tf.int64)) + (0 if first is None else first[:, None])  # [B or none, S]
    which = tf.range(fours, dtype=tf.int64) + tf.zeros([rows, steps, 1], tf.int64)  # [B, S, fours]
    counter = which, *(word[..., None] for word in _words(step)), tf.constant(stream, tf.int64)
    words = philox(counter, [word[:, None, None] for word in _words(seed)])
    words = tf.reshape(tf.stack(words, -1), [rows, steps, 4 * fours])[..., :size]
    bits = tf.bitwise.right_shift(words, tf.constant(8, tf.int64))
    uniform = tf.cast(bits[..., :uniforms], tf.float32) * 2.0**-24
    return tf.concat([uniform, normal(bits[..., uniforms:])], -1)


def normal(bits: tf.Tensor) -> tf.Tensor:
    """Standard normals from numbers of 24 bits, int64: each is the middle one of 2^24 equally likely intervals."""
    odd = tf.cast(2 * bits + 1 - 2**24, tf.float32) * 2.0**-24  # in (-1, 1)
    # Near 1 TensorFlow's erfinv is inf; the other half is exact.
    lower = math.sqrt(2) * tf.math.erfinv(-tf.abs(odd))
    return tf.where(odd < 0, lower, -lower)
