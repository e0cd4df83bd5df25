"""The state of a stream: the seed, how far the series has come, and what a rollout carries."""

from __future__ import annotations

import tensorflow as tf

from sensegen_tf.models.condition import Condition
from sensegen_tf.models.generator import Generator, RolloutState

Tensors = dict[str, tf.Tensor]


class StreamState:
    """Between a rollout's state and named tensors, as a signature takes and returns them.

    Args:
      generator: a built generator.

    Attributes:
      specs: the `tf.TensorSpec` of each tensor: `seed`, `position` (blocks made so far), `label` of a conditional
        model, `carried_0` and so on.
      names: of the tensors, in the same order.
    """

    def __init__(self, generator: Generator):
        self._generator = generator
        condition = Condition(tf.zeros([1], tf.int32), tf.zeros([1, generator.latent_size]))
        self._like = _without_label(generator.initial_state(condition))
        leaves = tf.nest.flatten(self._like)
        # A tensor without elements carries nothing, and not every way of serving can send one.
        self._kept = [leaf.shape.num_elements() > 0 for leaf in leaves]
        self.specs = [
            tf.TensorSpec([None], tf.int64, name="seed"),
            tf.TensorSpec([None], tf.int64, name="position"),
            *([tf.TensorSpec([None], tf.int32, name="label")] if generator.labels else []),
            *(
                tf.TensorSpec([None, *leaf.shape[1:]], leaf.dtype, name=f"carried_{number}")
                for number, (leaf, kept) in enumerate(zip(leaves, self._kept, strict=True))
                if kept
            ),
        ]
        self.names = [spec.name for spec in self.specs]

    def _named(self, seed, position, carried: RolloutState) -> Tensors:
        leaves = tf.nest.flatten(_without_label(carried))
        named = {"seed": seed, "position": position}
        if self._generator.labels:
            named["label"] = carried.condition.label
        named |= {f"carried_{n}": leaf for n, leaf in enumerate(leaves) if self._kept[n]}
        return named

    def _carried(self, named: Tensors) -> RolloutState:
        count = tf.shape(named["seed"])[0]
        leaves = [
            named[f"carried_{number}"] if kept else tf.zeros([count, *leaf.shape[1:]], leaf.dtype)
            for number, (leaf, kept) in enumerate(zip(tf.nest.flatten(self._like), self._kept, strict=True))
        ]
        carried = tf.nest.pack_sequence_as(self._like, leaves)
        label = named["label"] if self._generator.labels else tf.zeros([count], tf.int32)
        return carried._replace(condition=carried.condition._replace(label=label))

    def initial(self, seed: tf.Tensor, label: tf.Tensor) -> Tensors:
        """The state before the first block.

        Args:
          seed: int64 [B].
          label: int32 [B].

        Returns:
          Name -> [B, ...].
        """
        generator = self._generator
        condition = Condition(label, generator.sample_latent(generator.noise(seed, 1).series))
        return self._named(seed, tf.zeros_like(seed), generator.initial_state(condition))

    def advance(self, named: Tensors, *, steps: tf.Tensor, most: tf.Tensor) -> tuple[tf.Tensor, Tensors]:
        """Makes the next blocks.

        Args:
          named: the state.
          steps: int32 [B], how many blocks.
          most: the largest of them.

        Returns:
          Series [B, most n, C], standardised, and the new state.
        """
        generator, seed, position = self._generator, named["seed"], named["position"]
        noise = tf.transpose(generator.step_noise(seed, most, first=position), [1, 0, 2])  # [most, B, U + N]
        before = self._carried(named)
        begun = (position > 0)[:, None]
        block, carried = _where(begun, generator.step(noise[0], before), generator.begin(noise[0], before))
        array = tf.TensorArray(tf.float32, size=most, element_shape=[None, generator.block, generator.channels])

        def body(t, carried, array):
            block, new = generator.step(noise[t], carried)
            return t + 1, _where((t < steps)[:, None], new, carried), array.write(t, block)

        start = (1, carried, array.write(0, block))
        _, carried, array = tf.while_loop(lambda t, *_: t < most, body, start, maximum_iterations=most)
        blocks = tf.transpose(array.stack(), [1, 0, 2, 3])  # [B, most, n, C]
        series = tf.reshape(blocks, [tf.shape(seed)[0], most * generator.block, generator.channels])
        return series, self._named(seed, position + tf.cast(steps, tf.int64), carried)


def _without_label(state: RolloutState) -> RolloutState:
    """The same state with nothing in the place of the label."""
    return state._replace(condition=state.condition._replace(label=()))


def _where(condition, one, other):
    """Example by example, of nested tensors [B, ...]: `one` where the condition [B, 1] holds."""

    def of(a, b):
        return tf.where(tf.reshape(condition, [-1, *[1] * (a.shape.rank - 1)]), a, b)

    return tf.nest.map_structure(of, one, other)
