"""Every metric of the report: what it means, which way is better, what to do when it fails; and a measured score."""

import dataclasses
import math

LOWER, HIGHER = "lower", "higher"
QUESTIONS = {
    "real": "Do the samples look real?",
    "useful": "Do they serve the purpose?",
    "private": "Do they keep people's recordings to themselves?",
    "physiology": "Is the physiology right?",
}
# What a classifier is trained on and tested on.
PAIRS = {
    "trtr": "trained on real, tested on held-out",
    "tstr": "trained on synthetic, tested on held-out",
    "trts": "trained on real, tested on synthetic",
    "augmented": "trained on both, tested on held-out",
}


@dataclasses.dataclass(frozen=True)
class Metric:
    """What a number means.

    Attributes:
      question: a key of `QUESTIONS`.
      title: for tables.
      unit: of the value; "" for a plain number.
      better: LOWER or HIGHER.
      meaning: one sentence for a reader who does not know the metric.
      failing: what is wrong with samples that fail it, as the end of a sentence that begins with "The samples".
      advice: what to do then.
      lowest, highest: of what is possible.
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


def _real(title, unit, meaning, failing, advice, better=LOWER, **bounds):
    return Metric("real", title, unit, better, meaning, failing, advice, **bounds)


def _useful(title, meaning, failing="", advice=""):
    return Metric("useful", title, "", HIGHER, meaning, failing, advice, highest=1.0)


def _private(title, meaning, failing, advice):
    return Metric("private", title, "", LOWER, meaning, failing, advice, highest=1.0)


def _physiology(title, unit, meaning, failing):
    return Metric("physiology", title, unit, LOWER, meaning, failing, _MORE_TRAINING)


_MORE_TRAINING = "Train longer, or choose a larger model of the zoo; look at the traces to see what is missing."
_LEAK = (
    "Do not share these samples. Train on more people, for fewer steps or with a smaller model, and judge again; "
    "no release is safe without a formal guarantee."
)

METRICS = {
    "critic": _real(
        "strong critic",
        "",
        "Balanced accuracy above 0.5 of a convolutional and recurrent classifier on windows that it has not seen.",
        "are told apart from real windows by a trained classifier",
        "The other measures say what gives the samples away.",
        lowest=-0.5,
        highest=0.5,
    ),
    "discriminative": _real(
        "discriminative score (as published)",
        "",
        "|0.5 - accuracy| of TimeGAN's small classifier; with few channels it is nearly blind.",
        "are told apart from real windows even by the small published classifier",
        _MORE_TRAINING,
        highest=0.5,
    ),
    "predictive": _real(
        "predictive score (as published)",
        "",
        "Error, on real windows, of TimeGAN's small next-value predictor trained on the other set.",
        "teach a predictor the wrong dynamics",
        _MORE_TRAINING,
    ),
    "marginals": _real(
        "marginals (1-Wasserstein)",
        "SD",
        "How far the distribution of values is off, in real standard deviations.",
        "take the wrong values",
        "Check units and scaling first: an amplitude or offset that is off shows here.",
    ),
    "increments": _real(
        "increments (1-Wasserstein)",
        "SD",
        "The same for the differences between neighbouring samples: roughness and noise.",
        "move from sample to sample in the wrong way (too rough, too smooth, or another noise)",
        _MORE_TRAINING,
    ),
    "spectrum": _real(
        "spectrum (log-spectral distance)",
        "dB",
        "Root mean square difference of the amplitude spectra.",
        "have the wrong spectrum",
        "Check that both files have the same sampling rate and went through the same filter.",
    ),
    "autocorrelation": _real(
        "autocorrelation",
        "",
        "Mean absolute difference of the autocorrelations up to half a window.",
        "keep time in the wrong way: their rhythm or memory differs",
        _MORE_TRAINING,
        highest=2.0,
    ),
    "cross_correlation": _real(
        "correlation between channels",
        "",
        "Mean absolute difference of the channels' correlations, of window means and around them.",
        "combine the channels wrongly",
        "Generate the channels together, from one model; never pair channels of separate samples.",
        highest=2.0,
    ),
    "time_direction": _real(
        "direction of time (skewness of increments)",
        "",
        "Whether rises and falls differ as in real recordings; it changes its sign when time runs backwards.",
        "rise and fall unlike real recordings, as if time ran another way",
        _MORE_TRAINING,
    ),
    "mmd": _real(
        "maximum mean discrepancy",
        "",
        "Squared distance of the two distributions of windows under Gaussian kernels (unbiased).",
        "are distributed differently from real windows",
        _MORE_TRAINING,
        lowest=-1.0,
    ),
    "precision": _real(
        "precision",
        "",
        "Share of the samples that lie among real windows (five nearest neighbours).",
        "contain windows unlike any real one",
        _MORE_TRAINING,
        HIGHER,
        highest=1.0,
    ),
    "coverage": _real(
        "coverage",
        "",
        "Share of the real windows that have a sample near them (five nearest neighbours).",
        "leave out kinds of real windows",
        "The model repeats itself: train longer, or balance the labels (--balance_labels).",
        HIGHER,
        highest=1.0,
    ),
    "tstr_trees": _useful(
        f"{PAIRS['tstr']} (trees)",
        "Balanced accuracy on held-out people of extremely randomised trees that saw synthetic windows alone.",
        "do not teach a classifier what real windows teach it",
        "Condition the model on the labels, and check that the labels of the samples are the right ones.",
    ),
    "tstr_network": _useful(
        f"{PAIRS['tstr']} (network)",
        "The same with a convolutional and recurrent network.",
        "do not teach a network what real windows teach it",
        "Condition the model on the labels, and check that the labels of the samples are the right ones.",
    ),
    **{
        f"{pair}_{classifier}": _useful(f"{PAIRS[pair]} ({classifier})", meaning)
        for classifier in ("trees", "network")
        for pair, meaning in (
            ("trtr", "What real windows teach: the aim of the rows above."),
            ("trts", "Whether a classifier of real windows knows the samples."),
            ("augmented", "Whether adding the samples to real windows helps."),
        )
    },
    "nearer_to_training": _private(
        "nearer to training than to held-out",
        "Share of the samples whose nearest real window was trained on, among as many of both kinds.",
        "lie closer to the recordings trained on than other people's recordings do",
        _LEAK,
    ),
    "close_copies": _private(
        "close copies",
        "Share of the samples nearer to a training window than 99 % of the held-out windows are.",
        "contain near copies of recordings trained on",
        _LEAK,
    ),
    "membership_auc": _private(
        "membership inference from samples (AUC)",
        "How well a sample that is nearer than anybody else's recording tells who was trained on; 0.5 is chance.",
        "betray who was trained on",
        _LEAK,
    ),
    "membership_tpr": _private(
        "membership inference from samples (TPR at 1 % FPR)",
        "Share of the training windows that an attacker is nearly sure of; chance is 0.01.",
        "betray some of the windows trained on with near certainty",
        _LEAK,
    ),
    "likelihood_auc": _private(
        "membership inference from the likelihood (AUC)",
        "How well the model's own likelihood tells who was trained on; 0.5 is chance.",
        "come from a model whose likelihood betrays who was trained on",
        "Share the samples, not the model. " + _LEAK,
    ),
    "likelihood_tpr": _private(
        "membership inference from the likelihood (TPR at 1 % FPR)",
        "Share of the training windows that an attacker with the model is nearly sure of; chance is 0.01.",
        "come from a model whose likelihood betrays some windows with near certainty",
        "Share the samples, not the model. " + _LEAK,
    ),
    "cadence": _physiology(
        "cadence", "Hz", "1-Wasserstein distance of the step frequencies of rhythmic windows.", "step at the wrong pace"
    ),
    "rhythm": _physiology(
        "share of rhythmic windows",
        "",
        "Difference of the share of windows with a step frequency.",
        "walk too seldom or too often",
    ),
    "gravity": _physiology(
        "gravity",
        "g",
        "1-Wasserstein distance of the norm of each window's mean acceleration.",
        "show the wrong gravity: an amplitude, a unit or the pairing of the axes is off",
    ),
    "energy": _physiology(
        "energy of motion",
        "share",
        "1-Wasserstein distance of the acceleration around its mean, as a share of the real mean.",
        "move too little or too much",
    ),
    "energy_by_label": _physiology(
        "energy of motion, activity by activity",
        "share",
        "Relative difference of the mean energy, mean over activities.",
        "move with the wrong energy for their activity",
    ),
    "heart_rate": _physiology(
        "heart rate", "bpm", "1-Wasserstein distance of the windows' heart rates.", "beat at the wrong rate"
    ),
    "rr_intervals": _physiology(
        "RR intervals", "ms", "1-Wasserstein distance of the intervals between beats.", "have the wrong RR intervals"
    ),
    "sdnn": _physiology(
        "SDNN",
        "ms",
        "1-Wasserstein distance of the RR intervals' standard deviation.",
        "vary too little or too much from beat to beat",
    ),
    "rmssd": _physiology(
        "RMSSD",
        "ms",
        "1-Wasserstein distance of the root mean square of successive RR differences.",
        "jump too little or too much from beat to beat",
    ),
    "beat_shape": _physiology(
        "mean beat",
        "share",
        "Root mean square difference of the mean beats, as a share of the real one's size.",
        "show beats of the wrong shape",
    ),
}


@dataclasses.dataclass(frozen=True)
class Score:
    """A measured metric.

    Attributes:
      metric: a key of `METRICS`.
      against: "training", "heldout" or "unseen": the real windows compared with.
      value, low, high: and its 95 % interval.
      floor, floor_low, floor_high: what an honest recording of other people would get, and the 95 % interval in which
        one more would lie; None for a number that stands for itself.
    """

    metric: str
    against: str
    value: float
    low: float
    high: float
    floor: float | None = None
    floor_low: float | None = None
    floor_high: float | None = None

    @property
    def definition(self):
        """Its `Metric`."""
        return METRICS[self.metric]

    @property
    def edge(self):
        """The end of the floor's interval beyond which a value fails."""
        return self.floor_high if self.definition.better == LOWER else self.floor_low

    @property
    def passed(self):
        """Whether some of the interval lies where other real people would; None where nothing can be said.

        That is without a floor, and where the floor's interval reaches the worst value that there is: then a value
        worse than the floor's mean is neither shown to be bad nor good.
        """
        if self.floor is None:
            return None
        metric = self.definition
        if metric.better == LOWER:
            inside, worse = self.low <= self.edge, self.value > self.floor
            blind = self.edge >= metric.highest
        else:
            inside, worse = self.high >= self.edge, self.value < self.floor
            blind = self.edge <= metric.lowest
        return None if blind and worse else inside

    @property
    def excess(self):
        """How far a failing value lies beyond the floor's interval, in half widths of that interval."""
        return abs(self.value - self.edge) / max(self.floor_high - self.floor_low, 1e-3) * 2

    def describe(self):
        """What JSON shall hold of it."""
        definition = self.definition
        return {
            **dataclasses.asdict(self),
            "title": definition.title,
            "question": definition.question,
            "unit": definition.unit,
            "better": definition.better,
            "passed": self.passed,
        }


def score(name, against, value, floor=None):
    """A `Score` with its intervals cut at what is possible.

    Args:
      name: a key of `METRICS`.
      against: "training", "heldout" or "unseen".
      value: value, low, high.
      floor: floor, low, high; or None.
    """
    metric = METRICS[name]
    low, high = max(value[1], metric.lowest), min(value[2], metric.highest)
    if floor is None:
        return Score(name, against, value[0], low, high)
    floor_low, floor_high = max(floor[1], metric.lowest), min(floor[2], metric.highest)
    return Score(name, against, value[0], low, high, floor[0], floor_low, floor_high)
