"""The training loop: one compiled step a player, and the loop that reads the schedule."""

import dataclasses
import math
import time

import keras
import numpy as np
import tensorflow as tf

from sensegen_tf.data.pipeline import minibatches
from sensegen_tf.errors import InputError
from sensegen_tf.layers.mixture import row_noise
from sensegen_tf.layers.parts import in_parts, parts
from sensegen_tf.training import losses
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR

# Streams of random numbers that share the run's seed.
_REAL_FOR = {DISCRIMINATOR: 1, GENERATOR: 2}
_ROLLOUT_FOR_TRAINING, _ROLLOUT_FOR_EVALUATION, _ROLLOUT_FOR_PICTURE = 3, 4, 5


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How the players learn.

    Attributes:
      batch_size: B, at least 1.
      generator_learning_rate, discriminator_learning_rate: of Adam, above 0.
      learning_rate_decay: "none", or "cosine" to zero over the player's steps.
      gradient_clip_norm: the largest global norm of a gradient, above 0.
      evaluation_windows: how many held-out windows are measured at most, at least 1.
      checkpoint_seconds: time after which a step is saved inside an outer iteration, at least 0.
      seed: of all random numbers, in [0, 2^31).
      balance_labels: whether every label has the same share of the minibatches.
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

    def __post_init__(self):
        for name in ("generator_learning_rate", "discriminator_learning_rate", "gradient_clip_norm"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InputError(f"--{name} must be above 0 and finite, got {value}")


class NotFiniteError(InputError):
    """The loss or the gradient of a step is not finite."""


class Trainer:
    """Two players, their optimisers, and their compiled steps.

    Args:
      generator, discriminator: built models.
      schedule: a `Schedule`.
      config: a `TrainingConfig`.
    """

    def __init__(self, generator, discriminator, schedule, config):
        self.generator, self.discriminator = generator, discriminator
        self.schedule, self.config = schedule, config
        self.generator_optimizer = self._optimizer(config.generator_learning_rate, schedule.generator_steps)
        self.discriminator_optimizer = self._optimizer(config.discriminator_learning_rate, schedule.discriminator_steps)
        self.generator_optimizer.build(generator.trainable_variables)
        self.discriminator_optimizer.build(discriminator.trainable_variables)
        self.step = tf.Variable(0, dtype=tf.int64)
        self.loss_sums = {player: tf.Variable(0.0, dtype=tf.float64) for player in (DISCRIMINATOR, GENERATOR)}

    def _optimizer(self, learning_rate, steps_per_outer):
        if self.config.learning_rate_decay == "cosine":
            steps = max(1, steps_per_outer * self.schedule.outer_iterations)
            learning_rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        return keras.optimizers.Adam(learning_rate, global_clipnorm=self.config.gradient_clip_norm)

    def state(self):
        """What a checkpoint must hold: name -> model, optimiser or variable."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "step": self.step,
            **{f"{player}_loss_sum": total for player, total in self.loss_sums.items()},
        }

    def _learn(self, loss_function, model, optimizer, *batch):
        """A step on the mean loss of a minibatch: its loss and the norm of its gradient."""
        rows = batch[0].shape[0]
        variables = [variable.value for variable in model.trainable_variables]
        total, sums = 0.0, [0.0] * len(variables)
        for part in parts(rows):
            with tf.GradientTape() as tape:
                loss = loss_function(*(each[part] for each in batch)) * ((part.stop - part.start) / rows)
            gradients = tape.gradient(loss, variables)
            total, sums = total + loss, [a + b for a, b in zip(sums, gradients, strict=True)]
        return total, self._update(model, optimizer, sums)

    @tf.function(jit_compile=True)
    def _update(self, model, optimizer, gradients):
        optimizer.apply(gradients, model.trainable_variables)
        return tf.linalg.global_norm(gradients)

    @tf.function(jit_compile=True)
    def _negative_log_likelihood(self, parameters, real):
        return losses.negative_log_likelihood(self.generator.head.distribution(parameters), real)

    @tf.function
    def generator_step(self, real):
        """One step of the generator by likelihood on real series [B, T, C]; returns loss and gradient norm."""

        def loss(real):
            return self._negative_log_likelihood(self.generator(real), real)

        return self._learn(loss, self.generator, self.generator_optimizer, real)

    @tf.function
    def discriminator_step(self, real, generated):
        """One step of the discriminator on two times [B, T, C]; returns loss and gradient norm."""

        def loss(real, generated):
            logits = self.discriminator(tf.concat([real, generated], 0))  # [2 B]
            return losses.minimax_discriminator_loss(*tf.split(logits, 2))

        return self._learn(loss, self.discriminator, self.discriminator_optimizer, real, generated)

    @tf.function
    def _rollout(self, noise):
        return in_parts(self._compiled_rollout, noise)

    @tf.function(jit_compile=True)
    def _compiled_rollout(self, noise):
        return self.generator.rollout(noise)

    @tf.function
    def _noise(self, stream, number, rows, steps):
        root = tf.random.experimental.stateless_fold_in([self.config.seed, stream], number)
        seeds = tf.random.stateless_uniform([rows], root, minval=None, maxval=None, dtype=tf.int64, alg="philox")
        return row_noise(seeds, steps, self.generator.channels)

    def generate(self, stream, number, rows, steps):
        """Standardised series [rows, steps, C] for draw `number` of a random stream."""
        number = tf.constant(number, tf.int64)
        return self._rollout(self._noise(stream, number, tf.constant(rows), tf.constant(steps)))

    def generate_for_picture(self, rows, steps):
        """The same rows at every call, so that pictures along the training can be compared; standardised."""
        return self.generate(_ROLLOUT_FOR_PICTURE, 0, rows, steps).numpy()

    @tf.function
    def _held_out(self, real, generated):
        nll = self._negative_log_likelihood(self.generator(real), real)
        return nll, self.discriminator(real), self.discriminator(generated)

    def evaluate(self, real, outer):
        """Held-out figures after an outer iteration, on real series [N, T, C] and as many generated ones.

        Returns:
          A dictionary: `heldout_nll`, nats a step; `discriminator_accuracy`, in [0, 1], with its two halves
          `real_called_real` and `generated_called_generated`; a logit above 0 calls a series real.
        """
        # Chunks of one size compile once; what is left over when N is no multiple of it is a second size.
        chunks = np.split(real, range(256, len(real), 256))
        parts = []
        for index, chunk in enumerate(chunks):
            number = outer * len(chunks) + index
            generated = self.generate(_ROLLOUT_FOR_EVALUATION, number, len(chunk), chunk.shape[1])
            parts.append([np.asarray(part) for part in self._held_out(chunk, generated)])
        nll = np.average([part[0] for part in parts], weights=[len(chunk) for chunk in chunks])
        real_logits, generated_logits = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
        return {
            "heldout_nll": float(nll),
            "discriminator_accuracy": float(np.mean([*(real_logits > 0), *(generated_logits <= 0)])),
            "real_called_real": float(np.mean(real_logits > 0)),
            "generated_called_generated": float(np.mean(generated_logits <= 0)),
        }

    @tf.function
    def _log_likelihood(self, real):
        return tf.reduce_sum(self.generator.distribution(real).log_prob(real), 1)

    def log_likelihood(self, real):
        """Log-likelihood of whole series [N, T, C], standardised: float32 [N], nats."""
        return np.concatenate([self._log_likelihood(real[i : i + 256]).numpy() for i in range(0, len(real), 256)])

    def _learner(self, dataset):
        """A function of a turn that runs its step and returns the loss."""
        batch_size, seed, balance = self.config.batch_size, self.config.seed, self.config.balance_labels
        source, current = {}, {}

        def data(turn):
            """The minibatches of the turn's player: drawn anew when the turn asks for another one."""
            player, number = turn.player, turn.minibatch
            if player not in source:
                stream = (seed, _REAL_FOR[player])
                source[player] = minibatches(dataset.training, batch_size, stream, number, balance)
            if player not in current or current[player][0] != number:
                real = tf.convert_to_tensor(dataset.standardizer.to_standard(next(source[player])))
                generated = ()
                if player == DISCRIMINATOR:
                    generated = (self.generate(_ROLLOUT_FOR_TRAINING, number, batch_size, dataset.length),)
                current[player] = number, (real, *generated)
            return current[player][1]

        def learn(turn):
            step = self.discriminator_step if turn.player == DISCRIMINATOR else self.generator_step
            loss, norm = (float(value) for value in step(*data(turn)))
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise NotFiniteError(
                    f"step {turn.step} ({turn.player}, outer iteration {turn.outer}): the loss is {loss}, the norm of "
                    f"its gradient {norm}. Training stopped; the last checkpoint is intact. Lower "
                    f"--{turn.player}_learning_rate or --gradient_clip_norm and start in a new --run_dir"
                )
            return loss

        return learn

    def fit(self, dataset, checkpoints, on_step, on_outer, should_stop):
        """Runs the schedule from the restored step to its end, or until it is told to stop.

        Args:
          dataset: a `Dataset`; at most `evaluation_windows` of its held-out windows, evenly spread, are measured.
          checkpoints: `Checkpoints` of `state()`, already restored.
          on_step: called with (turn, loss) after every step.
          on_outer: called with the metrics (a dictionary) after every outer iteration, before it is saved.
          should_stop: called after every step; where it returns True the step is saved and the loop left.

        Returns:
          Whether the schedule came to its end.

        Raises:
          NotFiniteError: see there. The last save is of finite weights.
        """
        held_out = dataset.heldout.spread(self.config.evaluation_windows).values
        held_out = dataset.standardizer.to_standard(held_out)
        learn = self._learner(dataset)
        saved = time.monotonic()
        for number in range(int(self.step), self.schedule.steps):
            turn = self.schedule.turn(number)
            loss = learn(turn)
            self.loss_sums[turn.player].assign_add(loss)
            self.step.assign(number + 1)
            on_step(turn, loss)
            if turn.ends_outer:
                on_outer(self._outer_metrics(held_out, turn.outer))
            stop = should_stop()
            if stop or turn.ends_outer or time.monotonic() - saved >= self.config.checkpoint_seconds:
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
        return {**metrics, **self.evaluate(held_out, outer)}
