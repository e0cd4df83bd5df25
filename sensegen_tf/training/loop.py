"""The training loop: it reads the schedule, and calls the step of the model whose turn it is."""

from __future__ import annotations

import math
import time
import typing
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.training.batches import Batches, Feed, Stream
from sensegen_tf.training.callback import Callback
from sensegen_tf.training.checkpoints import Checkpoints
from sensegen_tf.training.compiled import CHUNK, CompiledGenerator
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.learning import LearningConfig
from sensegen_tf.training.parameters import Parameters, parameters_of
from sensegen_tf.training.private_run import PrivateRun
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR, Schedule, Step
from sensegen_tf.training.steps import DiscriminatorStep, GeneratorStep
from sensegen_tf.training.update import Updater


class NotFiniteError(InputError):
    """The loss or the gradient of a step is not finite."""


class Trainer:
    """Both models with their optimisers, and a schedule.

    Args:
      generator, discriminator: built, in the scope of the distribution.
      schedule: the alternation.
      config: how they learn.
      distribution: of the replicas.
      private: the guarantee that the generator's steps give and the secret of the run; None for none.
      trainable: what of the generator learns, see `training.parameters.parameters_of`.

    Attributes:
      parameters: those of the generator that learn.
      step: `tf.Variable`, how many steps are done.
      batches: makes what the models learn from and are measured on.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        *,
        schedule: Schedule,
        config: LearningConfig,
        distribution: Distribution,
        private: PrivateRun | None = None,
        trainable: str = "all",
    ):
        self.generator, self.discriminator, self.schedule = generator, discriminator, schedule
        self.config, self.distribution, self.private = config, distribution, private
        self.compiled = CompiledGenerator(generator)
        self.batches = Batches(self.compiled, config=config, distribution=distribution)
        rates = {DISCRIMINATOR: config.discriminator_learning_rate, GENERATOR: config.generator_learning_rate}
        how: dict[str, typing.Any] = {"config": config, "distribution": distribution}
        with distribution.scope():
            self.parameters = parameters_of(generator, trainable, seed=config.seed)
            learners = {DISCRIMINATOR: Parameters(discriminator.trainable_variables), GENERATOR: self.parameters}
            self._updaters = {
                player: Updater(
                    learners[player],
                    learning_rate=rates[player],
                    steps=schedule.outer_iterations * schedule.steps_of(player),
                    **how,
                )
                for player in learners
            }
        self._steps: dict[str, typing.Any] = {
            GENERATOR: private.step(
                self.compiled,
                optimizer=self._updaters[GENERATOR].optimizer,
                parameters=self.parameters,
                distribution=distribution,
            )
            if private
            else GeneratorStep(self.compiled, discriminator, updater=self._updaters[GENERATOR], **how),
            DISCRIMINATOR: DiscriminatorStep(
                self.compiled, discriminator, updater=self._updaters[DISCRIMINATOR], distribution=distribution
            ),
        }
        self.step = tf.Variable(0, dtype=tf.int64)
        self.private_steps = tf.Variable(0, dtype=tf.int64)
        self._loss_sums = {player: tf.Variable(0.0, dtype=tf.float64) for player in (DISCRIMINATOR, GENERATOR)}

    def state(self) -> dict[str, typing.Any]:
        """What a checkpoint must hold: name -> model, optimiser or variable."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimizer": self._updaters[GENERATOR].optimizer,
            "discriminator_optimizer": self._updaters[DISCRIMINATOR].optimizer,
            "step": self.step,
            **({"private_steps": self.private_steps} if self.private else {}),
            **({"parameters": self.parameters} if self.parameters.variables else {}),
            **{f"{player}_loss_sum": total for player, total in self._loss_sums.items()},
        }

    def log_likelihood(self, dataset: Dataset, windows: WindowSet) -> np.ndarray:
        """Log-likelihood of windows as the models see them: float32 [N], nats."""
        label = self.batches.encode_labels(dataset, windows)
        return self.compiled.log_likelihood(self.batches.standardize_windows(dataset, windows), label)

    @tf.function
    def _discriminate(self, real, generated, label):
        condition = Condition.of_label(label)
        return self.discriminator(real, condition), self.discriminator(generated, condition)

    def evaluate(self, dataset: Dataset, windows: WindowSet, *, outer: int) -> dict[str, float]:
        """Figures of the models after an outer iteration.

        Args:
          dataset: of the windows.
          windows: of test subjects.
          outer: number of the iteration.

        Returns:
          `test_nll`, nats a sample. With a latent also `latent_nats`, how many nats its posterior of a series says of
          it. Where the discriminator learns also `discriminator_accuracy`, in [0, 1], and its two halves
          `accuracy_on_real` and `accuracy_on_generated`; a logit above 0 classifies a series as real.
        """
        real, label = self.batches.standardize_windows(dataset, windows), self.batches.encode_labels(dataset, windows)
        found = {}
        if self.generator.latent_size:
            found["latent_nats"] = float(np.mean(np.sum(self.compiled.posterior(real).divergence(), -1)))
        found["test_nll"] = float(-np.mean(self.compiled.log_likelihood(real, label)) / real.shape[1])
        if self.schedule.steps_of(DISCRIMINATOR):
            found |= self._accuracies(real, label, outer)
        return found

    def _accuracies(self, real, label, outer):
        """Of the discriminator on real windows and as many generated ones."""
        logits, starts = [], range(0, len(real), CHUNK)
        for index, start in enumerate(starts):
            chunk, of_chunk = real[start : start + CHUNK], label[start : start + CHUNK]
            number, steps = outer * len(starts) + index, chunk.shape[1]
            generated = self.batches.generate(Stream.EVALUATION_ROLLOUTS, number, label=of_chunk, steps=steps)
            logits.append([np.asarray(each) for each in self._discriminate(chunk, generated, of_chunk)])
        real_logits, generated_logits = (np.concatenate(each) for each in zip(*logits, strict=True))
        return {
            "discriminator_accuracy": float(np.mean([*(real_logits > 0), *(generated_logits <= 0)])),
            "accuracy_on_real": float(np.mean(real_logits > 0)),
            "accuracy_on_generated": float(np.mean(generated_logits <= 0)),
        }

    def _learn(self, step: Step, feed: Feed) -> float:
        """Runs a step and returns its loss."""
        loss, norm = (float(value) for value in self._steps[step.player](feed.batch(step)))
        if self.private and step.player == GENERATOR:
            self.private_steps.assign_add(1)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            rate = f"{step.player}_learning_rate"
            raise NotFiniteError(
                f"step {step.number} ({step.player}, outer iteration {step.outer}): the loss is {loss}, the norm of "
                f"its gradient {norm}. Training stopped; the last checkpoint is intact. Lower {rate} or "
                "gradient_clip_norm and start in a new run_dir",
                fields=[rate, "gradient_clip_norm", "run_dir"],
            )
        return loss

    def fit(
        self,
        dataset: Dataset,
        checkpoints: Checkpoints,
        *,
        callbacks: Sequence[Callback] = (),
        checkpoint_seconds: float = 60.0,
        on_outer: Callable[[dict[str, float]], None] | None = None,
        on_last: Callable[[], None] | None = None,
    ) -> bool:
        """Runs the schedule from the restored step to its end, or until a callback asks to stop.

        Args:
          dataset: at most `evaluation_windows` of its test windows, evenly spaced, are measured.
          checkpoints: of `state()`, already restored; of several workers, the chief alone saves and measures.
          callbacks: who looks on.
          checkpoint_seconds: time after which a step is saved inside an outer iteration.
          on_outer: called with the metrics of every outer iteration before the callbacks are.
          on_last: called after the last step and its metrics, before it is saved.

        Returns:
          Whether the schedule came to its end.

        Raises:
          NotFiniteError: see there. The last save is of finite weights.
        """
        chief = self.distribution.chief
        windows = dataset.test.subsample(self.config.evaluation_windows) if chief else None
        feed = self._feed(dataset)
        saved = time.monotonic()
        for number in range(int(self.step), self.schedule.steps):
            step = self.schedule.step(number)
            loss = self._learn(step, feed)
            self._loss_sums[step.player].assign_add(loss)
            self.step.assign(number + 1)
            for callback in callbacks:
                callback.on_step(step, loss)
            if step.ends_outer and windows:
                metrics = {**self._mean_losses(step.outer), **self.evaluate(dataset, windows, outer=step.outer)}
                for listener in [*filter(None, [on_outer]), *(callback.on_outer for callback in callbacks)]:
                    listener(metrics)
            if number + 1 == self.schedule.steps and on_last:
                on_last()
            stop = self.distribution.any(any(callback.should_stop() for callback in callbacks))
            if chief and (stop or step.ends_outer or time.monotonic() - saved >= checkpoint_seconds):
                checkpoints.save(number + 1)
                saved = time.monotonic()
            if stop and number + 1 < self.schedule.steps:
                return False
        return True

    def _feed(self, dataset):
        """The batches of the steps."""
        private = None
        if self.private:
            replicas = self.distribution.replicas
            private = self.private.feed(self.generator, dataset, dequantize=self.config.dequantize, replicas=replicas)
        how = {"config": self.config, "distribution": self.distribution}
        return Feed(self.batches, dataset, private=private, **how)

    def _mean_losses(self, outer):
        """The first metrics of an outer iteration: its number, and the mean training loss of each model."""
        metrics = {"outer": outer}
        for player, total in self._loss_sums.items():
            if count := self.schedule.steps_of(player):
                metrics[f"{player}_loss"] = float(total) / count
            total.assign(0.0)
        return metrics
