"""What an exported model can do: a `tf.Module` of tensor functions, physical units at its edges."""

import tensorflow as tf

from sensegen_tf.layers.mixture import row_noise

# Vectorised kernels round the last few elements of an array differently from the rest. With the rows of a batch padded
# to a multiple of the widest vector register in float32 there is no such rest, so a row has the same bits in any batch.
_ROWS = 16


class Signatures(tf.Module):
    """The functions of an exported generator.

    Args:
      generator: a trained `Generator`.
      standardizer: the `Standardizer` of its training data.
    """

    def __init__(self, generator, standardizer):
        super().__init__()
        self._generator = generator
        # Named here, since tf.Module does not see into lists of Keras layers.
        self.weights = [variable.value for variable in generator.weights]
        self._standardizer = standardizer

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.int64, name="seed"), tf.TensorSpec([None], tf.int32, name="length")]
    )
    def sample(self, seed, length):
        """Samples series.

        A row depends on its own seed alone: neither on the other rows nor on their lengths; a longer series begins with
        the shorter one of the same seed.

        Args:
          seed: int64 [B], any value.
          length: int32 [B], at least 1.

        Returns:
          `samples`, float32 [B, max(length), C] in physical units, zeros past a row's length; `length`, int32 [B].
        """
        checks = [
            tf.debugging.assert_equal(
                tf.shape(seed), tf.shape(length), message="seed and length must have one value a row, equally many"
            ),
            tf.debugging.assert_positive(length, message="length must be at least 1 in every row"),
        ]
        with tf.control_dependencies(checks):
            rows = tf.shape(seed)[0]
            steps = tf.reduce_max(tf.concat([length, [0]], 0))
        padded = tf.pad(seed, [[0, -rows % _ROWS]])
        series = self._generator.rollout(row_noise(padded, steps, self._generator.channels))[:rows]  # [B, T, C]
        inside = tf.sequence_mask(length, steps)[..., None]  # [B, T, 1]
        samples = tf.where(inside, self._standardizer.to_physical(series), 0.0)
        return {"samples": samples, "length": tf.identity(length)}

    def signatures(self):
        """Signature name -> function, as `tf.saved_model.save` takes them."""
        return {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: self.sample}
