"""From windows to the batches of the steps.

Every random number is a function of the run's seed, a stream, and the number of the draw.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import tensorflow as tf

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.pipeline import Minibatch, minibatches
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.models.structures import Noise
from sensegen_tf.training.augment import augment
from sensegen_tf.training.compiled import CHUNK, CompiledGenerator
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.learning import LearningConfig
from sensegen_tf.training.private_batches import PrivateFeed
from sensegen_tf.training.private_steps import PrivateBatch
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR, Step
from sensegen_tf.training.steps import DiscriminatorBatch, GeneratorBatch, RolloutInputs


class Stream(enum.IntEnum):
    """Streams of random numbers that share the run's seed; their values decide a run's bytes."""

    DISCRIMINATOR_WINDOWS = 1
    GENERATOR_WINDOWS = 2
    DISCRIMINATOR_ROLLOUTS = 3
    EVALUATION_ROLLOUTS = 4
    PICTURE_ROLLOUTS = 5
    GENERATOR_ROLLOUTS = 6
    DISCRIMINATOR_GRID = 7
    GENERATOR_GRID = 8
    EVALUATION_GRID = 9
    LATENT_NOISE = 10
    DROPOUT = 11
    CALIBRATION_ROLLOUTS = 12
    DISCRIMINATOR_CHANGES = 13
    GENERATOR_CHANGES = 14


_WINDOWS = {DISCRIMINATOR: Stream.DISCRIMINATOR_WINDOWS, GENERATOR: Stream.GENERATOR_WINDOWS}
_GRID = {DISCRIMINATOR: Stream.DISCRIMINATOR_GRID, GENERATOR: Stream.GENERATOR_GRID}
_CHANGES = {DISCRIMINATOR: Stream.DISCRIMINATOR_CHANGES, GENERATOR: Stream.GENERATOR_CHANGES}


class Batches:
    """Makes what the models learn from and are measured on.

    Args:
      compiled: the generator.
      config: how the models learn.
      distribution: of the replicas.
    """

    def __init__(self, compiled: CompiledGenerator, *, config: LearningConfig, distribution: Distribution):
        self._compiled, self._generator = compiled, compiled.generator
        self._config, self._distribution = config, distribution

    def _seed(self, stream, number):
        """The seed [2] of draw `number` of a random stream."""
        return tf.random.experimental.stateless_fold_in([self._config.seed, int(stream)], number)

    def noise(self, stream: Stream, number: int, *, rows: int, steps: int, local: slice = slice(None)) -> Noise:
        """Noise of the `local` rows of `rows` series; that of a series does not depend on which are asked for."""
        seeds = tf.random.stateless_uniform(
            [rows], self._seed(stream, number), minval=None, maxval=None, dtype=tf.int64, alg="philox"
        )
        return self._compiled.noise(seeds[local], tf.constant(steps))

    def generate(self, stream: Stream, number: int, *, label: np.ndarray, steps: int) -> np.ndarray:
        """Standardised series [B, steps, C] with labels int32 [B] for draw `number` of a random stream."""
        labels = tf.convert_to_tensor(label)
        noise = self.noise(stream, number, rows=len(label), steps=steps)
        return self._compiled.generate(noise, labels).numpy()

    def generate_in_chunks(self, stream: Stream, *, label: np.ndarray, steps: int) -> np.ndarray:
        """As `generate`, in chunks of 256 series: the same random numbers at every call."""
        chunks = [label[start : start + CHUNK] for start in range(0, len(label), CHUNK)]
        made = [self.generate(stream, number, label=each, steps=steps) for number, each in enumerate(chunks)]
        return np.concatenate(made)

    def standardize(
        self, dataset: Dataset, values: Any, *, stream: Stream, number: int, rows: int, local: slice = slice(None)
    ) -> tf.Tensor:
        """Physical values [N, T, C], the `local` rows of `rows`, as the models see them: standardised, dequantised."""
        values = tf.convert_to_tensor(dataset.standardizer.to_standard(values))
        if not self._config.dequantize or not dataset.standardizer.has_grid:
            return values
        shape = [rows, *values.shape[1:]]
        noise = tf.random.stateless_uniform(shape, self._seed(stream, number), -0.5, 0.5, alg="philox")
        return dataset.standardizer.dequantize(values, noise[local])

    def standardize_windows(self, dataset: Dataset, windows: WindowSet) -> np.ndarray:
        """Windows as the models see them, [N, T, C]; the same random numbers at every call."""
        how: dict[str, Any] = {"stream": Stream.EVALUATION_GRID, "number": 0, "rows": windows.count}
        return self.standardize(dataset, windows.values, **how).numpy()

    def encode_labels(self, dataset: Dataset, windows: WindowSet) -> np.ndarray:
        """The labels of windows as the generator numbers them, int32 [N]; zeros where it has none."""
        return windows.encoded_labels(dataset.training.label_names if self._generator.labels else ())

    def learner_batch(
        self, dataset: Dataset, minibatch: Minibatch, *, step: Step
    ) -> GeneratorBatch | DiscriminatorBatch:
        """What a step learns from: this worker's rows of the minibatch, divided among its replicas."""
        rows, local = self._config.batch_size, self._distribution.local_rows(self._config.batch_size)
        shared: dict[str, Any] = {"rows": rows, "local": local}
        values, config = minibatch.values, self._config
        if config.augments:
            seed = self._seed(_CHANGES[step.player], step.minibatch)
            angle, tempo = config.rotation_degrees, config.tempo_change
            values = augment(values, seed, rotation_degrees=angle, tempo_change=tempo, **shared)
        series = self.standardize(dataset, values, stream=_GRID[step.player], number=step.minibatch, **shared)
        label = tf.convert_to_tensor(minibatch.label)
        if step.player == DISCRIMINATOR:
            stream, steps = Stream.DISCRIMINATOR_ROLLOUTS, series.shape[1]
            noise = self.noise(stream, step.minibatch, rows=rows, steps=steps, local=local)
            return self._distribution.shard(DiscriminatorBatch(series, RolloutInputs(noise, label)))
        return self._distribution.shard(self._generator_batch(series, label, step.minibatch))

    def _generator_batch(self, series, label, number):
        generator, steps = self._generator, series.shape[1]
        rows, local = self._config.batch_size, self._distribution.local_rows(self._config.batch_size)
        sizes = [rows, generator.latent_size], [rows, steps // generator.block, generator.dropout_size]
        latent = tf.random.stateless_normal(sizes[0], self._seed(Stream.LATENT_NOISE, number), alg="philox")
        dropout = tf.random.stateless_uniform(sizes[1], self._seed(Stream.DROPOUT, number), alg="philox")
        batch = GeneratorBatch(series, label, latent[local], dropout[local], rollouts=())
        if self._config.generator_objective == "likelihood":
            return batch
        stride = self._config.adversarial_stride
        count = len(range(0, rows, stride))
        local = self._distribution.local_rows(count)
        noise = self.noise(Stream.GENERATOR_ROLLOUTS, number, rows=count, steps=steps, local=local)
        return batch._replace(rollouts=RolloutInputs(noise, label[::stride]))


class Feed:
    """The batches of a run's steps in their order; a minibatch is drawn anew when a step asks for another one.

    Args:
      batches: what makes them.
      dataset: whose training windows they are of.
      config: how the models learn.
      distribution: of the replicas.
      private: the batches of the generator's steps, where they give a guarantee; or None.
    """

    def __init__(
        self,
        batches: Batches,
        dataset: Dataset,
        *,
        config: LearningConfig,
        distribution: Distribution,
        private: PrivateFeed | None = None,
    ):
        self._batches, self._dataset = batches, dataset
        self._config, self._distribution, self._private = config, distribution, private
        self._sources: dict[str, Any] = {}
        self._current: dict[str, tuple[int, Any]] = {}

    def batch(self, step: Step) -> GeneratorBatch | DiscriminatorBatch | PrivateBatch:
        """What a step learns from."""
        player, number = step.player, step.minibatch
        if self._private and player == GENERATOR:
            return self._private.batch(number)
        if player not in self._sources:
            self._sources[player] = minibatches(
                self._dataset.training,
                self._config.batch_size,
                seed=(self._config.seed, int(_WINDOWS[player])),
                first=number,
                balance=self._config.balance_labels,
                shard_index=self._distribution.worker,
                num_shards=self._distribution.workers,
            )
        if player not in self._current or self._current[player][0] != number:
            minibatch = next(self._sources[player])
            self._current[player] = number, self._batches.learner_batch(self._dataset, minibatch, step=step)
        return self._current[player][1]
