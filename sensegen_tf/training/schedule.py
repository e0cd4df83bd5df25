"""The alternation of generator and discriminator as a value."""

from __future__ import annotations

import dataclasses

from sensegen_tf.errors import InputError

DISCRIMINATOR, GENERATOR = "discriminator", "generator"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One training step.

    Attributes:
      number: in the run, from 0.
      outer: the outer iteration that it belongs to, from 0.
      player: which model learns.
      minibatch: number of the minibatch of that player that it learns from; data and noise are functions of it.
      ends_outer: whether it is the last of its outer iteration.
    """

    number: int
    outer: int
    player: str
    minibatch: int
    ends_outer: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """Outer iterations, in each of which first the discriminator learns, then the generator (SenseGen, Algorithm 1).

    Attributes:
      outer_iterations: T, at least 1.
      discriminator_steps: steps of the discriminator in an outer iteration, at least 0.
      generator_steps: steps of the generator in an outer iteration, at least 0.
      fresh_minibatches: whether every step draws a minibatch of its own. Algorithm 1 as printed draws one for each
        player in an outer iteration and repeats it for all the steps.

    Example:
      >>> schedule = alternating(2, discriminator_steps=1, generator_steps=2)
      >>> [schedule.step(number).player for number in range(3)]
      ['discriminator', 'generator', 'generator']
    """

    outer_iterations: int
    discriminator_steps: int
    generator_steps: int
    fresh_minibatches: bool

    def __post_init__(self) -> None:
        if self.outer_iterations < 1:
            raise InputError(
                f"outer_iterations must be at least 1, got {self.outer_iterations}", fields=["outer_iterations"]
            )
        if min(self.discriminator_steps, self.generator_steps) < 0 or not self.steps_per_outer:
            raise InputError(
                "discriminator_steps and generator_steps must not be negative nor both 0, got "
                f"{self.discriminator_steps} and {self.generator_steps}",
                fields=["discriminator_steps", "generator_steps"],
            )

    @property
    def steps_per_outer(self) -> int:
        """Steps of both players in an outer iteration."""
        return self.discriminator_steps + self.generator_steps

    @property
    def steps(self) -> int:
        """Steps of both players in the whole run."""
        return self.outer_iterations * self.steps_per_outer

    def steps_of(self, player: str) -> int:
        """Steps of one player in an outer iteration."""
        return self.discriminator_steps if player == DISCRIMINATOR else self.generator_steps

    def step(self, number: int) -> Step:
        """The step of this number, in [0, steps)."""
        outer, inner = divmod(number, self.steps_per_outer)
        if inner < self.discriminator_steps:
            player, own = DISCRIMINATOR, inner
        else:
            player, own = GENERATOR, inner - self.discriminator_steps
        minibatch = outer * self.steps_of(player) + own if self.fresh_minibatches else outer
        ends_outer = inner == self.steps_per_outer - 1
        return Step(number=number, outer=outer, player=player, minibatch=minibatch, ends_outer=ends_outer)


def algorithm1(outer_iterations: int, *, discriminator_steps: int = 200, generator_steps: int = 100) -> Schedule:
    """Algorithm 1 as printed: one minibatch for each player and outer iteration, repeated."""
    return Schedule(
        outer_iterations=outer_iterations,
        discriminator_steps=discriminator_steps,
        generator_steps=generator_steps,
        fresh_minibatches=False,
    )


def alternating(outer_iterations: int, *, discriminator_steps: int = 200, generator_steps: int = 100) -> Schedule:
    """The same alternation with a fresh minibatch at every step."""
    return Schedule(
        outer_iterations=outer_iterations,
        discriminator_steps=discriminator_steps,
        generator_steps=generator_steps,
        fresh_minibatches=True,
    )


SCHEDULES = {"algorithm1": algorithm1, "alternating": alternating}
