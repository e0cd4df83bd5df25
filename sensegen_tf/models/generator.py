"""The generator: a recurrent mixture density network that predicts the next block of samples from those before it."""

from __future__ import annotations

import typing

import keras
import numpy as np
import tensorflow as tf

from sensegen_tf.layers.heads.base import Reference
from sensegen_tf.layers.noise import row_noise
from sensegen_tf.models import initial_mixture, stored
from sensegen_tf.models.base import RecurrentModel
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.config import GeneratorConfig
from sensegen_tf.models.structures import Noise, Prediction, RolloutState, SampleScores

# Streams of a series' noise, see `row_noise`.
_STEP_STREAM, _SERIES_STREAM = 0, 1


@keras.saving.register_keras_serializable("sensegen_tf")
class Generator(RecurrentModel):
    """p(x_t | x_1 .. x_{t-1}, condition) as mixtures of Gaussians (SenseGen, section III, figure 2).

    A step generates a block of n samples, one as published. Its inputs are what `layers.context.Context` keeps of the
    past (as published, the previous value, zeros before the first) and the condition. All values are standardised.

    Arguments as `RecurrentModel`, with a `GeneratorConfig`, and
      subjects: how many subjects have an embedding; 0 for none.

    Example:
      >>> import tensorflow as tf
      >>> from sensegen_tf.models.presets import PRESETS
      >>> generator = Generator(PRESETS["sensegen_small"].generator, 3)
      >>> generator.build()
      >>> noise = generator.noise(tf.constant([1, 2], tf.int64), 24)
      >>> generator.generate(noise, tf.zeros([2], tf.int32)).shape
      TensorShape([2, 24, 3])
    """

    read_config = staticmethod(stored.read_generator_config)

    def __init__(self, config: GeneratorConfig, channels: int, *, subjects: int = 0, **kwargs: typing.Any):
        super().__init__(config, channels, **kwargs)
        self.subjects = subjects
        self.block = config.head.block
        self.context = config.context.build(channels)
        regressors = self.context.regressors
        self.head = config.head.build(channels, regressors=regressors, seed=self.seed)
        self.initial = None
        if config.initial:
            self.initial = config.initial.build(channels, head=config.head, regressors=regressors, seed=self.seed)

    @property
    def embedding_size(self) -> int:
        """E, the size of a subject embedding."""
        return self.config.condition.embedding if self.subjects else 0

    @property
    def condition_size(self) -> int:
        """Q = L + E, the size of an encoded condition."""
        return self.labels + self.embedding_size

    @property
    def uniforms(self) -> int:
        """U, how many uniform numbers there are for a block: as many as its head or the initial mixture takes."""
        return max(self.head.uniforms, self.initial.uniforms if self.initial else 0)

    @property
    def noise_size(self) -> int:
        """U + n C, how many noise values a block takes."""
        return self.uniforms + self.block * self.channels

    @property
    def dropout_size(self) -> int:
        """D, how many uniform numbers a step's dropout takes in training; 0 without dropout."""
        return sum(self.config.network.units) if self.config.network.dropout else 0

    def build(self, input_shape: typing.Any = None) -> None:
        """Makes the weights."""
        del input_shape
        self.recurrent.build((None, None, self.context.size + self.condition_size))
        self.dense.build((None, self.config.network.units[-1]))
        self.head.build((None, self.config.network.dense_units))
        if self.initial:
            self.initial.build((None, self.condition_size))
            nothing = np.zeros([self.condition_size, self.initial.size], np.float32)
            self._set_initial(self._random_initial(), by_condition=nothing)
        self.unit = self._add_unit(self.config.context.increment_units)
        rows = max(self.labels, 1)
        self.temperatures = self.add_weight(name="temperatures", shape=(rows,), initializer="ones", trainable=False)
        if self.embedding_size:
            shape = self.subjects, self.embedding_size
            normal = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
            self.embeddings = self.add_weight(name="embeddings", shape=shape, initializer=normal)
            equal = keras.initializers.Constant(1 / self.subjects)
            self.shares = self.add_weight(
                name="shares", shape=(rows, self.subjects), initializer=equal, trainable=False
            )

    def _random_initial(self):
        """Raw parameters of an initial mixture: locations from a standard normal, all else 0."""
        logits, locations, *others = self.initial.sizes
        loc = tf.random.stateless_normal([locations], [self.seed, 0], alg="philox")
        return tf.concat([tf.zeros([logits]), loc, tf.zeros([sum(others)])], 0)

    def _set_initial(self, raw, *, by_condition):
        """The initial mixture: raw parameters [P'], and what each entry of the condition adds to them [Q, P']."""
        self.initial.dense.bias.assign(raw)
        self.initial.dense.kernel.assign(by_condition)

    def adapt(self, series: np.ndarray, *, increments: np.ndarray, label: np.ndarray, subject: np.ndarray) -> None:
        """Fits to the recordings what is not trained, where the configuration asks for it: the unit of the increments,
        the initial mixture, and how common subjects are under each label.

        Args:
          series: float32 [N, T, C], standardised, whose first blocks the initial mixture is fitted to.
          increments: [C], their standard deviation.
          label: int32 [N].
          subject: int32 [N].
        """
        self.set_increment_unit(increments)
        if self.embedding_size:
            counts = np.zeros(self.shares.shape)
            np.add.at(counts, (label, subject), 1)
            counts[counts.sum(1) == 0] = 1
            self.shares.assign(counts / counts.sum(1, keepdims=True))
        if self.initial:
            fitted = initial_mixture.fit_by_label(
                self.initial,
                series[:, : self.block],
                label=label,
                labels=self.labels,
                subject=subject,
                min_subjects=self.config.initial.min_subjects,
                unit=self._unit().numpy(),
            )
            none = np.zeros([self.embedding_size, self.initial.size], np.float32)
            self._set_initial(fitted.bias, by_condition=np.concatenate([fitted.kernel, none]))

    def subject_condition(self, label: tf.Tensor, subject: tf.Tensor, *, noise: tf.Tensor | None = None) -> Condition:
        """The condition of series of known subjects.

        Args:
          label: int32 [B].
          subject: int32 [B].
          noise: standard normals [B, E] that blur the embeddings, so that what lies between subjects is learnt too;
            None for none.
        """
        if not self.embedding_size:
            return Condition.of_label(label)
        embedding = tf.matmul(tf.one_hot(subject, self.subjects), self.embeddings)
        embedding *= tf.math.rsqrt(tf.reduce_mean(tf.square(embedding), -1, keepdims=True) + 1e-6)
        noise = tf.zeros_like(embedding) if noise is None else noise
        return Condition(label, embedding + self.config.condition.embedding_noise * noise)

    def sample_condition(
        self, label: tf.Tensor, noise: tf.Tensor, *, log_weights: tf.Tensor | None = None
    ) -> Condition:
        """The condition of new series: an embedding near that of a subject whom a uniform number chooses.

        Args:
          label: int32 [B].
          noise: [B, 1 + E]: a uniform number and normals, see `Noise`.
          log_weights: [B, subjects], log-probabilities of the subjects, up to a constant; by default as common as in
            training under each label.
        """
        log_weights = self.log_shares(label) if log_weights is None else log_weights
        below = tf.cumsum(tf.nn.softmax(log_weights), axis=-1) <= noise[:, :1]
        subject = tf.minimum(tf.reduce_sum(tf.cast(below, tf.int32), -1), max(self.subjects - 1, 0))
        return self.subject_condition(label, subject, noise=noise[:, 1 : 1 + self.embedding_size])

    def log_shares(self, label: tf.Tensor) -> tf.Tensor:
        """Log of how common subjects are under labels int32 [B]: [B, subjects]; [B, 1] zeros without embeddings."""
        if not self.embedding_size:
            return tf.zeros([tf.shape(label)[0], 1])
        return tf.gather(tf.math.log(tf.convert_to_tensor(self.shares)), label)

    def _unit(self):
        return tf.ones([self.channels]) if self.unit is None else tf.convert_to_tensor(self.unit)

    def _temperature(self, label):
        """What the steps after the first are tempered by where nothing else is asked for: [B or 1, 1]."""
        temperatures = tf.convert_to_tensor(self.temperatures)[:, None]
        return tf.gather(temperatures, label) if self.labels else temperatures

    def _reference(self, past, started):
        """What a sample is relative to, from its `Past` and whether it is not the first one [..., 1]."""
        scale = tf.where(started | (self.initial is None), self._unit(), 1.0)
        location = past.previous if self.config.context.residual else tf.zeros_like(past.previous)
        return Reference(location, scale, past.regressors)

    def call(self, series: tf.Tensor, condition: Condition, *, dropout_noise: tf.Tensor | None = None) -> Prediction:
        """Teacher forcing: the prediction of every block, given the true samples before each of its samples.

        Args:
          series: [B, T, C]; T a multiple of n.
          condition: of the series.
          dropout_noise: [B, S, D], uniform in [0, 1), see `dropout_size`; None for no dropout.

        Returns:
          A `Prediction` with batch shape [B, S]; that at s is of block s of the series.
        """
        past, encoded = self.context(series, self._unit()), condition.encode(self.labels)
        inputs = past.inputs[:, :: self.block]  # [B, S, F]
        steps = tf.shape(inputs)[1]
        inputs = tf.concat([inputs, tf.tile(encoded[:, None], [1, steps, 1])], -1)
        dropout = self.config.network.dropout
        features, _ = self.recurrent(inputs, dropout=dropout, dropout_noise=dropout_noise)  # [B, S, U]
        started = (tf.range(steps * self.block) > 0)[None, :, None]  # [1, T, 1]
        reference = self._reference(past, started)
        initial = self.initial(encoded) if self.initial else None
        return Prediction(self.head(self.dense(features)), initial, Reference(*map(self.blocks, reference)))

    def blocks(self, values: tf.Tensor) -> tf.Tensor:
        """[B, T, ...] -> [B, S, n, ...], S = T / n."""
        shape, rest = tf.shape(values), values.shape[2:]
        blocks = tf.reshape(values, tf.concat([shape[:1], [shape[1] // self.block, self.block], shape[2:]], 0))
        rows, steps = values.shape[:2]
        return tf.ensure_shape(blocks, [rows, None if steps is None else steps // self.block, self.block, *rest])

    def log_prob(self, prediction: Prediction, series: tf.Tensor) -> tf.Tensor:
        """Log-density of a series' blocks [B, S] under what `call` predicts, in nats."""
        blocks, reference = self.blocks(series), prediction.reference
        log_prob = self.head.distribution(self.head.unpack(prediction.raw), reference).log_prob(blocks)
        if self.initial is None:
            return log_prob
        initial = self.initial.unpack(prediction.initial)
        first = self.initial.distribution(initial, _first(reference)).log_prob(blocks[:, 0])
        return tf.concat([first[:, None], log_prob[:, 1:]], 1)

    def score(self, series: tf.Tensor, label: tf.Tensor) -> SampleScores:
        """Scores series sample by sample.

        With subject embeddings a series may be of any subject who has the label: the model is the mixture of all, and
        the prediction of a sample weighs the subjects by the likelihood of the samples before it.

        Args:
          series: [B, T, C], standardised; T a multiple of n.
          label: int32 [B].
        """

        def under(subject):
            condition = self.subject_condition(label, tf.fill([tf.shape(series)[0]], subject))
            return self._sequential(series, condition)

        subjects = tf.range(max(self.subjects if self.embedding_size else 1, 1))
        log_density, pit = tf.map_fn(under, subjects, fn_output_signature=(tf.float32, tf.float32))
        after = tf.cumsum(log_density, axis=-1) + tf.transpose(self.log_shares(label))[..., None]  # [subjects, B, T]
        before = after - log_density
        expected = tf.reduce_sum(tf.nn.softmax(before, 0)[..., None] * pit, 0)
        conditional = tf.reduce_logsumexp(after, 0) - tf.reduce_logsumexp(before, 0)
        return SampleScores(conditional, expected, tf.transpose(after, [1, 2, 0]))

    def _sequential(self, series, condition):
        """Log-densities [B, T] and probability integral transforms [B, T, C] of the samples of series."""
        prediction, blocks = self(series, condition), self.blocks(series)
        shape = tf.shape(series)
        found = self.head.sequential(self.head.unpack(prediction.raw), prediction.reference, values=blocks)
        if self.initial:
            initial = self.initial.unpack(prediction.initial)
            first = self.initial.sequential(initial, _first(prediction.reference), values=blocks[:, 0])
            found = (tf.concat([a[:, None], b[:, 1:]], 1) for a, b in zip(first, found, strict=True))
        density, pit = found
        return tf.reshape(density, shape[:2]), tf.reshape(pit, shape)

    def initial_state(self, condition: Condition) -> RolloutState:
        """The state before the first block of series, for `begin`."""
        rows = tf.shape(condition.label)[0]
        past, context = self.context.initial_past(rows), self.context.initial_state(rows)
        return RolloutState(condition, past, context, self.recurrent.initial_state(rows))

    def begin(
        self,
        noise: tf.Tensor,
        state: RolloutState,
        *,
        temperature: tf.Tensor | float = 1.0,
        given: tuple[tf.Tensor, tf.Tensor] | None = None,
    ) -> tuple[tf.Tensor, RolloutState]:
        """The first block of a rollout.

        Args:
          noise: [B, U + n C], see `Noise.steps`.
          state: what `initial_state` returned.
          temperature: [B, 1] or a number above 0. It divides the logits and multiplies the variances, so that below 1
            the likely becomes likelier. After the first block it is multiplied by that of the label, see
            `training.calibration`.
          given: a block [B, n, C] and a bool [B, 1]: where it is True, the block is taken instead of a sampled one.

        Returns:
          The block [B, n, C] and the state after it.
        """
        return self._block(noise, state, temperature, given, first=True)

    def step(
        self,
        noise: tf.Tensor,
        state: RolloutState,
        *,
        temperature: tf.Tensor | float = 1.0,
        given: tuple[tf.Tensor, tf.Tensor] | None = None,
    ) -> tuple[tf.Tensor, RolloutState]:
        """A later block of a rollout; arguments and returns as `begin`, with the state after the block before it."""
        return self._block(noise, state, temperature, given, first=False)

    def _block(self, noise, state, temperature, given, first):
        """Chooses components; then the samples of the block follow each other."""
        condition, past, context, recurrent = state
        encoded = condition.encode(self.labels)
        if not first:
            temperature *= self._temperature(condition.label)
        features, recurrent = self.recurrent.step(tf.concat([past.inputs, encoded], -1), recurrent)
        head = self.initial if first and self.initial else self.head
        raw = self.initial(encoded) if head is self.initial else self.head(self.dense(features))
        chosen = head.choose(raw, noise[:, : head.uniforms], temperature=temperature)
        normal = noise[:, self.uniforms :] * tf.sqrt(temperature)
        normal = tf.reshape(normal, [-1, self.block, self.channels])
        samples, unit = [], self._unit()
        for number in range(self.block):
            started = tf.fill([tf.shape(past.previous)[0], 1], not first or number > 0)
            reference = self._reference(past, started)
            sample = head.sample(chosen, number, reference=reference, normal=normal[:, number])
            if given is not None:
                sample = tf.where(given[1], given[0][:, number], sample)
            past, context = self.context.step(sample, context, started=started, unit=unit)
            samples.append(sample)
        return tf.stack(samples, 1), RolloutState(condition, past, context, recurrent)

    def noise(self, seed: tf.Tensor, length: tf.Tensor | int) -> Noise:
        """All the noise that series are made of, a pure function of each series' seed.

        Args:
          seed: int64 [B].
          length: T, at least 1; rounded up to whole blocks.
        """
        blocks = (length + self.block - 1) // self.block
        series = row_noise(seed, 1, size=1 + self.embedding_size, stream=_SERIES_STREAM)[:, 0]
        return Noise(self.step_noise(seed, blocks), series)

    def step_noise(self, seed: tf.Tensor, blocks: tf.Tensor | int, *, first: tf.Tensor | None = None) -> tf.Tensor:
        """The noise of `blocks` blocks from the number `first`, int64 [B], on: [B, blocks, U + n C]."""
        size = self.noise_size
        return row_noise(seed, blocks, size=size, stream=_STEP_STREAM, first=first, uniforms=self.uniforms)

    def generate(self, noise: Noise, label: tf.Tensor, *, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        """Series [B, S n, C], standardised, from noise and labels int32 [B]; temperature as in `begin`."""
        return self.rollout(noise.steps, self.sample_condition(label, noise.series), temperature=temperature)

    def rollout(
        self,
        step_noise: tf.Tensor,
        condition: Condition,
        *,
        temperature: tf.Tensor | float = 1.0,
        prefix: tuple[tf.Tensor, tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Series from noise: each block is sampled from the mixture that the blocks before it give.

        Args:
          step_noise: [B, S, U + n C], see `Noise.steps`; S at least 1.
          condition: of the series.
          temperature: as in `begin`.
          prefix: what the series begin with: blocks [B, S, n, C] and, int32 [B], how many of them; or None.

        Returns:
          [B, S n, C], standardised.
        """
        noise = tf.transpose(step_noise, [1, 0, 2])  # [S, B, U + n C]
        rows, steps = tf.shape(noise)[1], tf.shape(noise)[0]
        array = tf.TensorArray(tf.float32, size=steps, element_shape=[noise.shape[1], self.block, self.channels])

        def given(t):
            return None if prefix is None else (prefix[0][:, t], (t < prefix[1])[:, None])

        def body(t, state, series):
            block, state = self.step(noise[t], state, temperature=temperature, given=given(t))
            return t + 1, state, series.write(t, block)

        block, state = self.begin(noise[0], self.initial_state(condition), temperature=temperature, given=given(0))
        start = (1, state, array.write(0, block))
        _, _, series = tf.while_loop(lambda t, *_: t < steps, body, start, maximum_iterations=steps)
        series = tf.transpose(series.stack(), [1, 0, 2, 3])  # [B, S, n, C]
        return tf.reshape(series, [rows, steps * self.block, self.channels])

    def get_config(self) -> dict[str, typing.Any]:
        """What `from_config` takes, as JSON can hold it."""
        return {**super().get_config(), "subjects": self.subjects}


def _first(reference):
    """The `Reference` of the first blocks."""
    return Reference(*(each[:, 0] for each in reference))
