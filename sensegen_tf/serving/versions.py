"""The versions of a model, each a folder named by a whole number: how one is written, all or nothing, and found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.files import atomic_folder, os_errors
from sensegen_tf.serving import graph, warmup
from sensegen_tf.serving.model_card import ModelCard, write_card

if TYPE_CHECKING:
    # Finding a version needs no model.
    from sensegen_tf.serving.signatures import Signatures

_PRETRAINED = os.path.join(os.path.dirname(os.path.dirname(__file__)), "pretrained")


def pretrained() -> list[str]:
    """Names of the pretrained models that came with the package."""
    names = os.listdir(_PRETRAINED) if os.path.isdir(_PRETRAINED) else []
    return sorted(name for name in names if not name.startswith("."))


def find_version(path: str | os.PathLike[str]) -> str:
    """The version that a path means: itself, the highest whole number below it, or the pretrained model of that name.

    Raises:
      InputError: there is no SavedModel there.
    """
    path = os.fspath(path)
    if path in pretrained() and not os.path.exists(path):
        path = os.path.join(_PRETRAINED, path)
    if os.path.exists(os.path.join(path, "saved_model.pb")):
        return path
    versions = [n for n in _numbers(path) if os.path.exists(os.path.join(path, str(n), "saved_model.pb"))]
    if not versions:
        raise InputError(
            f"no SavedModel at {path}: expected {os.path.join(path, 'saved_model.pb')} or "
            f"{os.path.join(path, 'NUMBER', 'saved_model.pb')}, or the name of a pretrained model "
            f"({', '.join(pretrained()) or 'none is installed'}). Training prints where it wrote the model"
        )
    return os.path.join(path, str(versions[-1]))


def _numbers(model_dir):
    """What is named by a whole number in a model's folder, ascending."""
    names = os.listdir(model_dir) if os.path.isdir(model_dir) else ()
    return sorted(int(name) for name in names if name.isdecimal())


def write_version(module: Signatures, card: ModelCard, *, model_dir: str | os.PathLike[str]) -> str:
    """Writes the next version, which appears whole, since a server may be polling the folder.

    Before it appears it is loaded again, and must answer every signature as the model does that it was made from.

    Args:
      module: the signatures.
      card: of the model.
      model_dir: the model's folder, under whose name it is served; made if missing.

    Returns:
      The path of the new version.

    Raises:
      InputError: the folder cannot be written, or the version is not what it should be.
    """
    model_dir = os.fspath(model_dir)
    path = os.path.join(model_dir, str(max(_numbers(model_dir), default=0) + 1))
    with atomic_folder(path) as temporary, os_errors():
        functions = module.signatures()
        tf.saved_model.save(module, temporary, signatures=functions)
        write_card(temporary, card)
        graph.check(temporary)
        loaded = tf.saved_model.load(temporary)
        requests = warmup.examples(loaded.signatures, length=card.window_length, conditional=bool(card.labels))
        _compare(functions, loaded.signatures, requests)
        warmup.write(temporary, requests, model_name=os.path.basename(os.path.abspath(model_dir)))
    return path


def _compare(functions, loaded, requests):
    """Refuses a loaded version that answers other than the functions that it was made of."""
    for name, inputs in requests.items():
        expected, found = functions[name](**inputs), loaded[name](**inputs)
        for output, value in expected.items():
            if not np.array_equal(value, found[output]):
                raise InputError(f"the written model gives another {output} than the trained one (signature {name})")
