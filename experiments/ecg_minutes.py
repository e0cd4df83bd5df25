"""Whether the ECG model keeps its course: series of five minutes beside real ones of the same length.

    pip install -e ".[ecg,evaluate,report]" && python experiments/ecg_minutes.py --model=MODEL --data_dir=FOLDER

MODEL is an exported `sensegen_ecg` (or its name, for the pretrained one), FOLDER holds MIT-BIH. Writes the section
`ecg_minutes` of RESULTS.md and pictures/ecg_minutes.png.
"""

import os

import numpy as np
from absl import app, flags
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from results import PICTURES, write_section

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "exported model", required=True)
flags.DEFINE_string("data_dir", None, "folder of the WFDB records", required=True)
flags.DEFINE_integer("count", 60, "synthetic series")
flags.DEFINE_integer("seed", 0, "of the synthetic series")

SECONDS = 300
RHYTHM = "N"


def real_series(card):
    """Five-minute stretches of the training people in rhythm N: [N, T, 1] and their people."""
    from sensegen_tf.data import sources
    from sensegen_tf.data import windows as cutting

    config = sources.SourceConfig(
        "mitbih", FLAGS.data_dir, channels=card.channels, labels=(RHYTHM,), resample_hz=card.rate
    )
    length = round(SECONDS * card.rate)
    people = set(card.data["splits"]["training"]["subjects"])
    recordings = [each for each in sources.load(config).recordings if each.subject in people]
    found = cutting.cut(recordings, cutting.WindowConfig(length, length), "real", True)
    return found.values, found.subjects


def minutes(values, rate):
    """Name -> what is measured of each series: of all, and its change from the first minute to the last."""
    from sensegen_tf.evaluation import physiology

    minute = round(60 * rate)
    whole, first, last = (
        physiology.heart(part[..., 0], rate, "mV") for part in (values, values[:, :minute], values[:, -minute:])
    )
    level = [np.median(part[..., 0], 1) for part in (values[:, :minute], values[:, -minute:])]
    spread = [part[..., 0].std(1) for part in (values[:, :minute], values[:, -minute:])]
    alike = [
        np.corrcoef(a, b)[0, 1] if np.isfinite(a + b).all() else np.nan
        for a, b in zip(first.beats, last.beats, strict=True)
    ]
    return {
        "heart rate, 1/min": whole.heart_rate,
        "SDNN, ms": whole.sdnn,
        "RMSSD, ms": whole.rmssd,
        "change of heart rate, 1/min": np.abs(last.heart_rate - first.heart_rate),
        "change of level, mV": np.abs(level[1] - level[0]),
        "change of spread, %": 100 * np.abs(spread[1] / spread[0] - 1),
        "mean beat, last minute with first, correlation": np.array(alike),
    }, np.nanmean(whole.beats, 0)


def draw(real, synthetic, rate, path):
    """Ten seconds from the first and the last minute of some series of each kind."""
    figure = Figure(figsize=(12, 9), layout="constrained")
    FigureCanvasAgg(figure)
    rows = 6
    axes = figure.subplots(rows, 2, sharex="col")
    span = round(10 * rate)
    for row in range(rows):
        values, colour = (real, "tab:blue") if row < rows // 2 else (synthetic, "tab:orange")
        series = values[(row % 3) * (len(values) // 3), :, 0]
        for axis, start in zip(axes[row], (0, len(series) - span), strict=True):
            axis.plot((start + np.arange(span)) / rate, series[start : start + span], color=colour, linewidth=0.7)
            axis.set_ylabel(f"{'real' if row < 3 else 'synthetic'} [mV]", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("time [s]")
    figure.savefig(path, dpi=70)


def main(argv):
    del argv
    import sensegen_tf

    model = sensegen_tf.load(FLAGS.model)
    card = model.card
    real, people = real_series(card)
    length = round(SECONDS * card.rate)
    label = RHYTHM if card.labels else None
    synthetic = model.sample(FLAGS.count, length, FLAGS.seed, label=label)
    (of_real, real_beat), (of_synthetic, beat) = (minutes(values, card.rate) for values in (real, synthetic))
    draw(real, synthetic, card.rate, os.path.join(PICTURES, "ecg_minutes.png"))
    lines = [
        f"`python experiments/ecg_minutes.py --model=export/models/{card.name} --data_dir=FOLDER --seed={FLAGS.seed}`: "
        f"{len(synthetic)} synthetic series of five minutes beside {len(real)} real stretches of {len(set(people))} "
        f"training people in rhythm {RHYTHM}. Medians over the series, 10 % and 90 % quantiles in brackets.",
        "",
        "| | real | synthetic | mean, synthetic to real |",
        "|---|---|---|---|",
    ]
    for name, values in of_real.items():
        cells = [
            f"{np.nanmedian(each):.3g} ({np.nanquantile(each, 0.1):.3g} to {np.nanquantile(each, 0.9):.3g})"
            for each in (values, of_synthetic[name])
        ]
        ratio = 100 * (np.nanmean(of_synthetic[name]) / np.nanmean(values) - 1)
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {ratio:+.0f} % |")
    correlation = np.corrcoef(real_beat, beat)[0, 1]
    lines += ["", f"Mean beat of all, synthetic with real: correlation {correlation:.3f}.", ""]
    lines += ["![five minutes, real and synthetic](pictures/ecg_minutes.png)"]
    write_section("ecg_minutes", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    app.run(main)
