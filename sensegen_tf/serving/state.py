"""The state of a stream: the seed, how far the series has come, and what a rollout carries."""

import tensorflow as tf


class State:
    """Between a rollout's state and tensors with names, as a signature takes and returns them.

    Args:
      generator: a built `Generator`.

    Attributes:
      names: of the tensors: `seed`, `position` (blocks made so far), `carried_0` and so on.
      specs: their `tf.TensorSpec`, in the same order.
    """

    def __init__(self, generator):
        self._generator = generator
        example = generator.initial_state(tf.zeros([1, generator.condition_size]))
        self._like = example
        # A tensor without elements carries nothing, and not every way of serving can send one.
        self._kept = [each.shape.num_elements() > 0 for each in tf.nest.flatten(example)]
        carried = [
            tf.TensorSpec([None, *each.shape[1:]], each.dtype, name=f"carried_{number}")
            for number, each in enumerate(tf.nest.flatten(example))
            if self._kept[number]
        ]
        self.specs = [
            tf.TensorSpec([None], tf.int64, name="seed"),
            tf.TensorSpec([None], tf.int64, name="position"),
            *carried,
        ]
        self.names = [spec.name for spec in self.specs]

    def _named(self, seed, position, carried):
        kept = [each for each, keep in zip(tf.nest.flatten(carried), self._kept, strict=True) if keep]
        return dict(zip(self.names, [seed, position, *kept], strict=True))

    def _carried(self, named):
        rows, kept = tf.shape(named["seed"])[0], iter(list(named.values())[2:])
        flat = [
            next(kept) if keep else tf.zeros([rows, *each.shape[1:]])
            for each, keep in zip(tf.nest.flatten(self._like), self._kept, strict=True)
        ]
        return tf.nest.pack_sequence_as(self._like, flat)

    def initial(self, seed, label):
        """The state before the first block: name -> [B, ...]."""
        generator = self._generator
        _, series_noise = generator.noise(seed, 1)
        condition = generator.condition(label, generator.drawn_code(series_noise, generator.log_shares(label)))
        return self._named(seed, tf.zeros_like(seed), generator.initial_state(condition))

    def go_on(self, named, steps, most):
        """Makes `steps` blocks, int32 [B], at most `most`: series [B, most n, C], standardised, and the new state."""
        generator, seed, position = self._generator, named["seed"], named["position"]
        noise = tf.transpose(generator.step_noise(seed, most, position), [1, 0, 2])  # [most, B, U + N]
        before = self._carried(named)
        begun = (position > 0)[:, None]
        block, carried = _where(begun, generator.step(noise[0], before), generator.begin(noise[0], before[0]))
        array = tf.TensorArray(tf.float32, size=most, element_shape=[None, generator.block, generator.channels])

        def body(t, carried, array):
            block, new = generator.step(noise[t], carried)
            return t + 1, _where((t < steps)[:, None], new, carried), array.write(t, block)

        start = (1, carried, array.write(0, block))
        _, carried, array = tf.while_loop(lambda t, *_: t < most, body, start, maximum_iterations=most)
        blocks = tf.transpose(array.stack(), [1, 0, 2, 3])  # [B, most, n, C]
        series = tf.reshape(blocks, [tf.shape(seed)[0], most * generator.block, generator.channels])
        return series, self._named(seed, position + tf.cast(steps, tf.int64), carried)


def _where(condition, one, other):
    """Row by row, of nested tensors [B, ...]: `one` where the condition [B, 1] holds."""

    def of(a, b):
        return tf.where(tf.reshape(condition, [-1, *[1] * (a.shape.rank - 1)]), a, b)

    return tf.nest.map_structure(of, one, other)
