"""The verdict in plain words: what is good, what is not, what to do."""

import dataclasses

from sensegen_tf.evaluation.metrics import LOWER, QUESTIONS

_MOST_NAMED = 3
_A_HINT = "nearer_to_training"


@dataclasses.dataclass(frozen=True)
class Answer:
    """To one question.

    Attributes:
      question: a key of `QUESTIONS`.
      grade: "good" (every measure is as good as real recordings), "mixed" (at least half are; for privacy: only a hint
        was found), "bad", or "unknown".
      headline: one sentence.
      failing: what is wrong, worst first, a sentence each.
      advice: what to do, a sentence or two each.
    """

    question: str
    grade: str
    headline: str
    failing: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def title(self):
        """The question in words."""
        return QUESTIONS[self.question]


def answer(evaluation, question):
    """The `Answer` to one question.

    Args:
      evaluation: an `Evaluation`.
      question: a key of `QUESTIONS`.
    """
    judged = [s for s in evaluation.scores if s.definition.question == question and s.passed is not None]
    if not judged:
        reason = evaluation.missing.get(question, "nothing could be measured")
        return Answer(question, "unknown", f"Not measured: {reason}.")
    failed = sorted((s for s in judged if not s.passed), key=lambda s: -s.excess)
    passed = len(judged) - len(failed)
    if not failed:
        return Answer(question, "good", _ALL_GOOD[question].format(count=len(judged)))
    grade = "mixed" if 2 * passed >= len(judged) else "bad"
    if question == "private":
        # One leak is a leak, however many other attacks failed; mere closeness is a hint alone.
        grade = "mixed" if all(s.metric == _A_HINT for s in failed) else "bad"
    worst = sorted({s.metric: s for s in reversed(failed)}.values(), key=lambda s: -s.excess)
    return Answer(
        question,
        grade,
        f"{_NOT_GOOD[question, grade]}: {passed} of {len(judged)} measures are as good as real recordings.",
        tuple(_sentence(s) for s in worst[:_MOST_NAMED]),
        tuple(dict.fromkeys(s.definition.advice for s in worst[:_MOST_NAMED])),
    )


_ALL_GOOD = {
    "real": "Yes: none of {count} measures tells them from recordings of other real people.",
    "useful": "Yes: they teach a classifier what recordings of real people teach it ({count} measures).",
    "private": "No leak was found by {count} measures. That is not a proof: only differential privacy would be.",
    "physiology": "Yes: all {count} measures are within what real people differ by.",
}
_NOT_GOOD = {
    ("real", "mixed"): "In part",
    ("real", "bad"): "No",
    ("useful", "mixed"): "In part",
    ("useful", "bad"): "No",
    ("private", "mixed"): "Perhaps not",
    ("private", "bad"): "No, they leak",
    ("physiology", "mixed"): "In part",
    ("physiology", "bad"): "No",
}


def _sentence(score):
    """What is wrong, with its numbers."""
    unit = f" {score.definition.unit}" if score.definition.unit else ""
    bound = "at most" if score.definition.better == LOWER else "at least"
    return (
        f"The samples {score.definition.failing} ({score.definition.title}: {score.value:.3g}{unit}; "
        f"real people: {bound} {score.edge:.3g}{unit})."
    )


def answers(evaluation):
    """An `Answer` to every question."""
    return [answer(evaluation, question) for question in QUESTIONS]
