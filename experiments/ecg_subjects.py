"""Whether an ECG model invents people: series of a minute and of half a minute beside those of test subjects.

    pip install -e ".[ecg,evaluate,plots]"
    python experiments/ecg_subjects.py --flagfile=FLAGFILE --data_dir=FOLDER --exported=MODEL

FLAGFILE is that of the model's training, FOLDER holds its recordings, MODEL is an exported model or the name of a
pretrained one. Recordings of the challenge last 60 s at most: a minute is that, less what --skip_seconds leaves out.
Constancy: the correlation of the median beat of the first half of a series with that of the second. A series has
plausible beats where it is above 0.9 and the QRS complex is at most 120 ms wide at half its height. Keeps
results/subjects_MODEL.json and pictures/subjects_MODEL.png.
"""

import os
import typing

import numpy as np
import results
from absl import flags
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.stats import bootstrap

from sensegen_tf import commands, data_flags

FLAGS = flags.FLAGS
MINUTE, HALF = 60, 30
ALIKE, WIDEST = 0.9, 0.12
_DRAWN = 4


class Measured(typing.NamedTuple):
    """What is measured of series: name -> a number a series, and the median beats."""

    figures: dict
    beats: np.ndarray
    times: np.ndarray


def measure(values, rate):
    """The `Measured` of series [N, T, 1]."""
    from sensegen_tf.evaluation.metrics import physiology

    signal = values[..., 0]
    middle = signal.shape[1] // 2
    whole, first, last = (
        physiology.heart(part, rate, unit="mV") for part in (signal, signal[:, :middle], signal[:, middle:])
    )
    alike = np.array([correlation(*pair) for pair in zip(first.median_beats, last.median_beats, strict=True)])
    narrow = np.array([width(beat, rate) for beat in whole.median_beats]) <= WIDEST
    figures = {
        "constancy": alike,
        "plausible beats": (np.nan_to_num(alike) > ALIKE) & narrow,
        "heart rate, 1/min": whole.heart_rate,
        "SDNN, ms": whole.sdnn,
        "RMSSD, ms": whole.rmssd,
    }
    return Measured(figures, whole.median_beats, whole.times)


def correlation(first, second):
    """Of two beats; NaN where one is missing or flat."""
    if not np.isfinite(first + second).all() or min(first.std(), second.std()) == 0:
        return np.nan
    return np.corrcoef(first, second)[0, 1]


def width(beat, rate):
    """How long the deflection at the R peak, 0.2 s after the start of a beat, stays above half its height, s."""
    if not np.isfinite(beat).all():
        return np.inf
    middle = round(0.2 * rate)
    window = np.abs(beat[middle - round(0.06 * rate) : middle + round(0.06 * rate)])
    peak = middle - round(0.06 * rate) + int(window.argmax())
    high = np.sign(beat[peak]) * beat >= np.abs(beat[peak]) / 2
    before = np.argmin(high[peak::-1]) if not high[: peak + 1].all() else peak
    after = np.argmin(high[peak:]) if not high[peak:].all() else len(beat) - peak
    return (before + after - 1) / rate


class Stretches(typing.NamedTuple):
    """Stretches of recordings, each a `WindowSet`."""

    training: typing.Any
    test: typing.Any


def real_series(collection, seconds):
    """`Stretches` of training and of test subjects, so long each."""
    from sensegen_tf.data import split, windows

    rate = collection.recordings[0].rate
    length = round(seconds * rate)
    how = {"test_subjects": tuple(FLAGS.test_subjects), "test_fraction": FLAGS.test_fraction}
    config = windows.WindowConfig(length=length, stride=length, **how)
    both = split.split(collection.recordings, config)[:2]
    return Stretches(
        *(
            split.cut(each, config, name=f"{name} subjects", labelled=True)
            for each, name in zip(both, Stretches._fields, strict=True)
        )
    )


def sample(model, labels, length):
    """Series with these labels, [N, length, 1]; those of each label have a seed of their own."""
    made = np.empty([len(labels), length, 1], np.float32)
    for number, label in enumerate(np.unique(labels)):
        rows = np.flatnonzero(labels == label)
        known = str(label) if model.card.labels else None
        made[rows] = model.sample(len(rows), length=length, seed=FLAGS.seed + number, label=known).values
    return made


def draw(real, synthetic, rate, path):
    """A minute of some series of each kind, and the beats of each over each other."""
    figure = Figure(figsize=(14, 11), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 * _DRAWN, 2, width_ratios=[4, 1])
    for row, (wide, narrow) in enumerate(axes):
        kind, values, colour = ("real", real, "C0") if row < _DRAWN else ("synthetic", synthetic, "C1")
        series = values[(row % _DRAWN) * (len(values) // _DRAWN), :, 0]
        wide.plot(np.arange(len(series)) / rate, series, color=colour, linewidth=0.5)
        wide.set_ylabel(f"{kind} [mV]", fontsize=8)
        for beat in beats(series, rate):
            narrow.plot(np.arange(len(beat)) / rate - 0.2, beat, color=colour, linewidth=0.4, alpha=0.5)
    axes[-1, 0].set_xlabel("time [s]")
    axes[-1, 1].set_xlabel("after R [s]")
    figure.savefig(path, dpi=70)


def beats(series, rate):
    """The beats of a series around their R peaks."""
    import sleepecg

    before, after = round(0.2 * rate), round(0.4 * rate)
    peaks = sleepecg.detect_heartbeats(series.astype(float), rate)
    return [series[p - before : p + after] for p in peaks if p >= before and p + after <= len(series)]


_COLUMNS = ["what", "test subjects", "synthetic", "means, % off", "test subjects, 10 to 90 %", "synthetic, 10 to 90 %"]


def row(name, *kinds):
    """A row of the table: medians, of yes and no shares, with 95 % intervals over series; means; the middle 80 %."""
    kinds = [values[np.isfinite(values)] for values in kinds]
    middle = np.mean if kinds[0].dtype == bool else np.median
    means = [values.mean() for values in kinds]
    spread = [
        "" if values.dtype == bool else "{:.3g} to {:.3g}".format(*np.quantile(values, [0.1, 0.9])) for values in kinds
    ]
    return [name, *(estimate(values, middle) for values in kinds), float(100 * (means[1] / means[0] - 1)), *spread]


def estimate(values, statistic):
    """A statistic with its 95 % interval, by the bootstrap over series."""
    found = bootstrap([values], statistic, method="percentile", n_resamples=1000, rng=0).confidence_interval
    return {"value": float(statistic(values)), "low": float(found.low), "high": float(found.high)}


def tables(of_minute, of_half, labels):
    """The tables of the result; `labels` are those of the real and the synthetic half minutes."""
    found = {
        "minute": {
            "text": "Series of a minute.",
            "columns": _COLUMNS,
            "rows": [row(name, of_minute[0].figures[name], of_minute[1].figures[name]) for name in of_half[0].figures],
        }
    }
    for label in ["all", *sorted(set(labels[0]))]:
        kept = [np.ones(len(each), bool) if label == "all" else each == label for each in labels]
        found[f"half a minute, {label}"] = {
            "text": f"Series of half a minute, rhythm {label}: {kept[0].sum()} real and {kept[1].sum()} synthetic.",
            "columns": _COLUMNS,
            "rows": [
                row(name, values[kept[0]], of_half[1].figures[name][kept[1]])
                for name, values in of_half[0].figures.items()
            ],
        }
    return found


def main():
    import sensegen_tf
    from sensegen_tf.training.run_directory import machine

    model, collection = sensegen_tf.load(FLAGS.exported), data_flags.load_collection()
    rate, measured, labels, series = model.card.rate, [], [], []
    for seconds in (MINUTE, HALF):
        real = real_series(collection, seconds - FLAGS.skip_seconds).test
        # With the labels of the real series, so that their shares are the same.
        wanted = real.labels[np.arange(FLAGS.count) % real.count]
        made = sample(model, wanted, real.length)
        measured.append((measure(real.values, rate), measure(made, rate)))
        labels.append((real.labels, wanted))
        series.append((real.values, made))
    picture = f"pictures/subjects_{model.card.name}.png"
    draw(*series[0], rate, os.path.join(results.HERE, picture))
    results.keep(
        f"subjects_{model.card.name}",
        "benchmark",
        command=f"python experiments/ecg_subjects.py --flagfile=experiments/flags/{model.card.name}.flags "
        f"--data_dir=FOLDER --exported={FLAGS.exported} --count={FLAGS.count} --seed={FLAGS.seed}",
        title=f"People whom {model.card.name} invents",
        machine=machine(),
        seed=FLAGS.seed,
        text=[
            f"{FLAGS.count} synthetic series of each length beside {len(series[0][0])} minutes and "
            f"{len(series[1][0])} half minutes of test subjects, with the same shares of rhythms. Medians with 95 % "
            "intervals over series; shares of series where beats are plausible."
        ],
        tables=tables(*measured, labels[1]),
        pictures={"a minute, and its beats over each other": picture},
        notes=[],
    )
    for title, table in tables(*measured, labels[1]).items():
        print(title, *table["rows"], sep="\n  ")


if __name__ == "__main__":
    # Its flags stand in the flagfiles.
    from sensegen_tf import train  # noqa: F401

    with commands.topic("Exported model"):
        flags.DEFINE_string("exported", None, "folder of an exported model, or the name of a pretrained one")
        flags.DEFINE_integer("count", 400, "synthetic series of each length", lower_bound=1)
    commands.required("exported")
    commands.run(main)
