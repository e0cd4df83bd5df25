import numpy as np
import pytest

from sensegen_tf.data.subjects import PoissonSubjects
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError

SUBJECTS = np.repeat(["a", "b", "c", "d"], [1, 2, 5, 12])
WINDOWS = WindowSet(values=np.zeros([20, 4, 1]), subjects=SUBJECTS)


def draws(count, **how):
    sampler = PoissonSubjects(WINDOWS, **{"rate": 0.3, "windows_per_subject": 2, "seed": (1, 2), **how})
    return [sampler.rows(number) for number in range(count)]


def test_every_subject_takes_part_by_a_coin_of_his_own():
    steps = draws(4000)
    present = np.array([[name in SUBJECTS[rows[:, 0]] for name in "abcd"] for rows in steps])
    np.testing.assert_allclose(present.mean(0), 0.3, atol=4 * np.sqrt(0.21 / 4000))
    # Coins of different subjects, and of the same in different steps, know nothing of each other.
    assert np.abs(np.corrcoef(present.T) - np.eye(4)).max() < 0.08
    assert np.abs([np.corrcoef(each[1:], each[:-1])[0, 1] for each in present.T]).max() < 0.08
    counts = np.bincount(present.sum(1), minlength=5) / 4000
    np.testing.assert_allclose(counts, [0.2401, 0.4116, 0.2646, 0.0756, 0.0081], atol=0.03)


def test_windows_are_the_subjects_own_and_each_is_as_likely():
    rows = np.concatenate(draws(3000, rate=1.0))
    assert (SUBJECTS[rows] == SUBJECTS[rows[:, :1]]).all()
    shares = np.bincount(rows.ravel(), minlength=20) / 3000 / 2
    for name in "abcd":
        np.testing.assert_allclose(shares[name == SUBJECTS], 1 / (name == SUBJECTS).sum(), atol=0.03)


def test_a_step_is_a_function_of_the_seed_and_its_number():
    for one, other in zip(draws(5), draws(5), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(len(one) != len(other) for one, other in zip(draws(20), draws(20, seed=(1, 3)), strict=True))


def test_each_window_may_count_as_a_subject():
    rows = np.concatenate(draws(500, unit="window", windows_per_subject=1))
    shares = np.bincount(rows.ravel(), minlength=20) / 500
    np.testing.assert_allclose(shares, 0.3, atol=0.1)


def test_nobody_may_be_drawn():
    assert draws(1, rate=1e-9)[0].shape == (0, 2)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rate": 0.0}, "subjects_per_step"),
        ({"rate": 1.1}, "subjects_per_step"),
        ({"windows_per_subject": 0}, "windows_per_subject"),
    ],
)
def test_numbers_out_of_range_are_refused(change, field):
    with pytest.raises(InputError) as error:
        draws(1, **change)
    assert error.value.fields == (field,)


def test_windows_of_unknown_subjects_are_refused():
    with pytest.raises(InputError) as error:
        PoissonSubjects(WindowSet(values=np.zeros([3, 4, 1])), rate=0.5, windows_per_subject=1, seed=(1,))
    assert error.value.fields == ("privacy",)
