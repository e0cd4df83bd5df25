"""The alternation of the two players as a value."""

import dataclasses

from sensegen_tf.errors import InputError

DISCRIMINATOR, GENERATOR = "discriminator", "generator"


@dataclasses.dataclass(frozen=True)
class Turn:
    """One training step.

    Attributes:
      step: its number in the run, from 0.
      outer: the outer iteration that it belongs to, from 0.
      player: who learns.
      minibatch: number of the minibatch of that player that it learns from; the data and the noise are functions of it.
      ends_outer: whether it is the last of its outer iteration.
    """

    step: int
    outer: int
    player: str
    minibatch: int
    ends_outer: bool


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Outer iterations, in each of which first the discriminator learns, then the generator (SenseGen, Algorithm 1).

    Attributes:
      outer_iterations: T, at least 1.
      discriminator_steps: steps of the discriminator in an outer iteration, at least 0.
      generator_steps: steps of the generator in an outer iteration, at least 0.
      fresh_minibatches: whether every step draws a minibatch of its own. Algorithm 1 as printed draws one for each
        player in an outer iteration and repeats it for all the steps.
    """

    outer_iterations: int
    discriminator_steps: int
    generator_steps: int
    fresh_minibatches: bool

    def __post_init__(self):
        if self.outer_iterations < 1:
            raise InputError(f"--outer_iterations must be at least 1, got {self.outer_iterations}")
        if min(self.discriminator_steps, self.generator_steps) < 0 or not self.steps_per_outer:
            raise InputError(
                "--discriminator_steps and --generator_steps must not be negative nor both 0, got "
                f"{self.discriminator_steps} and {self.generator_steps}"
            )

    @property
    def steps_per_outer(self):
        """Steps of both players in an outer iteration."""
        return self.discriminator_steps + self.generator_steps

    @property
    def steps(self):
        """Steps of both players in the whole run."""
        return self.outer_iterations * self.steps_per_outer

    def turn(self, step):
        """The turn at `step`, an integer in [0, steps)."""
        outer, inner = divmod(step, self.steps_per_outer)
        if inner < self.discriminator_steps:
            player, count, own = DISCRIMINATOR, self.discriminator_steps, inner
        else:
            player, count, own = GENERATOR, self.generator_steps, inner - self.discriminator_steps
        minibatch = outer * count + own if self.fresh_minibatches else outer
        return Turn(step, outer, player, minibatch, inner == self.steps_per_outer - 1)


def algorithm1(outer_iterations, discriminator_steps=200, generator_steps=100):
    """Algorithm 1 as printed: one minibatch a player and outer iteration, repeated."""
    return Schedule(outer_iterations, discriminator_steps, generator_steps, fresh_minibatches=False)


def alternating(outer_iterations, discriminator_steps=200, generator_steps=100):
    """The same alternation with a fresh minibatch at every step."""
    return Schedule(outer_iterations, discriminator_steps, generator_steps, fresh_minibatches=True)


SCHEDULES = {"algorithm1": algorithm1, "alternating": alternating}
