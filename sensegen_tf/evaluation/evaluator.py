"""The evaluator: real and synthetic windows in; scores beside their baselines and nulls out."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from sensegen_tf.data.windows import WindowSet, encode_labels
from sensegen_tf.errors import InputError
from sensegen_tf.evaluation.attacks import Attacks, Privacy
from sensegen_tf.evaluation.baselines import (
    FEWEST_SUBJECTS,
    Pair,
    choose_comparisons,
    confidence,
    make_pool,
    prediction,
    subjects_are_known,
)
from sensegen_tf.evaluation.inputs import check_comparable
from sensegen_tf.evaluation.metrics import fidelity, physiology, published, utility
from sensegen_tf.evaluation.metrics.c2st import LabelledWindows, WindowClassifier, c2st_accuracy
from sensegen_tf.evaluation.metrics.definitions import AGAINST, METRICS
from sensegen_tf.evaluation.metrics.identity import Impersonation
from sensegen_tf.evaluation.scores import Reference, Score, make_score
from sensegen_tf.evaluation.settings import Settings

__all__ = ["Evaluation", "Progress", "Settings", "check_comparable", "evaluate"]

# Attributes that samples can keep, and that they can hide.
KEPT, HIDDEN = ("label",), ("subject",)
_LOWEST_RATE = {"motion": 10, "heart": 60}
_NO_TEST = "it needs windows of test subjects, people never trained on"
# (real rows, synthetic rows, number of the repeat) -> metric -> value.
_Measure = Callable[[np.ndarray, np.ndarray, int], dict[str, float]]


class Progress(NamedTuple):
    """How far an evaluation is.

    Attributes:
      what: is done now.
      step: its number, from 1.
      steps: how many there will be at most.
    """

    what: str
    step: int
    steps: int


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation:
    """What was found.

    Attributes:
      real, synthetic, test, heldout: the windows that were measured; test and heldout may be None.
      scores: of all metrics.
      confusions: classifier -> name of the pair -> counts [classes, classes]; see `utility.compare`.
      impersonations: what was found with every signature of a subject.
      measured: "motion" or "heart" -> what was measured in all windows, in the order of `kinds`.
      kinds: M strings, see `baselines.Pool`.
      missing: what could not be measured -> why.
      notes: what a reader must know of how it was measured.
      settings: how much was measured.
      keep, hide: the attributes that the samples shall keep, and those that they shall not reveal.
    """

    real: WindowSet
    synthetic: WindowSet
    test: WindowSet | None
    heldout: WindowSet | None
    scores: tuple[Score, ...]
    confusions: dict[str, dict[str, np.ndarray]]
    impersonations: tuple[Impersonation, ...]
    measured: dict[str, Any]
    kinds: np.ndarray
    missing: dict[str, str]
    notes: tuple[str, ...]
    settings: Settings
    keep: tuple[str, ...]
    hide: tuple[str, ...]

    def find(self, metric: str, against: str = "training") -> Score | None:
        """The score of a metric, or None where it was not measured."""
        return next((each for each in self.scores if (each.metric, each.against) == (metric, against)), None)

    @property
    def classes(self) -> list[str]:
        """The labels of the rows and columns of `confusions`."""
        return _classes(self.real, self.synthetic, self.test) if self.confusions else []


def evaluate(
    real: WindowSet,
    synthetic: WindowSet,
    *,
    test: WindowSet | None = None,
    heldout: WindowSet | None = None,
    keep: Sequence[str] = ("label",),
    hide: Sequence[str] = ("subject",),
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Evaluation:
    """Measures synthetic windows against real ones.

    Args:
      real: windows that the generator was trained on.
      synthetic: windows to evaluate.
      test: windows of test subjects, people never trained on. Without them, utility and privacy cannot be measured.
      heldout: windows of training subjects that were not trained on; for the classifier two-sample test alone.
      keep: attributes that the samples shall keep: "label".
      hide: attributes that they shall not reveal: "subject".
      settings: how much is measured; None for the usual `Settings()`.
      progress: called before each step, about a hundred times.

    Returns:
      Scores and what the report needs beside them; `report.write` writes the report.

    Raises:
      InputError: see `inputs.check_comparable`; or an attribute that is not known.

    Example:
      >>> rng = np.random.default_rng(0)
      >>> real = WindowSet(values=rng.normal(size=[200, 16, 2]))
      >>> loud = WindowSet(values=2 * rng.normal(size=[200, 16, 2]))
      >>> settings = Settings(repeats=(2, 4), c2st=(0, 0), published=(0, 0))
      >>> evaluation = evaluate(real, loud, settings=settings)
      >>> evaluation.find("marginals").passed, evaluation.find("autocorrelation").passed
      (False, True)
      >>> sorted(evaluation.missing)
      ['physiology', 'private', 'published', 'useful']
    """
    check_comparable(real, synthetic, test=test, heldout=heldout)
    settings = settings or Settings()
    given = {"real": real, "synthetic": synthetic, "test": test, "heldout": heldout}
    sets = {name: windows.subsample(settings.windows) for name, windows in given.items() if windows is not None}
    attributes = _Attributes(*(_known(*each) for each in (("keep", keep, KEPT), ("hide", hide, HIDDEN))))
    return _Evaluator(sets, attributes, settings, progress or (lambda _: None)).evaluate()


class _Attributes(NamedTuple):
    """What the samples shall keep, and what they shall hide."""

    keep: tuple[str, ...]
    hide: tuple[str, ...]


def _known(field, names, known):
    """Attributes, if they are known."""
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise InputError(f"{field}: there is no attribute {unknown[0]}; there is {', '.join(known)}", fields=[field])
    return tuple(names)


def _classes(*sets):
    """All labels that occur in windows."""
    return sorted(set().union(*(windows.label_names for windows in sets)))


class _Evaluator:
    """One evaluation: what is measured, in which order, and what is missing."""

    def __init__(self, sets, attributes, settings, progress):
        self._sets, self._attributes, self._settings, self._progress = sets, attributes, settings, progress
        self._real, self._synthetic, self._test = sets["real"], sets["synthetic"], sets.get("test")
        self._pool = make_pool(**sets)
        self._missing = {}
        self._step, self._steps = 0, self._count_steps()

    def evaluate(self):
        measured = self._measure_physiology()
        scores = self._compare(measured)
        found = self._measure_utility()
        attacked = self._measure_privacy(measured)
        scores += found.scores + attacked.scores
        order, against = list(METRICS), list(AGAINST)
        scores.sort(key=lambda each: (order.index(each.metric), against.index(each.against)))
        return Evaluation(
            real=self._real,
            synthetic=self._synthetic,
            test=self._test,
            heldout=self._sets.get("heldout"),
            scores=tuple(scores),
            confusions=found.confusions,
            impersonations=tuple(attacked.impersonations),
            measured=measured,
            kinds=self._pool.kinds,
            missing=self._missing,
            notes=self._notes(),
            settings=self._settings,
            **self._attributes._asdict(),
        )

    def _count_steps(self):
        settings = self._settings
        sets = 1 + (self._test is not None)
        steps = sets * sum(settings.repeats) if all(settings.repeats) else 0
        steps += sets * 2 * sum(settings.published) if all(settings.published) else 0
        steps += (sets + ("heldout" in self._sets)) * sum(settings.c2st) if all(settings.c2st) else 0
        steps += len(self._physiology_columns())
        if self._test is not None:
            sets = (self._real, self._test)
            subjects = [len(each.subject_names) for each in sets] if subjects_are_known(*sets) else []
            steps += Attacks.count(settings, subjects=subjects, heart="heart" in self._physiology_columns())
        if self._utility_missing() is None:
            steps += settings.trees + settings.networks
        return steps

    def _begin(self, what):
        """Shows what is done next."""
        self._step += 1
        self._progress(Progress(what, self._step, self._steps))

    def _notes(self):
        sets = [self._real] if self._test is None else [self._real, self._test]
        names = [set(each.subject_names) for each in sets]
        notes = []
        if not subjects_are_known(*sets):
            few = len(set().union(*names)) < FEWEST_SUBJECTS or not all(names)
            why = "fewer than four subjects are known" if few else "some subjects are in training and test windows"
            notes.append(
                f"Stretches of the recordings stand in for subjects, since {why}. Baselines are narrower than between "
                "subjects, and privacy is that of stretches of time, not of people."
            )
        again = len(set.intersection(*names)) if self._test is not None else 0
        if again:
            notes.append(
                f"Test windows are of subjects who were trained on, at other times ({again} of {len(names[1])}). What "
                "is said of test subjects holds for new recordings of known people, not for people never trained on."
            )
        return tuple(notes)

    def _compare(self, measured):
        """Scores of repeated comparisons with the windows of training and test subjects and with held-out windows."""
        settings, scores = self._settings, []
        statistics = self._statistics(measured)
        for against in ("training", "test")[: 1 + (self._test is not None)]:
            largest = settings.classifier_windows
            scores += self._repeated(against, self._c2st, repeats=settings.c2st, largest=largest)
            scores += self._repeated(against, self._published, repeats=settings.published, largest=largest)
            largest = settings.group_size(self._synthetic.count)
            scores += self._repeated(against, statistics, repeats=settings.repeats, largest=largest)
        if not all(settings.published):
            self._missing["published"] = "left out by the settings, as in a quick evaluation"
        if "heldout" in self._sets:
            scores += self._repeated("heldout", self._c2st, repeats=settings.c2st, largest=settings.classifier_windows)
        return scores

    def _repeated(self, against: str, measure: _Measure, *, repeats: tuple[int, int], largest: int) -> list[Score]:
        """Scores of what is measured in so many comparisons, and in as many of its baseline."""
        if not all(repeats):
            return []
        values, baselines = repeats
        comparisons = choose_comparisons(
            self._pool, against, values=values, baselines=baselines, largest=largest, seed=self._settings.seed
        )

        def measured(pairs: list[Pair]) -> list[dict[str, float]]:
            found = []
            for number, pair in enumerate(pairs):
                self._begin(f"comparing with {AGAINST[against]}")
                found.append(measure(*pair, number))
            return found

        of_values, of_baselines = measured(comparisons.values), measured(comparisons.baselines)
        # A metric that could not be measured in some comparison (too few beats, say) is left out.
        names = [name for name in of_values[0] if all(name in each for each in of_values + of_baselines)]
        return [
            make_score(
                name,
                against=against,
                value=confidence([each[name] for each in of_values]),
                reference=Reference.baseline(prediction([each[name] for each in of_baselines])),
            )
            for name in names
        ]

    @functools.cached_property
    def _classifier(self):
        length, channels = self._pool.values.shape[1:]
        return WindowClassifier(length, channels, classes=2, epochs=self._settings.c2st_epochs)

    def _c2st(self, real, synthetic, number):
        values, seed = (self._pool.values[real], self._pool.values[synthetic]), self._settings.seed_of(number)
        return {"c2st": c2st_accuracy(*values, classifier=self._classifier, seed=seed)}

    def _published(self, real, synthetic, number):
        values = self._pool.values[real], self._pool.values[synthetic]
        seed = self._settings.seed_of(number)
        self._begin("published scores")
        return {
            "discriminative": published.discriminative_score(*values, seed=seed),
            "predictive": published.predictive_score(*values, seed=seed),
        }

    def _statistics(self, measured) -> _Measure:
        # In the order of the pool.
        of_each = [each.labels for each in (self._real, self._test, self._synthetic) if each is not None]
        labels = None if any(each is None for each in of_each) else np.concatenate(of_each)

        def measure(real, synthetic, number):
            del number
            values = fidelity.measure(self._pool.values[real], self._pool.values[synthetic], rate=self._pool.rate)
            if "motion" in measured:
                values |= physiology.compare_motion(real, synthetic, measured=measured["motion"], labels=labels)
            if "heart" in measured:
                values |= physiology.compare_hearts(real, synthetic, measured=measured["heart"])
            return values

        return measure

    def _physiology_columns(self):
        """ "motion" and "heart" -> columns, where units and rate allow to measure them."""
        columns = {
            "motion": physiology.accelerations(self._real.units),
            "heart": physiology.leads(self._real.units)[:1],
        }
        return {kind: found for kind, found in columns.items() if found and self._real.rate >= _LOWEST_RATE[kind]}

    def _measure_physiology(self):
        measured = {}
        for kind, columns in self._physiology_columns().items():
            self._begin("physiology")
            unit = self._real.units[columns[0]]
            values = self._pool.values[..., columns]
            try:
                if kind == "motion":
                    measured[kind] = physiology.motion(values, self._real.rate, unit=unit)
                else:
                    measured[kind] = physiology.heart(values[..., 0], self._real.rate, unit=unit)
            except ImportError:
                self._missing["physiology"] = "sleepecg is not installed: pip install 'sensegen_tf[evaluate]'"
        if not measured and "physiology" not in self._missing:
            self._missing["physiology"] = (
                "no channel is known to be an acceleration (unit g or m/s^2, at least 10 Hz) or an ECG (mV, at least "
                f"60 Hz); the units are {', '.join(self._real.units)}, the rate {self._real.rate:g} Hz"
            )
        return measured

    def _utility_missing(self):
        """Why the utility cannot be measured; None where it can."""
        if not self._settings.trees:
            return "left out by the settings"
        if self._test is None:
            return _NO_TEST
        for windows in (self._real, self._synthetic, self._test):
            if windows.labels is None:
                return f"no labels came with {windows.name}"
        if len(self._real.label_names) < 2:
            return f"{self._real.name} has one label alone"
        return None

    def _measure_utility(self):
        reason = self._utility_missing()
        if reason:
            self._missing["useful"] = reason
            return utility.Utility([], {})
        names = _classes(self._real, self._synthetic, self._test)
        labelled = {
            kind: LabelledWindows(self._sets[kind].values, encode_labels(names, self._sets[kind].labels))
            for kind in ("real", "synthetic", "test")
        }
        return utility.measure(
            labelled,
            self._pool.subjects[self._pool.rows("training")],
            classes=len(names),
            rate=self._real.rate,
            settings=self._settings,
            progress=self._begin,
        )

    def _measure_privacy(self, measured):
        if self._test is None:
            self._missing["private"] = _NO_TEST
            return Privacy([], [], {})
        found = Attacks(
            self._pool,
            training=self._real,
            test=self._test,
            known=subjects_are_known(self._real, self._test),
            heart=measured.get("heart"),
            settings=self._settings,
            progress=self._begin,
        ).measure()
        self._missing |= found.missing
        return found
