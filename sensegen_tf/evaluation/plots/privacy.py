"""The report's figures of privacy (Plotly): whom the samples pass for, what they keep and what they hide."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from sensegen_tf.evaluation.evaluator import Evaluation
from sensegen_tf.evaluation.metrics.definitions import SIGNATURES
from sensegen_tf.evaluation.metrics.identity import EXPECTED, Impersonation
from sensegen_tf.evaluation.plots.style import COLORS, finish

_NAMES = {
    "control": "other real windows of training subjects",
    "null": "windows of test subjects",
    "synthetic": "synthetic windows",
}
_KINDS = {"control": "training", "null": "test", "synthetic": "synthetic"}


def nearest(found: Impersonation) -> go.Figure:
    """How near windows come to the nearest training subject: of the training subjects, of others, and of samples."""
    values = np.concatenate(list(found.nearest.values()))
    low, high = np.quantile(values, [0.005, 0.995])
    bins = np.linspace(low, max(high, low + 1e-6), 60)
    figure = go.Figure()
    for kind, each in found.nearest.items():
        shares = np.histogram(np.clip(each, bins[0], bins[-1]), bins)[0] / len(each)
        figure.add_scatter(
            x=(bins[1:] + bins[:-1]) / 2,
            y=shares,
            name=_NAMES[kind],
            line={"color": COLORS[_KINDS[kind]], "shape": "hvh"},
        )
    figure.add_vline(x=found.threshold, line={"dash": "dot", "color": "gray"})
    figure.update_xaxes(title="likeness to the nearest training subject [SD]")
    figure.update_yaxes(title="share of windows")
    return finish(figure, 380)


class _Bar(NamedTuple):
    """A row of the figure of attributes: what is read from samples, beside what real recordings give."""

    title: str
    value: float
    low: float
    high: float
    reference: float


def _kept_bars(evaluation):
    pairs = {"trees": ("tstr_trees", "trtr_trees"), "network": ("tstr_network", "trtr_network")}
    for name, (synthetic, real) in pairs.items():
        score, reference = evaluation.find(synthetic, "test"), evaluation.find(real, "test")
        if score and reference:
            yield _Bar(f"kept: label ({name})", score.value, score.low, score.high, reference.value)


def _hidden_bars(evaluation):
    for name, title in SIGNATURES.items():
        score = evaluation.find(f"impersonation_{name}")
        if score:
            yield _Bar(f"hidden: subject ({title})", score.value, score.low, score.high, EXPECTED)


def attributes(evaluation: Evaluation) -> go.Figure | None:
    """How well each kept attribute is read from the samples, and how far each hidden one; None where nothing was asked.

    A kept attribute: balanced accuracy on test subjects after training on samples, beside training on real windows. The
    subject, hidden: the impersonation rate, beside chance.
    """
    bars = [*(_kept_bars(evaluation) if "label" in evaluation.keep else [])]
    bars += [*(_hidden_bars(evaluation) if "subject" in evaluation.hide else [])]
    if not bars:
        return None
    figure = go.Figure()
    titles = [bar.title for bar in bars]
    figure.add_bar(
        y=titles,
        x=[bar.value for bar in bars],
        orientation="h",
        name="read from samples",
        marker={"color": COLORS["synthetic"]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [bar.high - bar.value for bar in bars],
            "arrayminus": [bar.value - bar.low for bar in bars],
        },
    )
    figure.add_scatter(
        y=titles,
        x=[bar.reference for bar in bars],
        mode="markers",
        name="aim: as from real windows (kept), chance (hidden)",
        marker={"color": COLORS["training"], "symbol": "line-ns", "size": 18, "line": {"width": 3}},
    )
    figure.update_xaxes(range=[0, 1.02])
    figure.update_yaxes(autorange="reversed", automargin=True)
    return finish(figure, 150 + 34 * len(bars))


def draw_all(evaluation: Evaluation) -> dict[str, go.Figure]:
    """Title -> figure, in the order of the report."""
    figures = {}
    together = attributes(evaluation)
    if together is not None:
        figures["What the samples keep, and what they hide"] = together
    for found in evaluation.impersonations:
        figures[f"Who the samples pass for: {SIGNATURES[found.signature]}"] = nearest(found)
    return figures
