"""What an exported model can do: a `tf.Module` of tensor functions, physical units at its edges."""

import tensorflow as tf

# Vectorised kernels round the last few elements of an array differently from the rest. With the rows of a batch padded
# to a multiple of the widest vector register in float32 there is no such rest, so a row has the same bits in any batch.
_ROWS = 16


class Signatures(tf.Module):
    """The functions of an exported generator.

    Args:
      generator: a trained `Generator`.
      standardizer: the `Standardizer` of its training data.
      sensors: C `Sensor`: samples are put on the grid of their resolution and inside their range.
    """

    def __init__(self, generator, standardizer, sensors):
        super().__init__()
        # Hidden from tf.Module, which sees only some of its layers: the weights are named once, here.
        object.__setattr__(self, "_generator", generator)
        self.weights = [variable.value for variable in generator.weights]
        self._standardizer, self._sensors = standardizer, sensors
        labels = [tf.TensorSpec([None], tf.int32, name="label")] if generator.labels else []
        signature = [tf.TensorSpec([None], tf.int64, name="seed"), tf.TensorSpec([None], tf.int32, name="length")]
        self.sample = tf.function(self._sample, input_signature=[*signature, *labels])

    def _sample(self, seed, length, label=None):
        """Samples series.

        A row depends on its own seed alone: neither on the other rows nor on their lengths; a longer series begins with
        the shorter one of the same seed.

        Args:
          seed: int64 [B], any value.
          length: int32 [B], at least 1.
          label: int32 [B], in [0, L); of conditional models alone.

        Returns:
          `samples`, float32 [B, max(length), C] in physical units, zeros past a row's length; `length`, int32 [B].
        """
        label = tf.zeros_like(length) if label is None else label
        checks = [
            tf.debugging.assert_equal(
                [tf.size(seed), tf.size(label)],
                [tf.size(length), tf.size(length)],
                message="seed, length and label must have one value a row, equally many",
            ),
            tf.debugging.assert_positive(length, message="length must be at least 1 in every row"),
            tf.debugging.assert_non_negative(label, message="label must be at least 0 in every row"),
            tf.debugging.assert_less(
                label, max(self._generator.labels, 1), message="label must be below the number of labels in every row"
            ),
        ]
        with tf.control_dependencies(checks):
            rows = tf.shape(seed)[0]
            steps = tf.reduce_max(tf.concat([length, [1]], 0))
        seed, label = (tf.pad(each, [[0, -rows % _ROWS]]) for each in (seed, label))
        series = self._generator.generate(*self._generator.noise(seed, steps), label)[:rows, :steps]  # [B, T, C]
        inside = tf.sequence_mask(length, steps)[..., None]  # [B, T, 1]
        samples = tf.where(inside, self._as_measured(self._standardizer.to_physical(series)), 0.0)
        return {"samples": samples, "length": tf.identity(length)}

    def _as_measured(self, samples):
        """Physical values [..., C] as the sensors would write them."""
        columns = []
        for column, sensor in zip(tf.unstack(samples, axis=-1), self._sensors, strict=True):
            if sensor.resolution:
                column = tf.round(column / sensor.resolution) * sensor.resolution
            if sensor.low is not None:
                column = tf.maximum(column, sensor.low)
            if sensor.high is not None:
                column = tf.minimum(column, sensor.high)
            columns.append(column)
        return tf.stack(columns, -1)

    def signatures(self):
        """Signature name -> function, as `tf.saved_model.save` takes them."""
        return {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: self.sample}
