"""A run's folder read back: what it was started with, and its models; also of version 0.1."""

from __future__ import annotations

import dataclasses
import os
import typing
from typing import Any

import tensorflow as tf

from sensegen_tf.data.records import upgrade_description
from sensegen_tf.errors import InputError
from sensegen_tf.files import read_json
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.training.checkpoints import Checkpoints
from sensegen_tf.training.config import check_description
from sensegen_tf.training.run_directory import read_metrics

# Flags of version 0.1 that name the user's own folders, and stay with the user.
_PATHS = ("data_dir", "run_dir", "model_dir", "initial_run")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What a run's folder says of the run.

    Attributes:
      path: the folder.
      preset: the name of the architecture.
      config: `TrainConfig.describe`; of a run of version 0.1 empty, since its flags say it.
      provenance: where the data came from; of a run of version 0.1 its flags.
      data: `Dataset.describe`.
      versions: of packages.
      models: the configurations of both models.
      metrics: of the outer iterations.
      privacy: `Guarantee.describe` of a run with a guarantee; otherwise None.
    """

    path: str
    preset: str
    config: dict[str, Any]
    provenance: dict[str, Any]
    data: dict[str, Any]
    versions: dict[str, str]
    models: dict[str, dict[str, Any]]
    metrics: list[dict[str, Any]]
    privacy: dict[str, Any] | None = None


class LoadedModels(typing.NamedTuple):
    """The models of a run, with the weights of its newest checkpoint, as they are exported: float32, without XLA."""

    generator: Generator
    discriminator: Discriminator


def read_run(path: str | os.PathLike[str]) -> RunRecord:
    """Reads a run's folder; training may be going on in it.

    Raises:
      InputError: it is no run, or not one that this version can read.
    """
    path = os.fspath(path)

    def read(name):
        file = os.path.join(path, f"{name}.json")
        if not os.path.exists(file):
            raise InputError(f"{path} is no run: it has no {name}.json")
        return read_json(file)

    shared = {name: read(name) for name in ("versions", "models")}
    shared |= {
        "path": path,
        "data": upgrade_description(read("data"), where=os.path.join(path, "data.json")),
        "metrics": read_metrics(path),
    }
    if os.path.exists(os.path.join(path, "privacy.json")):
        shared["privacy"] = read("privacy")
    if os.path.exists(os.path.join(path, "config.json")):
        config = read("config")
        check_description(config, where=os.path.join(path, "config.json"))
        return RunRecord(preset=config["preset"], config=config, provenance=read("provenance"), **shared)
    flags = {name: value for name, value in read("flags").items() if name not in _PATHS}
    return RunRecord(preset=flags["model"], config={}, provenance=flags, **shared)


def read_ledger(record: RunRecord) -> int:
    """How many private steps the weights in the newest checkpoint of a run have taken.

    Raises:
      InputError: there is no checkpoint, or its ledger is missing.
    """
    folder = os.path.join(record.path, "checkpoints")
    newest = tf.train.latest_checkpoint(folder)
    if newest is None:
        raise InputError(f"there is no checkpoint in {folder}")
    reader = tf.train.load_checkpoint(newest)
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("private_steps/")]
    if len(names) != 1:
        raise InputError(f"the checkpoint {newest} has no ledger of private steps", fields=["privacy"])
    return int(reader.get_tensor(names[0]))


def load_models(record: RunRecord) -> LoadedModels:
    """The models of a run.

    Raises:
      InputError: there is no checkpoint, or it is of other models.
    """
    generator = Generator.from_config(record.models["generator"])
    discriminator = Discriminator.from_config(record.models["discriminator"])
    generator.build()
    discriminator.build()
    folder = os.path.join(record.path, "checkpoints")
    Checkpoints(folder, generator=generator, discriminator=discriminator).restore_models(folder)
    return LoadedModels(generator, discriminator)
