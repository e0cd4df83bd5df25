"""Every measure of the report: what it means, which way is better, what to do when it fails."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

LOWER, HIGHER = "lower", "higher"
QUESTIONS = {
    "real": "Do the samples look real?",
    "useful": "Do they work as training data?",
    "private": "Do they protect the training subjects?",
    "physiology": "Is the physiology right?",
}
# What the synthetic windows are compared with.
AGAINST = {
    "training": "training subjects",
    "heldout": "held-out windows",
    "test": "test subjects",
}
# What a classifier is trained and tested on.
PAIRS = {
    "trtr": "trained on real, tested on test subjects",
    "tstr": "trained on synthetic, tested on test subjects",
    "trts": "trained on real, tested on synthetic",
    "augmented": "trained on both, tested on test subjects",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """What a number means.

    Attributes:
      question: a key of `QUESTIONS`.
      title: for tables.
      unit: of the value; "" for a plain number.
      better: LOWER or HIGHER.
      meaning: one or two sentences for a reader who does not know the measure.
      failing: what is wrong with samples that fail it, as the end of a sentence that begins with "The samples".
      advice: what to do then.
      lowest, highest: of what is possible.
      chance: the value of a guess at random; 0 where the measure is a distance.
    """

    question: str
    title: str
    unit: str
    better: str
    meaning: str
    failing: str
    advice: str
    lowest: float = 0.0
    highest: float = math.inf
    chance: float = 0.0


def _real(title, meaning, *, failing, advice, unit="", better=LOWER, **bounds):
    return Metric(
        question="real",
        title=title,
        unit=unit,
        better=better,
        meaning=meaning,
        failing=failing,
        advice=advice,
        **bounds,
    )


def _useful(title, meaning, *, failing="", advice=""):
    return Metric(
        question="useful",
        title=title,
        unit="",
        better=HIGHER,
        meaning=meaning,
        failing=failing,
        advice=advice,
        highest=1.0,
    )


def _private(title, meaning, *, failing="", advice="", chance=0.0):
    return Metric(
        question="private",
        title=title,
        unit="",
        better=LOWER,
        meaning=meaning,
        failing=failing,
        advice=advice,
        highest=1.0,
        chance=chance,
    )


def _physiology(title, meaning, *, failing, unit=""):
    return Metric(
        question="physiology",
        title=title,
        unit=unit,
        better=LOWER,
        meaning=meaning,
        failing=failing,
        advice=_MORE_TRAINING,
    )


_MORE_TRAINING = "Train longer, or choose a larger preset. The figures of single windows show what is missing."
_LABELS = "Condition the model on the labels. Check that the labels of the samples are right."
_LEAK = (
    "Do not share these samples. Train on more subjects, for fewer steps or with a smaller model, and evaluate again. "
    "Only differential privacy gives a guarantee."
)
_IMPERSONATION = (
    "Treat these samples as recordings of the people trained on. Train on many more people, without anything that is "
    "stored for one of them, and evaluate again."
)
_LEAK_OF_MODEL = f"Do not share the model. {_LEAK}"


class _Attack(NamedTuple):
    """What an attack is on, what the attacker has, what samples that fail do, and what to do then."""

    source: str
    what: str
    failing: str
    advice: str


_ATTACKS = {
    "membership": _Attack("samples", "samples", "let an attacker infer", _LEAK),
    "density": _Attack("the density of samples", "samples", "let an attacker infer by their density", _LEAK),
    "likelihood": _Attack("the likelihood", "model", "come from a model whose likelihood shows", _LEAK_OF_MODEL),
}
# Measure of every attack -> title, meaning, what samples that fail let be known, and chance.
_OF_ATTACKS = {
    "{}_auc": (
        "membership inference from {} (AUC)",
        "An attacker who has the {} guesses which windows were trained on. 0.5 is chance, 1 is always right.",
        "which windows were trained on",
        0.5,
    ),
    "subject_{}_auc": (
        "membership of a subject, from {} (AUC)",
        "The same attacker, with all windows of a subject, guesses which subjects were trained on. 0.5 is chance.",
        "which people were trained on",
        0.5,
    ),
    "subject_{}_tpr": (
        "membership of a subject, from {} (TPR at 1 % FPR)",
        "Share of the training subjects whom this attacker finds while 1 % of the test subjects are falsely "
        "accused. 0.01 is chance.",
        "with near certainty that some of the people were trained on",
        0.0,
    ),
}
# Signature of a subject -> in words.
SIGNATURES = {
    "beat": "median beat",
    "embedding": "learnt embedding",
    "slices": "slicing DTW",
}

_CONTROL = "The same share of other real windows of the training subjects: what this signature can see at all."
# Measure by every signature -> title, meaning, and the rest of a `Metric`.
_OF_SIGNATURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "impersonation": (
        "impersonation",
        "Share of the samples that come nearer to somebody who was trained on than 95 % of the windows of test "
        "subjects do. 0.05 is chance.",
        {"failing": "pass for people who were trained on", "advice": _IMPERSONATION, "chance": 0.05},
    ),
    "control": ("control of the impersonation", _CONTROL, {"chance": 0.05}),
    "linked": (
        "linked to training subjects",
        "Share of the samples whose nearest subject was trained on, among equally many training and test subjects. "
        "0.5 is chance.",
        {
            "failing": "are linked to people who were trained on more often than to others",
            "advice": _IMPERSONATION,
            "chance": 0.5,
        },
    ),
    "control_linked": ("control of the linkage", _CONTROL, {"chance": 0.5}),
    "evenness": (
        "evenness of the impersonation",
        "Effective number of training subjects whom the impersonating samples pass for, as a share of all.",
        {},
    ),
}

METRICS = {
    "c2st": _real(
        "classifier two-sample test (accuracy)",
        "Balanced accuracy of a neural network that separates synthetic from real windows, on windows that it was not "
        "trained on. 0.5 is chance.",
        failing="are recognised as synthetic by a trained classifier",
        advice="Look at the other measures: they show what the classifier may have recognised.",
        highest=1.0,
        chance=0.5,
    ),
    "discriminative": _real(
        "discriminative score (TimeGAN)",
        "|0.5 - accuracy| of the small classifier published with TimeGAN. With few channels it misses much.",
        failing="are recognised as synthetic even by the small classifier published with TimeGAN",
        advice=_MORE_TRAINING,
        highest=0.5,
    ),
    "predictive": _real(
        "predictive score (TimeGAN)",
        "Error on real windows of the next-value predictor published with TimeGAN, after training on the samples.",
        failing="teach a predictor the wrong dynamics",
        advice=_MORE_TRAINING,
    ),
    "marginals": _real(
        "values (1-Wasserstein distance)",
        "Distance between the distributions of values, in standard deviations of the real values.",
        unit="SD",
        failing="have the wrong distribution of values",
        advice="Check units and scaling first: a wrong amplitude or offset shows here.",
    ),
    "increments": _real(
        "increments (1-Wasserstein distance)",
        "The same for differences between successive values. It shows roughness and noise.",
        unit="SD",
        failing="change from one value to the next in the wrong way (too rough, too smooth, or another noise)",
        advice=_MORE_TRAINING,
    ),
    "spectrum": _real(
        "spectrum (log-spectral distance)",
        "Root mean square difference of the amplitude spectra.",
        unit="dB",
        failing="have the wrong spectrum",
        advice="Check that both files have the same sampling rate and went through the same filter.",
    ),
    "autocorrelation": _real(
        "autocorrelation",
        "Mean absolute difference of the autocorrelations, up to half a window.",
        failing="have the wrong rhythm or memory",
        advice=_MORE_TRAINING,
        highest=2.0,
    ),
    "cross_correlation": _real(
        "correlation between channels",
        "Mean absolute difference of the channels' correlations, of window means and around them.",
        failing="combine the channels wrongly",
        advice="Generate the channels together, with one model. Never combine channels of different samples.",
        highest=2.0,
    ),
    "time_direction": _real(
        "direction of time (skewness of increments)",
        "Difference in how steeply values rise and fall. Samples that run backwards in time show here.",
        failing="rise and fall unlike real recordings, as if time ran another way",
        advice=_MORE_TRAINING,
    ),
    "mmd": _real(
        "maximum mean discrepancy",
        "Squared distance of the two distributions of windows under Gaussian kernels (unbiased).",
        failing="are distributed differently from real windows",
        advice=_MORE_TRAINING,
        lowest=-1.0,
    ),
    "precision": _real(
        "precision",
        "Share of the samples that lie among real windows (five nearest neighbours).",
        better=HIGHER,
        failing="contain windows unlike any real one",
        advice=_MORE_TRAINING,
        highest=1.0,
    ),
    "coverage": _real(
        "coverage",
        "Share of the real windows that have a sample near them (five nearest neighbours).",
        better=HIGHER,
        failing="leave out kinds of real windows",
        advice="The model repeats itself: train longer, or balance the labels in training.",
        highest=1.0,
    ),
    "tstr_trees": _useful(
        f"{PAIRS['tstr']} (trees)",
        "Balanced accuracy on test subjects of extremely randomised trees, trained on synthetic windows alone.",
        failing="do not teach a classifier what real windows teach it",
        advice=_LABELS,
    ),
    "tstr_network": _useful(
        f"{PAIRS['tstr']} (network)",
        "The same with a convolutional and recurrent network.",
        failing="do not teach a network what real windows teach it",
        advice=_LABELS,
    ),
    **{
        f"{pair}_{classifier}": _useful(f"{PAIRS[pair]} ({classifier})", meaning)
        for classifier in ("trees", "network")
        for pair, meaning in (
            ("trtr", "What real windows teach a classifier: the aim for samples."),
            ("trts", "Whether a classifier of real windows recognises the labels of the samples."),
            ("augmented", "Whether adding the samples to the real windows helps."),
        )
    },
    **{
        f"{kind}_{name}": _private(f"{title} ({signature})", meaning, **rest)
        for kind, (title, meaning, rest) in _OF_SIGNATURES.items()
        for name, signature in SIGNATURES.items()
    },
    "nearer_to_training": _private(
        "nearer to training subjects than to test subjects",
        "Share of the samples whose nearest real window was trained on, among equally many windows of training and "
        "test subjects. 0.5 is chance.",
        failing="lie closer to the windows trained on than to windows of test subjects",
        advice=_LEAK,
        chance=0.5,
    ),
    "close_copies": _private(
        "close copies",
        "Share of the samples that are nearer to a window trained on than 99 % of the test subjects' windows are.",
        failing="contain near copies of windows trained on",
        advice=_LEAK,
    ),
    **{
        key.format(name): _private(
            title.format(attack.source),
            meaning.format(attack.what),
            failing=f"{attack.failing} {failing}",
            advice=attack.advice,
            chance=chance,
        )
        for key, (title, meaning, failing, chance) in _OF_ATTACKS.items()
        for name, attack in _ATTACKS.items()
    },
    "cadence": _physiology(
        "cadence",
        "1-Wasserstein distance of the step frequencies of rhythmic windows.",
        unit="Hz",
        failing="step at the wrong pace",
    ),
    "rhythm": _physiology(
        "share of rhythmic windows",
        "Difference of the share of windows with a step frequency.",
        failing="walk too seldom or too often",
    ),
    "gravity": _physiology(
        "gravity",
        "1-Wasserstein distance of the norm of each window's mean acceleration.",
        unit="g",
        failing="show the wrong gravity: an amplitude, a unit or the pairing of the axes is wrong",
    ),
    "energy": _physiology(
        "energy of motion",
        "1-Wasserstein distance of the acceleration around its mean, as a share of the real mean.",
        unit="share",
        failing="move too little or too much",
    ),
    "energy_by_label": _physiology(
        "energy of motion by label",
        "Relative difference of the mean energy of motion, averaged over labels.",
        unit="share",
        failing="move with the wrong energy for their label",
    ),
    "heart_rate": _physiology(
        "heart rate",
        "1-Wasserstein distance of the windows' heart rates.",
        unit="bpm",
        failing="have the wrong heart rate",
    ),
    "rr_intervals": _physiology(
        "RR intervals",
        "1-Wasserstein distance of the intervals between beats.",
        unit="ms",
        failing="have the wrong RR intervals",
    ),
    "sdnn": _physiology(
        "SDNN",
        "1-Wasserstein distance of the standard deviation of a window's RR intervals.",
        unit="ms",
        failing="vary too little or too much in their RR intervals",
    ),
    "rmssd": _physiology(
        "RMSSD",
        "1-Wasserstein distance of the root mean square of successive RR differences.",
        unit="ms",
        failing="vary too little or too much from beat to beat",
    ),
    "beat_shape": _physiology(
        "mean beat",
        "Root mean square difference of the mean beats, as a share of the real one's size.",
        unit="share",
        failing="show beats of the wrong shape",
    ),
}
