"""Differential privacy: how much noise a guarantee asks for, and what the noise does to the gradient.

The mechanism is DP-SGD (Abadi et al., 2016) with one gradient a subject: in each step every subject takes part with the
sampling rate q, by a coin of his own (Poisson sampling). Each gradient is clipped to the norm C, and Gaussian noise of
standard deviation sigma C is added to their sum. The accountant is that of `dp-accounting` for privacy loss
distributions (Doroshenko et al., 2022); two data sets are neighbours if one has a subject more than the other.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from sensegen_tf.errors import InputError

# Noise beyond which no model learns anything.
_MOST_NOISE = 1e4
# Of the privacy loss: ten times that of the library, so ten times as fast. Epsilon stays a bound, and grows a little.
_INTERVAL = 1e-3
# Of Renyi accounting, which only brackets the noise; whole numbers, since others do not converge where it is small.
_ORDERS = (*range(2, 64), 128, 256, 512)


UNITS = ("subject", "window")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrivacyConfig:
    """The guarantee that a training gives.

    Attributes:
      unit: to whom: "subject", or "window", which protects no person: a subject with 100 windows has a hundred times
        the epsilon.
      epsilon: above 0.
      delta: in (0, 1), well below 1 / subjects.
      clip_norm: C, above 0, the largest norm of a subject's gradient.
      subjects_per_step: how many subjects (or windows) a step expects, at least 1.
      windows_per_subject: m, windows of a subject that a step takes, at least 1; 1 where the unit is a window.

    Raises:
      InputError: a value outside its range.
    """

    unit: str = "subject"
    epsilon: float
    delta: float
    clip_norm: float
    subjects_per_step: int
    windows_per_subject: int = 1

    def __post_init__(self) -> None:
        self._check(self.unit in UNITS, "unit", " or ".join(UNITS))
        for name in ("epsilon", "clip_norm"):
            self._check(0 < getattr(self, name) < math.inf, name, "above 0 and finite")
        self._check(0 < self.delta < 1, "delta", "between 0 and 1")
        for name in ("subjects_per_step", "windows_per_subject"):
            self._check(getattr(self, name) >= 1, name, "at least 1")
        if self.unit == "window":
            self._check(self.windows_per_subject == 1, "windows_per_subject", "1 where the unit is a window")

    def _check(self, right, name, must):
        if not right:
            raise InputError(f"{name} must be {must}, got {getattr(self, name)}", fields=[name])


class Guarantee(NamedTuple):
    """A guarantee and the noise that keeps it.

    Attributes:
      config: what was asked for.
      subjects: how many there are (windows, where they are the unit).
      steps: of the whole training.
      noise_multiplier: sigma.
    """

    config: PrivacyConfig
    subjects: int
    steps: int
    noise_multiplier: float

    @classmethod
    def find(cls, config: PrivacyConfig, *, subjects: int, steps: int) -> Guarantee:
        """The least noise that keeps a guarantee.

        Raises:
          InputError: see `noise_multiplier`; or a step expects more subjects than there are.
        """
        if config.subjects_per_step > subjects:
            raise InputError(
                f"subjects_per_step is {config.subjects_per_step}, and there are {subjects} {config.unit}s",
                fields=["subjects_per_step"],
            )
        rate = config.subjects_per_step / subjects
        sigma = noise_multiplier(epsilon=config.epsilon, delta=config.delta, sampling_rate=rate, steps=steps)
        return cls(config, subjects, steps, sigma)

    @property
    def sampling_rate(self) -> float:
        """q, the probability that a subject takes part in a step."""
        return self.config.subjects_per_step / self.subjects

    def noise_ratio(self, parameters: int) -> float:
        """Expected norm of the noise on the mean gradient of so many parameters, in units of the clip."""
        return _noise_ratio(self.noise_multiplier, parameters, self.config.subjects_per_step)

    def advice(self, parameters: int) -> str:
        """An honest sentence for the one who is about to train so many parameters."""
        return _advice(self.subjects, self.config.unit, self.noise_ratio(parameters))

    def describe(self) -> dict[str, Any]:
        """The guarantee as a dictionary that JSON can hold."""
        return {**self._asdict(), "config": dataclasses.asdict(self.config)}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Guarantee:
        """The guarantee that `describe` made a dictionary of."""
        return cls(**{**description, "config": PrivacyConfig(**description["config"])})

    def certificate(self, steps: int) -> dict[str, Any]:
        """What so many steps have spent, as JSON can hold it; in words first.

        Raises:
          InputError: more steps than were planned.
        """
        if steps > self.steps:
            raise InputError(f"{steps} steps were taken, and the guarantee is of {self.steps}", fields=["privacy"])
        config = self.config
        how: dict[str, Any] = {
            "noise_multiplier": self.noise_multiplier,
            "sampling_rate": self.sampling_rate,
            "steps": steps,
        }
        spent = spent_epsilon(**how, delta=config.delta) if steps else 0.0
        return {
            "words": f"Whoever sees the weights learns of a {config.unit} hardly more than without that {config.unit}: "
            f"differential privacy with epsilon {spent:.3g} and delta {config.delta:g}.",
            "unit": config.unit,
            "adjacency": f"one {config.unit} more or less",
            "epsilon": spent,
            "delta": config.delta,
            "clip_norm": config.clip_norm,
            f"{config.unit}s": self.subjects,
            **how,
            "accountant": "privacy loss distributions (dp-accounting)",
            "accountant_version": importlib.metadata.version("dp-accounting"),
        }


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
    enough = calibrate(
        lambda: dp_accounting.rdp.RdpAccountant(_ORDERS), dp_accounting.LowerEndpointAndGuess(0.2, 2.0), 1e-3
    )
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
        return _advice(self.subjects, "subject", self.noise_ratio)


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
    ratio = _noise_ratio(sigma, parameters, subjects_per_step)
    return Plan(epsilon, delta, subjects, subjects_per_step, steps, sigma, ratio)


def _noise_ratio(sigma, parameters, expected):
    return sigma * parameters**0.5 / expected


def _advice(count, unit, ratio):
    """What to expect of a training, and what helps."""
    before = f"{count} {unit}s: the noise is {ratio:.2g} times the largest possible signal"
    fewer = "a start from a public model (initial_run) with few trained parameters (trainable=head)"
    if ratio > 10:
        return f"{before}. Nothing will be learnt. What helps: more {unit}s, {fewer}."
    if ratio > 1:
        return f"{before}. What helps: larger steps (subjects_per_step), {fewer}."
    return f"{before}. A model can learn, if more slowly than without noise."
