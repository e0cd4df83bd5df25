"""What may look on while a run trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensegen_tf.training.schedule import Step

if TYPE_CHECKING:
    from sensegen_tf.training.run import Run


class Callback:
    """The base of callbacks: does nothing. Override what you need.

    Example:
      >>> class Losses(Callback):
      ...     def __init__(self):
      ...         self.losses = []
      ...
      ...     def on_step(self, step, loss):
      ...         self.losses.append(loss)
    """

    def on_begin(self, run: Run) -> None:
        """Before the first step, or the first after a resumption."""

    def on_step(self, step: Step, loss: float) -> None:
        """After every step, with its loss."""

    def on_outer(self, metrics: dict[str, float]) -> None:
        """After every outer iteration, with its metrics, see `Trainer.evaluate`."""

    def on_calibrate(self) -> None:
        """After the last step, before the temperatures of sampling are chosen."""

    def on_end(self, run: Run) -> None:
        """After the last step is saved, or after the run was stopped."""

    def should_stop(self) -> bool:
        """Asked after every step: where it is True, the step is saved and the run stops; it can be resumed."""
        return False
