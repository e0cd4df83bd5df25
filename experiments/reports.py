"""The usual protocol of run.py: the recordings of the flags, and a report on the samples of each training."""

import functools
import os
import shutil
import sys

import pictures
import results
from absl import flags
from studies import REPORT

from sensegen_tf import data_flags, privacy_flags

FLAGS = flags.FLAGS
# What report.json calls the sets -> what results call them.
_SETS = {"synthetic": "synthetic", "real": "training", "test": "test", "heldout": "heldout"}


def command():
    """The command as it was given, with FOLDER in the place of the folder of the data."""
    given = sys.argv[next(index for index, each in enumerate(sys.argv[1:], 1) if not each.startswith("-")) :]
    shown = ["--data_dir=FOLDER" if each.startswith("--data_dir=") else each for each in given]
    return f"python experiments/run.py {' '.join(shown)}"


class Reports:
    """Trains on the recordings of the flags, and measures a report.

    Args:
      name: of the result.
      study: a `Study`.
    """

    def __init__(self, name, study):
        self._name, self._study = name, study
        self._full = study.measure == REPORT

    @functools.cached_property
    def _dataset(self):
        return privacy_flags.apply(data_flags.load_dataset())

    def dataset(self, variant):
        """The `Dataset` that a variant is trained on: the same for all."""
        del variant
        return self._dataset

    def measure(self, run, version, *, variant, seed):
        """What a record holds of a training beside its losses."""
        from sensegen_tf import assess
        from sensegen_tf.serving.model_card import read_card

        del variant
        looks = assess.summarize(run, version)
        written = assess.report(run, version, quick=not self._full)
        return {
            "preset": run.config.preset,
            "schedule": FLAGS.schedule,
            "data": describe(run.dataset),
            "spectrum": _by_channel(looks["spectrum"], run.dataset.channels),
            "temperatures": read_card(version).temperatures,
            "report": kept_report(written.description, quick=not self._full, seed=seed),
            "picture": looks["picture"],
        }

    def keep(self, found):
        """Keeps the records of the study as a result: (variant, seed) -> record."""
        if len(found) == 1 and self._full:
            ((_, record),) = found.items()
            self._keep_run(record)
            return
        first = next(iter(found.values()))
        results.keep(
            self._name,
            "study",
            command=command(),
            title=self._study.title,
            preset=first["preset"],
            source=first["data"]["source"],
            measured="Full reports." if self._full else "Quick reports.",
            baselines_kept=True,
            runs=[self._training(found, *key) for key in found],
            notes=list(self._study.notes),
        )

    def _keep_run(self, record):
        """A single training, with its pictures."""
        picture = os.path.join("pictures", f"{self._name}.png")
        shutil.copy(record["picture"], os.path.join(results.HERE, picture))
        drawn = {"curves": pictures.draw_curves(record["metrics"], self._name), "real and synthetic": picture}
        kept = {key: value for key, value in record.items() if key not in ("picture", "seconds_in_all")}
        results.keep(self._name, "run", command=command(), **kept, notes=list(self._study.notes), pictures=drawn)

    def _training(self, found, variant, seed):
        """A training of a study, as its page shows it."""
        record, seeds = found[variant, seed], {each for _, each in found}
        title = f"{variant}, seed {seed}" if len(seeds) > 1 else variant
        kept = {key: record[key] for key in ("seed", "seconds", "machine", "metrics", "temperatures")}
        return {
            "name": f"seed {seed}" if len(self._study.variants) == 1 else title,
            "changes": self._study.variants[variant].changes,
            **kept,
            "scores": record["report"]["scores"],
        }


def describe(dataset):
    """What a record holds of a `Dataset`."""
    splits = {
        name: {"windows": windows.count, "subjects": len(windows.subject_names)}
        for name, windows in dataset.splits().items()
    }
    return {"source": FLAGS.source, "channels": list(dataset.channels), "rate": dataset.rate, "splits": splits}


def kept_report(description, *, quick, seed):
    """What results keep of report.json: counts, the verdict in numbers, the scores."""
    present = {ours: description["inputs"][name] for name, ours in _SETS.items() if name in description["inputs"]}
    verdict = {}
    for question in description["verdict"]:
        decided = [
            score["passed"]
            for score in description["scores"]
            if score["question"] == question and score["passed"] is not None
        ]
        missing = description["not_measured"].get(question, "nothing could be decided")
        verdict[question] = {"passed": sum(decided), "measures": len(decided)} if decided else {"missing": missing}
    return {
        "quick": quick,
        "seed": seed,
        "windows": {name: each["windows"] for name, each in present.items()},
        "subjects": {name: each["subjects"] for name, each in present.items() if name != "synthetic"},
        "verdict": verdict,
        "scores": description["scores"],
    }


def _by_channel(spectrum, channels):
    """The differences of `assess.compare_spectra`, rounded, with the names of the channels."""
    differences = {
        name: {channel: round(value, 2) for channel, value in zip(channels, values, strict=True)}
        for name, values in spectrum["largest_difference_db"].items()
    }
    return {"band_hz": spectrum["band_hz"], "largest_difference_db": differences}
