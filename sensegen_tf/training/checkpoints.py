"""What is needed to go on exactly where a run stopped."""

from __future__ import annotations

import os
from typing import Any

import keras
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.files import os_errors


def _variables(holder):
    if isinstance(holder, tf.Variable):
        return [holder]
    # `weights`, not `variables`: Keras's LSTM holds a state of its dropout, which is not used.
    variables = holder.weights if isinstance(holder, keras.Model) else holder.variables
    return [variable.value for variable in variables]


class Checkpoints:
    """Weights, optimiser states, the step and the running sums of one run; the last two saves are kept.

    A save writes its files first and the file that names them last, so that a run killed at any moment finds a
    complete save.

    Args:
      folder: where they live.
      objects: name -> a Keras model, a Keras optimiser or a `tf.Variable`.
    """

    def __init__(self, folder: str | os.PathLike[str], **objects: Any):
        # Variables by name of their object, since tf.train.Checkpoint does not see into lists of Keras layers.
        self._objects = objects
        self._checkpoint = tf.train.Checkpoint(**{name: _variables(each) for name, each in objects.items()})
        self._models = {name: each for name, each in objects.items() if isinstance(each, keras.Model)}
        self._manager = tf.train.CheckpointManager(self._checkpoint, os.fspath(folder), max_to_keep=2)

    def variables(self) -> list[tf.Variable]:
        """All the `tf.Variable`s that are saved."""
        return [variable for each in self._objects.values() for variable in _variables(each)]

    def restore(self) -> bool:
        """Restores the newest save; returns whether there was one.

        Raises:
          InputError: the save does not fit the model or cannot be read.
        """
        newest = self._manager.latest_checkpoint
        if newest is None:
            return False
        try:
            self._checkpoint.restore(newest).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise InputError(f"the checkpoint {newest} cannot be restored into this model: {error}") from error
        return True

    def restore_models(self, folder: str | os.PathLike[str]) -> None:
        """Takes the weights of the models, and nothing else, from the newest save of another run.

        Args:
          folder: of that run's checkpoints.

        Raises:
          InputError: there is none, or it is of another model.
        """
        newest = tf.train.latest_checkpoint(os.fspath(folder))
        if newest is None:
            raise InputError(f"there is no checkpoint in {folder}")
        models = tf.train.Checkpoint(**{name: _variables(each) for name, each in self._models.items()})
        try:
            models.restore(newest).assert_existing_objects_matched().expect_partial()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise InputError(f"the checkpoint {newest} is of another model: {error}") from error

    def save(self, step: int) -> None:
        """Saves, unless the newest save is of this step already.

        Raises:
          InputError: the disk is full, or the folder cannot be written; the save before is intact.
        """
        newest = self._manager.latest_checkpoint
        if newest is not None and newest.endswith(f"-{step}"):
            return
        try:
            with os_errors():
                self._manager.save(checkpoint_number=step)
        except OSError as error:
            raise InputError(
                f"cannot save step {step}: {error.strerror}. The checkpoint before it is intact"
            ) from error
