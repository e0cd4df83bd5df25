import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR, SCHEDULES, Step, algorithm1, alternating


def steps(make, *numbers):
    """The steps of a schedule of so many outer iterations, steps of the discriminator and of the generator."""
    outer, of_discriminator, of_generator = numbers
    schedule = make(outer, discriminator_steps=of_discriminator, generator_steps=of_generator)
    return [schedule.step(number) for number in range(schedule.steps)]


def test_algorithm1_repeats_one_minibatch_a_model_and_outer_iteration():
    d, g = DISCRIMINATOR, GENERATOR
    assert steps(algorithm1, 2, 2, 1) == [
        Step(number=0, outer=0, player=d, minibatch=0, ends_outer=False),
        Step(number=1, outer=0, player=d, minibatch=0, ends_outer=False),
        Step(number=2, outer=0, player=g, minibatch=0, ends_outer=True),
        Step(number=3, outer=1, player=d, minibatch=1, ends_outer=False),
        Step(number=4, outer=1, player=d, minibatch=1, ends_outer=False),
        Step(number=5, outer=1, player=g, minibatch=1, ends_outer=True),
    ]


def test_alternating_draws_a_fresh_minibatch_at_every_step():
    found = steps(alternating, 2, 2, 1)
    assert [step.minibatch for step in found if step.player == DISCRIMINATOR] == [0, 1, 2, 3]
    assert [step.minibatch for step in found if step.player == GENERATOR] == [0, 1]
    assert [step.player for step in found] == [step.player for step in steps(algorithm1, 2, 2, 1)]


def test_published_numbers_of_steps_are_the_defaults():
    for make in SCHEDULES.values():
        assert (make(1).discriminator_steps, make(1).generator_steps) == (200, 100)


BOTH = ("discriminator_steps", "generator_steps")


@pytest.mark.parametrize(
    ("values", "fields"), [((0, 1, 1), ("outer_iterations",)), ((1, 0, 0), BOTH), ((1, -1, 5), BOTH)]
)
def test_impossible_schedules_are_refused(values, fields):
    with pytest.raises(InputError) as refused:
        steps(alternating, *values)
    assert refused.value.fields == fields


def test_one_model_may_learn_alone():
    assert {step.player for step in steps(alternating, 2, 0, 3)} == {GENERATOR}
