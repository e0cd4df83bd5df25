"""The training loop: one compiled step a player, and the loop that reads the schedule."""

import dataclasses
import math
import time

import keras
import numpy as np
import tensorflow as tf

from sensegen_tf.data.pipeline import Minibatch, minibatches
from sensegen_tf.data.windows import numbered
from sensegen_tf.errors import InputError
from sensegen_tf.layers.parts import in_parts, parts
from sensegen_tf.training import losses
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR

# Streams of random numbers that share the run's seed.
_REAL_FOR = {DISCRIMINATOR: 1, GENERATOR: 2}
_ROLLOUT_FOR_TRAINING, _ROLLOUT_FOR_EVALUATION, _ROLLOUT_FOR_PICTURE = 3, 4, 5
_ROLLOUT_FOR_GENERATOR = 6
_GRID_FOR = {DISCRIMINATOR: 7, GENERATOR: 8}
_GRID_FOR_EVALUATION, _CODE_FOR_GENERATOR, _DROPOUT_FOR_GENERATOR = 9, 10, 11

# Series that are evaluated at once.
_CHUNK = 256

OBJECTIVES = ("likelihood", "adversarial", "both")


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
      dequantize: whether values on a grid get uniform noise of one step of it, so that the likelihood cannot be won by
        spikes on the grid (Theis et al., 2016, section 3.1).
      generator_objective: what the generator descends, see `OBJECTIVES`.
      adversarial_weight: of the adversarial loss beside the likelihood, at least 0.
      adversarial_batch_size: series of the generator's own in a step of its adversarial loss.
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
        loss, gradients = self._gradient(loss_function, model, *batch)
        return loss, self._update(model, optimizer, gradients)

    def _gradient(self, loss_function, model, *batch):
        """The mean loss of a minibatch and its gradient, taken in parts side by side."""
        rows = batch[0].shape[0]
        variables = [variable.value for variable in model.trainable_variables]
        total, sums = 0.0, [0.0] * len(variables)
        for part in parts(rows):
            with tf.GradientTape() as tape:
                loss = loss_function(*(each[part] for each in batch)) * ((part.stop - part.start) / rows)
            gradients = tape.gradient(loss, variables)
            total, sums = total + loss, [a + b for a, b in zip(sums, gradients, strict=True)]
        return total, sums

    @tf.function(jit_compile=True)
    def _update(self, model, optimizer, gradients):
        optimizer.apply(gradients, model.trainable_variables)
        return tf.linalg.global_norm(gradients)

    @tf.function(jit_compile=True)
    def _log_prob(self, prediction, real):
        return self.generator.log_prob(prediction, real)

    def _likelihood_loss(self, real, label, person, code_noise, seed):
        condition = self.generator.condition(label, self.generator.person_code(person, code_noise))
        log_prob = self._log_prob(self.generator(real, condition, seed[0]), real)
        return losses.negative_log_likelihood(log_prob, self.generator.block)

    @tf.function
    def generator_step(self, real, label, person, code_noise, seed):
        """One step of the generator by likelihood.

        Args:
          real: standardised series [B, T, C].
          label, person: int32 [B].
          code_noise: normals [B, E], on the codes of the people.
          seed: int32 [B, 2], of the dropout; that of a part's first row counts for the part.

        Returns:
          Loss and gradient norm.
        """
        batch = real, label, person, code_noise, seed
        return self._learn(self._likelihood_loss, self.generator, self.generator_optimizer, *batch)

    @tf.function
    def adversarial_generator_step(self, real, label, person, code_noise, seed, noise, series_noise):
        """One step of the generator through the discriminator's judgement of its own rollouts, and where the objective
        is "both", by likelihood as well.

        Args:
          real, label, person, code_noise, seed: as `generator_step`.
          noise, series_noise: of A rollouts, at most B, see `Generator.noise`; they have the first A labels.

        Returns:
          Loss and gradient norm.
        """
        weight = self.config.adversarial_weight
        total, sums = self._adversarial_gradient(noise, series_noise, label[: noise.shape[0]])
        total, sums = weight * total, [weight * each for each in sums]
        if self.config.generator_objective == "both":
            batch = real, label, person, code_noise, seed
            likelihood, gradients = self._gradient(self._likelihood_loss, self.generator, *batch)
            total, sums = total + likelihood, [a + b for a, b in zip(sums, gradients, strict=True)]
        return total, self._update(self.generator, self.generator_optimizer, sums)

    @tf.function(jit_compile=True)
    def _adversarial_gradient(self, noise, series_noise, label):
        """The adversarial loss of rollouts and its gradient; in one, since XLA cannot hand the loop's tape across."""
        variables = [variable.value for variable in self.generator.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            generated = self.generator.generate(noise, series_noise, label)
            loss = losses.minimax_generator_loss(self.discriminator(generated, label))
        return loss, tape.gradient(loss, variables, unconnected_gradients="zero")

    @tf.function
    def discriminator_step(self, real, generated, label):
        """One step of the discriminator on two times [B, T, C] with the same labels; returns loss and gradient norm."""

        def loss(real, generated, label):
            logits = self.discriminator(tf.concat([real, generated], 0), tf.concat([label, label], 0))  # [2 B]
            return losses.minimax_discriminator_loss(*tf.split(logits, 2))

        return self._learn(loss, self.discriminator, self.discriminator_optimizer, real, generated, label)

    @tf.function
    def _rollout(self, noise, series_noise, label):
        return in_parts(self._compiled_rollout, noise, series_noise, label)

    @tf.function(jit_compile=True)
    def _compiled_rollout(self, noise, series_noise, label):
        return self.generator.generate(noise, series_noise, label)

    @tf.function
    def _noise(self, stream, number, rows, steps):
        root = tf.random.experimental.stateless_fold_in([self.config.seed, stream], number)
        seeds = tf.random.stateless_uniform([rows], root, minval=None, maxval=None, dtype=tf.int64, alg="philox")
        return self.generator.noise(seeds, steps)

    def _rollout_noise(self, stream, number, rows, steps):
        return self._noise(stream, tf.constant(number, tf.int64), tf.constant(rows), tf.constant(steps))

    def generate(self, stream, number, label, steps):
        """Standardised series [B, steps, C] with labels int32 [B] for draw `number` of a random stream."""
        return self._rollout(*self._rollout_noise(stream, number, len(label), steps), tf.constant(label))

    def generate_for_picture(self, label, steps):
        """The same rows at every call, so that pictures along the training can be compared; standardised."""
        return self.generate(_ROLLOUT_FOR_PICTURE, 0, label, steps).numpy()

    def _dequantized(self, values, grid, stream, number):
        """Standardised values [N, T, C] with uniform noise of one step of their grid, standardised [C]."""
        if not self.config.dequantize or not np.any(grid):
            return tf.convert_to_tensor(values)
        seed = tf.random.experimental.stateless_fold_in([self.config.seed, stream], number)
        return values + grid * tf.random.stateless_uniform(values.shape, seed, -0.5, 0.5, alg="philox")

    @tf.function
    def _judge(self, real, generated, label):
        return self.discriminator(real, label), self.discriminator(generated, label)

    def evaluate(self, real, label, outer):
        """Held-out figures after an outer iteration, on real series [N, T, C] and as many generated ones.

        Args:
          real: standardised.
          label: int32 [N]; the generated ones have the same.
          outer: number of the iteration.

        Returns:
          A dictionary: `heldout_nll`, nats a sample; `discriminator_accuracy`, in [0, 1], with its two halves
          `real_called_real` and `generated_called_generated`; a logit above 0 calls a series real.
        """
        logits = []
        starts = range(0, len(real), _CHUNK)
        for index, start in enumerate(starts):
            chunk, of_chunk = real[start : start + _CHUNK], label[start : start + _CHUNK]
            number = outer * len(starts) + index
            generated = self.generate(_ROLLOUT_FOR_EVALUATION, number, of_chunk, chunk.shape[1])
            logits.append([np.asarray(each) for each in self._judge(chunk, generated, of_chunk)])
        real_logits, generated_logits = (np.concatenate(each) for each in zip(*logits, strict=True))
        return {
            "heldout_nll": float(-np.mean(self.log_likelihood(real, label)) / real.shape[1]),
            "discriminator_accuracy": float(np.mean([*(real_logits > 0), *(generated_logits <= 0)])),
            "real_called_real": float(np.mean(real_logits > 0)),
            "generated_called_generated": float(np.mean(generated_logits <= 0)),
        }

    @tf.function
    def _log_likelihood(self, real, label, person):
        code = self.generator.person_code(person, tf.zeros([tf.shape(person)[0], self.generator.code_size]))
        prediction = self.generator(real, self.generator.condition(label, code))
        return tf.reduce_sum(self._log_prob(prediction, real), 1)

    def log_likelihood(self, real, label):
        """Log-likelihood of whole series [N, T, C], standardised, given their labels [N]: float32 [N], nats.

        With codes of people, it is the mean of the likelihoods under everybody's code.
        """
        found = []
        for start in range(0, len(real), _CHUNK):
            chunk, of_chunk = real[start : start + _CHUNK], label[start : start + _CHUNK]
            people = range(self.generator.people if self.generator.code_size else 1)
            under = [self._log_likelihood(chunk, of_chunk, np.full(len(chunk), p, np.int32)).numpy() for p in people]
            found.append(np.logaddexp.reduce(under, axis=0) - np.log(np.float32(len(under))))
        return np.concatenate(found)

    def standardized(self, dataset, windows):
        """What the models see of `Windows` of a `Dataset`: standardised values, without their grid, and labels."""
        values = dataset.standardizer.to_standard(windows.values)
        grid = dataset.grid / dataset.standardizer.std
        label = numbered(dataset.training.label_names if self.generator.labels else (), windows.labels, "the label")
        return self._dequantized(values, grid, _GRID_FOR_EVALUATION, 0).numpy(), label

    def _minibatch(self, dataset, minibatch, player, number):
        """The minibatch as its player learns from it."""
        values = dataset.standardizer.to_standard(minibatch.values)
        grid = dataset.grid / dataset.standardizer.std
        values = self._dequantized(values, grid, _GRID_FOR[player], number)
        real = Minibatch(values, tf.convert_to_tensor(minibatch.label), tf.convert_to_tensor(minibatch.person))
        rows, steps = values.shape[:2]
        if player == DISCRIMINATOR:
            return real.values, self.generate(_ROLLOUT_FOR_TRAINING, number, real.label, steps), real.label
        of_code, of_dropout = (
            tf.random.experimental.stateless_fold_in([self.config.seed, stream], number)
            for stream in (_CODE_FOR_GENERATOR, _DROPOUT_FOR_GENERATOR)
        )
        code_noise = tf.random.stateless_normal([rows, self.generator.code_size], of_code, alg="philox")
        batch = *real, code_noise, of_dropout + tf.stack([tf.range(rows), tf.zeros([rows], tf.int32)], 1)
        if self.config.generator_objective != "likelihood":
            own = min(rows, self.config.adversarial_batch_size)
            batch = *batch, *self._rollout_noise(_ROLLOUT_FOR_GENERATOR, number, own, steps)
        return batch

    def _learner(self, dataset):
        """A function of a turn that runs its step and returns the loss."""
        batch_size, seed, balance = self.config.batch_size, self.config.seed, self.config.balance_labels
        source, current = {}, {}
        likelihood_alone = self.config.generator_objective == "likelihood"
        steps = {
            DISCRIMINATOR: self.discriminator_step,
            GENERATOR: self.generator_step if likelihood_alone else self.adversarial_generator_step,
        }

        def data(turn):
            """The minibatches of the turn's player: drawn anew when the turn asks for another one."""
            player, number = turn.player, turn.minibatch
            if player not in source:
                stream = (seed, _REAL_FOR[player])
                source[player] = minibatches(dataset.training, batch_size, stream, number, balance)
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
        held_out = self.standardized(dataset, dataset.heldout.spread(self.config.evaluation_windows))
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
        return {**metrics, **self.evaluate(*held_out, outer)}
