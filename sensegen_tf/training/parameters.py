"""Which parameters of a model learn: all of them, those of its head, or low-rank changes of a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from sensegen_tf.models.generator import Generator

TRAINABLE = ("all", "head", "lora")
# Of the low-rank changes.
_RANK = 4


class Parameters:
    """Parameters that learn, here those of the model itself.

    Args:
      variables: trainable Keras variables of a model.

    Attributes:
      sources: Keras variables of the model whose gradients are needed.
      learnt: Keras variables that the optimiser moves.
      variables: what a checkpoint must hold beside the model.
    """

    def __init__(self, variables: Sequence[Any]):
        self.sources, self.learnt = list(variables), list(variables)
        self.variables: list[Any] = []

    @property
    def count(self) -> int:
        """How many numbers are learnt."""
        return sum(int(tf.size(variable.value)) for variable in self.learnt)

    def start(self) -> None:
        """Notes the weights of the model from which the training starts."""

    def gradients(self, of_sources: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The gradients of `learnt` from those of `sources`; both may have leading dimensions of examples."""
        return list(of_sources)

    def update(self, optimizer: keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor]) -> None:
        """Moves `learnt`, and with it the model."""
        optimizer.apply(list(gradients), self.learnt)


class _Change(NamedTuple):
    """Of a matrix: the variable W + A B, A, B, and W; or a variable that learns as it is, and three times None."""

    variable: Any
    down: Any = None
    up: Any = None
    base: Any = None


class LowRank(Parameters):
    """Every matrix W of a trained model becomes W + A B with A [D, r] and B [r, O]; biases learn as they are.

    LoRA (Hu et al., 2022), with the sum written back into the model after each step, so that the model stays as it is.
    The gradients follow from that of W: dA = dW B^T and dB = A^T dW. B starts at zero.

    Args:
      variables: trainable Keras variables of a model.
      rank: r, at least 1; smaller where a matrix is.
      seed: of A.

    Example:
      >>> import keras, numpy as np
      >>> layer = keras.layers.Dense(6)
      >>> layer.build([None, 8])
      >>> parameters = LowRank(layer.trainable_variables, rank=2, seed=0)
      >>> parameters.start()
      >>> [tuple(each.shape) for each in parameters.learnt], parameters.count
      ([(8, 2), (2, 6), (6,)], 34)
    """

    def __init__(self, variables: Sequence[Any], *, rank: int = _RANK, seed: int):
        super().__init__(variables)
        self.learnt = []
        self._changes: list[_Change] = []
        for number, variable in enumerate(self.sources):
            if len(variable.shape) != 2:
                self.learnt.append(variable)
                self._changes.append(_Change(variable))
                continue
            inputs, outputs = variable.shape
            size = min(rank, inputs, outputs)
            initializer = keras.initializers.RandomNormal(stddev=inputs**-0.5, seed=seed + number)
            down = keras.Variable(initializer([inputs, size]), name=f"down_{number}")
            up = keras.Variable(tf.zeros([size, outputs]), name=f"up_{number}")
            base = keras.Variable(tf.zeros([inputs, outputs]), name=f"base_{number}", trainable=False)
            self.learnt += [down, up]
            self._changes.append(_Change(variable, down, up, base))
            self.variables += [down, up, base]

    def start(self) -> None:
        """Notes the weights of the model from which the training starts."""
        for each in self._changes:
            if each.base is not None:
                each.base.assign(each.variable)

    def gradients(self, of_sources: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The gradients of `learnt` from those of `sources`; both may have leading dimensions of examples."""
        found = []
        for each, gradient in zip(self._changes, of_sources, strict=True):
            if each.base is None:
                found.append(gradient)
                continue
            found.append(tf.matmul(gradient, each.up.value, transpose_b=True))
            found.append(tf.einsum("dr,...do->...ro", each.down.value, gradient))
        return found

    def update(self, optimizer: keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor]) -> None:
        """Moves `learnt`, and with it the model."""
        super().update(optimizer, gradients)
        for each in self._changes:
            if each.base is not None:
                each.variable.assign(each.base.value + each.down.value @ each.up.value)


def parameters_of(generator: Generator, trainable: str, *, seed: int) -> Parameters:
    """What of a generator learns.

    Args:
      generator: built.
      trainable: "all"; "head": the head, the layer of sigmoid units before it, and the biases of every layer; or
        "lora": low-rank changes of every matrix, and the biases.
      seed: of the low-rank changes.
    """
    variables = generator.trainable_variables
    if trainable == "lora":
        return LowRank(variables, seed=seed)
    if trainable == "head":
        last = {id(each) for layer in (generator.head, generator.dense) for each in layer.trainable_variables}
        variables = [each for each in variables if id(each) in last or len(each.shape) == 1]
    return Parameters(variables)
