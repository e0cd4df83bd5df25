"""Everything that is measured of privacy: copies of windows, membership, and identity of subjects."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sensegen_tf.data.windows import WindowSet, evenly_spaced
from sensegen_tf.evaluation.baselines import Pool
from sensegen_tf.evaluation.metrics import identity, privacy, signatures, utility
from sensegen_tf.evaluation.metrics.definitions import SIGNATURES
from sensegen_tf.evaluation.metrics.physiology import Heart
from sensegen_tf.evaluation.scores import Score
from sensegen_tf.evaluation.settings import Settings

_FEWEST_TO_LEARN = 4


class Privacy(NamedTuple):
    """What was found.

    Attributes:
      scores: of all attacks.
      impersonations: of every signature.
      missing: what could not be measured -> why.
    """

    scores: list[Score]
    impersonations: list[identity.Impersonation]
    missing: dict[str, str]


def _slices_missing(settings, subjects):
    """Why slicing DTW is left out, or ""."""
    if not settings.slice_series:
        return "left out by the settings, as in a quick evaluation"
    if importlib.util.find_spec("dtaidistance") is None:
        return "dtaidistance is not installed: pip install 'sensegen_tf[evaluate]'"
    pairs = 3 * settings.slice_series * signatures.PROBE_SLICES * subjects * signatures.SUBJECT_SLICES
    if pairs > settings.slice_pairs:
        return f"with so many subjects it would compare more than {settings.slice_pairs:,} pairs of slices"
    return ""


class Attacks:
    """The attacks on samples, and on their model where its likelihood of the windows is known.

    Args:
      pool: all windows, some of test subjects among them.
      training, test: the same windows, with their log-likelihoods.
      known: whether their subjects are known; if not, no measure is of a subject.
      heart: what was measured of an ECG in all windows, or None.
      settings: how much is measured.
      progress: called with what is done next, `count` times.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        training: WindowSet,
        test: WindowSet,
        known: bool,
        heart: Heart | None,
        settings: Settings,
        progress: Callable[[str], None],
    ):
        self._pool, self._training, self._test = pool, training, test
        self._known, self._heart, self._settings, self._progress = known, heart, settings, progress
        self._missing: dict[str, str] = {}

    @staticmethod
    def count(settings: Settings, *, subjects: Sequence[int], heart: bool) -> int:
        """How often `progress` is called.

        Args:
          settings: how much is measured.
          subjects: how many training and test subjects there are; none where they are unknown.
          heart: whether an ECG is measured.
        """
        if not (settings.identity_series and subjects):
            return 4
        slicing = _slices_missing(settings, sum(subjects)) == ""
        return 4 + heart + 3 * (subjects[0] >= _FEWEST_TO_LEARN) + slicing

    def measure(self) -> Privacy:
        """Makes all attacks."""
        settings, pool = self._settings, self._pool
        self._progress("nearest neighbours")
        neighbours = privacy.Neighbours(
            pool, largest=settings.privacy_windows, shift_step=settings.shift_step, seed=settings.seed
        )
        self._progress("membership inference from samples")
        scores = neighbours.measure()
        self._progress("membership inference from the density of samples")
        scores += self._density_attack()
        self._progress("membership inference from the likelihood")
        scores += self._likelihood_attack()
        if not self._known:
            # Stretches of recordings are nobody.
            scores = [score for score in scores if not score.metric.startswith("subject_")]
        elif len(self._test.subject_names) < privacy.FEWEST_FOR_TPR:
            self._missing["tpr"] = (
                f"one per cent of {len(self._test.subject_names)} test subjects is less than one; at least "
                f"{privacy.FEWEST_FOR_TPR} are needed"
            )
        impersonations = self._impersonations()
        scores += [score for each in impersonations for score in each.scores]
        return Privacy(scores, impersonations, self._missing)

    def _subjects(self, kind):
        return self._pool.subjects[self._pool.rows(kind)]

    def _density_attack(self):
        features, subjects = {}, {}
        for kind in ("training", "test", "synthetic"):
            rows = self._pool.rows(kind)
            rows = rows[evenly_spaced(len(rows), self._settings.privacy_windows)]
            features[kind] = utility.features(self._pool.values[rows], self._pool.rate)
            subjects[kind] = self._pool.subjects[rows]
        of = {f"{kind}_subjects": subjects[kind] for kind in ("training", "test")}
        return privacy.density_attack(**features, **of, seed=self._settings.seed)

    def _likelihood_attack(self):
        given, subjects = [], []
        for kind, windows in (("training", self._training), ("test", self._test)):
            scores = np.full(windows.count, np.nan) if windows.log_likelihood is None else windows.log_likelihood
            given.append(scores[~np.isnan(scores)])
            subjects.append(self._subjects(kind)[~np.isnan(scores)])
        if not all(map(len, given)):
            self._missing["likelihood"] = "no log_likelihood came with the windows of training and test subjects"
            return []
        return privacy.likelihood_attack(
            *given, member_subjects=subjects[0], other_subjects=subjects[1], seed=self._settings.seed
        )

    def _impersonations(self):
        if not self._settings.identity_series:
            self._missing["identity"] = "left out by the settings"
            return []
        if not self._known:
            self._missing["identity"] = "it needs the subjects of all real windows, others in each set"
            return []
        found = []
        for name in SIGNATURES:
            made, rows = getattr(self, f"_{name}")()
            if made:
                found.append(identity.measure(name, made, pool=self._pool, rows=rows, seed=self._settings.seed))
                if found[-1].blind:
                    self._missing[f"impersonation_{name}"] = found[-1].blind
        return found

    def _rows(self, series, windows):
        return identity.choose_rows(self._pool, series=series, windows=windows)

    def _names(self):
        return np.unique(self._subjects("training"))

    def _beat(self):
        if self._heart is None:
            return [], None
        self._progress("comparing beats")
        rows = self._rows(self._settings.identity_series, self._settings.identity_windows)
        return signatures.beats(self._heart.median_beats, self._names()), rows

    def _embedding(self):
        if len(self._names()) < _FEWEST_TO_LEARN:
            self._missing["impersonation_embedding"] = "an embedding needs at least four training subjects"
            return [], None
        made = signatures.embeddings(
            self._pool.values,
            self._pool.subjects,
            training=self._names(),
            steps=self._settings.identity_steps,
            seed=self._settings.seed,
            progress=lambda: self._progress("learning to tell people apart"),
        )
        self._progress("comparing with people")
        return made, self._rows(self._settings.identity_series, self._settings.identity_windows)

    def _slices(self):
        settings = self._settings
        reason = _slices_missing(settings, len(self._names()) + len(self._test.subject_names))
        if reason:
            self._missing["impersonation_slices"] = reason
            return [], None
        self._progress("slicing DTW")
        made = signatures.slices(self._pool.values, self._names(), rate=self._pool.rate)
        return made, self._rows(settings.slice_series, settings.identity_windows)
