"""From a run's folder to an exported version."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.errors import InputError
from sensegen_tf.files import read_json
from sensegen_tf.serving import model_card, versions
from sensegen_tf.serving.model_card import ModelCard
from sensegen_tf.serving.signatures import MAX_LENGTH, Signatures
from sensegen_tf.training.privacy import Guarantee
from sensegen_tf.training.record import RunRecord, load_models, read_ledger, read_run

_COVERED = ("the weights of the generator", "everything that is sampled or scored with them")
_NOT_COVERED = (
    "standardisation, range of the sensors, names of the labels: constants that were given",
    "the number of subjects, which stands in this certificate",
    "a report of the samples, where there is one: it compares them with the recordings",
    "attacks on the random numbers or on the rounding of the training",
)
_PUBLIC_START = "the run that this one started from, which must be of public recordings"


def export_run(run: str | os.PathLike[str], model_dir: str | os.PathLike[str], *, name: str | None = None) -> str:
    """Writes the next version of a model from the newest checkpoint of a run.

    Args:
      run: folder of the run; training may be going on in it.
      model_dir: the model's folder.
      name: the model's own, for its card; by default that of its folder.

    Returns:
      The path of the version.

    Raises:
      InputError: there is no run, or none that has finished an outer iteration; or as `versions.write_version`.
    """
    record = read_run(run)
    if not record.metrics:
        raise InputError(f"{run} has not finished an outer iteration, so there is nothing to export yet")
    generator, discriminator = load_models(record)
    standardizer = Standardizer.from_description(record.data)
    privacy = certificate(record)
    module = Signatures(generator, None if privacy else discriminator, standardizer=standardizer)
    counts = record.data["splits"]["training"]["labels"]
    labels = sorted(label for label in counts if label) if generator.labels else []
    # How common the labels are is a fact of the recordings.
    counts = dict.fromkeys(labels, 1) if privacy else counts
    temperatures = generator.temperatures.numpy().astype(float).round(2).tolist()
    card = ModelCard(
        name=name or os.path.basename(os.path.abspath(model_dir)),
        preset=record.preset,
        rate=record.data["rate"],
        channels=tuple(record.data["channels"]),
        units=tuple(record.data["units"]),
        labels=tuple(labels),
        label_shares=tuple(counts[label] / sum(counts.values()) for label in labels),
        temperatures=dict(zip(labels or ["all"], temperatures, strict=True)),
        window_length=record.data["length"],
        block=generator.block,
        max_length=MAX_LENGTH,
        source=record.provenance.get("source", "unknown"),
        data=_without_subjects(record.data) if privacy else record.data,
        config=_without_paths(record.config),
        provenance=model_card.upgrade_flags(record.provenance),
        versions=record.versions,
        metrics={} if privacy else model_card.upgrade_metrics(record.metrics[-1]),
        report={} if privacy else _report(record.path),
        privacy=privacy,
        signatures=module.describe(),
    )
    return versions.write_version(module, card, model_dir=model_dir)


def certificate(record: RunRecord) -> dict[str, Any]:
    """What a run has spent of its guarantee, for the model card; empty of a run without one.

    Args:
      record: of the run.

    Raises:
      InputError: the guarantee is not the one that was asked for, or the ledger has more steps than it covers.
    """
    asked = record.config.get("privacy")
    if asked is None and record.privacy is None:
        return {}
    if record.privacy is None or record.privacy["config"] != asked:
        message = f"{record.path}: privacy.json is not the guarantee that config.json asks for"
        raise InputError(message, fields=["privacy"])
    found = Guarantee.from_description(record.privacy).certificate(read_ledger(record))
    start = record.config["initial_run"]
    return {**found, "covered": list(_COVERED), "not_covered": [*_NOT_COVERED, *([_PUBLIC_START] if start else [])]}


def _without_subjects(data):
    """The description of the data without what it says of the recordings."""
    nothing = {"windows": 0, "subjects": [], "labels": {}, "checksum": 0}
    return {**data, "splits": dict.fromkeys(data["splits"], nothing)}


def attach_report(version: str | os.PathLike[str], report: Mapping[str, Any]) -> None:
    """Writes the card of an exported version again, with the figures of a report of its samples.

    The card of a model with a guarantee stays as it is: the guarantee does not cover what was measured on recordings.

    Args:
      version: its folder.
      report: the content of `report.json`.

    Raises:
      InputError: there is no card, or the report lacks its verdict or its scores.
    """
    card, selected = model_card.read_card(version), model_card.select_report(report)
    if not card.privacy:
        model_card.write_card(version, dataclasses.replace(card, report=selected))


def _report(run):
    """What the card keeps of a report that lies in a run's folder."""
    path = os.path.join(run, "report", "report.json")
    return model_card.select_report(read_json(path)) if os.path.exists(path) else {}


def _without_paths(config):
    """The training configuration without the user's own folders, of which the last name alone stays."""
    if not config.get("initial_run"):
        return config
    return {**config, "initial_run": os.path.basename(os.path.abspath(config["initial_run"]))}
