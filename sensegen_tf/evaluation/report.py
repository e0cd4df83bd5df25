"""The report: one HTML file that needs no network, the same numbers as JSON, and a summary for the terminal."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.evaluation.evaluator import Evaluation
from sensegen_tf.evaluation.verdict import answers
from sensegen_tf.files import atomic_write, write_json

HTML, JSON = "report.html", "report.json"
SCHEMA = 2


def describe(evaluation: Evaluation) -> dict[str, Any]:
    """All numbers, as a dictionary that JSON can hold; the same for the same windows and settings."""
    sets = {name: getattr(evaluation, name) for name in ("real", "synthetic", "test", "heldout")}
    real = evaluation.real
    return {
        "schema": SCHEMA,
        "inputs": {
            **{name: _describe_windows(windows) for name, windows in sets.items() if windows is not None},
            "length": real.length,
            "rate": real.rate,
            "channels": list(real.channels),
            "units": list(real.units),
        },
        "verdict": {each.question: each.describe() for each in answers(evaluation)},
        "scores": [score.describe() for score in evaluation.scores],
        "confusions": {
            "labels": evaluation.classes,
            "counts": {
                classifier: {pair: counts.tolist() for pair, counts in pairs.items()}
                for classifier, pairs in evaluation.confusions.items()
            },
        },
        "impersonations": [
            {"signature": found.signature, "threshold": found.threshold, "subjects": found.subjects}
            for found in evaluation.impersonations
        ],
        "not_measured": evaluation.missing,
        "notes": list(evaluation.notes),
        "settings": dataclasses.asdict(evaluation.settings),
    }


def _describe_windows(windows: WindowSet) -> dict[str, Any]:
    return {
        "file": windows.name,
        "windows": windows.count,
        "subjects": None if windows.subjects is None else len(windows.subject_names),
        "labels": None if windows.labels is None else list(windows.label_names),
    }


def summary(evaluation: Evaluation) -> str:
    """A page of text for the terminal."""
    lines = []
    for each in answers(evaluation):
        lines += [f"{each.title}\n  {each.headline}"]
        lines += [f"  - {sentence}" for sentence in each.failing]
        lines += [f"  > {sentence}" for sentence in each.advice]
    lines += [f"Note: {note}" for note in evaluation.notes]
    heads = ("measure", "against", "value", "95 % interval", "baseline or null")
    lines += ["", "{:<55} {:<9} {:>8}  {:<18} {:<18}".format(*heads)]
    for score in evaluation.scores:
        interval, reference = f"{score.low:.3g} to {score.high:.3g}", ""
        if score.reference is not None:
            reference = f"{score.reference.low:.3g} to {score.reference.high:.3g}"
        mark = score.mark(passed="ok", failed="FAILS")
        lines.append(
            f"{score.title:<55} {score.against:<9} {score.value:>8.3g}  {interval:<18} {reference:<18} {mark}".rstrip()
        )
    return "\n".join(lines)


def write(evaluation: Evaluation, folder: str) -> str:
    """Writes `report.html` and `report.json` into a folder, each whole or not at all.

    Args:
      evaluation: what was found.
      folder: made if missing; earlier reports are replaced.

    Returns:
      The path of the HTML file.

    Raises:
      InputError: the folder cannot be written.
    """
    # Plotly is imported only where a page is drawn.
    from sensegen_tf.evaluation import page

    html = page.render(evaluation)
    path = os.path.join(folder, HTML)
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(html)
    write_json(os.path.join(folder, JSON), describe(evaluation))
    return path
