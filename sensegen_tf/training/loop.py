"""The training loop: it reads the schedule, and gives each player what it learns from."""

import dataclasses
import math
import time

import numpy as np
import tensorflow as tf

from sensegen_tf.data.pipeline import minibatches
from sensegen_tf.data.windows import numbered
from sensegen_tf.errors import InputError
from sensegen_tf.training.players import CHUNK, Players
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR

# Streams of random numbers that share the run's seed.
_REAL_FOR = {DISCRIMINATOR: 1, GENERATOR: 2}
_ROLLOUT_FOR_TRAINING, _ROLLOUT_FOR_EVALUATION, _ROLLOUT_FOR_PICTURE = 3, 4, 5
_ROLLOUT_FOR_GENERATOR = 6
_GRID_FOR = {DISCRIMINATOR: 7, GENERATOR: 8}
_GRID_FOR_EVALUATION, _CODE_FOR_GENERATOR, _DROPOUT_FOR_GENERATOR = 9, 10, 11
_ROLLOUT_FOR_CALIBRATION = 12


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How the players learn.

    Attributes:
      batch_size: B, at least 1.
      generator_learning_rate, discriminator_learning_rate: of Adam, above 0.
      learning_rate_decay: "none", or "cosine" to zero over the player's steps.
      gradient_clip_norm: the largest global norm of the gradient of each objective, above 0.
      evaluation_windows: how many held-out windows are measured at most, at least 1.
      checkpoint_seconds: time after which a step is saved inside an outer iteration, at least 0.
      seed: of all random numbers, in [0, 2^31).
      balance_labels: whether every label has the same share of the minibatches.
      dequantize: whether values on a grid get uniform noise of one step of it, so that the likelihood cannot be won by
        spikes on the grid (Theis et al., 2016, section 3.1).
      generator_objective: what the generator descends: "likelihood", "adversarial" or "both".
      adversarial_weight: of the adversarial loss and its clipped gradient beside the likelihood's, at least 0.
      adversarial_batch_size: series of the generator's own in a step of its adversarial loss, at most: they have the
        labels of every row of the minibatch, or of every second, third and so on.
    """

    batch_size: int
    generator_learning_rate: float
    discriminator_learning_rate: float
    learning_rate_decay: str
    gradient_clip_norm: float
    evaluation_windows: int
    checkpoint_seconds: float
    seed: int
    balance_labels: bool = False
    dequantize: bool = True
    generator_objective: str = "likelihood"
    adversarial_weight: float = 1.0
    adversarial_batch_size: int = 32

    def __post_init__(self):
        for name in ("generator_learning_rate", "discriminator_learning_rate", "gradient_clip_norm"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InputError(f"--{name} must be above 0 and finite, got {value}")

    @property
    def adversarial_stride(self):
        """Of every how many rows of a minibatch one is matched by a series of the generator's own."""
        by_likelihood = self.generator_objective == "likelihood"
        return 1 if by_likelihood else -(-self.batch_size // self.adversarial_batch_size)


class NotFiniteError(InputError):
    """The loss or the gradient of a step is not finite."""


class Trainer:
    """Players, data and schedule.

    Args:
      generator, discriminator: built models.
      schedule: a `Schedule`.
      config: a `TrainingConfig`.
      distribution: a `Distribution`, in whose scope the models were made, and which can share the minibatches.
    """

    def __init__(self, generator, discriminator, schedule, config, distribution):
        with distribution.scope():
            self.players = Players(generator, discriminator, schedule, config, distribution)
        self.generator, self.schedule, self.config = generator, schedule, config
        self.distribution = distribution
        self.step = tf.Variable(0, dtype=tf.int64)
        self.loss_sums = {player: tf.Variable(0.0, dtype=tf.float64) for player in (DISCRIMINATOR, GENERATOR)}

    def state(self):
        """What a checkpoint must hold: name -> model, optimiser or variable."""
        return {
            "generator": self.players.generator,
            "discriminator": self.players.discriminator,
            "generator_optimizer": self.players.generator_optimizer,
            "discriminator_optimizer": self.players.discriminator_optimizer,
            "step": self.step,
            **{f"{player}_loss_sum": total for player, total in self.loss_sums.items()},
        }

    def _seed(self, stream, number):
        """The seed [2] of draw `number` of a random stream."""
        return tf.random.experimental.stateless_fold_in([self.config.seed, stream], number)

    def _noise(self, stream, number, rows, steps, own=slice(None)):
        """Noise of the rows `own` of as many series; a row's does not depend on which are asked for."""
        seeds = tf.random.stateless_uniform(
            [rows], self._seed(stream, number), minval=None, maxval=None, dtype=tf.int64, alg="philox"
        )
        return self.players.noise(seeds[own], tf.constant(steps))

    def generate(self, stream, number, label, steps):
        """Standardised series [B, steps, C] with labels int32 [B] for draw `number` of a random stream."""
        label = tf.convert_to_tensor(label)
        return self.players.generate(*self._noise(stream, number, label.shape[0], steps), label)

    def generate_for_picture(self, label, steps):
        """The same rows at every call, so that pictures along the training can be compared; standardised."""
        return self.generate(_ROLLOUT_FOR_PICTURE, 0, label, steps).numpy()

    def generate_for_calibration(self, label, steps):
        """The same random numbers at every call, so that temperatures can be compared; standardised."""
        starts = range(0, len(label), CHUNK)
        chunks = [label[start : start + CHUNK] for start in starts]
        made = [self.generate(_ROLLOUT_FOR_CALIBRATION, *each, steps).numpy() for each in enumerate(chunks)]
        return np.concatenate(made)

    def _seen(self, dataset, values, stream, number, rows, own=slice(None)):
        """Physical values [N, T, C], the rows `own` of `rows` ones, as the models see them: standardised, spread over
        the steps of their grid."""
        values = tf.convert_to_tensor(dataset.standardizer.to_standard(values))
        if not self.config.dequantize or not dataset.grid.any():
            return values
        shape = [rows, *values.shape[1:]]
        noise = tf.random.stateless_uniform(shape, self._seed(stream, number), -0.5, 0.5, alg="philox")
        return values + dataset.grid / dataset.standardizer.std * noise[own]

    def standardized(self, dataset, windows):
        """`Windows` as the models see them: values [N, T, C] and labels int32 [N]."""
        names = dataset.training.label_names if self.generator.labels else ()
        label = numbered(names, windows.labels)
        return self._seen(dataset, windows.values, _GRID_FOR_EVALUATION, 0, windows.count).numpy(), label

    def log_likelihood(self, dataset, windows):
        """Log-likelihood of `Windows` as the models see them: float32 [N], nats."""
        return self.players.log_likelihood(*self.standardized(dataset, windows))

    def evaluate(self, real, label, outer):
        """Held-out figures after an outer iteration, on real series [N, T, C] and as many generated ones.

        Args:
          real: as the models see them.
          label: int32 [N]; the generated ones have the same.
          outer: number of the iteration.

        Returns:
          A dictionary: `heldout_nll`, nats a sample; `discriminator_accuracy`, in [0, 1], with its two halves
          `real_called_real` and `generated_called_generated`; a logit above 0 calls a series real.
        """
        logits = []
        starts = range(0, len(real), CHUNK)
        for index, start in enumerate(starts):
            chunk, of_chunk = real[start : start + CHUNK], label[start : start + CHUNK]
            number = outer * len(starts) + index
            generated = self.generate(_ROLLOUT_FOR_EVALUATION, number, of_chunk, chunk.shape[1])
            logits.append([np.asarray(each) for each in self.players.judge(chunk, generated, of_chunk)])
        real_logits, generated_logits = (np.concatenate(each) for each in zip(*logits, strict=True))
        return {
            "heldout_nll": float(-np.mean(self.players.log_likelihood(real, label)) / real.shape[1]),
            "discriminator_accuracy": float(np.mean([*(real_logits > 0), *(generated_logits <= 0)])),
            "real_called_real": float(np.mean(real_logits > 0)),
            "generated_called_generated": float(np.mean(generated_logits <= 0)),
        }

    def _minibatch(self, dataset, minibatch, player, number):
        """The arguments of the player's step: this worker's rows of the minibatch, dealt out to its replicas."""
        rows, own = self.config.batch_size, self.distribution.rows(self.config.batch_size)
        real, label, person = minibatch
        steps = real.shape[1]
        real = self._seen(dataset, real, _GRID_FOR[player], number, rows, own)
        label = tf.convert_to_tensor(label)
        if player == DISCRIMINATOR:
            return self.distribution.deal((real, label, *self._noise(_ROLLOUT_FOR_TRAINING, number, rows, steps, own)))
        sizes = [rows, self.generator.code_size], [rows, steps // self.generator.block, self.generator.dropout_size]
        code = tf.random.stateless_normal(sizes[0], self._seed(_CODE_FOR_GENERATOR, number), alg="philox")
        dropout = tf.random.stateless_uniform(sizes[1], self._seed(_DROPOUT_FOR_GENERATOR, number), alg="philox")
        batch = real, label, tf.convert_to_tensor(person), code[own], dropout[own]
        if self.config.generator_objective == "likelihood":
            return (self.distribution.deal(batch),)
        rollouts = len(range(0, rows, self.config.adversarial_stride))
        noise = self._noise(_ROLLOUT_FOR_GENERATOR, number, rollouts, steps, self.distribution.rows(rollouts))
        return self.distribution.deal((batch, *noise, label[:: self.config.adversarial_stride]))

    def _learner(self, dataset):
        """A function of a turn that runs its step and returns the loss."""
        batch_size, seed, balance = self.config.batch_size, self.config.seed, self.config.balance_labels
        source, current = {}, {}
        by_likelihood, distribution = self.config.generator_objective == "likelihood", self.distribution
        steps = {
            DISCRIMINATOR: self.players.discriminator_step,
            GENERATOR: self.players.generator_step if by_likelihood else self.players.adversarial_generator_step,
        }

        def data(turn):
            """The minibatches of the turn's player: drawn anew when the turn asks for another one."""
            player, number = turn.player, turn.minibatch
            if player not in source:
                stream = (seed, _REAL_FOR[player])
                share = distribution.worker, distribution.workers
                source[player] = minibatches(dataset.training, batch_size, stream, number, balance, share)
            if player not in current or current[player][0] != number:
                current[player] = number, self._minibatch(dataset, next(source[player]), player, number)
            return current[player][1]

        def learn(turn):
            loss, norm = (float(value) for value in steps[turn.player](*data(turn)))
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise NotFiniteError(
                    f"step {turn.step} ({turn.player}, outer iteration {turn.outer}): the loss is {loss}, the norm of "
                    f"its gradient {norm}. Training stopped; the last checkpoint is intact. Lower "
                    f"--{turn.player}_learning_rate or --gradient_clip_norm and start in a new --run_dir"
                )
            return loss

        return learn

    def fit(self, dataset, checkpoints, on_step=None, on_outer=None, on_end=None, should_stop=lambda: False):
        """Runs the schedule from the restored step to its end, or until it is told to stop.

        Args:
          dataset: a `Dataset`; at most `evaluation_windows` of its held-out windows, evenly spread, are measured.
          checkpoints: `Checkpoints` of `state()`, already restored; of several workers, the chief alone saves.
          on_step: called with (turn, loss) after every step; or None.
          on_outer: called with the metrics (a dictionary) after every outer iteration, before it is saved; None for not
            to measure.
          on_end: called after the last step and its metrics, before it is saved; or None.
          should_stop: called after every step; where it returns True in a worker, the step is saved and the loop left.

        Returns:
          Whether the schedule came to its end.

        Raises:
          NotFiniteError: see there. The last save is of finite weights.
        """
        chief = self.distribution.chief
        held_out = on_outer and self.standardized(dataset, dataset.heldout.spread(self.config.evaluation_windows))
        learn = self._learner(dataset)
        saved = time.monotonic()
        for number in range(int(self.step), self.schedule.steps):
            turn = self.schedule.turn(number)
            loss = learn(turn)
            self.loss_sums[turn.player].assign_add(loss)
            self.step.assign(number + 1)
            if on_step:
                on_step(turn, loss)
            if turn.ends_outer and on_outer:
                on_outer(self._outer_metrics(held_out, turn.outer))
            if number + 1 == self.schedule.steps and on_end:
                on_end()
            stop = self.distribution.any(should_stop())
            if chief and (stop or turn.ends_outer or time.monotonic() - saved >= self.config.checkpoint_seconds):
                checkpoints.save(number + 1)
                saved = time.monotonic()
            if stop and number + 1 < self.schedule.steps:
                return False
        return True

    def _outer_metrics(self, held_out, outer):
        counts = {DISCRIMINATOR: self.schedule.discriminator_steps, GENERATOR: self.schedule.generator_steps}
        metrics = {"outer": outer}
        for player, total in self.loss_sums.items():
            if counts[player]:
                metrics[f"{player}_loss"] = float(total) / counts[player]
            total.assign(0.0)
        return {**metrics, **self.evaluate(*held_out, outer)}
