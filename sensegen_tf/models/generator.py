"""The generator: a recurrent mixture density network that predicts the next sample from those before it."""

import typing

import keras
import numpy as np
import tensorflow as tf

from sensegen_tf.layers.context import Context
from sensegen_tf.layers.mixture import Anchor, MixtureHead, row_noise
from sensegen_tf.models.sized import SizedModel
from sensegen_tf.models.zoo import GeneratorConfig

# Streams of a row's noise, see `row_noise`.
_OF_STEPS, _OF_SERIES = 0, 1


class Prediction(typing.NamedTuple):
    """Raw parameters of mixtures [..., P], and the `Anchor` of their samples."""

    raw: tf.Tensor
    anchor: Anchor


@keras.saving.register_keras_serializable("sensegen_tf")
class Generator(SizedModel):
    """p(x_t | x_1 .. x_{t-1}, condition) as a mixture of Gaussians (SenseGen, section III, figure 2).

    A step generates one sample, or a block of n of them. Its input is what `layers.context.Context` tells of the past
    (as published, the previous value, zeros before the first) and the condition: the label and the code of the person,
    where the model has them. All values are standardised.

    Arguments as `SizedModel`, with a `GeneratorConfig`, and
      labels: L, how many labels there are to condition on; 0 for none.
      people: how many people have a code of their own; 0 for none.
    """

    config_class = GeneratorConfig

    def __init__(self, config, channels, seed=0, labels=0, people=0, **kwargs):
        super().__init__(config, channels, seed, **kwargs)
        self.labels, self.people = labels, people
        self.block = config.block
        self.context = Context(channels, config.lags, config.levels, config.refractory, name="context")
        self.recurrent, self.dense = self._recurrent(), self._dense()
        self.head = MixtureHead(
            channels,
            config.components,
            config.scale_floor,
            config.block,
            config.full_covariance,
            self.context.regressors,
            seed,
            name="head",
        )

    @property
    def code_size(self):
        """E, numbers in the code of a person."""
        return self.config.code if self.people else 0

    @property
    def condition_size(self):
        """Q = L + E."""
        return self.labels + self.code_size

    def build(self, input_shape=None):
        del input_shape
        self.recurrent.build((None, None, self.context.size + self.condition_size))
        self.dense.build((None, self.config.units[-1]))
        self.head.build((None, self.config.dense_units))
        if self.config.learned_start:
            self.start = self.add_weight(name="start", shape=(self.head.size,), initializer=self._spread)
            if self.condition_size:
                shape = (self.condition_size, self.head.size)
                self.start_by_condition = self.add_weight(name="start_by_condition", shape=shape, initializer="zeros")
        if self.config.increments:
            self.unit = self.add_weight(name="unit", shape=(self.channels,), initializer="ones", trainable=False)
        if self.code_size:
            normal = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
            self.codes = self.add_weight(name="codes", shape=(self.people, self.code_size), initializer=normal)

    def _spread(self, shape, dtype=None):
        """Locations drawn from a standard normal; all else 0."""
        logits, locations, *others = self.head.sizes
        loc = tf.random.stateless_normal([locations], [self.seed, 0], dtype=dtype, alg="philox")
        return tf.reshape(tf.concat([tf.zeros([logits], dtype), loc, tf.zeros([sum(others)], dtype)], 0), shape)

    def adapt(self, increments, series, label):
        """Starts from what is known of the recordings, where the configuration says so (`increments`).

        Args:
          increments: [C], their spread, the unit of what the model is told and of its mixtures.
          series: float32 [N, T, C], whose first values are fitted, for each label on their own.
          label: int32 [N].
        """
        super().adapt(increments)
        if not (self.config.increments and self.config.learned_start):
            return
        first = series[:, 0]
        if not self.labels:
            self.start.assign(self.head.fitted(first))
            return
        of_label = [first[label == number] for number in range(self.labels)]
        by_label = [self.head.fitted(own if len(own) else first) for own in of_label]
        codes = np.zeros([self.code_size, self.head.size], np.float32)
        self.start.assign(tf.zeros_like(self.start))
        self.start_by_condition.assign(np.concatenate([by_label, codes]))

    def condition(self, label, code):
        """What a whole series is conditioned on.

        Args:
          label: int32 [B], in [0, L); of no meaning where L is 0.
          code: [B, E], see `person_code` and `drawn_code`.

        Returns:
          [B, Q].
        """
        return tf.concat([tf.one_hot(label, self.labels), code], -1)

    def person_code(self, person, noise):
        """The codes [B, E] of people, int32 [B], blurred by normal noise [B, E] so that what lies between people is
        learnt too."""
        if not self.code_size:
            return tf.zeros([tf.shape(person)[0], 0])
        codes = tf.matmul(tf.one_hot(person, self.people), self.codes)
        codes *= tf.math.rsqrt(tf.reduce_mean(tf.square(codes), -1, keepdims=True) + 1e-6)
        return codes + self.config.code_noise * noise

    def drawn_code(self, noise):
        """Codes [B, E] of people who do not exist: from noise [B, 1 + E], near somebody's whom the uniform chooses."""
        person = tf.cast(noise[:, 0] * self.people, tf.int32)
        return self.person_code(tf.minimum(person, max(self.people - 1, 0)), noise[:, 1 : 1 + self.code_size])

    def _unit(self):
        return tf.convert_to_tensor(self.unit) if self.config.increments else tf.ones([self.channels])

    def _raw(self, features, started, condition):
        """Raw parameters of a mixture [..., P] from features [..., U], whether the step is not the first [..., 1], and
        the condition [B, Q]."""
        raw = self.head(self.dense(features))
        if not self.config.learned_start:
            return raw
        start = tf.convert_to_tensor(self.start)
        if self.condition_size:
            start += tf.matmul(condition, self.start_by_condition)  # [B, P]
            start = tf.reshape(start, [-1, *[1] * (raw.shape.rank - 2), self.head.size])
        return tf.where(started, raw, start)

    def _anchor(self, newest, regressors, started):
        """What a sample is relative to, from what the context told and whether it is not the first one [..., 1]."""
        unit = tf.where(started | (not self.config.learned_start), self._unit(), 1.0)
        return Anchor(newest if self.config.residual else tf.zeros_like(newest), unit, regressors)

    def call(self, series, condition, dropout_seed=None):
        """Teacher forcing: the prediction of every block, given the true samples before each of its samples.

        Args:
          series: [B, T, C]; T a multiple of n.
          condition: [B, Q].
          dropout_seed: two integers; None for no dropout.

        Returns:
          A `Prediction` with batch shape [B, S]; that at s is of block s of the series.
        """
        newest, regressors, inputs = self.context(series, self._unit())
        inputs = inputs[:, :: self.block]  # [B, S, F]
        steps = tf.shape(inputs)[1]
        told = tf.concat([inputs, tf.tile(condition[:, None], [1, steps, 1])], -1)
        features, _ = self.recurrent(told, dropout=self.config.dropout, seed=dropout_seed)  # [B, S, U]
        started = (tf.range(steps * self.block) > 0)[None, :, None]  # [1, T, 1]
        anchor = self._anchor(newest, regressors, started)
        raw = self._raw(features, started[:, :: self.block], condition)
        return Prediction(raw, Anchor(*map(self.blocks, anchor)))

    def blocks(self, values):
        """[B, T, ...] -> [B, S, n, ...], S = T / n."""
        shape, rest = tf.shape(values), values.shape[2:]
        blocks = tf.reshape(values, tf.concat([shape[:1], [shape[1] // self.block, self.block], shape[2:]], 0))
        rows, steps = values.shape[:2]
        return tf.ensure_shape(blocks, [rows, None if steps is None else steps // self.block, self.block, *rest])

    def log_prob(self, prediction, series):
        """Log-density of a series' blocks [B, S] under what `call` predicts, in nats."""
        mixture = self.head.unpack(prediction.raw)
        return self.head.distribution(mixture, prediction.anchor).log_prob(self.blocks(series))

    def initial_state(self, condition):
        """What a rollout carries: whether it has begun [B, 1], the condition [B, Q], what the context told, its state,
        and the recurrent state."""
        rows = tf.shape(condition)[0]
        return (
            tf.zeros([rows, 1], tf.bool),
            condition,
            tuple(tf.zeros([rows, *shape]) for shape in self.context.shapes),
            self.context.initial_state(rows),
            self.recurrent.initial_state(rows),
        )

    def step(self, noise, state):
        """One step of a rollout: a component is chosen, then the samples of the block follow each other.

        Args:
          noise: [B, 1 + N], see `layers.mixture.row_noise`.
          state: as `initial_state`.

        Returns:
          The block [B, n, C] and the new state.
        """
        started, condition, (newest, regressors, inputs), context_state, recurrent_state = state
        features, recurrent_state = self.recurrent.step(tf.concat([inputs, condition], -1), recurrent_state)
        chosen = self.head.choose(self.head.unpack(self._raw(features, started, condition)), noise[:, :1])
        normal = tf.reshape(noise[:, 1:], [-1, self.block, self.channels])
        samples = []
        for number in range(self.block):
            anchor = self._anchor(newest, regressors, started)
            sample = self.head.sample(chosen, number, anchor, normal[:, number])
            newest, regressors, inputs, context_state = self.context.step(sample, started, context_state, self._unit())
            samples.append(sample)
            started = tf.ones_like(started)
        return tf.stack(samples, 1), (started, condition, (newest, regressors, inputs), context_state, recurrent_state)

    def noise(self, seed, length):
        """All the noise that series are made of, a pure function of each row's seed.

        Args:
          seed: int64 [B].
          length: T, at least 1; rounded up to whole blocks.

        Returns:
          Noise of the steps [B, S, 1 + N] and of the series [B, 1 + E], as `generate` takes them.
        """
        blocks = (length + self.block - 1) // self.block
        of_series = row_noise(seed, 1, 1 + self.code_size, _OF_SERIES)[:, 0]
        return row_noise(seed, blocks, self.head.noise_size, _OF_STEPS), of_series

    def generate(self, noise, series_noise, label):
        """Series [B, S * n, C], standardised, from `noise` and labels int32 [B]."""
        return self.rollout(noise, self.condition(label, self.drawn_code(series_noise)))

    def rollout(self, noise, condition):
        """Series from noise: each step is sampled from the mixture that the steps before it give.

        Args:
          noise: [B, S, 1 + N].
          condition: [B, Q].

        Returns:
          [B, S * n, C], standardised.
        """
        noise = tf.transpose(noise, [1, 0, 2])  # [S, B, 1 + N]
        rows, steps = tf.shape(noise)[1], tf.shape(noise)[0]
        array = tf.TensorArray(tf.float32, size=steps, element_shape=[noise.shape[1], self.block, self.channels])

        def body(t, state, series):
            block, state = self.step(noise[t], state)
            return t + 1, state, series.write(t, block)

        start = (0, self.initial_state(condition), array)
        _, _, series = tf.while_loop(lambda t, *_: t < steps, body, start, maximum_iterations=steps)
        series = tf.transpose(series.stack(), [1, 0, 2, 3])  # [B, S, n, C]
        return tf.reshape(series, [rows, steps * self.block, self.channels])

    def get_config(self):
        return {**super().get_config(), "labels": self.labels, "people": self.people}
