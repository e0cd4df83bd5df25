"""Whether the ECG model keeps its course: series of five minutes beside real ones of the same length.

    pip install -e ".[ecg,evaluate,plots]" && python experiments/ecg_minutes.py --model=MODEL --data_dir=FOLDER

MODEL is an exported `sensegen_ecg` (or its name, for the pretrained one), FOLDER holds MIT-BIH. Keeps
results/ecg_minutes.json and pictures/ecg_minutes.png.
"""

import os
import typing

import numpy as np
import results
from absl import flags
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sensegen_tf import commands

FLAGS = flags.FLAGS
SECONDS = 300
RHYTHM = "N"
# Series of each kind in the picture, and seconds from either end of them.
_DRAWN, _DRAWN_SECONDS = 3, 10


def define_flags():
    """The flags of this program."""
    with commands.topic("Series"):
        flags.DEFINE_string("model", None, "exported model, or the name of a pretrained one")
        flags.DEFINE_string("data_dir", None, "folder of the WFDB records")
        flags.DEFINE_integer("count", 60, "synthetic series", lower_bound=1)
        flags.DEFINE_integer("seed", 0, "of the synthetic series", lower_bound=0)
    commands.required("model", "data_dir")


class Minutes(typing.NamedTuple):
    """What is measured of series: name -> a number a series; and the mean beat of all."""

    figures: dict
    beat: np.ndarray


def real_series(card):
    """Five-minute stretches of the training subjects in rhythm N, a `WindowSet`."""
    from sensegen_tf.data import sources, split, windows

    config = sources.SourceConfig(
        source="mitbih", data_dir=FLAGS.data_dir, channels=card.channels, labels=(RHYTHM,), resample_hz=card.rate
    )
    length = round(SECONDS * card.rate)
    subjects = set(card.data["splits"]["training"]["subjects"])
    recordings = [each for each in sources.load(config).recordings if each.subject in subjects]
    return split.cut(recordings, windows.WindowConfig(length=length, stride=length), name="real", labelled=True)


def measure(values, rate):
    """The `Minutes` of series [N, T, 1]: of all of it, and its change from the first minute to the last."""
    from sensegen_tf.evaluation.metrics import physiology

    minute = round(60 * rate)
    parts = values[..., 0], values[:, :minute, 0], values[:, -minute:, 0]
    whole, first, last = (physiology.heart(part, rate, unit="mV") for part in parts)
    levels, deviations = ([function(part) for part in parts[1:]] for function in (_level, _deviation))
    alike = [
        np.corrcoef(a, b)[0, 1] if np.isfinite(a + b).all() else np.nan
        for a, b in zip(first.beats, last.beats, strict=True)
    ]
    figures = {
        "heart rate, 1/min": whole.heart_rate,
        "SDNN, ms": whole.sdnn,
        "RMSSD, ms": whole.rmssd,
        "change of heart rate, 1/min": np.abs(last.heart_rate - first.heart_rate),
        "change of level, mV": np.abs(levels[1] - levels[0]),
        "change of the standard deviation, %": 100 * np.abs(deviations[1] / deviations[0] - 1),
        "mean beat, last minute with first, correlation": np.array(alike),
    }
    return Minutes(figures, np.nanmean(whole.beats, 0))


def _level(part):
    return np.median(part, 1)


def _deviation(part):
    return part.std(1)


def draw(real, synthetic, rate, path):
    """Ten seconds from the first and the last minute of some series of each kind."""
    figure = Figure(figsize=(12, 9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 * _DRAWN, 2, sharex="col")
    length = round(_DRAWN_SECONDS * rate)
    for row, line in enumerate(axes):
        kind, values, colour = ("real", real, "C0") if row < _DRAWN else ("synthetic", synthetic, "C1")
        series = values[(row % _DRAWN) * (len(values) // _DRAWN), :, 0]
        for axis, start in zip(line, (0, len(series) - length), strict=True):
            axis.plot((start + np.arange(length)) / rate, series[start : start + length], color=colour, linewidth=0.7)
            axis.set_ylabel(f"{kind} [mV]", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("time [s]")
    figure.savefig(path, dpi=70)


def _quantiles(values):
    low, middle, high = np.nanquantile(values, [0.1, 0.5, 0.9])
    return {"value": float(middle), "low": float(low), "high": float(high)}


def tables(real, synthetic):
    """The tables of the result from two `Minutes`."""
    rows = [
        [
            name,
            _quantiles(values),
            _quantiles(synthetic.figures[name]),
            float(np.round(100 * (np.nanmean(synthetic.figures[name]) / np.nanmean(values) - 1), 1)),
        ]
        for name, values in real.figures.items()
    ]
    correlation = float(np.corrcoef(real.beat, synthetic.beat)[0, 1])
    text = (
        "Medians over the series; in brackets the 10 % and 90 % quantiles. A change is that from the first minute to "
    )
    columns = ["what", "real", "synthetic", "mean, synthetic to real, %"]
    return {
        "minutes": {"text": text + "the last.", "columns": columns, "rows": rows},
        "beat": {
            "text": "Mean beat of all series, synthetic with real.",
            "columns": ["what", "correlation"],
            "rows": [["mean beat", correlation]],
        },
    }


def main():
    import sensegen_tf
    from sensegen_tf.training.run_directory import machine

    model = sensegen_tf.load(FLAGS.model)
    card = model.card
    real = real_series(card)
    label = RHYTHM if card.labels else None
    synthetic = model.sample(FLAGS.count, length=real.length, seed=FLAGS.seed, label=label).values
    picture = "pictures/ecg_minutes.png"
    draw(real.values, synthetic, card.rate, os.path.join(results.HERE, picture))
    results.keep(
        "ecg_minutes",
        "benchmark",
        command=f"python experiments/ecg_minutes.py --model={card.name} --data_dir=FOLDER --seed={FLAGS.seed}",
        title=f"Five minutes of {card.name}",
        machine=machine(),
        seed=FLAGS.seed,
        text=[
            f"{len(synthetic)} synthetic series of five minutes beside {real.count} real stretches of "
            f"{len(real.subject_names)} training subjects in rhythm {RHYTHM}."
        ],
        tables=tables(measure(real.values, card.rate), measure(synthetic, card.rate)),
        pictures={"five minutes, real and synthetic": picture},
    )


if __name__ == "__main__":
    define_flags()
    commands.run(main)
