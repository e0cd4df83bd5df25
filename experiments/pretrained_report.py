"""Evaluates a pretrained (or any exported) model beside its recordings, and writes the figures into its model card.

    pip install -e ".[demo,ecg,evaluate]"
    python experiments/pretrained_report.py --flagfile=experiments/flags/sensegen_watch.flags --exported=sensegen_watch

The flagfile is that of the model's training. The samples are drawn with its seed; the log-likelihoods are the model's
own, by its signature `score`. --report evaluates as `train --report` does; by default it is a quick report, but for
people: all windows stand for them. Writes report.html and report.json into experiments/runs/pretrained/NAME, and the
figures into results/identity_NAME.json.
"""

import dataclasses
import os

import results
from absl import flags

from sensegen_tf import commands, data_flags
from sensegen_tf.evaluation.settings import Settings

FLAGS = flags.FLAGS
SERIES, QUICK_SERIES = 10_000, 2000
_COLUMNS = ["measure", "value", "reference", "result", "name"]


def settings():
    """A full report, or a quick one with as many real windows, for a subject may have one alone."""
    full, quick = Settings(seed=FLAGS.seed), Settings.quick(FLAGS.seed)
    if FLAGS.report:
        return full
    everybody = {name: getattr(full, name) for name in ("windows", "identity_windows")}
    return dataclasses.replace(quick, networks=FLAGS.networks, identity_series=QUICK_SERIES, **everybody)


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
        f"--exported={FLAGS.exported}{' --data_dir=FOLDER' * bool(FLAGS.data_dir)}{' --report' * FLAGS.report}"
        f"{f' --networks={FLAGS.networks}' * bool(FLAGS.networks)}",
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
    from sensegen_tf import assess
    from sensegen_tf.data.windows import WindowSet
    from sensegen_tf.evaluation import run
    from sensegen_tf.models.presets import PRESETS
    from sensegen_tf.serving.export import attach_report

    model, dataset = sensegen_tf.load(FLAGS.exported), data_flags.load_dataset()
    config, chosen = PRESETS[model.card.preset].generator, settings()

    def score(windows):
        return model.score(windows.values, label=windows.labels if model.card.labels else None).total

    def real(windows):
        return windows and assess.scored(windows.subsample(chosen.windows), score, config=config)

    samples = model.sample(SERIES if FLAGS.report else QUICK_SERIES, length=dataset.length, seed=FLAGS.seed)
    known = {"rate": dataset.rate, "channels": dataset.channels, "units": dataset.units}
    synthetic = WindowSet(name=f"samples of {model.card.name}", values=samples.values, labels=samples.labels, **known)
    written = run.evaluate(
        real(dataset.training),
        synthetic,
        folder=os.path.join(results.RUNS, "pretrained", model.card.name),
        test=real(dataset.test),
        heldout=real(dataset.heldout),
        settings=chosen,
    )
    attach_report(model.version, written.description)
    keep(model.card, dataset, written.description)
    print(f"{written.summary}\n\nCard    {model.version}")


if __name__ == "__main__":
    # Its flags stand in the flagfiles.
    from sensegen_tf import train  # noqa: F401

    with commands.topic("Exported model"):
        flags.DEFINE_string("exported", None, "folder of an exported model, or the name of a pretrained one")
        flags.DEFINE_integer("networks", 0, "repeats of the utility with a network, in a quick report", lower_bound=0)
    commands.required("exported")
    commands.run(main)
