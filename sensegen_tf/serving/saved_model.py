"""Writing a SavedModel version, all or nothing, and finding it again."""

import dataclasses
import os

import numpy as np
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.files import os_errors, read_json, whole_folder, write_json
from sensegen_tf.serving import card_text, graph, warmup

_CARD, _CARD_TEXT = "model_card.json", "model_card.md"
_PRETRAINED = os.path.join(os.path.dirname(os.path.dirname(__file__)), "pretrained")


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What a recipient must know to read the samples; `model_card.json` beside `saved_model.pb`.

    Attributes:
      name: row of the zoo.
      rate: Hz.
      channels, units: C names and units.
      labels: L names, whose numbers are the input `label`; none for an unconditional model.
      label_shares: L numbers, how common they were in the training windows; they sum to 1.
      temperatures: label, or "all" where there are none -> what series are tempered by where a request asks for 1; see
        `training.calibration`.
      window_length: samples in a training window.
      block: n, samples that the model makes at once.
      max_length: samples that a request may ask for in a row.
      source: where the recordings came from.
      data: the statistics of the training data, see `data.windows.Dataset.describe`.
      flags: the resolved training flags, but for paths.
      versions: package versions.
      metrics: of the last outer iteration.
      report: measures of its samples with their intervals and floors, see `evaluation.report`; empty where nobody asked
        for a report.
      signatures: name -> inputs and outputs, see `signatures.describe`.
    """

    name: str
    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...]
    labels: tuple[str, ...]
    label_shares: tuple[float, ...]
    temperatures: dict
    window_length: int
    block: int
    max_length: int
    source: str
    data: dict
    flags: dict
    versions: dict
    metrics: dict
    report: dict
    signatures: dict


def _numbers(model_dir):
    """What is named by a whole number in a model's folder, ascending."""
    names = os.listdir(model_dir) if os.path.isdir(model_dir) else ()
    return sorted(int(name) for name in names if name.isdecimal())


def write_version(module, card, model_dir):
    """Writes the next integer version, which appears whole: a server may be polling the folder.

    Before that it is loaded again, and must answer every signature as the model does that it was made from.

    Args:
      module: a `Signatures`.
      card: its `ModelCard`.
      model_dir: the model's folder, under whose name it is served; made if missing.

    Returns:
      The path of the new version.

    Raises:
      InputError: the folder cannot be written, or the version is not what it should be.
    """
    path = os.path.join(model_dir, str(max(_numbers(model_dir), default=0) + 1))
    with whole_folder(path) as temporary, os_errors():
        functions = module.signatures()
        tf.saved_model.save(module, temporary, signatures=functions)
        write_json(os.path.join(temporary, _CARD), dataclasses.asdict(card))
        with open(os.path.join(temporary, _CARD_TEXT), "w", encoding="utf-8") as file:
            file.write(card_text.render(card))
        graph.check(temporary)
        loaded = tf.saved_model.load(temporary)
        requests = warmup.examples(loaded.signatures, card.window_length, bool(card.labels))
        _compare(functions, loaded.signatures, requests)
        warmup.write(temporary, os.path.basename(os.path.abspath(model_dir)), requests)
    return path


def _compare(functions, loaded, requests):
    """Refuses a loaded version that answers other than the functions that it was made of."""
    for name, inputs in requests.items():
        expected, found = functions[name](**inputs), loaded[name](**inputs)
        for output, value in expected.items():
            if not np.array_equal(value, found[output]):
                raise InputError(f"the written model gives another {output} than the trained one (signature {name})")


def pretrained():
    """Names of the pretrained models that came with the package."""
    names = os.listdir(_PRETRAINED) if os.path.isdir(_PRETRAINED) else ()
    return sorted(name for name in names if not name.startswith("."))


def find_version(path):
    """The version that a path means: itself, the highest integer below it, or the pretrained model of that name.

    Raises:
      InputError: there is no SavedModel there.
    """
    if path in pretrained() and not os.path.exists(path):
        path = os.path.join(_PRETRAINED, path)
    if os.path.exists(os.path.join(path, "saved_model.pb")):
        return path
    versions = [n for n in _numbers(path) if os.path.exists(os.path.join(path, str(n), "saved_model.pb"))]
    if not versions:
        raise InputError(
            f"no SavedModel at {path}: expected {os.path.join(path, 'saved_model.pb')} or "
            f"{os.path.join(path, 'NUMBER', 'saved_model.pb')}, or the name of a pretrained model "
            f"({', '.join(pretrained()) or 'none is installed'}). Training prints the path of the model that it wrote"
        )
    return os.path.join(path, str(versions[-1]))


def read_card(version):
    """The `ModelCard` of a version.

    Raises:
      InputError: it is missing or not one of ours.
    """
    path = os.path.join(version, _CARD)
    try:
        values = read_json(path)
        lists = {name: tuple(values[name]) for name in ("channels", "units", "labels", "label_shares")}
        return ModelCard(**{**values, **lists})
    except (TypeError, KeyError) as error:
        raise InputError(f"{path} is not a model card of this version of sensegen_tf: {error}") from error
