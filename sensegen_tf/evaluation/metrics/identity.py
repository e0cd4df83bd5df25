"""Impersonation: whether samples could pass for recordings of somebody who was trained on.

A signature (`signatures`) says how alike a window and a subject are. The question is how near a window comes to the
nearest of the training subjects. For real windows of test subjects, who cannot be among them, that is chance: the 95 %
quantile of theirs is the threshold. The impersonation rate is the share of the samples beyond it, .05 where samples are
of nobody in particular. The same share of other real windows of the training subjects shows what the signature can see.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sensegen_tf.data.windows import evenly_spaced
from sensegen_tf.evaluation.baselines import Estimate, Pool, middle, rows_by_subject
from sensegen_tf.evaluation.metrics.signatures import Signature
from sensegen_tf.evaluation.scores import Reference, Score, make_score

# Share of the windows of test subjects beyond the threshold.
EXPECTED = 0.05
_REPEATS = 200
# Fewer impersonations than this say nothing of whom they are of.
_FEWEST = 20
# Windows that are linked, of each kind.
_MOST_LINKED = 2000
# Test subjects whose own rate is measured for the null.
_MOST_LEFT_OUT = 500


class Rows(NamedTuple):
    """Row numbers of a pool that identity is measured with.

    Attributes:
      gallery: training subject -> windows of the first half of his recordings.
      others: test subject -> the same.
      control: other windows of training subjects.
      null: windows of test subjects.
      synthetic: samples.
    """

    gallery: dict[str, np.ndarray]
    others: dict[str, np.ndarray]
    control: np.ndarray
    null: np.ndarray
    synthetic: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Impersonation:
    """What was found with one signature.

    Attributes:
      signature: its name.
      nearest: "control", "null" and "synthetic" -> how near each window comes to the nearest training subject, float
        [N], in standard deviations of the null around its mean.
      threshold: the null's 95 % quantile.
      subjects: training subject -> share of the impersonating samples that are nearest to him.
      scores: the measures.
      blind: why the measure decides nothing, or "".
    """

    signature: str
    nearest: dict[str, np.ndarray]
    threshold: float
    subjects: dict[str, float]
    scores: tuple[Score, ...]
    blind: str


def choose_rows(pool: Pool, *, series: int, windows: int) -> Rows:
    """Chooses windows evenly over all recordings.

    Args:
      pool: all windows, some of test subjects among them.
      series: most windows of each kind that are compared with subjects.
      windows: most of all windows that stand for the training subjects; each has at least one and at most forty.
    """
    training, test = (pool.rows(kind) for kind in ("training", "test"))
    each = int(np.clip(windows // max(len(np.unique(pool.subjects[training])), 1), 1, 40))
    halves = {kind: _halves(rows, pool.subjects[rows]) for kind, rows in (("training", training), ("test", test))}
    gallery, others = ({name: _evenly(first, each) for name, (first, _) in found.items()} for found in halves.values())
    second = [rest for _, rest in halves["training"].values() if len(rest)]
    return Rows(
        gallery,
        others,
        control=_evenly(np.concatenate(second), series) if second else np.array([], int),
        null=_evenly(test, series),
        synthetic=_evenly(pool.rows("synthetic"), series),
    )


def _halves(rows, subjects):
    """Subject -> the first and the second half of his rows."""
    return {name: np.array_split(rows[own], 2) for name, own in rows_by_subject(subjects).items()}


def _evenly(rows, count):
    return rows[evenly_spaced(len(rows), count)]


def _threshold(values, weights):
    """The weighted 95 % quantile."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return values[order][np.searchsorted(cumulative, (1 - EXPECTED) * cumulative[-1] - 1e-9)]


class _Null:
    """How near test subjects come, each subject with the same weight."""

    def __init__(self, values, subjects):
        self._values, (self._names, self._of) = values, np.unique(subjects, return_inverse=True)

    def _weights(self, times):
        """Of the windows, where subjects occur so many times."""
        return (times / np.bincount(self._of))[self._of]

    def threshold(self, rng=None):
        """The threshold; with a generator, that of a bootstrap sample of the subjects."""
        count = len(self._names)
        times = np.ones(count) if rng is None else np.bincount(rng.integers(0, count, count), minlength=count)
        return _threshold(self._values, self._weights(times))

    def _rate_of(self, subject):
        """The rate of one subject beyond the threshold of the others."""
        threshold = _threshold(self._values, self._weights((np.arange(len(self._names)) != subject).astype(float)))
        return float((self._values[self._of == subject] > threshold).mean())

    def reference(self, rng):
        """What the rate of other people would be: of each test subject beyond the threshold of the others."""
        if len(self._names) < 2:
            return Reference.null(Estimate(EXPECTED, 0.0, 1.0))
        few = rng.permutation(len(self._names))[:_MOST_LEFT_OUT]
        rates = np.array([self._rate_of(subject) for subject in few])
        means = rng.choice(rates, [_REPEATS, len(rates)]).mean(1)
        return Reference.null(Estimate(float(rates.mean()), *middle(means)[1:]))


def _rate(values, null, rng, *, subjects=None):
    """The share of values beyond the null's threshold; its interval is a bootstrap, by subject where they are known."""
    if subjects is None:
        subjects = np.arange(len(values))
    _, of = np.unique(subjects, return_inverse=True)
    sizes = np.bincount(of)

    def rate(threshold, times):
        return float(np.average(values > threshold, weights=(times / sizes)[of]))

    rates = []
    for _ in range(_REPEATS):
        times = np.bincount(rng.integers(0, len(sizes), len(sizes)), minlength=len(sizes))
        rates.append(rate(null.threshold(rng), times))
    return Estimate(rate(null.threshold(), np.ones(len(sizes))), *middle(rates)[1:])


class _Nearest(NamedTuple):
    """Of each window: how near the nearest training subject is, and who that is."""

    values: np.ndarray
    names: np.ndarray


def _nearest(signatures: Sequence[Signature], rows: Rows) -> dict[str, _Nearest]:
    """Of control, null and synthetic windows, over all signatures of a kind, each scaled by its null."""
    found: dict[str, list[_Nearest]] = {"control": [], "null": [], "synthetic": []}
    for signature in signatures:
        galleries = [rows.gallery[name] for name in signature.gallery]
        similarity = {
            kind: signature.compare(getattr(rows, kind), galleries) for kind in found if len(getattr(rows, kind))
        }
        null = similarity["null"].max(1)
        mean, std = null.mean(), max(null.std(), 1e-9)
        for kind, each in similarity.items():
            found[kind].append(_Nearest((each.max(1) - mean) / std, signature.gallery[each.argmax(1)]))
    return {kind: _over_signatures(each) for kind, each in found.items() if each}


def _over_signatures(found):
    values, names = np.stack([each.values for each in found]), np.stack([each.names for each in found])
    best, windows = values.argmax(0), np.arange(values.shape[1])
    return _Nearest(values[best, windows], names[best, windows])


def measure(name: str, signatures: Sequence[Signature], *, pool: Pool, rows: Rows, seed: int) -> Impersonation:
    """Measures impersonation with signatures of one kind.

    Args:
      name: of the kind: "beat", "embedding" or "slices".
      signatures: of that kind; they may differ in whom they can be asked about.
      pool: all windows.
      rows: which of them are measured.
      seed: an integer.
    """
    rng = np.random.default_rng([seed, 12])
    nearest = _nearest(signatures, rows)
    null = _Null(nearest["null"].values, pool.subjects[rows.null])
    rates = {"synthetic": _rate(nearest["synthetic"].values, null, rng)}
    if "control" in nearest:
        rates["control"] = _rate(nearest["control"].values, null, rng, subjects=pool.subjects[rows.control])
    reference = null.reference(rng)
    scores = _beside_control(f"impersonation_{name}", f"control_{name}", rates, reference)
    scores += _beside_control(f"linked_{name}", f"control_linked_{name}", *_link(signatures, rows, rng))
    threshold = null.threshold()
    impersonating = nearest["synthetic"].names[nearest["synthetic"].values > threshold]
    names, counts = np.unique(impersonating, return_counts=True)
    shares = dict.fromkeys(rows.gallery, 0.0) | dict(zip(names.tolist(), counts / max(counts.sum(), 1), strict=True))
    if len(impersonating) >= _FEWEST:
        scores.append(make_score(f"evenness_{name}", against="training", value=_evenness(shares)))
    return Impersonation(
        signature=name,
        nearest={kind: each.values for kind, each in nearest.items()},
        threshold=float(threshold),
        subjects=shares,
        scores=tuple(scores),
        blind=_blind(scores[0], rates.get("control"), reference),
    )


def _beside_control(name, control_name, values, reference):
    """The score of the samples, and that of real windows of the training subjects.

    A measure that does not recognise the latter cannot clear samples, though it might convict them: then the score of
    the samples stands without its reference.
    """
    control = values.get("control")
    score = make_score(name, against="training", value=values["synthetic"], reference=reference)
    if score.passed and (control is None or control.low <= reference.high):
        score = dataclasses.replace(score, reference=None)
    return [score, *([] if control is None else [make_score(control_name, against="training", value=control)])]


def _blind(score, control, chance):
    """Why a score decides nothing, or ""."""
    if score.reference is not None:
        return ""
    if control is None:
        return "no training subject has two windows, so nobody knows what this signature can see"
    return (
        f"other real windows of the training subjects pass for them in {control.value:.0%}, by chance in up to "
        f"{chance.high:.0%}, so this signature cannot tell these people from others"
    )


def _evenness(shares):
    """The effective number of subjects (exponential of the entropy), as a share of all."""
    values = np.array([share for share in shares.values() if share > 0])
    number = float(np.exp(-(values * np.log(values)).sum())) / len(shares)
    return Estimate(number, number, number)


def _link(signatures, rows, rng):
    """Shares of windows nearer to a training subject than to a test subject, in galleries of equal size.

    Returns:
      "synthetic" and "control" -> share; and the share of samples with permuted membership.
    """
    probes = {"synthetic": _evenly(rows.synthetic, _MOST_LINKED), "control": _evenly(rows.control, _MOST_LINKED)}
    drawn = [_link_by(each, rows, probes, rng) for each in signatures]

    def over_signatures(kind, what):
        return np.mean([each[kind][what] for each in drawn], 0)

    found = {}
    for kind in drawn[0]:
        value, bootstrap = float(over_signatures(kind, "values").mean()), middle(over_signatures(kind, "bootstrap"))
        # Around the value, since galleries that hold a subject twice recognise fewer.
        found[kind] = Estimate(value, *(bound - bootstrap.value + value for bound in bootstrap[1:]))
    return found, Reference.null(middle(over_signatures("synthetic", "permuted")))


def _link_by(signature, rows, probes, rng):
    """Kind of window -> shares with random galleries ("values"), bootstrap ones, and permuted membership."""
    own = [rows.gallery[each] for each in signature.gallery]
    galleries = [*own, *rows.others.values()]
    size = min(map(len, galleries))
    members, others = np.split(np.arange(len(galleries)), [len(own)])
    count, half = min(len(members), len(others)), _REPEATS // 2
    draws = {
        "values": [[rng.permutation(each)[:count] for each in (members, others)] for _ in range(half)],
        "bootstrap": [[rng.choice(each, count) for each in (members, others)] for _ in range(half)],
        "permuted": [np.split(rng.permutation(len(galleries))[: 2 * count], 2) for _ in range(half)],
    }
    found = {}
    for kind, chosen in probes.items():
        if len(chosen):
            near = signature.compare(chosen, [_evenly(each, size) for each in galleries]).T
            found[kind] = {
                what: [_share(near[a].max(0), near[b].max(0)) for a, b in each] for what, each in draws.items()
            }
    return found


def _share(first, second):
    """Of windows nearer to the first; a half where both are as near."""
    return float(np.mean((first > second) + (first == second) / 2))
