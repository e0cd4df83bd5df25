import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR, SCHEDULES, Turn, algorithm1, alternating


def turns(schedule):
    return [schedule.turn(step) for step in range(schedule.steps)]


def test_algorithm1_repeats_one_minibatch_a_player_and_outer_iteration():
    d, g = DISCRIMINATOR, GENERATOR
    assert turns(algorithm1(2, 2, 1)) == [
        Turn(0, 0, d, 0, False),
        Turn(1, 0, d, 0, False),
        Turn(2, 0, g, 0, True),
        Turn(3, 1, d, 1, False),
        Turn(4, 1, d, 1, False),
        Turn(5, 1, g, 1, True),
    ]


def test_alternating_draws_a_fresh_minibatch_at_every_step():
    found = turns(alternating(2, 2, 1))
    assert [turn.minibatch for turn in found if turn.player == DISCRIMINATOR] == [0, 1, 2, 3]
    assert [turn.minibatch for turn in found if turn.player == GENERATOR] == [0, 1]
    assert [turn.player for turn in found] == [turn.player for turn in turns(algorithm1(2, 2, 1))]


def test_published_numbers_of_steps_are_the_defaults():
    for make in SCHEDULES.values():
        assert (make(1).discriminator_steps, make(1).generator_steps) == (200, 100)


@pytest.mark.parametrize("values", [(0, 1, 1), (1, 0, 0), (1, -1, 5)])
def test_impossible_schedules_are_refused(values):
    with pytest.raises(InputError):
        alternating(*values)


def test_a_player_may_sit_out():
    assert {turn.player for turn in turns(alternating(2, 0, 3))} == {GENERATOR}
