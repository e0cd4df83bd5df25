"""The report's figures (Plotly), each for a screen of any width."""

import numpy as np
import plotly.graph_objects as go
from plotly.colors import qualitative
from plotly.subplots import make_subplots
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from sensegen_tf.evaluation import fidelity
from sensegen_tf.evaluation.metrics import HIGHER, PAIRS

_COLORS = {"training": "#1f4e79", "heldout": "#5b9e6f", "synthetic": "#d1600a"}
_NAMES = {"training": "real, trained on", "heldout": "real, held out", "synthetic": "synthetic"}
_TRACES = 4
_EMBEDDED = 400


def _groups(evaluation):
    parts = {"training": evaluation.real, "heldout": evaluation.heldout, "synthetic": evaluation.synthetic}
    return {kind: part for kind, part in parts.items() if part is not None}


def _finish(figure, height):
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 50, "r": 15, "t": 35, "b": 45},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        font={"size": 12},
    )
    return figure


def _hertz(evaluation):
    return "frequency [Hz]" if evaluation.real.rate != 1 else "frequency [cycles a sample]"


def _axis(channel, unit):
    return f"{channel} [{unit}]" if unit != "1" else channel


def traces(evaluation, kind):
    """Four windows, evenly spread, all channels; real and synthetic ones have the same scale."""
    part, real = _groups(evaluation)[kind], evaluation.real
    chosen = np.linspace(0, part.count - 1, _TRACES).astype(int)
    times = np.arange(part.values.shape[1]) / part.rate
    limits = fidelity.usual_range(real.values)
    figure = make_subplots(_TRACES, 1, shared_xaxes=True, vertical_spacing=0.03)
    for row, number in enumerate(chosen, 1):
        for column, channel in enumerate(part.channels):
            figure.add_scatter(
                x=times,
                y=part.values[number, :, column],
                name=_axis(channel, part.units[column]),
                legendgroup=channel,
                showlegend=row == 1,
                line={"width": 1.3, "color": qualitative.D3[column % 10]},
                row=row,
                col=1,
            )
        figure.update_yaxes(range=limits, row=row, col=1)
    figure.update_xaxes(title="time [s]" if part.rate != 1 else "sample", row=_TRACES, col=1)
    return _finish(figure, 560)


def _per_channel(evaluation, draw, xtitle, scale="linear"):
    """A row a channel; `draw(values [N, T, 1], column)` gives the x and y of one line."""
    channels = evaluation.real.channels
    figure = make_subplots(len(channels), 1, vertical_spacing=0.08 if len(channels) < 5 else 0.03)
    for kind, part in _groups(evaluation).items():
        for column, channel in enumerate(channels):
            x, y = draw(part.values[..., column : column + 1], column)
            figure.add_scatter(
                x=x,
                y=y,
                name=_NAMES[kind],
                legendgroup=kind,
                showlegend=column == 0,
                line={"color": _COLORS[kind], "width": 1.5},
                row=column + 1,
                col=1,
            )
            figure.update_yaxes(title=channel, row=column + 1, col=1)
    figure.update_xaxes(title=xtitle, row=len(channels), col=1)
    figure.update_xaxes(type=scale)
    figure.update_yaxes(type=scale)
    return _finish(figure, 130 + 170 * len(channels))


def spectra(evaluation):
    """Amplitude spectral density of each channel."""

    def draw(values, _):
        frequencies, density = fidelity.amplitude_spectrum(values, evaluation.real.rate)
        return frequencies[1:], density[1:, 0]

    return _per_channel(evaluation, draw, _hertz(evaluation), "log")


def autocorrelations(evaluation):
    """Autocorrelation of each channel up to half a window."""
    rate = evaluation.real.rate

    def draw(values, _):
        correlation = fidelity.autocorrelation(values)[:, 0]
        return np.arange(len(correlation)) / rate, correlation

    return _per_channel(evaluation, draw, "lag [s]" if rate != 1 else "lag [samples]")


def marginals(evaluation):
    """Distribution of the values of each channel."""

    def draw(values, column):
        bins = np.linspace(*fidelity.usual_range(evaluation.real.values[..., column]), 100)
        counts, _ = np.histogram(np.clip(values, bins[0], bins[-1]), bins, density=True)
        return (bins[1:] + bins[:-1]) / 2, counts

    return _per_channel(evaluation, draw, "value")


def embeddings(evaluation):
    """Windows as points of a plane, by principal components and by t-SNE of the first thirty: title -> figure."""
    groups = {kind: part.spread(_EMBEDDED) for kind, part in _groups(evaluation).items()}
    values = np.concatenate([part.values for part in groups.values()]).astype(np.float64)
    values = (values - values.mean((0, 1))) / values.std((0, 1))
    flat = values.reshape(len(values), -1)
    components = min(30, *flat.shape)
    components = PCA(components, svd_solver="full").fit_transform(flat)
    start = components[:, :2] / components[:, 0].std() * 1e-4
    neighbours = TSNE(2, init=start, random_state=evaluation.settings.seed).fit_transform(components)
    kinds = np.repeat(list(groups), [part.count for part in groups.values()])
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
            marker={"color": _COLORS[kind], "size": 5, "opacity": 0.6},
        )
    return _finish(figure, 430)


def floors(evaluation):
    """Every metric with a floor: how far it is, on a scale on which the floor's interval ends at 1."""
    figure = go.Figure()
    for passed, color, name in ((True, "#2e7d4f", "as good as real people"), (False, "#b3261e", "worse")):
        shown = [score for score in evaluation.scores if score.passed is passed]
        figure.add_scatter(
            x=[_relative(score) for score in shown],
            y=[_row(score) for score in shown],
            mode="markers",
            name=name,
            marker={"color": color, "size": 10, "symbol": "circle" if passed else "x"},
            hovertext=[f"{score.value:.3g} (floor {score.floor:.3g})" for score in shown],
        )
    rows = [_row(score) for score in evaluation.scores if score.passed is not None]
    figure.update_yaxes(categoryorder="array", categoryarray=rows[::-1], automargin=True, tickfont={"size": 11})
    figure.update_xaxes(title="distance; up to 1 is what real people differ by", type="log")
    figure.add_vline(x=1, line={"dash": "dot", "color": "gray"})
    return _finish(figure, 140 + 22 * len(rows))


def _relative(score):
    """Value over the end of the floor's interval: more is worse; at least 0.03, so that a log scale holds it."""
    ratio = score.value / max(score.edge, 1e-3)
    if score.definition.better == HIGHER:
        ratio = score.edge / max(score.value, 1e-3)
    return float(np.clip(ratio, 0.03, 30))


def _row(score):
    return f"{score.metric.replace('_', ' ')} · {score.against}"


def confusions(evaluation, classifier):
    """Confusion matrices, in shares of the true label."""
    counts = evaluation.confusions[classifier]
    names = evaluation.classes
    figure = make_subplots(2, 2, subplot_titles=list(PAIRS.values()), vertical_spacing=0.2, horizontal_spacing=0.12)
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
    return _finish(figure, 720)


def _distributions(evaluation, values, title):
    """Histograms of one number a window."""
    finite = values[np.isfinite(values)]
    low, high = np.quantile(finite, [0.005, 0.995]) if len(finite) else (0, 1)
    bins = np.linspace(low, high if high > low else low + 1, 50)
    figure = go.Figure()
    for kind in _groups(evaluation):
        part = values[evaluation.kinds == kind]
        part = np.clip(part[np.isfinite(part)], bins[0], bins[-1])
        shares = np.histogram(part, bins)[0] / max(len(part), 1)
        figure.add_scatter(
            x=(bins[1:] + bins[:-1]) / 2,
            y=shares,
            name=_NAMES[kind],
            line={"color": _COLORS[kind], "shape": "hvh"},
        )
    figure.update_xaxes(title=title)
    figure.update_yaxes(title="share of windows")
    return _finish(figure, 360)


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
            fillcolor=_COLORS[kind],
            opacity=0.12,
            legendgroup=kind,
            showlegend=False,
            mode="lines",
            **band,
        )
        figure.add_scatter(x=heart.times, y=mean, name=_NAMES[kind], legendgroup=kind, line={"color": _COLORS[kind]})
    figure.update_xaxes(title="time from the R peak [s]")
    figure.update_yaxes(title="[mV]")
    return _finish(figure, 360)


def physiology(evaluation):
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


def all_figures(evaluation):
    """Title -> figure, in the order of the report."""
    figures = {
        "Real windows": traces(evaluation, "training"),
        "Synthetic windows": traces(evaluation, "synthetic"),
        "Every measure beside what real people differ by": floors(evaluation),
        "Amplitude spectra": spectra(evaluation),
        "Autocorrelation": autocorrelations(evaluation),
        "Distribution of values": marginals(evaluation),
        **embeddings(evaluation),
    }
    for classifier in evaluation.confusions:
        figures[f"Confusion matrices ({classifier})"] = confusions(evaluation, classifier)
    return figures | physiology(evaluation)
