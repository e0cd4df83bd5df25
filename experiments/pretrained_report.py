"""Evaluates a pretrained (or any exported) model beside its recordings, and writes the figures into its model card.

    pip install -e ".[demo,ecg,evaluate]"
    python experiments/pretrained_report.py --flagfile=experiments/flags/sensegen_watch.flags --exported=sensegen_watch

The flagfile is that of the model's training. The samples are drawn with its seed; the log-likelihoods are the model's
own, by its signature `score`. --report evaluates as `train --report` does; by default it is a quick report. Writes
report.html and report.json into experiments/runs/pretrained/NAME, and the figures into results/identity_NAME.json.
"""

import dataclasses
import os

import results
from absl import flags

from sensegen_tf import commands, data_flags

FLAGS = flags.FLAGS
# Series and, of each kind, at most so many real windows; fewer with a latent, whose scores cost more.
SERIES, QUICK_SERIES, WINDOWS, LATENT_WINDOWS = 10_000, 2000, 10_000, 1000
_COLUMNS = ["measure", "value", "reference", "result", "name"]


def scored(windows, model, most):
    """At most so many windows, with their log-likelihoods under the model."""
    windows = windows.subsample(most)
    labels = windows.labels if model.card.labels else None
    found = model.score(windows.values, label=labels)
    return dataclasses.replace(windows, log_likelihood=found.total)


def rows(scores, name):
    """Rows of a table: of each score what `name` calls it, its value, its reference, the result."""
    found = []
    for score in scores:
        value = {key: score[key] for key in ("value", "low", "high")}
        reference = {"value": score["reference_mean"], "low": score["reference_low"], "high": score["reference_high"]}
        passed = {True: "passes", False: "fails", None: ""}[score["passed"]]
        found.append([name(score), value, reference if score["reference"] else "", passed, score["metric"]])
    return found


def keep(card, dataset, report):
    """Keeps the figures, those of people first."""
    from sensegen_tf.training import run_directory

    private = [score for score in report["scores"] if score["question"] == "private"]
    others = [score for score in report["scores"] if score["question"] != "private"]
    counts = [len(split.subject_names) for split in (dataset.training, dataset.test)]
    results.keep(
        f"identity_{card.name}",
        "benchmark",
        command=f"python experiments/pretrained_report.py --flagfile=experiments/flags/{card.name}.flags "
        f"--exported={FLAGS.exported}{' --data_dir=FOLDER' * bool(FLAGS.data_dir)}{' --report' * FLAGS.report}",
        title=f"Whom samples of {card.name} pass for",
        machine=run_directory.machine(),
        seed=FLAGS.seed,
        subjects=counts,
        text=[f"{counts[0]} training subjects, {counts[1]} test subjects. {report['verdict']['private']['headline']}"],
        tables={
            "identity": {
                "text": "Values with 95 % intervals; the reference is a null or a baseline, see the report.",
                "columns": _COLUMNS,
                "rows": rows(private, lambda score: score["title"]),
            },
            "others": {
                "text": "How real and how useful the samples are.",
                "columns": _COLUMNS,
                "rows": rows(others, lambda score: f"{score['title']}, {score['against']}"),
            },
        },
        notes=[f"{what}: {why}." for what, why in report["not_measured"].items() if what.startswith(("imp", "tpr"))],
    )


def main():
    import sensegen_tf
    from sensegen_tf.data.windows import WindowSet
    from sensegen_tf.evaluation import run
    from sensegen_tf.evaluation.settings import Settings
    from sensegen_tf.models.presets import PRESETS
    from sensegen_tf.serving.export import attach_report

    model, dataset = sensegen_tf.load(FLAGS.exported), data_flags.load_dataset()
    most = LATENT_WINDOWS if PRESETS[model.card.preset].generator.latent else WINDOWS
    samples = model.sample(SERIES if FLAGS.report else QUICK_SERIES, length=dataset.length, seed=FLAGS.seed)
    known = {"rate": dataset.rate, "channels": dataset.channels, "units": dataset.units}
    synthetic = WindowSet(name=f"samples of {model.card.name}", values=samples.values, labels=samples.labels, **known)
    written = run.evaluate(
        scored(dataset.training, model, most),
        synthetic,
        folder=os.path.join(results.RUNS, "pretrained", model.card.name),
        test=scored(dataset.test, model, most),
        heldout=dataset.heldout and scored(dataset.heldout, model, most),
        settings=Settings(seed=FLAGS.seed) if FLAGS.report else Settings.quick(FLAGS.seed),
    )
    attach_report(model.version, written.description)
    keep(model.card, dataset, written.description)
    print(f"{written.summary}\n\nCard    {model.version}")


if __name__ == "__main__":
    # Its flags stand in the flagfiles.
    from sensegen_tf import train  # noqa: F401

    with commands.topic("Exported model"):
        flags.DEFINE_string("exported", None, "folder of an exported model, or the name of a pretrained one")
    commands.required("exported")
    commands.run(main)
