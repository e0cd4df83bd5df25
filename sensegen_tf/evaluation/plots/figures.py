"""The report's figures (Plotly), each for a screen of any width."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.colors import qualitative
from plotly.subplots import make_subplots
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from sensegen_tf.data.spectrum import amplitude_spectrum
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.evaluation.evaluator import Evaluation
from sensegen_tf.evaluation.metrics import fidelity
from sensegen_tf.evaluation.metrics.definitions import AGAINST, HIGHER, PAIRS
from sensegen_tf.evaluation.plots.style import COLORS, finish
from sensegen_tf.evaluation.scores import Score

_NAMES = {"training": AGAINST["training"], "test": AGAINST["test"], "synthetic": "synthetic"}
_TRACES = 4
_EMBEDDED = 400


def _groups(evaluation: Evaluation) -> dict[str, WindowSet]:
    groups = {"training": evaluation.real, "test": evaluation.test, "synthetic": evaluation.synthetic}
    return {kind: windows for kind, windows in groups.items() if windows is not None}


def _hertz(evaluation):
    return "frequency [Hz]" if evaluation.real.rate != 1 else "frequency [cycles a time step]"


def _axis(channel, unit):
    return f"{channel} [{unit}]" if unit != "1" else channel


def traces(evaluation: Evaluation, kind: str) -> go.Figure:
    """Four windows, evenly spaced, all channels; real and synthetic ones have the same scale.

    Args:
      evaluation: what was found.
      kind: "training", "test" or "synthetic".
    """
    windows, limits = _groups(evaluation)[kind], fidelity.usual_range(evaluation.real.values)
    chosen = np.linspace(0, windows.count - 1, _TRACES).astype(int)
    times = np.arange(windows.length) / windows.rate
    figure = make_subplots(_TRACES, 1, shared_xaxes=True, vertical_spacing=0.03)
    for row, number in enumerate(chosen, 1):
        for column, channel in enumerate(windows.channels):
            figure.add_scatter(
                x=times,
                y=windows.values[number, :, column],
                name=_axis(channel, windows.units[column]),
                legendgroup=channel,
                showlegend=row == 1,
                line={"width": 1.3, "color": qualitative.D3[column % 10]},
                row=row,
                col=1,
            )
        figure.update_yaxes(range=limits, row=row, col=1)
    figure.update_xaxes(title="time [s]" if windows.rate != 1 else "time step", row=_TRACES, col=1)
    return finish(figure, 560)


def _per_channel(evaluation, draw, xtitle, scale="linear"):
    """A row a channel; `draw(values [N, T, 1], column)` gives the x and y of one line."""
    channels = evaluation.real.channels
    figure = make_subplots(len(channels), 1, vertical_spacing=0.08 if len(channels) < 5 else 0.03)
    for kind, windows in _groups(evaluation).items():
        for column, channel in enumerate(channels):
            x, y = draw(windows.values[..., column : column + 1], column)
            figure.add_scatter(
                x=x,
                y=y,
                name=_NAMES[kind],
                legendgroup=kind,
                showlegend=column == 0,
                line={"color": COLORS[kind], "width": 1.5},
                row=column + 1,
                col=1,
            )
            figure.update_yaxes(title=channel, row=column + 1, col=1)
    figure.update_xaxes(title=xtitle, row=len(channels), col=1)
    if scale == "log":
        figure.update_xaxes(type=scale, dtick="D2")
        figure.update_yaxes(type=scale, dtick="D2")
    return finish(figure, 130 + 170 * len(channels))


def spectra(evaluation: Evaluation) -> go.Figure:
    """Amplitude spectral density of each channel."""

    def draw(values, _):
        frequencies, density = amplitude_spectrum(values, evaluation.real.rate)
        return frequencies[1:], density[1:, 0]

    return _per_channel(evaluation, draw, _hertz(evaluation), "log")


def autocorrelations(evaluation: Evaluation) -> go.Figure:
    """Autocorrelation of each channel up to half a window."""
    rate = evaluation.real.rate

    def draw(values, _):
        correlation = fidelity.autocorrelation(values)[:, 0]
        return np.arange(len(correlation)) / rate, correlation

    return _per_channel(evaluation, draw, "lag [s]" if rate != 1 else "lag [time steps]")


def marginals(evaluation: Evaluation) -> go.Figure:
    """Distribution of the values of each channel."""

    def draw(values, column):
        bins = np.linspace(*fidelity.usual_range(evaluation.real.values[..., column]), 100)
        counts, _ = np.histogram(np.clip(values, bins[0], bins[-1]), bins, density=True)
        return (bins[1:] + bins[:-1]) / 2, counts

    return _per_channel(evaluation, draw, "value")


def embeddings(evaluation: Evaluation) -> dict[str, go.Figure]:
    """Windows as points of a plane, by principal components and by t-SNE of the first thirty: title -> figure."""
    groups = {kind: windows.subsample(_EMBEDDED) for kind, windows in _groups(evaluation).items()}
    values = np.concatenate([windows.values for windows in groups.values()]).astype(np.float64)
    values = (values - values.mean((0, 1))) / values.std((0, 1))
    flat = values.reshape(len(values), -1)
    components = min(30, *flat.shape)
    components = PCA(components, svd_solver="full").fit_transform(flat)
    start = components[:, :2] / components[:, 0].std() * 1e-4
    # Its thousands of short parallel regions cost minutes where other programs hold the cores.
    with threadpool_limits(1, user_api="openmp"):
        neighbours = TSNE(2, init=start, random_state=evaluation.settings.seed).fit_transform(components)
    kinds = np.repeat(list(groups), [windows.count for windows in groups.values()])
    return {
        "All windows as points: principal components": _points(components, kinds),
        "All windows as points: t-SNE": _points(neighbours, kinds),
    }


def _points(points, kinds):
    figure = go.Figure()
    for kind in dict.fromkeys(kinds):
        figure.add_scatter(
            x=points[kinds == kind, 0],
            y=points[kinds == kind, 1],
            mode="markers",
            name=_NAMES[kind],
            marker={"color": COLORS[kind], "size": 5, "opacity": 0.6},
        )
    return finish(figure, 430)


def references(evaluation: Evaluation) -> go.Figure:
    """Every metric with a reference, on a scale on which the bound is 1."""
    figure = go.Figure()
    for passed, color, name in ((True, "#2e7d4f", "passed"), (False, "#b3261e", "failed")):
        shown = [score for score in evaluation.scores if score.passed is passed]
        figure.add_scatter(
            x=[_relative(score) for score in shown],
            y=[_row(score) for score in shown],
            mode="markers",
            name=name,
            marker={"color": color, "size": 10, "symbol": "circle" if passed else "x"},
            hovertext=[_hover(score) for score in shown],
            hoverinfo="text",
        )
    rows = [_row(score) for score in evaluation.scores if score.passed is not None]
    figure.update_yaxes(categoryorder="array", categoryarray=rows[::-1], automargin=True, tickfont={"size": 11})
    figure.update_xaxes(title="value / bound", type="log", tickvals=[0.1, 1, 10], ticktext=["0.1", "1", "10"])
    figure.add_vline(x=1, line={"dash": "dot", "color": "gray"})
    return finish(figure, 140 + 22 * len(rows))


def _relative(score: Score) -> float:
    """Value over bound, both above chance: more is worse; kept between 0.03 and 30, so that a log scale holds it."""
    chance = score.definition.chance
    value, bound = score.value - chance, (score.bound or 0.0) - chance
    if score.definition.better == HIGHER:
        value, bound = bound, value
    return float(np.clip(value / max(bound, 1e-3), 0.03, 30))


def _hover(score: Score) -> str:
    reference = score.reference
    return f"{score.title}: {score.value:.3g}; bound of the {reference.kind}: {score.bound:.3g}" if reference else ""


def _row(score: Score) -> str:
    return f"{score.metric.replace('_', ' ')} · {AGAINST[score.against]}"


def confusions(evaluation: Evaluation, classifier: str) -> go.Figure:
    """Confusion matrices of "trees" or "network", in shares of the true label."""
    counts = evaluation.confusions[classifier]
    names = evaluation.classes
    figure = make_subplots(
        2,
        2,
        subplot_titles=[title.replace(", ", ",<br>") for title in PAIRS.values()],
        vertical_spacing=0.2,
        horizontal_spacing=0.12,
    )
    for index, pair in enumerate(PAIRS):
        shares = counts[pair] / np.maximum(counts[pair].sum(1, keepdims=True), 1)
        figure.add_heatmap(
            z=shares[::-1],
            x=names,
            y=names[::-1],
            zmin=0,
            zmax=1,
            colorscale="Blues",
            showscale=False,
            texttemplate="%{z:.2f}",
            textfont={"size": 9},
            row=index // 2 + 1,
            col=index % 2 + 1,
        )
    figure.update_annotations(font={"size": 10})
    figure.update_xaxes(tickfont={"size": 9}, tickangle=40)
    figure.update_yaxes(tickfont={"size": 9})
    return finish(figure, 720)


def _distributions(evaluation, values, title):
    """Histograms of one number a window."""
    finite = values[np.isfinite(values)]
    low, high = np.quantile(finite, [0.005, 0.995]) if len(finite) else (0, 1)
    bins = np.linspace(low, high if high > low else low + 1, 50)
    figure = go.Figure()
    for kind in _groups(evaluation):
        shown = values[evaluation.kinds == kind]
        shown = np.clip(shown[np.isfinite(shown)], bins[0], bins[-1])
        shares = np.histogram(shown, bins)[0] / max(len(shown), 1)
        figure.add_scatter(
            x=(bins[1:] + bins[:-1]) / 2,
            y=shares,
            name=_NAMES[kind],
            line={"color": COLORS[kind], "shape": "hvh"},
        )
    figure.update_xaxes(title=title)
    figure.update_yaxes(title="share of windows")
    return finish(figure, 360)


def _beats(evaluation):
    """Mean beat with the band of one standard deviation of the windows' mean beats."""
    heart = evaluation.measured["heart"]
    figure = go.Figure()
    for kind in _groups(evaluation):
        beats = heart.beats[evaluation.kinds == kind]
        beats = beats[np.isfinite(beats[:, 0])]
        if not len(beats):
            continue
        mean, std = beats.mean(0), beats.std(0)
        band = {"x": np.concatenate([heart.times, heart.times[::-1]]), "hoverinfo": "skip", "line": {"width": 0}}
        figure.add_scatter(
            y=np.concatenate([mean + std, (mean - std)[::-1]]),
            fill="toself",
            fillcolor=COLORS[kind],
            opacity=0.12,
            legendgroup=kind,
            showlegend=False,
            mode="lines",
            **band,
        )
        figure.add_scatter(x=heart.times, y=mean, name=_NAMES[kind], legendgroup=kind, line={"color": COLORS[kind]})
    figure.update_xaxes(title="time from the R peak [s]")
    figure.update_yaxes(title="[mV]")
    return finish(figure, 360)


def physiology(evaluation: Evaluation) -> dict[str, go.Figure]:
    """Title -> figure, for what was measured."""
    figures = {}
    if "motion" in evaluation.measured:
        motion = evaluation.measured["motion"]
        rhythmic = np.where(motion.cadence > 0, motion.cadence, np.nan)
        figures["Cadence of rhythmic windows"] = _distributions(evaluation, rhythmic, "cadence [Hz]")
        if motion.gravity is not None:
            figures["Gravity"] = _distributions(evaluation, motion.gravity, "norm of the mean acceleration [g]")
        figures["Energy of motion"] = _distributions(evaluation, motion.energy, "acceleration around its mean [g rms]")
    if "heart" in evaluation.measured:
        heart = evaluation.measured["heart"]
        figures["Mean beat"] = _beats(evaluation)
        figures["Heart rate"] = _distributions(evaluation, heart.heart_rate, "heart rate [bpm]")
        figures["SDNN"] = _distributions(evaluation, heart.sdnn, "SDNN [ms]")
        figures["RMSSD"] = _distributions(evaluation, heart.rmssd, "RMSSD [ms]")
    return figures


def draw_all(evaluation: Evaluation) -> dict[str, go.Figure]:
    """Title -> figure, in the order of the report."""
    return {
        "Windows of training subjects": traces(evaluation, "training"),
        "Synthetic windows": traces(evaluation, "synthetic"),
        "Every measure beside its baseline or null": references(evaluation),
        **embeddings(evaluation),
        **{f"Confusion matrices ({each})": confusions(evaluation, each) for each in evaluation.confusions},
        "Amplitude spectra": spectra(evaluation),
        "Autocorrelation": autocorrelations(evaluation),
        "Distribution of values": marginals(evaluation),
        **physiology(evaluation),
    }
