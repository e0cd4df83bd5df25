"""What a person sees while a run trains: the bar, a line an outer iteration, TensorBoard."""

import math
import sys

import tensorflow as tf
import tqdm

# Drawing takes about a second, so a run is drawn at most about this often.
_PICTURES = 20


def _summary_writer(folder):
    """A TensorBoard writer, or None where the package tensorboard is not installed, without which tf.summary fails."""
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        return None
    return tf.summary.create_file_writer(folder)


class Progress:
    """Shows a run; a context manager.

    Args:
      run: the `RunDirectory`; metrics are added to it.
      schedule: the `Schedule`.
      first_step: where the run starts or goes on.
      draw: a function that returns an image uint8 [H, W, 3] of samples, or None.
    """

    def __init__(self, run, schedule, first_step, draw):
        self._run, self._schedule, self._draw = run, schedule, draw
        self._figures = {}
        self._writer = _summary_writer(run.file("logs"))
        self._bar = tqdm.tqdm(
            total=schedule.steps,
            initial=first_step,
            unit="step",
            desc="training",
            smoothing=0.02,
            mininterval=0.5 if sys.stderr.isatty() else 15,
            dynamic_ncols=True,
        )
        for metrics in run.metrics()[-1:]:
            self._show_held_out(metrics)
        if first_step:
            self._bar.write(f"going on from step {first_step} of {schedule.steps}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._bar.close()
        if self._writer:
            self._writer.close()

    def write(self, line):
        """A line of its own, above the bar."""
        self._bar.write(line)

    def step(self, turn, loss):
        """After every step."""
        self._figures[f"{turn.player} loss"] = f"{loss:.3f}"
        self._bar.set_postfix(self._figures, refresh=False)
        self._bar.update()
        if self._writer:
            with self._writer.as_default(turn.step):
                tf.summary.scalar(f"step/{turn.player}_loss", loss)

    def _show_held_out(self, metrics):
        self._figures["held-out NLL"] = f"{metrics['heldout_nll']:.3f}"
        self._figures["held-out accuracy"] = f"{metrics['discriminator_accuracy']:.3f}"

    def outer(self, metrics):
        """After every outer iteration, with its metrics."""
        outer, count = metrics["outer"], self._schedule.outer_iterations
        self._run.add_metrics(metrics)
        self._show_held_out(metrics)
        figures = "  ".join(
            f"{name.replace('_', ' ')} {value:.3f}" for name, value in metrics.items() if name != "outer"
        )
        self._bar.write(f"outer iteration {outer + 1}/{count}  {figures}")
        if self._writer:
            self._write(outer, metrics)

    def _write(self, outer, metrics):
        count = self._schedule.outer_iterations
        with self._writer.as_default((outer + 1) * self._schedule.steps_per_outer):
            for name, value in metrics.items():
                tf.summary.scalar(f"outer/{name}", value)
            if self._draw and (outer % math.ceil(count / _PICTURES) == 0 or outer == count - 1):
                tf.summary.image("samples", self._draw()[None])
        self._writer.flush()
