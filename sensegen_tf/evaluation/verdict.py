"""The verdict in plain words: what is good, what is not, what to do."""

from __future__ import annotations

import dataclasses
from typing import Any

from sensegen_tf.evaluation.evaluator import Evaluation
from sensegen_tf.evaluation.metrics.definitions import LOWER, QUESTIONS
from sensegen_tf.evaluation.scores import BASELINE, Score

_MOST_NAMED = 3
# Samples that lie near to what was trained on reveal nobody by that alone.
_HINT = "nearer_to_training"
_IMPERSONATION = "impersonation_"
# Measures of people, beside those of windows.
_OF_SUBJECTS = (_IMPERSONATION, "linked_", "subject_")
# With fewer, nobody can tell whether people are protected.
_FEWEST_SUBJECTS = 20
_GUARANTEE = "Only differential privacy gives a guarantee."
_ALL_GOOD = {
    "real": "Yes. None of {measures} lies outside the range of real recordings.",
    "useful": "Yes. Classifiers learn as much from the samples as from real recordings.",
    "physiology": "Yes. None of {measures} lies outside the range of real recordings.",
}
_NOT_LEARNT = "Not shown. Classifiers do not recognise the labels of test subjects from real recordings either."
_OUTSIDE = "Outside the range of real recordings: {failed} of {measures}."
_NOT_GOOD = {
    ("real", "mixed"): f"In part. {_OUTSIDE}",
    ("real", "bad"): f"No. {_OUTSIDE}",
    ("useful", "mixed"): "In part. Some classifiers learn less from the samples than from real recordings.",
    ("useful", "bad"): "No. Classifiers learn less from the samples than from real recordings.",
    ("physiology", "mixed"): f"In part. {_OUTSIDE}",
    ("physiology", "bad"): f"No. {_OUTSIDE}",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """To one question.

    Attributes:
      question: a key of `QUESTIONS`.
      grade: "good" (every measure passes), "mixed" (at least half do; for privacy: only closeness was found), "bad", or
        "unknown" (also for privacy where every measure passes, but none is of a person, or there are few people).
      headline: the answer in a sentence or two.
      failing: what is wrong, worst first, a sentence each.
      advice: what to do, a sentence or two each.
    """

    question: str
    grade: str
    headline: str
    failing: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The question in words."""
        return QUESTIONS[self.question]

    def describe(self) -> dict[str, Any]:
        """What JSON shall hold of it."""
        return {
            "grade": self.grade,
            "headline": self.headline,
            "failing": list(self.failing),
            "advice": list(self.advice),
        }


def answer(evaluation: Evaluation, question: str) -> Answer:
    """The answer to one question.

    Args:
      evaluation: what was found.
      question: a key of `QUESTIONS`.
    """
    decided = [s for s in evaluation.scores if s.definition.question == question and s.passed is not None]
    if not decided:
        undecided = any(s.definition.question == question and s.reference for s in evaluation.scores)
        reason = "real recordings differ too much to decide" if undecided else "nothing could be measured"
        reason = evaluation.missing.get(question, reason)
        return Answer(question=question, grade="unknown", headline=f"Not measured: {reason}.")
    failed = sorted((s for s in decided if not s.passed), key=_margin)
    measures = "1 measure" if len(decided) == 1 else f"{len(decided)} measures"
    counts = {"measures": measures, "failed": len(failed)}
    if question == "private":
        return _answer_private(evaluation, decided, failed)
    if question == "useful" and not failed and _nothing_to_learn(evaluation):
        return Answer(question=question, grade="unknown", headline=_NOT_LEARNT)
    if not failed:
        return Answer(question=question, grade="good", headline=_ALL_GOOD[question].format(**counts))
    grade = "mixed" if 2 * len(failed) <= len(decided) else "bad"
    return _of_worst(failed, question=question, grade=grade, headline=_NOT_GOOD[question, grade].format(**counts))


def _nothing_to_learn(evaluation):
    """Whether classifiers that learn from recordings may be at chance too."""
    chance = 1 / max(len(evaluation.real.label_names), 1)
    real = [score for score in evaluation.scores if score.metric.startswith("trtr_")]
    return bool(real) and all(score.low <= chance for score in real)


def _of_worst(failed, **answered):
    """An answer with the worst score of each metric."""
    worst = sorted({s.metric: s for s in reversed(failed)}.values(), key=_margin)[:_MOST_NAMED]
    return Answer(
        failing=tuple(_sentence(s) for s in worst),
        advice=tuple(dict.fromkeys(s.definition.advice for s in worst)),
        **answered,
    )


def _answer_private(evaluation, decided, failed):
    """One leak is a leak, however many other attacks failed; and no leak found is no proof."""
    subjects = set(evaluation.real.subject_names) | set(evaluation.test.subject_names)
    few = len(subjects) < _FEWEST_SUBJECTS
    measures = "1 measure" if len(decided) == 1 else f"{len(decided)} measures"
    impersonating = [s for s in failed if s.metric.startswith(_IMPERSONATION)]
    if failed:
        grade = "mixed" if all(s.metric == _HINT for s in failed) else "bad"
        headline = f"No. {len(failed)} of {measures} found a leak of training data."
        if impersonating:
            worst = max(impersonating, key=lambda s: s.value)
            headline = f"No. {worst.value:.0%} of the samples pass for people who were trained on; by chance 5% would."
        elif grade == "mixed":
            headline = "Perhaps not. The samples lie close to the windows trained on, but no attack succeeded."
        if few and subjects:
            headline += f" {_counted(subjects)} few: other figures may hide more."
        return _of_worst(failed, question="private", grade=grade, headline=headline)
    of_subjects = [s for s in decided if s.metric.startswith(_OF_SUBJECTS)]
    grade, advice = "unknown", "Do not share these samples on the strength of this report. " + _GUARANTEE
    if few:
        headline = (
            f"Nobody can tell. {measures} found no leak, but {_counted(subjects)} too few to show that people are "
            f"protected; it takes {_FEWEST_SUBJECTS}."
        )
    elif not any(s.metric.startswith(_IMPERSONATION) for s in of_subjects):
        headline = f"Not shown. {measures} found no leak of training data, but none shows who the samples pass for."
    else:
        grade = "good"
        headline = f"No leak was found by {measures}, {len(of_subjects)} of them of people, not of windows."
        advice = f"Let whoever is responsible for data protection read these figures before you share. {_GUARANTEE}"
    return Answer(question="private", grade=grade, headline=headline, advice=(advice,))


def _counted(subjects):
    """How many there are, and the verb."""
    return {0: "nobody knows of how many people the windows are, so they are", 1: "1 person is"}.get(
        len(subjects), f"{len(subjects)} people are"
    )


def answers(evaluation: Evaluation) -> list[Answer]:
    """An answer to every question."""
    return [answer(evaluation, question) for question in QUESTIONS]


def _margin(score: Score) -> float:
    """Sorts the worst first."""
    return -(score.margin or 0.0)


def _sentence(score: Score) -> str:
    """What is wrong, with its numbers."""
    definition, reference = score.definition, score.reference
    assert reference is not None
    unit = f" {definition.unit}" if definition.unit else ""
    bound = "at most" if definition.better == LOWER else "at least"
    expected = "real recordings" if reference.kind == BASELINE else "if nothing leaks"
    title = definition.title[0].upper() + definition.title[1:]
    return (
        f"The samples {definition.failing}. {title}: {score.value:.3g}{unit}; "
        f"{expected}: {bound} {score.bound:.3g}{unit}."
    )
