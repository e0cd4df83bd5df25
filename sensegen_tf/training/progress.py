"""Callbacks of a person at a terminal: a bar, a line an outer iteration, TensorBoard's scalars, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import tensorflow as tf
import tqdm

from sensegen_tf.training.callback import Callback
from sensegen_tf.training.run import Run
from sensegen_tf.training.schedule import Step


def summary_writer(folder: str) -> Any:
    """A TensorBoard writer, or None where the package tensorboard is not installed, without which tf.summary fails."""
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        return None
    return tf.summary.create_file_writer(folder)


def _describe(guarantee, parameters):
    """What a guarantee costs, for the one who is about to pay."""
    config = guarantee.config
    return (
        f"guarantee   epsilon {config.epsilon:g}, delta {config.delta:g} for each {config.unit}; "
        f"{guarantee.subjects} {config.unit}s, {config.subjects_per_step} expected in each of {guarantee.steps} steps\n"
        f"noise       sigma {guarantee.noise_multiplier:g}; on the mean gradient of {parameters:,} parameters "
        f"{guarantee.noise_ratio(parameters):.3g} times the clip\n"
        f"expect      {guarantee.advice(parameters)}"
    )


class Progress(Callback):
    """Shows a run on the terminal, and writes RUN/logs for TensorBoard."""

    def on_begin(self, run: Run) -> None:
        """Opens the bar where the run starts or goes on."""
        self._schedule = run.config.schedule
        self._figures: dict[str, str] = {}
        self._writer = summary_writer(os.path.join(run.path, "logs"))
        self._bar = tqdm.tqdm(
            total=self._schedule.steps,
            initial=run.resumed_at,
            unit="step",
            desc="training",
            smoothing=0.02,
            mininterval=0.5 if sys.stderr.isatty() else 15,
            dynamic_ncols=True,
        )
        if run.trainer.private:
            self._bar.write(_describe(run.trainer.private.guarantee, run.trainer.parameters.count))
        for metrics in run.metrics[-1:]:
            self._show(metrics)
        if run.resumed_at:
            self._bar.write(f"resumed at step {run.resumed_at} of {self._schedule.steps}")

    def on_end(self, run: Run) -> None:
        """Closes the bar."""
        del run
        self._bar.close()
        if self._writer:
            self._writer.close()

    def on_step(self, step: Step, loss: float) -> None:
        """Moves the bar."""
        self._figures[f"{step.player} loss"] = f"{loss:.3f}"
        self._bar.set_postfix(self._figures, refresh=False)
        self._bar.update()
        if self._writer:
            with self._writer.as_default(step.number):
                tf.summary.scalar(f"step/{step.player}_loss", loss)

    def on_outer(self, metrics: dict[str, float]) -> None:
        """Writes a line above the bar."""
        outer = int(metrics["outer"])
        self._show(metrics)
        figures = "  ".join(
            f"{name.replace('_', ' ')} {value:.3f}" for name, value in metrics.items() if name != "outer"
        )
        self._bar.write(f"outer iteration {outer + 1}/{self._schedule.outer_iterations}  {figures}")
        if self._writer:
            with self._writer.as_default((outer + 1) * self._schedule.steps_per_outer):
                for name, value in metrics.items():
                    tf.summary.scalar(f"outer/{name}", value)
            self._writer.flush()

    def on_calibrate(self) -> None:
        """Writes a line above the bar."""
        self._bar.write("choosing the temperatures of sampling by the spectra of samples")

    def _show(self, metrics):
        self._figures["test NLL"] = f"{metrics['test_nll']:.3f}"
        if "discriminator_accuracy" in metrics:
            self._figures["test accuracy"] = f"{metrics['discriminator_accuracy']:.3f}"
        self._bar.set_postfix(self._figures, refresh=False)


class Interrupt(Callback):
    """The first Ctrl-C (or SIGTERM) asks to stop after the step; a second one stops at once."""

    def on_begin(self, run: Run) -> None:
        """Takes the signals."""
        del run
        self._requested = False
        self._before = {number: signal.signal(number, self._request) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_end(self, run: Run) -> None:
        """Gives the signals back."""
        del run
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number, frame):
        del frame
        self._requested = True
        signal.signal(number, self._before[number])

    def should_stop(self) -> bool:
        """Whether there was a signal."""
        return self._requested
