"""Differential privacy: how much noise a guarantee asks for, and what the noise does to the gradient.

The mechanism is DP-SGD (Abadi et al., 2016) with one gradient a subject: in each step every subject takes part with the
sampling rate q, by a coin of his own (Poisson sampling). Each gradient is clipped to the norm C, and Gaussian noise of
standard deviation sigma C is added to their sum. The accountant is that of `dp-accounting` for privacy loss
distributions (Doroshenko et al., 2022); two data sets are neighbours if one has a subject more than the other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from sensegen_tf.errors import InputError

# Noise beyond which no model learns anything.
_MOST_NOISE = 1e4
# Of the privacy loss: ten times that of the library, so ten times as fast. Epsilon stays a bound, and grows a little.
_INTERVAL = 1e-3


def _accounting():
    try:
        import dp_accounting
        import dp_accounting.pld
        import dp_accounting.rdp
    except ImportError as error:
        raise InputError("dp-accounting is not installed: pip install 'sensegen_tf[privacy]'") from error
    return dp_accounting


def _accountant(dp_accounting):
    return dp_accounting.pld.PLDAccountant(value_discretization_interval=_INTERVAL)


def _event(dp_accounting, noise_multiplier, sampling_rate, steps):
    step = dp_accounting.PoissonSampledDpEvent(sampling_rate, dp_accounting.GaussianDpEvent(noise_multiplier))
    return dp_accounting.SelfComposedDpEvent(step, steps)


def _check(sampling_rate, steps, delta):
    if not 0 < sampling_rate <= 1:
        raise InputError(f"sampling_rate must lie in (0, 1], got {sampling_rate}", fields=["sampling_rate"])
    if steps < 1:
        raise InputError(f"steps must be at least 1, got {steps}", fields=["steps"])
    if not 0 < delta < 1:
        raise InputError(f"delta must lie between 0 and 1, got {delta}", fields=["delta"])


def spent_epsilon(*, noise_multiplier: float, sampling_rate: float, steps: int, delta: float) -> float:
    """The epsilon of a training.

    Args:
      noise_multiplier: sigma, above 0: standard deviation of the noise in units of the clip.
      sampling_rate: q, in (0, 1], the share of the subjects that a step expects.
      steps: at least 1.
      delta: in (0, 1).

    Raises:
      InputError: a value outside its range, or dp-accounting is not installed.

    Example:
      >>> round(spent_epsilon(noise_multiplier=1.27, sampling_rate=384 / 7000, steps=1000, delta=1e-5), 1)
      8.0
    """
    _check(sampling_rate, steps, delta)
    if not noise_multiplier > 0:
        raise InputError(f"noise_multiplier must be above 0, got {noise_multiplier}", fields=["noise_multiplier"])
    dp_accounting = _accounting()
    event = _event(dp_accounting, noise_multiplier, sampling_rate, steps)
    return float(
        dp_accounting.pld.PLDAccountant(value_discretization_interval=_INTERVAL).compose(event).get_epsilon(delta)
    )


def noise_multiplier(*, epsilon: float, delta: float, sampling_rate: float, steps: int) -> float:
    """The least sigma that keeps a guarantee.

    Args:
      epsilon: above 0.
      delta, sampling_rate, steps: see `spent_epsilon`.

    Returns:
      Sigma, rounded up to four digits, so that the guarantee holds.

    Raises:
      InputError: a value outside its range, no noise below 10,000 keeps the guarantee, or dp-accounting is not
        installed.
    """
    _check(sampling_rate, steps, delta)
    if not epsilon > 0:
        raise InputError(f"epsilon must be above 0, got {epsilon}", fields=["epsilon"])
    dp_accounting = _accounting()

    def calibrate(accountant, bracket, tolerance):
        return dp_accounting.calibrate_dp_mechanism(
            accountant,
            lambda sigma: _event(dp_accounting, sigma, sampling_rate, steps),
            target_epsilon=epsilon,
            target_delta=delta,
            bracket_interval=bracket,
            tol=tolerance,
        )

    # Renyi accounting is fast and asks for a little too much.
    enough = calibrate(dp_accounting.rdp.RdpAccountant, dp_accounting.LowerEndpointAndGuess(0.2, 2.0), 1e-3)
    if enough > _MOST_NOISE:
        raise InputError(f"epsilon {epsilon:g} asks for noise of {enough:g} times the clip", fields=["epsilon"])
    bracket = dp_accounting.ExplicitBracketInterval(0.7 * enough, 1.01 * enough)
    found = calibrate(
        lambda: dp_accounting.pld.PLDAccountant(value_discretization_interval=_INTERVAL), bracket, 1e-3 * enough
    )
    return math.ceil(found * 1e4) / 1e4


class Plan(NamedTuple):
    """What a guarantee costs.

    Attributes:
      epsilon, delta: the guarantee for each subject.
      subjects: how many there are.
      subjects_per_step: expected in a step.
      steps: of training.
      noise_multiplier: sigma.
      noise_ratio: expected norm of the noise on the mean gradient, in units of the clip. A mean gradient is at most 1
        such unit long, so a model hardly learns where this is far above 1.
    """

    epsilon: float
    delta: float
    subjects: int
    subjects_per_step: int
    steps: int
    noise_multiplier: float
    noise_ratio: float

    @property
    def advice(self) -> str:
        """An honest sentence for the user."""
        before = f"{self.subjects} subjects: the noise is {self.noise_ratio:.2g} times the largest possible signal"
        if self.noise_ratio > 10:
            return f"{before}. Nothing will be learnt: take more people, or train few parameters of a public model."
        if self.noise_ratio > 1:
            return f"{before}. Start from a public model, take larger steps, or train fewer parameters."
        return f"{before}. A model can learn, if more slowly than without noise."


def plan(*, subjects: int, parameters: int, epsilon: float, delta: float, subjects_per_step: int, steps: int) -> Plan:
    """What a guarantee for each of so many subjects costs.

    Args:
      subjects: training subjects, at least 1.
      parameters: that are trained, at least 1.
      epsilon, delta: the guarantee.
      subjects_per_step: expected in a step, from 1 to `subjects`.
      steps: of training.

    Raises:
      InputError: see `noise_multiplier`; or numbers that do not fit.

    Example:
      >>> found = plan(subjects=21, parameters=500_000, epsilon=8, delta=1e-5, subjects_per_step=21, steps=100)
      >>> round(found.noise_ratio)
      202
    """
    if subjects < 1 or parameters < 1:
        raise InputError("subjects and parameters must be at least 1", fields=["subjects", "parameters"])
    if not 1 <= subjects_per_step <= subjects:
        raise InputError(
            f"subjects_per_step must lie between 1 and the {subjects} subjects, got {subjects_per_step}",
            fields=["subjects_per_step"],
        )
    sigma = noise_multiplier(epsilon=epsilon, delta=delta, sampling_rate=subjects_per_step / subjects, steps=steps)
    ratio = sigma * parameters**0.5 / subjects_per_step
    return Plan(epsilon, delta, subjects, subjects_per_step, steps, sigma, ratio)
