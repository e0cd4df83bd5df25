"""The generator: a recurrent mixture density network that predicts the next sample from those before it."""

import keras
import tensorflow as tf

from sensegen_tf.layers.mixture import MixtureHead
from sensegen_tf.models.sized import SizedModel
from sensegen_tf.models.zoo import GeneratorConfig


@keras.saving.register_keras_serializable("sensegen_tf")
class Generator(SizedModel):
    """p(x_t | x_1 .. x_{t-1}) as a mixture of Gaussians (SenseGen, section III, figure 2).

    The input of a step is the previous value, zeros before the first. All values are standardised.

    Arguments as `SizedModel`, with a `GeneratorConfig`.
    """

    config_class = GeneratorConfig

    def __init__(self, config, channels, seed=0, **kwargs):
        super().__init__(config, channels, seed, **kwargs)
        self.recurrent, self.dense = self._recurrent(), self._dense()
        self.head = MixtureHead(channels, config.components, config.scale_floor, seed, name="head")

    def build(self, input_shape=None):
        del input_shape
        self.recurrent.build((None, None, self.channels))
        self.dense.build((None, self.config.units[-1]))
        self.head.build((None, self.config.dense_units))
        if self.config.learned_start:
            self.start = self.add_weight(name="start", shape=(self.head.size,), initializer=self._spread)

    def _spread(self, shape, dtype=None):
        """Locations drawn from a standard normal; logits 0 and raw scales 0."""
        k, kc = self.config.components, self.config.components * self.channels
        loc = tf.random.stateless_normal([kc], [self.seed, 0], dtype=dtype, alg="philox")
        return tf.reshape(tf.concat([tf.zeros([k], dtype), loc, tf.zeros([kc], dtype)], 0), shape)

    def _parameters(self, features, previous, started):
        """Mixture parameters [..., P] from features [..., U], previous values [..., C] and a mask [..., 1] of the steps
        that are not the first."""
        parameters = self.head(self.dense(features))
        if self.config.residual:
            parameters = self.head.shift(parameters, previous)
        if self.config.learned_start:
            parameters = tf.where(started, parameters, self.start)
        return parameters

    def call(self, series):
        """Teacher forcing: the mixture parameters of every step, given the true steps before it.

        Args:
          series: [B, T, C].

        Returns:
          Packed parameters [B, T, P]; those at t are of the distribution of series[:, t].
        """
        previous = tf.pad(series[:, :-1], [[0, 0], [1, 0], [0, 0]])  # [B, T, C]
        features, _ = self.recurrent(previous)  # [B, T, U]
        started = (tf.range(tf.shape(series)[1]) > 0)[None, :, None]  # [1, T, 1]
        return self._parameters(features, previous, started)

    def distribution(self, series):
        """The `tfd.MixtureSameFamily` of every step under teacher forcing: batch shape [B, T], event shape [C]."""
        return self.head.distribution(self(series))

    def initial_state(self, batch_size):
        """What a rollout carries: the previous value [B, C], whether there was one [B, 1], and the recurrent state."""
        previous, started = tf.zeros([batch_size, self.channels]), tf.zeros([batch_size, 1], tf.bool)
        return previous, started, self.recurrent.initial_state(batch_size)

    def step(self, noise, state):
        """One step of a rollout.

        Args:
          noise: [B, 1 + C], see `layers.mixture.row_noise`.
          state: as `initial_state`.

        Returns:
          The sample [B, C] and the new state.
        """
        previous, started, recurrent_state = state
        features, recurrent_state = self.recurrent.step(previous, recurrent_state)
        sample = self.head.sample(self._parameters(features, previous, started), noise)
        return sample, (sample, tf.ones_like(started), recurrent_state)

    def rollout(self, noise):
        """Series from noise: each step is sampled from the mixture that the steps before it give.

        Args:
          noise: [B, T, 1 + C].

        Returns:
          [B, T, C], standardised.
        """
        noise = tf.transpose(noise, [1, 0, 2])  # [T, B, 1 + C]
        batch_size, steps = tf.shape(noise)[1], tf.shape(noise)[0]

        def body(t, state, series):
            sample, state = self.step(noise[t], state)
            return t + 1, state, series.write(t, sample)

        _, _, series = tf.while_loop(
            lambda t, *_: t < steps,
            body,
            (
                0,
                self.initial_state(batch_size),
                tf.TensorArray(tf.float32, size=steps, element_shape=[None, self.channels]),
            ),
            maximum_iterations=steps,
        )
        return tf.transpose(series.stack(), [1, 0, 2])  # [B, T, C]
