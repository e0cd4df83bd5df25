"""The generator: a recurrent mixture density network that predicts the next sample from those before it."""

import typing

import keras
import numpy as np
import tensorflow as tf

from sensegen_tf.layers.channelwise import ChannelwiseHead
from sensegen_tf.layers.context import Context
from sensegen_tf.layers.head import Anchor
from sensegen_tf.layers.mixture import MixtureHead
from sensegen_tf.layers.noise import row_noise
from sensegen_tf.models.sized import SizedModel
from sensegen_tf.models.zoo import GeneratorConfig

# Streams of a row's noise, see `row_noise`.
_OF_STEPS, _OF_SERIES = 0, 1


class Prediction(typing.NamedTuple):
    """What the blocks of series are drawn from.

    Attributes:
      raw: [B, S, P], raw parameters of mixtures.
      start: [B, P'], those of the first block, where it has a mixture of its own; or None.
      anchor: the `Anchor` of the samples.
    """

    raw: tf.Tensor
    start: tf.Tensor | None
    anchor: Anchor


@keras.saving.register_keras_serializable("sensegen_tf")
class Generator(SizedModel):
    """p(x_t | x_1 .. x_{t-1}, condition) as mixtures of Gaussians (SenseGen, section III, figure 2).

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
        shared = config.scale_floor, config.block, config.full_covariance, self.context.regressors, seed
        kind = ChannelwiseHead if config.channelwise else MixtureHead
        self.head = kind(channels, config.components, *shared, name="head")
        starts = config.start_components
        self.start = MixtureHead(channels, starts, *shared, name="start") if starts else None
        if config.start_people:
            self.start.trainable = False

    @property
    def code_size(self):
        """E, numbers in the code of a person."""
        return self.config.code if self.people else 0

    @property
    def dropout_size(self):
        """D, numbers that say what is left out at a step in training; 0 without dropout."""
        return sum(self.config.units) if self.config.dropout else 0

    @property
    def condition_size(self):
        """Q = L + E."""
        return self.labels + self.code_size

    def build(self, input_shape=None):
        del input_shape
        self.recurrent.build((None, None, self.context.size + self.condition_size))
        self.dense.build((None, self.config.units[-1]))
        self.head.build((None, self.config.dense_units))
        if self.start:
            self.start.build((None, self.condition_size))
            self._start_from(self._spread(), np.zeros([self.condition_size, self.start.size], np.float32))
        if self.config.increments:
            self.unit = self.add_weight(name="unit", shape=(self.channels,), initializer="ones", trainable=False)
        shape = (max(self.labels, 1),)
        self.temperatures = self.add_weight(name="temperatures", shape=shape, initializer="ones", trainable=False)
        if self.code_size:
            normal = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
            self.codes = self.add_weight(name="codes", shape=(self.people, self.code_size), initializer=normal)
            shape, alike = (max(self.labels, 1), self.people), keras.initializers.Constant(1 / self.people)
            self.shares = self.add_weight(name="shares", shape=shape, initializer=alike, trainable=False)

    def _spread(self):
        """Raw parameters whose locations are drawn from a standard normal; all else 0."""
        logits, locations, *others = self.start.sizes
        loc = tf.random.stateless_normal([locations], [self.seed, 0], alg="philox")
        return tf.concat([tf.zeros([logits]), loc, tf.zeros([sum(others)])], 0)

    def _start_from(self, raw, by_condition):
        """The mixture of the first block: raw parameters [P'], and what each of the condition adds to them [Q, P']."""
        self.start.dense.bias.assign(raw)
        self.start.dense.kernel.assign(by_condition)

    def adapt(self, increments, series, label, person):
        """Starts from what is known of the recordings, where the configuration says so: `increments`,
        `start_components`, `code`.

        Args:
          increments: [C], their spread, the unit of what the model is told and of its mixtures.
          series: float32 [N, T, C], whose first blocks are fitted, for each label on their own.
          label: int32 [N].
          person: int32 [N], whose they are; people are drawn as often as they occur under a label.
        """
        super().adapt(increments)
        if self.code_size:
            counts = np.zeros(self.shares.shape)
            np.add.at(counts, (label, person), 1)
            counts[counts.sum(1) == 0] = 1
            self.shares.assign(counts / counts.sum(1, keepdims=True))
        if not self.start:
            return

        def fitted(chosen):
            chosen = chosen if chosen.any() else np.ones_like(chosen)
            first, unit = series[chosen, : self.block], self._unit().numpy()
            return self.start.fitted(first, unit, person[chosen], self.config.start_people)

        if not self.labels:
            of_all, by_label = fitted(label >= 0), []
        else:
            of_all = np.zeros(self.start.size, np.float32)
            by_label = [fitted(label == number) for number in range(self.labels)]
        codes = [np.zeros(self.start.size, np.float32)] * self.code_size
        self._start_from(of_all, np.reshape([*by_label, *codes], [self.condition_size, self.start.size]))

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

    def log_shares(self, label):
        """Logarithms of how common people are under labels int32 [B]: [B, people], or [B, 1] zeros without codes."""
        if not self.code_size:
            return tf.zeros([tf.shape(label)[0], 1])
        return tf.gather(tf.math.log(tf.convert_to_tensor(self.shares)), label)

    def drawn_code(self, noise, log_weights):
        """Codes [B, E] of people who do not exist, near somebody's whom a uniform chooses.

        Args:
          noise: [B, 1 + E]: a uniform, and normals.
          log_weights: [B, people], logarithms of how likely everybody is, up to a constant: see `log_shares`.
        """
        below = tf.cumsum(tf.nn.softmax(log_weights), axis=-1) <= noise[:, :1]
        person = tf.reduce_sum(tf.cast(below, tf.int32), -1)
        return self.person_code(tf.minimum(person, max(self.people - 1, 0)), noise[:, 1 : 1 + self.code_size])

    def _unit(self):
        return tf.convert_to_tensor(self.unit) if self.config.increments else tf.ones([self.channels])

    def _temperature(self, condition):
        """What the steps after the first are tempered by where nothing else is asked for: [B or 1, 1]."""
        temperatures = tf.convert_to_tensor(self.temperatures)[:, None]
        return tf.matmul(condition[:, : self.labels], temperatures) if self.labels else temperatures

    def _anchor(self, newest, regressors, started):
        """What a sample is relative to, from what the context told and whether it is not the first one [..., 1]."""
        unit = tf.where(started | (self.start is None), self._unit(), 1.0)
        return Anchor(newest if self.config.residual else tf.zeros_like(newest), unit, regressors)

    def call(self, series, condition, dropout_noise=None):
        """Teacher forcing: the prediction of every block, given the true samples before each of its samples.

        Args:
          series: [B, T, C]; T a multiple of n.
          condition: [B, Q].
          dropout_noise: [B, S, D], uniform in [0, 1), see `dropout_size`; None for no dropout.

        Returns:
          A `Prediction` with batch shape [B, S]; that at s is of block s of the series.
        """
        newest, regressors, inputs = self.context(series, self._unit())
        inputs = inputs[:, :: self.block]  # [B, S, F]
        steps = tf.shape(inputs)[1]
        told = tf.concat([inputs, tf.tile(condition[:, None], [1, steps, 1])], -1)
        features, _ = self.recurrent(told, dropout=self.config.dropout, noise=dropout_noise)  # [B, S, U]
        started = (tf.range(steps * self.block) > 0)[None, :, None]  # [1, T, 1]
        anchor = self._anchor(newest, regressors, started)
        start = self.start(condition) if self.start else None
        return Prediction(self.head(self.dense(features)), start, Anchor(*map(self.blocks, anchor)))

    def blocks(self, values):
        """[B, T, ...] -> [B, S, n, ...], S = T / n."""
        shape, rest = tf.shape(values), values.shape[2:]
        blocks = tf.reshape(values, tf.concat([shape[:1], [shape[1] // self.block, self.block], shape[2:]], 0))
        rows, steps = values.shape[:2]
        return tf.ensure_shape(blocks, [rows, None if steps is None else steps // self.block, self.block, *rest])

    def log_prob(self, prediction, series):
        """Log-density of a series' blocks [B, S] under what `call` predicts, in nats."""
        blocks, anchor = self.blocks(series), prediction.anchor
        log_prob = self.head.distribution(self.head.unpack(prediction.raw), anchor).log_prob(blocks)
        if prediction.start is None:
            return log_prob
        start = self.start.unpack(prediction.start)
        anchor = Anchor(*(each[:, 0] for each in anchor))
        first = self.start.distribution(start, anchor).log_prob(blocks[:, 0])
        return tf.concat([first[:, None], log_prob[:, 1:]], 1)

    def score(self, series, label):
        """Scores series sample by sample, each given those before it.

        With codes of people a series is anybody's who has the label: the model is the mixture of all, and what a sample
        is expected to be is weighted by whose the samples before it were likely to be.

        Args:
          series: [B, T, C], standardised; T a multiple of n.
          label: int32 [B].

        Returns:
          Log-densities [B, T], in nats, and conditional distribution functions [B, T, C], see `MixtureHead.sequential`;
          and the logarithm of everybody's share times the likelihood of the series up to every sample under his or
          her code [B, T, people or 1].
        """

        def under(person):
            person = tf.fill([tf.shape(series)[0]], person)
            code = self.person_code(person, tf.zeros([tf.shape(series)[0], self.code_size]))
            return self._sequential(series, self.condition(label, code))

        people = tf.range(max(self.people if self.code_size else 1, 1))
        log_density, transform = tf.map_fn(under, people, fn_output_signature=(tf.float32, tf.float32))
        after = tf.cumsum(log_density, axis=-1) + tf.transpose(self.log_shares(label))[..., None]  # [people, B, T]
        before = after - log_density
        expected = tf.reduce_sum(tf.nn.softmax(before, 0)[..., None] * transform, 0)
        conditional = tf.reduce_logsumexp(after, 0) - tf.reduce_logsumexp(before, 0)
        return conditional, expected, tf.transpose(after, [1, 2, 0])

    def _sequential(self, series, condition):
        """Log-densities [B, T] and conditional distribution functions [B, T, C] of the samples of series."""
        prediction, blocks = self(series, condition), self.blocks(series)
        shape = tf.shape(series)
        density, transform = self.head.sequential(self.head.unpack(prediction.raw), prediction.anchor, blocks)
        if self.start:
            anchor = Anchor(*(each[:, 0] for each in prediction.anchor))
            first = self.start.sequential(self.start.unpack(prediction.start), anchor, blocks[:, 0])
            density, transform = (
                tf.concat([a[:, None], b[:, 1:]], 1) for a, b in zip(first, (density, transform), strict=True)
            )
        return tf.reshape(density, shape[:2]), tf.reshape(transform, shape)

    def begin(self, noise, condition, temperature=1.0, given=None):
        """The first step of a rollout.

        Args:
          noise: [B, U + N], see `layers.noise.row_noise`.
          condition: [B, Q].
          temperature: [B, 1] or a number above 0: it divides the logits and multiplies the variances, so that below 1
            the likely becomes likelier. After the first step, times the label's own, see `training.calibration`.
          given: a block [B, n, C] that is taken instead of a sampled one where a bool [B, 1] says so; or None.

        Returns:
          The first block [B, n, C] and the state after it: the condition, what the context told, its state, and the
          recurrent state.
        """
        return self._block(noise, self.initial_state(condition), temperature, given, first=True)

    def initial_state(self, condition):
        """The state before the first step, for `begin`."""
        rows = tf.shape(condition)[0]
        nothing = tuple(tf.zeros([rows, *shape]) for shape in self.context.shapes)
        return condition, nothing, self.context.initial_state(rows), self.recurrent.initial_state(rows)

    def step(self, noise, state, temperature=1.0, given=None):
        """A later step of a rollout.

        Args:
          noise, temperature, given: as `begin`.
          state: as `begin` or `step` left it.

        Returns:
          The block [B, n, C] and the new state.
        """
        return self._block(noise, state, temperature, given, first=False)

    def _block(self, noise, state, temperature, given, first):
        """Chooses components; then the samples of the block follow each other."""
        condition, (newest, regressors, inputs), context_state, recurrent_state = state
        if not first:
            temperature *= self._temperature(condition)
        features, recurrent_state = self.recurrent.step(tf.concat([inputs, condition], -1), recurrent_state)
        head = self.start if first and self.start else self.head
        raw = self.start(condition) if head is self.start else self.head(self.dense(features))
        chosen = head.choose(raw, noise[:, : head.uniforms], temperature)
        normal = noise[:, self.head.uniforms :] * tf.sqrt(temperature)
        normal = tf.reshape(normal, [-1, self.block, self.channels])
        samples, unit = [], self._unit()
        for number in range(self.block):
            started = tf.fill([tf.shape(newest)[0], 1], not first or number > 0)
            anchor = self._anchor(newest, regressors, started)
            sample = head.sample(chosen, number, anchor, normal[:, number])
            if given is not None:
                sample = tf.where(given[1], given[0][:, number], sample)
            newest, regressors, inputs, context_state = self.context.step(sample, started, context_state, unit)
            samples.append(sample)
        return tf.stack(samples, 1), (condition, (newest, regressors, inputs), context_state, recurrent_state)

    def noise(self, seed, length):
        """All the noise that series are made of, a pure function of each row's seed.

        Args:
          seed: int64 [B].
          length: T, at least 1; rounded up to whole blocks.

        Returns:
          Noise of the steps [B, S, U + N] and of the series [B, 1 + E], as `generate` takes them.
        """
        blocks = (length + self.block - 1) // self.block
        of_series = row_noise(seed, 1, 1 + self.code_size, _OF_SERIES)[:, 0]
        return self.step_noise(seed, blocks), of_series

    def step_noise(self, seed, blocks, first=None):
        """The noise of blocks from the number `first`, int64 [B]: [B, blocks, U + N]."""
        return row_noise(seed, blocks, self.head.noise_size, _OF_STEPS, first, self.head.uniforms)

    def generate(self, noise, series_noise, label, temperature=1.0):
        """Series [B, S * n, C], standardised, from `noise` and labels int32 [B]."""
        code = self.drawn_code(series_noise, self.log_shares(label))
        return self.rollout(noise, self.condition(label, code), temperature)

    def rollout(self, noise, condition, temperature=1.0, prefix=None):
        """Series from noise: each step is sampled from the mixture that the steps before it give.

        Args:
          noise: [B, S, U + N]; S at least 1.
          condition: [B, Q].
          temperature: as `begin`.
          prefix: what the series begin with: blocks [B, S, n, C] and, int32 [B], how many of them; or None.

        Returns:
          [B, S * n, C], standardised.
        """
        noise = tf.transpose(noise, [1, 0, 2])  # [S, B, U + N]
        rows, steps = tf.shape(noise)[1], tf.shape(noise)[0]
        array = tf.TensorArray(tf.float32, size=steps, element_shape=[noise.shape[1], self.block, self.channels])

        def given(t):
            return None if prefix is None else (prefix[0][:, t], (t < prefix[1])[:, None])

        def body(t, state, series):
            block, state = self.step(noise[t], state, temperature, given(t))
            return t + 1, state, series.write(t, block)

        block, state = self.begin(noise[0], condition, temperature, given(0))
        start = (1, state, array.write(0, block))
        _, _, series = tf.while_loop(lambda t, *_: t < steps, body, start, maximum_iterations=steps)
        series = tf.transpose(series.stack(), [1, 0, 2, 3])  # [B, S, n, C]
        return tf.reshape(series, [rows, steps * self.block, self.channels])

    def get_config(self):
        return {**super().get_config(), "labels": self.labels, "people": self.people}
