"""A measured score beside its reference, and whether it passes."""

from __future__ import annotations

import dataclasses
from typing import Any

from sensegen_tf.evaluation.baselines import Estimate
from sensegen_tf.evaluation.metrics.definitions import LOWER, METRICS, Metric

BASELINE, NULL = "baseline", "null"
# Of a reference's interval, so that a margin in half widths of it stays finite.
_NARROWEST = 1e-3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """What a score is compared with.

    Attributes:
      kind: "baseline", the same measure between two groups of real recordings; or "null", the same measure with
        permuted membership, so that nothing can be known of who was trained on.
      mean: of the measure.
      low, high: 95 % interval in which one more such value would lie.
    """

    kind: str
    mean: float
    low: float
    high: float

    @classmethod
    def baseline(cls, estimate: Estimate) -> Reference:
        """A reference of two groups of real recordings."""
        return cls(kind=BASELINE, mean=estimate.value, low=estimate.low, high=estimate.high)

    @classmethod
    def null(cls, estimate: Estimate) -> Reference:
        """A reference of permuted membership."""
        return cls(kind=NULL, mean=estimate.value, low=estimate.low, high=estimate.high)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """A measured metric.

    Attributes:
      metric: a key of `METRICS`.
      against: "training", "heldout" (windows of training subjects not trained on) or "test" (test subjects): the real
        windows compared with.
      value: the number.
      low, high: its 95 % interval.
      reference: what it is compared with; None for a number that stands for itself.

    Example:
      >>> reference = Reference.baseline(Estimate(0.6, 0.5, 0.7))
      >>> score = make_score("c2st", against="test", value=Estimate(0.8, 0.75, 0.85), reference=reference)
      >>> score.passed, score.bound
      (False, 0.7)
    """

    metric: str
    against: str
    value: float
    low: float
    high: float
    reference: Reference | None = None

    @property
    def definition(self) -> Metric:
        """What the metric means."""
        return METRICS[self.metric]

    @property
    def bound(self) -> float | None:
        """The end of the reference's interval beyond which a value fails; None without a reference."""
        if self.reference is None:
            return None
        return self.reference.high if self.definition.better == LOWER else self.reference.low

    @property
    def passed(self) -> bool | None:
        """Whether some of the interval lies within the reference's; None where nothing can be said.

        That is without a reference, and where its interval reaches the worst value that there is: then a value worse
        than the reference's mean is neither shown to be bad nor good.
        """
        if self.reference is None:
            return None
        metric, reference = self.definition, self.reference
        if metric.better == LOWER:
            inside, worse = self.low <= reference.high, self.value > reference.mean
            undecided = reference.high >= metric.highest
        else:
            inside, worse = self.high >= reference.low, self.value < reference.mean
            undecided = reference.low <= metric.lowest
        return None if undecided and worse else inside

    @property
    def margin(self) -> float | None:
        """Distance of the value from the bound, in half widths of the reference's interval."""
        if self.reference is None or self.bound is None:
            return None
        return abs(self.value - self.bound) / max(self.reference.high - self.reference.low, _NARROWEST) * 2

    @property
    def title(self) -> str:
        """For tables: of the metric, with its unit."""
        return f"{self.definition.title} [{self.definition.unit}]" if self.definition.unit else self.definition.title

    def mark(self, *, passed: str, failed: str) -> str:
        """How it came out: one of the two; "?" where its reference decides nothing, "" where it has none."""
        undecided = "" if self.reference is None else "?"
        return {True: passed, False: failed, None: undecided}[self.passed]

    def describe(self) -> dict[str, Any]:
        """What JSON shall hold of it."""
        definition, reference = self.definition, self.reference
        return {
            "metric": self.metric,
            "title": definition.title,
            "question": definition.question,
            "unit": definition.unit,
            "better": definition.better,
            "against": self.against,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "reference": reference and reference.kind,
            "reference_mean": reference and reference.mean,
            "reference_low": reference and reference.low,
            "reference_high": reference and reference.high,
            "passed": self.passed,
        }


def make_score(name: str, *, against: str, value: Estimate, reference: Reference | None = None) -> Score:
    """A `Score` with its intervals cut at what is possible.

    Args:
      name: a key of `METRICS`.
      against: "training", "heldout" or "test".
      value: the number and its interval.
      reference: what it is compared with, if anything.
    """
    metric = METRICS[name]
    if reference is not None:
        low, high = max(reference.low, metric.lowest), min(reference.high, metric.highest)
        reference = dataclasses.replace(reference, low=low, high=high)
    low, high = max(value.low, metric.lowest), min(value.high, metric.highest)
    return Score(metric=name, against=against, value=value.value, low=low, high=high, reference=reference)
