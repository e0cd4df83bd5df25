"""The model card: what a recipient must know of an exported model, as JSON for programs and as Markdown for readers."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any

from sensegen_tf.data import records
from sensegen_tf.errors import InputError
from sensegen_tf.files import atomic_write, read_json, write_json

SCHEMA = 3
JSON, MARKDOWN = "model_card.json", "model_card.md"

# What schema 1 of the card, the models that were exported with it, and their reports called things.
EARLIER_OUTPUTS = {"innovation": "pit"}
_METRICS = {
    "heldout_nll": "test_nll",
    "real_called_real": "accuracy_on_real",
    "generated_called_generated": "accuracy_on_generated",
}
_FLAGS = {
    "model": "preset",
    "holdout_subjects": "test_subjects",
    "holdout_fraction": "test_fraction",
    "unseen_fraction": "heldout_fraction",
}
# The questions of a report's verdict, as `evaluation.metrics.definitions` asks them.
_QUESTIONS = {
    "real": "Do the samples look real?",
    "useful": "Do they work as training data?",
    "private": "Do they protect the training subjects?",
    "physiology": "Is the physiology right?",
}
_SPLITS = {"heldout": "test", "unseen": "heldout"}
_NULL_METRICS = ("nearer_to_training", "membership_auc", "membership_tpr", "likelihood_auc", "likelihood_tpr")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What stands in `model_card.json` beside `saved_model.pb`.

    Attributes:
      schema: number of this set of keys.
      name: the model's own.
      preset: the architecture, see `models.presets`.
      rate: Hz.
      channels, units: C names and units.
      labels: L names, whose places are the input `label`; none for an unconditional model.
      label_shares: L numbers, how common they were in the training windows; they sum to 1.
      temperatures: label, or "all" where there are none -> temperature of the series where a request asks for 1; see
        `training.calibration`.
      window_length: samples in a training window.
      block: n, samples that one step of the model makes.
      max_length: the most samples that a request may ask for in a series.
      source: where the recordings came from.
      data: the statistics of the training data, see `data.dataset.Dataset.describe`.
      config: the training configuration; empty where the model was exported before schema 2.
      provenance: what else the caller of the training recorded, such as the flags of the command without paths.
      versions: package versions.
      metrics: of the last outer iteration.
      privacy: of a model with a guarantee its certificate, see `training.privacy.Guarantee.certificate`, with what is
        covered and what is not; otherwise empty.
      report: `verdict` and `scores` of a report of its samples, see `evaluation.report`; empty where there is none.
      signatures: name -> inputs and outputs, see `signatures.Signatures.describe`.
    """

    schema: int = SCHEMA
    name: str
    preset: str
    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...]
    labels: tuple[str, ...]
    label_shares: tuple[float, ...]
    temperatures: dict[str, float]
    window_length: int
    block: int
    max_length: int
    source: str
    data: dict[str, Any]
    config: dict[str, Any]
    provenance: dict[str, Any]
    versions: dict[str, str]
    metrics: dict[str, float]
    report: dict[str, Any]
    signatures: dict[str, Any]
    privacy: dict[str, Any] = dataclasses.field(default_factory=dict)


def write_card(version: str | os.PathLike[str], card: ModelCard) -> None:
    """Writes the card into the folder of a version, as JSON and as Markdown; one that is there is replaced."""
    write_json(os.path.join(version, JSON), dataclasses.asdict(card))
    with atomic_write(os.path.join(version, MARKDOWN)) as path, open(path, "w", encoding="utf-8") as file:
        file.write(render(card))


def read_card(version: str | os.PathLike[str]) -> ModelCard:
    """The `ModelCard` of a version. Those of schema 2, and of schema 1, which had no number, are
    read as well.

    Args:
      version: its folder.

    Raises:
      InputError: it is missing, is of a schema that this package does not know, or has unknown or missing keys.
    """
    path = os.path.join(version, JSON)
    values = read_json(path)
    if not isinstance(values, dict):
        raise InputError(f"{path} is no model card: it holds no keys")
    schema = values.get("schema", 1)
    if schema not in (1, 2, SCHEMA):
        raise InputError(f"{path} has schema {schema}; this version of sensegen_tf reads 1 to 3", fields=["schema"])
    expected = {field.name for field in dataclasses.fields(ModelCard)}
    if schema == 2:
        _check_keys(f"{path}, a model card of schema 2,", values, keys=expected - {"privacy"})
        values = {**values, "schema": SCHEMA, "privacy": {}}
    if schema == 1:
        old = expected - {"privacy"} - {"schema", "preset", "config", "provenance"} | {"flags"}
        _check_keys(f"{path}, a model card of schema 1,", values, keys=old)
        values = _upgrade(values, name=os.path.basename(os.path.dirname(os.path.abspath(version))))
    _check_keys(f"the model card {path}", values, keys=expected)
    data = records.upgrade_description(values["data"])
    lists = {name: tuple(values[name]) for name in ("channels", "units", "labels", "label_shares")}
    return ModelCard(**{**values, **lists, "data": data})


def _check_keys(what, values, keys):
    # As `models.stored.check_keys`, without importing the models: sampling needs their exported graph alone.
    unknown, missing = sorted(values.keys() - keys), sorted(keys - values.keys())
    if unknown or missing:
        wrong = [f"{kind} {', '.join(names)}" for kind, names in (("unknown", unknown), ("missing", missing)) if names]
        raise InputError(f"{what} has keys that are {' and '.join(wrong)}", fields=[*unknown, *missing])


def _upgrade(values, name):
    """A card of schema 1 as one of this schema, but for the description of its data."""
    rest = {key: value for key, value in values.items() if key != "flags"}
    return {
        **rest,
        "schema": SCHEMA,
        "name": name,
        "preset": values["name"],
        "config": {},
        "provenance": upgrade_flags(values["flags"]),
        "metrics": upgrade_metrics(values["metrics"]),
        "report": select_report(values["report"]) if values["report"] else {},
        "privacy": {},
    }


def upgrade_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Flags of `train` of any version under the names that they have now."""
    return {_FLAGS.get(name, name): value for name, value in flags.items()}


def upgrade_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics of an outer iteration of any version under the names that they have now."""
    return {_METRICS.get(name, name): value for name, value in metrics.items()}


def select_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """What a card keeps of `report.json`: its verdict and its scores.

    Args:
      report: the content of the file; also of schema 1, which had no number.

    Raises:
      InputError: it has no verdict or no scores; the missing keys are named.
    """
    missing = [key for key in ("verdict", "scores") if key not in report]
    if missing:
        raise InputError(f"the report has no {' and no '.join(missing)}", fields=missing)
    scores = [dict(score) for score in report["scores"]]
    return {
        "verdict": dict(report["verdict"]),
        "scores": [_upgrade_score(score) if "floor" in score else score for score in scores],
    }


def _upgrade_score(score):
    """A score of a report of schema 1, whose reference was called a floor."""
    kind = None
    if score["floor"] is not None:
        kind = "null" if score.get("metric") in _NULL_METRICS else "baseline"
    reference = {"reference_mean": score["floor"], "reference_low": score["floor_low"]}
    rest = {key: value for key, value in score.items() if not key.startswith("floor")}
    return {
        **rest,
        "against": _SPLITS.get(score["against"], score["against"]),
        "reference": kind,
        **reference,
        "reference_high": score["floor_high"],
    }


def render(card: ModelCard) -> str:
    """The card as Markdown."""
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in card.metrics.items() if name != "outer")
    temperatures = ", ".join(f"{value:g} ({name})" for name, value in card.temperatures.items())
    lines = [
        f"# {card.name}",
        "",
        f"Synthetic series of {', '.join(card.channels)} ({', '.join(dict.fromkeys(card.units))}) at {card.rate:g} "
        f"Hz, made by sensegen_tf.{'' if card.privacy else ' No formal guarantee of privacy is given.'}",
        "",
        f"**Privacy:** {_privacy(card)}",
        "",
        f"- Architecture: the preset `{card.preset}`.",
        f"- Trained on: `{card.source}`{'' if card.privacy else ', ' + _split(card, 'training')}.",
        *([] if card.privacy else _other_splits(card)),
        f"- Licence and citation of the recordings: {card.data['terms']}.",
        *([f"- Labels: {', '.join(f'{n} {name}' for n, name in enumerate(card.labels))}."] if card.labels else []),
        f"- Temperatures of the series where a request asks for 1: {temperatures}.",
        *([f"- Last measured while training: {metrics}."] if metrics else []),
        f"- Samples that a step of the model makes: {card.block}.",
        f"- Longest series of a request: {card.max_length:,} samples.",
        f"- Versions: {', '.join(f'{name} {version}' for name, version in card.versions.items())}.",
        "",
        *_certificate(card),
        *_quality(card),
        *_signatures(card),
        "## Training",
        "",
        *(f"    {name}={value}" for name, value in _flat(card.config)),
        *(f"    {name}={value}" for name, value in card.provenance.items() if value not in (None, "", [])),
        "",
    ]
    return "\n".join(lines)


def _privacy(card):
    """The guarantee and what the report found, in a sentence each."""
    found, words = card.report.get("verdict", {}).get("private"), card.privacy.get("words", "")
    if found is None:
        return words or "not measured. Do not share the model or its samples until it has been."
    of_subjects = any(score["metric"].startswith("impersonation_") for score in card.report["scores"])
    windows = "" if of_subjects else " The measures are of windows; nothing was measured of a person."
    return f"{words} {found['headline']}{windows}".strip()


def _certificate(card):
    """The guarantee, where there is one."""
    if not card.privacy:
        return []
    rest = {name: value for name, value in card.privacy.items() if name not in ("words", "covered", "not_covered")}
    return [
        "## The guarantee",
        "",
        card.privacy["words"],
        "",
        *(f"- Covered: {each}." for each in card.privacy["covered"]),
        *(f"- Not covered: {each}." for each in card.privacy["not_covered"]),
        *(f"- {name.replace('_', ' ')}: {value}." for name, value in rest.items()),
        "",
    ]


def _split(card, name):
    """A split of the data in words."""
    split, count = card.data["splits"][name], card.window_length
    subjects = len(split["subjects"])
    return (
        f"{split['windows']} windows of {count} samples ({count / card.rate:.3g} s) of {subjects} "
        f"subject{'s' * (subjects != 1)}"
    )


def _other_splits(card):
    splits = card.data["splits"]
    lines = []
    if "test" in splits:
        same = set(splits["test"]["subjects"]) & set(splits["training"]["subjects"])
        what = "later in the recordings that were trained on" if same else "who were never trained on"
        lines.append(f"- Tested on: {_split(card, 'test')}, {what}.")
    if "heldout" in splits:
        lines.append(f"- Held out: {_split(card, 'heldout')}, who were trained on, but not with these windows.")
    return lines


def _quality(card):
    """The measures of the report, where there is one."""
    if not card.report:
        return ["No report was made of its samples.", ""]
    lines = ["## How good its samples are", ""]
    lines += [f"- {_QUESTIONS.get(what, what)} {each['headline']}" for what, each in card.report["verdict"].items()]
    lines += ["", "| measure | against | value | 95 % interval | reference |", "|---|---|---|---|---|"]
    for score in card.report["scores"]:
        reference = ""
        if score["reference"] is not None:
            reference = f"{score['reference']} {score['reference_low']:.3g} to {score['reference_high']:.3g}"
        lines.append(
            f"| {score['title']} | {score['against']} | {score['value']:.3g} | {score['low']:.3g} to "
            f"{score['high']:.3g} | {reference} |"
        )
    lines += ["", "A baseline compares two groups of real recordings; a null permutes who was trained on.", ""]
    return lines


def _signatures(card):
    return [
        "## Signatures",
        "",
        "The first dimension is the batch; an example depends on its own inputs alone. -1 is any size. Values are in "
        "physical units.",
        "",
        "| signature | inputs | outputs |",
        "|---|---|---|",
        *(
            f"| `{name}` | {_tensors(each['inputs'])} | {_tensors(each['outputs'])} |"
            for name, each in card.signatures.items()
        ),
        "",
    ]


def _tensors(named):
    """Names, types and shapes; of what a stream carries the number alone."""
    carried = [name for name in named if name.startswith("carried_")]
    shown = [
        f"{name} {kind} {shape}".replace("None", "-1") for name, (kind, shape) in named.items() if name not in carried
    ]
    return ", ".join([*([f"{len(carried)} tensors carried_N"] if carried else []), *shown])


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested dictionaries, with dotted names; without numbers of schemas, and those that say nothing."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif name != "schema" and value not in (None, "", []):
            yield f"{prefix}{name}", value
