"""One picture of real beside synthetic: traces on the same axes, amplitude spectra, value histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from sensegen_tf.data.spectrum import amplitude_spectrum
from sensegen_tf.evaluation.metrics.fidelity import usual_range
from sensegen_tf.files import atomic_write

_REAL, _SYNTHETIC = "#1f4e79", "#d1600a"
_TRACES = 4
_ACROSS = 7  # Panels in a row.
_MOST_NAMES = 8  # That a legend holds beside the traces.


def compare(
    real: np.ndarray,
    synthetic: np.ndarray,
    *,
    rate: float,
    channels: Sequence[str],
    units: Sequence[str],
    title: str,
) -> Figure:
    """Draws real windows beside synthetic ones.

    Args:
      real, synthetic: [N, T, C], physical units; four windows of each, evenly spaced, are drawn, all are measured.
      rate: Hz.
      channels, units: C strings each.
      title: of the picture.

    Returns:
      A figure for `save` or `to_image`.
    """
    groups = list(dict.fromkeys(units))
    rows = -(-len(channels) // _ACROSS)
    heights = [1.0, 1.0] * len(groups) + [1.15 * rows] * 2
    figure = Figure(figsize=(14, 2.4 * sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13)
    blocks = list(np.ravel(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)))
    times = np.arange(real.shape[1]) / rate
    for index, unit in enumerate(groups):
        columns = [column for column, name in enumerate(units) if name == unit]
        names = [channels[column] for column in columns]
        limits = usual_range(real[..., columns])
        for block, values, what in (
            (blocks[2 * index], real, "Real recordings"),
            (blocks[2 * index + 1], synthetic, "Synthetic"),
        ):
            _traces(block, values[..., columns], times, limits, names, unit, what)
    _spectra(blocks[-2], real, synthetic, rate, channels, units)
    _histograms(blocks[-1], real, synthetic, channels, units)
    return figure


def _traces(block, values, times, limits, names, unit, what):
    axes = block.subplots(1, _TRACES, sharey=True)
    block.suptitle(
        what, fontsize=11, fontweight="bold", x=0.01, ha="left", color=_REAL if "Real" in what else _SYNTHETIC
    )
    for number, axis in zip(np.linspace(0, len(values) - 1, _TRACES).astype(int), axes, strict=True):
        for column, name in enumerate(names):
            axis.plot(times, values[number, :, column], linewidth=1, label=name, color=f"C{column}")
        axis.set_ylim(limits)
        axis.set_xlabel("time [s]")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel(f"[{unit}]")
    if len(names) <= _MOST_NAMES:
        axes[-1].legend(loc="upper right", fontsize=8)


def _panels(block, count):
    """Axes for `count` channels, in rows."""
    across = min(count, _ACROSS)
    axes = block.subplots(-(-count // across), across, squeeze=False).ravel()
    for axis in axes[count:]:
        axis.set_axis_off()
    return axes[:count]


def _spectra(block, real, synthetic, rate, channels, units):
    axes = _panels(block, len(channels))
    block.suptitle("Amplitude spectrum", fontsize=11, fontweight="bold", x=0.01, ha="left")
    for column, axis in enumerate(axes):
        for values, color, label in ((real, _REAL, "real"), (synthetic, _SYNTHETIC, "synthetic")):
            frequencies, density = amplitude_spectrum(values, rate)
            axis.loglog(frequencies[1:], density[1:, column], color=color, label=label)
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_title(channels[column], fontsize=10)
        axis.set_xlabel("frequency [Hz]")
        axis.set_ylabel(f"[{units[column]}/√Hz]")
        axis.grid(alpha=0.3, which="both")
    axes[-1].legend(fontsize=8)


def _histograms(block, real, synthetic, channels, units):
    axes = _panels(block, len(channels))
    block.suptitle("Distribution of values", fontsize=11, fontweight="bold", x=0.01, ha="left")
    for column, axis in enumerate(axes):
        bins = np.linspace(*usual_range(real[..., column]), 80)
        for values, color, label in ((real, _REAL, "real"), (synthetic, _SYNTHETIC, "synthetic")):
            flat = np.clip(values[..., column].ravel(), bins[0], bins[-1])
            axis.hist(flat, bins, density=True, histtype="step", color=color, label=label, linewidth=1.4)
        axis.set_title(channels[column], fontsize=10)
        axis.set_xlabel(f"[{units[column]}]")
        axis.set_yticks([])
    axes[-1].legend(fontsize=8)


def save(figure: Figure, path: str) -> None:
    """Writes a figure as PNG, whole or not at all."""
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def to_image(figure: Figure) -> np.ndarray:
    """A figure as uint8 [height, width, 3]."""
    figure.set_dpi(70)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
