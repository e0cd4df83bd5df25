"""Trains as `python -m sensegen_tf.train` does, with sizes of the generator of its row of the zoo changed.

    python experiments/train_variant.py '{"dropout": 0.4}' --model=sensegen_accel --flagfile=...

Two more changes are trials, which the package does not have: "input_noise" adds normal noise to the true past that the
generator is told in training, in units of the increments' spread; "averaging" exports the moving average of the
generator's weights with that momentum a step.
"""

import dataclasses
import json
import sys

import tensorflow as tf

from sensegen_tf import commands, train
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.zoo import ZOO
from sensegen_tf.training import loop, players


def add_input_noise(share):
    """The generator's teacher forcing with noise on the past; the likelihood is of the series as they are."""
    call = Generator.call

    def noisy(self, series, condition, dropout_noise=None):
        if dropout_noise is not None:  # As it is in training alone, where it differs from step to step.
            seed = tf.bitcast(dropout_noise[0, 0, :2], tf.int32)
            series += share * self.unit * tf.random.stateless_normal(series.shape, seed, alg="philox")
        return call(self, series, condition, dropout_noise)

    Generator.call = noisy


def average_weights(momentum):
    """The generator's optimiser with a moving average, which takes the weights' place at the end of the schedule."""

    class Averaged(players.Players):
        def _optimizer(self, learning_rate, steps):
            optimizer = super()._optimizer(learning_rate, steps)
            optimizer.use_ema, optimizer.ema_momentum = True, momentum
            return optimizer

    class Trainer(loop.Trainer):
        def _outer_metrics(self, held_out, outer):
            if outer + 1 == self.schedule.outer_iterations:
                variables = self.generator.trainable_variables
                self.players.generator_optimizer.finalize_variable_values(variables)
            return super()._outer_metrics(held_out, outer)

    loop.Players, loop.Trainer = Averaged, Trainer


TRIALS = {"input_noise": add_input_noise, "averaging": average_weights}


def main():
    for trial in TRIALS.keys() & CHANGES.keys():
        TRIALS[trial](CHANGES.pop(trial))
    name, row = train.FLAGS.model, ZOO[train.FLAGS.model]
    sizes = {key: tuple(value) if isinstance(value, list) else value for key, value in CHANGES.items()}
    ZOO[name] = dataclasses.replace(row, generator=dataclasses.replace(row.generator, **sizes))
    return train.main()


if __name__ == "__main__":
    CHANGES = json.loads(sys.argv.pop(1))
    commands.run(main)
