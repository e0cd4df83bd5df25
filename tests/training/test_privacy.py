"""The accounting of differential privacy."""

import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.training import privacy


@pytest.mark.parametrize(
    ("subjects_per_step", "steps", "epsilon", "sigma"),
    [(384, 1000, 8, 1.27), (384, 1000, 1, 6.56), (1024, 800, 4, 4.57), (2048, 400, 8, 3.6)],
)
def test_the_noise_is_that_of_the_accountant_of_others(subjects_per_step, steps, epsilon, sigma):
    """Computed once with dp-accounting's finer default, for 7,000 subjects and delta 1e-5."""
    rate = {"sampling_rate": subjects_per_step / 7000, "steps": steps, "delta": 1e-5}
    found = privacy.noise_multiplier(epsilon=epsilon, **rate)
    assert found == pytest.approx(sigma, rel=0.01)
    spent = privacy.spent_epsilon(noise_multiplier=found, **rate)
    assert 0.98 * epsilon < spent <= epsilon


def test_the_guarantee_of_one_step_with_everybody_is_that_of_the_gaussian_mechanism():
    """Balle and Wang, 2018, theorem 8: delta = Phi(1 / 2 s - e s) - exp(e) Phi(-1 / 2 s - e s)."""
    import numpy as np
    from scipy.stats import norm

    sigma, epsilon = 2.0, 1.5
    delta = norm.cdf(0.5 / sigma - epsilon * sigma) - np.exp(epsilon) * norm.cdf(-0.5 / sigma - epsilon * sigma)
    spent = privacy.spent_epsilon(noise_multiplier=sigma, sampling_rate=1.0, steps=1, delta=float(delta))
    assert spent == pytest.approx(epsilon, abs=0.01)


def test_more_steps_more_subjects_and_less_noise_cost_more():
    usual = {"noise_multiplier": 2.0, "sampling_rate": 0.05, "steps": 200, "delta": 1e-5}
    spent = privacy.spent_epsilon(**usual)
    for change in ({"steps": 400}, {"sampling_rate": 0.1}, {"noise_multiplier": 1.5}, {"delta": 1e-6}):
        assert privacy.spent_epsilon(**{**usual, **change}) > spent


def test_a_plan_says_what_to_expect():
    few = privacy.plan(subjects=21, parameters=500_000, epsilon=8, delta=1e-5, subjects_per_step=21, steps=100)
    # With everybody in all 100 steps: 100 Gaussian mechanisms of sigma are one of sigma / 10.
    assert few.noise_multiplier == pytest.approx(6.0, abs=0.01)
    assert few.noise_ratio == pytest.approx(6.0 * 500_000**0.5 / 21, rel=0.01) and "21 subjects" in few.advice
    assert "Nothing will be learnt" in few.advice
    many = privacy.plan(subjects=8528, parameters=500_000, epsilon=8, delta=1e-5, subjects_per_step=8528, steps=100)
    assert many.noise_ratio == pytest.approx(0.5, abs=0.01) and "can learn" in many.advice


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"epsilon": 0}, "epsilon"),
        ({"delta": 1.0}, "delta"),
        ({"steps": 0}, "steps"),
        ({"subjects_per_step": 101}, "subjects_per_step"),
        ({"subjects": 0}, "subjects"),
    ],
)
def test_numbers_that_cannot_be_are_refused(change, field):
    usual = {"subjects": 100, "parameters": 10, "epsilon": 8, "delta": 1e-5, "subjects_per_step": 50, "steps": 10}
    with pytest.raises(InputError) as refused:
        privacy.plan(**{**usual, **change})
    assert field in refused.value.fields
