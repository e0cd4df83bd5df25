"""The judge: real, synthetic and held-out windows in; scores beside their floors out."""

import dataclasses

import numpy as np

from sensegen_tf.evaluation import fidelity, physiology, privacy, published, utility
from sensegen_tf.evaluation.critic import WindowClassifier, told_apart
from sensegen_tf.evaluation.draws import confidence, draw, people_are_known, pool, prediction
from sensegen_tf.evaluation.metrics import METRICS, PAIRS, Score, score
from sensegen_tf.evaluation.samples import Samples, check_comparable

_LOWEST_RATE = {"motion": 10, "heart": 50}
_FEWEST_DRAWN = 1000


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
      seed: of all random numbers.
      windows: most windows taken of each file, evenly spread.
      repeats: draws for the values, and for the floors, of the metrics that cost little.
      drawn: most windows in such a draw; of more samples than `_FEWEST_DRAWN`, half at most, so that draws differ.
      critics: critics trained for the value, and for the floor; the floor needs more, since people differ more than
        samples of one model. 0 leaves them out.
      critic_windows: most windows of each kind for a critic or classifier.
      epochs: of a critic, at most.
      published: repeats of the published scores, likewise; 0 leaves them out.
      classifiers: repeats of the utility; 0 leaves it out.
      networks: repeats of the utility with a network; 0 leaves it out.
      privacy_windows: most windows of each kind.
      shift_step: of the shifts in time at which distances are taken, samples.
    """

    seed: int = 0
    windows: int = 10_000
    repeats: tuple[int, int] = (8, 16)
    drawn: int = 5000
    critics: tuple[int, int] = (4, 8)
    critic_windows: int = 2000
    epochs: int = 40
    published: tuple[int, int] = (3, 4)
    classifiers: int = 5
    networks: int = 3
    privacy_windows: int = 4000
    shift_step: int = 2

    @classmethod
    def quick(cls, seed=0):
        """The settings that end within a minute for 2,000 windows of 128 x 3 on two cores."""
        return cls(
            seed=seed,
            windows=4000,
            repeats=(4, 16),
            drawn=400,
            critics=(3, 6),
            critic_windows=600,
            epochs=12,
            published=(0, 0),
            classifiers=3,
            networks=0,
            privacy_windows=1000,
            shift_step=8,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """What was found.

    Attributes:
      real, synthetic, heldout: the `Samples` that were measured; held-out may be None.
      scores: a tuple of `Score`.
      confusions: classifier -> name of the pair -> counts [classes, classes]; see `utility.compare`.
      measured: "motion" or "heart" -> what was measured in all windows, in the order of `kinds`.
      kinds: M strings, see `draws.Pool`.
      missing: what could not be measured -> why.
      notes: what a reader must know of how it was measured.
      settings: the `Settings`.
    """

    real: Samples
    synthetic: Samples
    heldout: Samples | None
    scores: tuple[Score, ...]
    confusions: dict
    measured: dict
    kinds: np.ndarray
    missing: dict
    notes: tuple[str, ...]
    settings: Settings

    def find(self, metric, against="training"):
        """The `Score` of a metric, or None where it was not measured."""
        return next((each for each in self.scores if (each.metric, each.against) == (metric, against)), None)

    @property
    def classes(self):
        """The labels of the rows and columns of `confusions`."""
        return _classes(self.real, self.synthetic, self.heldout) if self.confusions else []


def _classes(*parts):
    """All labels that occur in `Samples`."""
    return sorted(set().union(*(part.labels for part in parts)))


class Judge:
    """Measures synthetic windows against real ones.

    Args:
      real: `Samples` that the generator was trained on.
      synthetic: `Samples` to judge.
      heldout: `Samples` of people never trained on, or None; then utility and privacy cannot be measured.
      unseen: `Samples` of the training people that were not trained on, or None; for the critic alone.
      settings: `Settings`.
      progress: called with what is being done, about a hundred times; `steps` says how often exactly.

    Raises:
      InputError: see `samples.check_comparable`.
    """

    def __init__(self, real, synthetic, heldout, settings, progress=lambda what: None, unseen=None):
        check_comparable(real, synthetic, heldout)
        self._real, self._synthetic = real.spread(settings.windows), synthetic.spread(settings.windows)
        self._heldout = heldout and heldout.spread(settings.windows)
        self._settings, self._progress = settings, progress
        self._unseen = unseen and unseen.spread(settings.windows)
        self._pool = pool(self._real, self._synthetic, self._heldout, self._unseen)
        self._against = ["training"] + ["heldout"] * (heldout is not None)
        self._missing = {}

    @property
    def steps(self):
        """How often `progress` will be called."""
        settings = self._settings
        steps = len(self._against) * sum(settings.repeats + settings.critics + settings.published * 2)
        steps += len(self._physiology_kinds()) + sum(settings.critics) * (self._unseen is not None)
        if self._heldout is not None:
            steps += 3
        if self._utility_missing() is None:
            steps += settings.classifiers + settings.networks
        return steps

    def evaluate(self):
        """Measures everything; returns an `Evaluation`."""
        settings, measured = self._settings, self._measure_physiology()
        critics, statistics = self._critics(), self._statistics(measured)
        scores = []
        for against in self._against:
            scores += self._repeated(against, settings.critics, settings.critic_windows, critics)
            scores += self._repeated(against, settings.published, settings.critic_windows, self._publish)
            scores += self._repeated(against, settings.repeats, self._drawn(), statistics)
        if not all(settings.published):
            self._missing["published"] = "left out by --quick"
        if self._unseen is not None:
            scores += self._repeated("unseen", settings.critics, settings.critic_windows, critics)
        utility_scores, confusions = self._measure_utility()
        scores += utility_scores + self._measure_privacy()
        order = list(METRICS)
        against = ("training", "unseen", "heldout")
        scores.sort(key=lambda each: (order.index(each.metric), against.index(each.against)))
        return Evaluation(
            self._real,
            self._synthetic,
            self._heldout,
            tuple(scores),
            confusions,
            measured,
            self._pool.kinds,
            self._missing,
            self._notes(),
            self._settings,
        )

    def _drawn(self):
        return min(self._settings.drawn, max(self._synthetic.count // 2, _FEWEST_DRAWN))

    def _seed(self, number):
        """The seed of one of many repeats; below 2^31, as all that take it need."""
        return (self._settings.seed * 1000 + number) % 2**31

    def _notes(self):
        if people_are_known(*filter(None, (self._real, self._heldout))):
            return ()
        return (
            "Fewer than four people are known, so stretches of the recordings stand in for people: the floors are "
            "lower than between people, and privacy is that of moments, not of persons.",
        )

    def _repeated(self, against, repeats, largest, measure):
        """Scores of what `measure(real rows, synthetic rows, number) -> name -> value` finds in so many draws."""
        if not all(repeats):
            return []
        drawn = draw(self._pool, against, *repeats, largest, self._settings.seed)
        sides = []
        for pairs in (drawn.values, drawn.floors):
            found = []
            for number, pair in enumerate(pairs):
                self._progress(f"against {against}")
                found.append(measure(*pair, number))
            sides.append(found)
        values, floors = sides
        # A metric that some draw says nothing of (too few beats, say) is left out.
        names = [name for name in values[0] if all(name in each for each in values + floors)]
        return [
            score(name, against, confidence([v[name] for v in values]), prediction([f[name] for f in floors]))
            for name in names
        ]

    def _critics(self):
        classifier = WindowClassifier(*self._pool.values.shape[1:], 2, self._settings.epochs)

        def measure(real, synthetic, number):
            values = self._pool.values[real], self._pool.values[synthetic]
            return {"critic": told_apart(classifier, *values, self._seed(number))}

        return measure

    def _publish(self, real, synthetic, number):
        values = self._pool.values[real], self._pool.values[synthetic]
        seed = self._seed(number)
        self._progress("published scores")
        return {
            "discriminative": published.discriminative_score(*values, seed),
            "predictive": published.predictive_score(*values, seed),
        }

    def _statistics(self, measured):
        # In the order of the pool.
        parts = [part.labels for part in (self._real, self._heldout, self._synthetic) if part is not None]
        labels = None if any(part is None for part in parts) else np.concatenate(parts)

        def measure(real, synthetic, number):
            del number
            values = fidelity.measure(self._pool.values[real], self._pool.values[synthetic], self._pool.rate)
            if "motion" in measured:
                values |= physiology.compare_motion(measured["motion"], real, synthetic, labels)
            if "heart" in measured:
                values |= physiology.compare_hearts(measured["heart"], real, synthetic)
            return values

        return measure

    def _physiology_kinds(self):
        """ "motion" and "heart" -> columns, where units and rate allow to measure them."""
        columns = {
            "motion": physiology.accelerations(self._real.units),
            "heart": physiology.leads(self._real.units)[:1],
        }
        return {kind: found for kind, found in columns.items() if found and self._real.rate >= _LOWEST_RATE[kind]}

    def _measure_physiology(self):
        measured = {}
        for kind, columns in self._physiology_kinds().items():
            self._progress("physiology")
            unit = self._real.units[columns[0]]
            values = self._pool.values[..., columns]
            try:
                if kind == "motion":
                    measured[kind] = physiology.motion(values, self._real.rate, unit)
                else:
                    measured[kind] = physiology.heart(values[..., 0], self._real.rate, unit)
            except ImportError:
                self._missing["physiology"] = "sleepecg is not installed: pip install 'sensegen_tf[evaluate]'"
        if not measured and "physiology" not in self._missing:
            self._missing["physiology"] = (
                "no channel is known to be an acceleration (unit g or m/s^2, at least 10 Hz) or an ECG (mV, at least "
                f"50 Hz); the units are {', '.join(self._real.units)}, the rate {self._real.rate:g} Hz"
            )
        return measured

    def _utility_missing(self):
        """Why the utility cannot be measured; None where it can."""
        if not self._settings.classifiers:
            return "it was left out"
        if self._heldout is None:
            return "it needs --heldout, recordings of people never trained on"
        for part in (self._real, self._synthetic, self._heldout):
            if part.labels is None:
                return f"no labels came with {part.name}"
        if len(set(self._real.labels)) < 2:
            return f"{self._real.name} has one label alone"
        return None

    def _measure_utility(self):
        """Scores, and classifier -> confusion matrices, summed over the repeats."""
        reason = self._utility_missing()
        if reason:
            self._missing["useful"] = reason
            return [], {}
        names = _classes(self._real, self._synthetic, self._heldout)
        labelled = {
            kind: (part.values, np.searchsorted(names, part.labels))
            for kind, part in (("real", self._real), ("synthetic", self._synthetic), ("heldout", self._heldout))
        }
        classifiers = {"trees": (utility.trees, self._settings.classifiers)}
        if self._settings.networks:
            network = utility.Network(*self._pool.values.shape[1:], len(names))
            classifiers["network"] = network, self._settings.networks
        scores, confusions = [], {}
        for name, (classify, repeats) in classifiers.items():
            found = self._classify(name, classify, repeats, labelled, len(names))
            scores += self._utility_scores(name, found)
            confusions[name] = {pair: sum(each[pair] for each in found) for pair in found[0]}
        return scores, confusions

    def _utility_scores(self, name, found):
        accuracies = {pair: [utility.balanced_accuracy(each[pair]) for each in found] for pair in found[0]}
        floors = {"tstr": prediction(accuracies["half"])}
        return [score(f"{pair}_{name}", "heldout", confidence(accuracies[pair]), floors.get(pair)) for pair in PAIRS]

    def _classify(self, name, classify, repeats, labelled, classes):
        """What `utility.compare` finds, in so many repeats."""
        rng = np.random.default_rng([self._settings.seed, 8])
        people = self._pool.people[self._pool.rows("training")]
        size = min(self._settings.critic_windows, *(len(labelled[kind][1]) for kind in ("real", "synthetic")))
        found = []
        for number in range(repeats):
            self._progress(f"classifiers: {name}")
            everybody = np.unique(people)
            half = np.flatnonzero(np.isin(people, rng.permutation(everybody)[: max(len(everybody) // 2, 1)]))

            def part(kind, rows):
                chosen = np.sort(rng.choice(rows, min(size, len(rows)), replace=False))
                return labelled[kind][0][chosen], labelled[kind][1][chosen]

            sets = [part(kind, np.arange(len(labelled[kind][1]))) for kind in ("real", "synthetic", "heldout")]
            how = classes, self._real.rate, self._seed(number)
            found.append(utility.compare(classify, *sets, part("real", half), *how))
        return found

    def _measure_privacy(self):
        if self._heldout is None:
            self._missing["private"] = "it needs --heldout, recordings of people never trained on"
            return []
        settings = self._settings
        self._progress("nearest neighbours")
        neighbours = privacy.Neighbours(self._pool, settings.privacy_windows, settings.shift_step, settings.seed)
        self._progress("membership inference")
        values, floors = neighbours.measure()
        scores = [score(name, "training", values[name], floors[name]) for name in values]
        self._progress("membership inference")
        return scores + self._likelihood_attack()

    def _likelihood_attack(self):
        if self._real.log_likelihood is None or self._heldout.log_likelihood is None:
            self._missing["likelihood"] = "no log_likelihood came with the real and the held-out windows"
            return []
        values, floors = privacy.likelihood_attack(
            self._real.log_likelihood,
            self._heldout.log_likelihood,
            *(self._pool.people[self._pool.rows(kind)] for kind in ("training", "heldout")),
            self._settings.seed,
        )
        return [score(name, "training", values[name], floors[name]) for name in values]
