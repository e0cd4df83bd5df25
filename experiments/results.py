"""Writes the sections of RESULTS.md from finished runs.

    python experiments/results.py quickstart ecg_quickstart watch_algorithm1 watch_alternating

Each name is a flagfile of this folder whose run lies in experiments/runs/NAME. A section stands between marker lines,
so the rest of RESULTS.md is left as it is; a new section is put at the end. The run's picture and the curves of its
metrics go to experiments/pictures/.
"""

import json
import math
import os
import re
import shutil
import sys

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = os.path.dirname(os.path.abspath(__file__))
PICTURES = os.path.join(HERE, "pictures")
COLUMNS = {
    "outer": "outer iteration",
    "discriminator_loss": "D loss",
    "generator_loss": "G loss (training NLL)",
    "heldout_nll": "held-out NLL",
    "discriminator_accuracy": "held-out D accuracy",
    "real_called_real": "real called real",
    "generated_called_generated": "generated called generated",
}
ROWS = 12


def load(name):
    """A finished run of experiments/runs: flags, data, metrics and results."""
    run = os.path.join(HERE, "runs", name)

    def read(file):
        with open(os.path.join(run, file), encoding="utf-8") as stream:
            return json.load(stream)

    with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as file:
        metrics = [json.loads(line) for line in file]
    return run, read("flags.json"), read("data.json"), metrics, read("finished.json")


def draw_curves(metrics, name):
    """Held-out NLL and discriminator accuracy over the outer iterations."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    FigureCanvasAgg(figure)
    outer = [row["outer"] + 1 for row in metrics]
    nll, accuracy = figure.subplots(1, 2)
    nll.plot(outer, [row["heldout_nll"] for row in metrics], marker=".", label="held-out")
    nll.plot(outer, [row["generator_loss"] for row in metrics], marker=".", label="training minibatches")
    nll.set_ylabel("NLL [nats a step]")
    nll.legend(fontsize=8)
    for key, label in (
        ("discriminator_accuracy", "both"),
        ("real_called_real", "real"),
        ("generated_called_generated", "generated"),
    ):
        accuracy.plot(outer, [row[key] for row in metrics], marker=".", label=label)
    accuracy.axhline(0.5, color="gray", linestyle=":")
    accuracy.set_ylim(0, 1.02)
    accuracy.set_ylabel("share named rightly")
    accuracy.legend(fontsize=8)
    for axis in (nll, accuracy):
        axis.set_xlabel("outer iteration")
        axis.grid(alpha=0.3)
    figure.savefig(os.path.join(PICTURES, f"{name}_curves.png"), dpi=80)


def _duration(results):
    first = results["first_step_of_that_time"]
    return f"Trained for {results['training_seconds']:.0f} s" + (
        f" from step {first} on (it was resumed)" if first else ""
    )


def _temperatures(results):
    """Of a run whose samples were calibrated, a line."""
    found = results.get("temperatures", {})
    if set(found.values()) <= {1.0}:
        return []
    values = ", ".join(f"{value:g} ({name})" for name, value in found.items())
    return [f"Temperatures of sampling, chosen by training windows: {values}.", ""]


def _report(run):
    path = os.path.join(run, "report", "report.json")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def judged(run):
    """The lines of the run's report (`train --report`), none where it has none."""
    report = _report(run)
    if report is None:
        return []
    inputs = report["inputs"]
    asked = "report" if any(report["settings"]["published"]) else "quick_report"
    lines = [
        "",
        f"The same command with `--{asked}` (seed {report['settings']['seed']}): {inputs['synthetic']['windows']} "
        f"samples against {inputs['real']['windows']} training windows of {inputs['real']['people']} people and "
        f"{inputs['heldout']['windows']} held-out windows of {inputs['heldout']['people']}.",
        "",
        # Without the folder that the samples' model lies in.
        *(
            f"- {question}: {re.sub(r' samples of [^ ]+[0-9]', ' samples', verdict['headline'])}"
            for question, verdict in report["verdict"].items()
        ),
        "",
        "| measure | against | value | 95 % interval | real people, 95 % | |",
        "|---|---|---|---|---|---|",
    ]
    for score in report["scores"]:
        floor = "" if score["floor"] is None else f"{score['floor_low']:.3g} to {score['floor_high']:.3g}"
        unit = f" [{score['unit']}]" if score["unit"] else ""
        mark = {True: "", False: "**worse**", None: "" if score["floor"] is None else "undecided"}[score["passed"]]
        lines.append(
            f"| {score['title']}{unit} | {score['against']} | {score['value']:.3g} | "
            f"{score['low']:.3g} to {score['high']:.3g} | {floor} | {mark} |"
        )
    return lines


def section(name):
    """The Markdown of one run."""
    run, flags, data, metrics, results = load(name)
    os.makedirs(PICTURES, exist_ok=True)
    draw_curves(metrics, name)
    shutil.copy(os.path.join(run, "picture.png"), os.path.join(PICTURES, f"{name}.png"))
    step = max(1, -(-len(metrics) // ROWS))
    shown = [row for index, row in enumerate(metrics) if index % step == 0 or row is metrics[-1]]
    cells = [
        [row["outer"] + 1, *(f"{row[key]:.3f}" if key in row else "" for key in list(COLUMNS)[1:])] for row in shown
    ]
    spectrum = results["spectrum"]
    low, high = spectrum["band_hz"]
    training, heldout = data["splits"]["training"], data["splits"]["heldout"]
    where = " --data_dir=FOLDER" if flags["data_dir"] else ""
    lines = [
        f"`python -m sensegen_tf.train --flagfile=experiments/{name}.flags{where}`",
        "",
        f"Model `{flags['model']}`, schedule `{flags['schedule']}`, seed {flags['seed']}. Data `{flags['source']}`: "
        f"{', '.join(data['channels'])} at {data['rate']:g} Hz, {training['windows']} training windows of "
        f"{len(training['subjects'])} subject(s), {heldout['windows']} held-out windows of "
        f"{len(heldout['subjects'])}. {_duration(results)} on {results['machine']}.",
        "",
        "| " + " | ".join(COLUMNS.values()) + " |",
        "|" + "---|" * len(COLUMNS),
        *("| " + " | ".join(map(str, row)) + " |" for row in cells),
        "",
        f"Largest difference of the amplitude spectrum from {low:g} to {high:g} Hz against the training windows:",
        "",
        *(
            f"- {what}: " + ", ".join(f"{c} {d:.1f} dB" for c, d in zip(data["channels"], values, strict=True))
            for what, values in spectrum["largest_difference_db"].items()
        ),
        "",
        *_temperatures(results),
        f"![curves](pictures/{name}_curves.png)",
        f"![real and synthetic](pictures/{name}.png)",
        *judged(run),
    ]
    return "\n".join(lines)


def figures(run):
    """(Measure, against) -> value of a finished run that was judged."""
    *_, metrics, results = load(run)
    found = {("NLL, nats a sample", "heldout"): metrics[-1]["heldout_nll"]}
    found["accuracy of the alternating discriminator", "heldout"] = metrics[-1]["discriminator_accuracy"]
    for score in _report(os.path.join(HERE, "runs", run))["scores"]:
        unit = f" [{score['unit']}]" if score["unit"] else ""
        found[score["title"] + unit, score["against"]] = score["value"]
    found["trained, s", ""] = results["training_seconds"]
    return found


def machines(runs):
    """What finished runs were trained on."""
    return "; ".join(sorted({load(run)[-1]["machine"] for run in runs}))


def side_by_side(columns):
    """The lines of a table: column name -> (measure, against) -> value."""
    lines = [f"| measure | against | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for title, against in next(iter(columns.values())):
        values = [column.get((title, against), math.nan) for column in columns.values()]
        lines.append(f"| {title} | {against} | {' | '.join(f'{value:.3g}' for value in values)} |")
    return lines


def write_section(name, content):
    """Puts a section between its marker lines in RESULTS.md."""
    path = os.path.join(HERE, "RESULTS.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    block = f"<!-- begin {name} -->\n{content}\n<!-- end {name} -->"
    pattern = re.compile(f"<!-- begin {name} -->.*?<!-- end {name} -->", re.DOTALL)
    if not pattern.search(text):
        text = f"{text.rstrip()}\n\n## {name}\n\n{block}\n"
    text = pattern.sub(lambda _: block, text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write_section(name, section(name))
