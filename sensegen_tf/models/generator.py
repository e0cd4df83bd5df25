"""The generator: a recurrent mixture density network that predicts the next block of samples from those before it."""

from __future__ import annotations

import typing

import keras
import numpy as np
import tensorflow as tf

from sensegen_tf.layers.context import Past
from sensegen_tf.layers.encoder import Encoder, Posterior
from sensegen_tf.layers.heads.base import Reference
from sensegen_tf.layers.noise import row_noise
from sensegen_tf.models import initial_mixture, stored
from sensegen_tf.models.base import RecurrentModel
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.config import GeneratorConfig
from sensegen_tf.models.structures import Inference, Noise, Prediction, RolloutState

# Streams of a series' noise, see `row_noise`.
_STEP_STREAM, _SERIES_STREAM = 0, 1
# Standard deviations beyond which no sample goes: a model that has hardly learnt may run away, and infinity spreads.
_FARTHEST = 1e4


@keras.saving.register_keras_serializable("sensegen_tf")
class Generator(RecurrentModel):
    """p(x_t | x_1 .. x_{t-1}, condition) as mixtures of Gaussians (SenseGen, section III, figure 2).

    A step generates a block of n samples, one as published. Its inputs are what `layers.context.Context` keeps of the
    past (as published, the previous value, zeros before the first) and the condition. All values are standardised.

    Arguments as `RecurrentModel`, with a `GeneratorConfig`.

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

    def __init__(self, config: GeneratorConfig, channels: int, **kwargs: typing.Any):
        super().__init__(config, channels, **kwargs)
        self.block = config.head.block
        self.context = config.context.build(channels)
        regressors = self.context.regressors
        self.head = config.head.build(channels, regressors=regressors, seed=self.seed)
        self.initial = None
        if config.initial:
            self.initial = config.initial.build(channels, head=config.head, regressors=regressors, seed=self.seed)
        self.encoder: Encoder | None = None
        if config.latent:
            self.encoder = config.latent.build(seed=self.seed, use_xla=self.use_xla, precision=self.precision)

    @property
    def latent_size(self) -> int:
        """Z, the size of the latent; 0 without one."""
        return self.config.latent.size if self.config.latent else 0

    @property
    def free_bits(self) -> float:
        """Nats of each entry of the latent that the loss does not charge for."""
        return self.config.latent.free_bits if self.config.latent else 0.0

    @property
    def condition_size(self) -> int:
        """Q = L + Z, the size of an encoded condition."""
        return self.labels + self.latent_size

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
        if self.encoder:
            self.encoder.build((None, None, self.context.size + self.block * self.channels))

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
        """Fits to the recordings what is not trained, where the configuration asks for it: the unit of the increments
        and the initial mixture.

        Args:
          series: float32 [N, T, C], standardised, whose first blocks the initial mixture is fitted to.
          increments: [C], their standard deviation.
          label: int32 [N].
          subject: int32 [N].
        """
        self.set_increment_unit(increments)
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
            none = np.zeros([self.latent_size, self.initial.size], np.float32)
            self._set_initial(fitted.bias, by_condition=np.concatenate([fitted.kernel, none]))

    def past(self, series: tf.Tensor) -> Past:
        """What is known before every sample of series [B, T, C] under teacher forcing."""
        return self.context(series, self._unit())

    def posterior(self, series: tf.Tensor, past: Past, *, steps: tf.Tensor | None = None) -> Posterior:
        """What the encoder says of the latent of series.

        Args:
          series: [B, T, C]; T a multiple of n.
          past: of the series.
          steps: int32 [B], how many blocks of each count; None for all.
        """
        started = (tf.range(tf.shape(series)[1]) > 0)[None, :, None]
        increments = tf.where(started, (series - past.previous) / self._unit(), 0.0)
        blocks = self.blocks(tf.asinh(increments))  # [B, S, n, C]
        shape = tf.shape(blocks)
        flat = tf.reshape(blocks, [shape[0], shape[1], self.block * self.channels])
        assert self.encoder is not None, "a model without a latent has no posterior"
        return self.encoder(tf.concat([past.inputs[:, :: self.block], flat], -1), steps=steps)

    def infer(
        self,
        series: tf.Tensor,
        label: tf.Tensor,
        *,
        noise: tf.Tensor,
        past: Past | None = None,
        steps: tf.Tensor | None = None,
    ) -> Inference:
        """The condition of given series, with a latent from its posterior.

        Args:
          series: [B, T, C]; T a multiple of n.
          label: int32 [B].
          noise: [B, Z], standard normals.
          past: of the series; None to compute it.
          steps: as in `posterior`.
        """
        if not self.encoder:
            return Inference(Condition.of_label(label), tf.zeros([tf.shape(series)[0], 0]))
        posterior = self.posterior(series, self.past(series) if past is None else past, steps=steps)
        return Inference(Condition(label, posterior.sample(noise)), posterior.divergence())

    def sample_latent(self, noise: tf.Tensor) -> tf.Tensor:
        """Latents of new series, from standard normals [B, Z]; Z may be 0."""
        return self.encoder.prior.sample(noise) if self.encoder else noise

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

    def call(
        self,
        series: tf.Tensor,
        condition: Condition,
        *,
        past: Past | None = None,
        dropout_noise: tf.Tensor | None = None,
    ) -> Prediction:
        """Teacher forcing: the prediction of every block, given the true samples before each of its samples.

        Args:
          series: [B, T, C]; T a multiple of n.
          condition: of the series.
          past: of the series; None to compute it.
          dropout_noise: [B, S, D], uniform in [0, 1), see `dropout_size`; None for no dropout.

        Returns:
          A `Prediction` with batch shape [B, S]; that at s is of block s of the series.
        """
        past, encoded = self.past(series) if past is None else past, condition.encode(self.labels)
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
        first = self.initial.distribution(initial, first_blocks(reference)).log_prob(blocks[:, 0])
        return tf.concat([first[:, None], log_prob[:, 1:]], 1)

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
            sample = tf.clip_by_value(sample, -_FARTHEST, _FARTHEST)
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
        series = row_noise(seed, 1, size=self.latent_size, stream=_SERIES_STREAM, uniforms=0)[:, 0]
        return Noise(self.step_noise(seed, blocks), series)

    def step_noise(self, seed: tf.Tensor, blocks: tf.Tensor | int, *, first: tf.Tensor | None = None) -> tf.Tensor:
        """The noise of `blocks` blocks from the number `first`, int64 [B], on: [B, blocks, U + n C]."""
        size = self.noise_size
        return row_noise(seed, blocks, size=size, stream=_STEP_STREAM, first=first, uniforms=self.uniforms)

    def generate(self, noise: Noise, label: tf.Tensor, *, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        """Series [B, S n, C], standardised, from noise and labels int32 [B]; temperature as in `begin`."""
        return self.rollout(noise.steps, Condition(label, self.sample_latent(noise.series)), temperature=temperature)

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


def first_blocks(reference: Reference) -> Reference:
    """The `Reference` of the first blocks."""
    return Reference(*(each[:, 0] for each in reference))
