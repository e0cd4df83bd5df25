"""From a run's folder to an exported version."""

import dataclasses
import os

import numpy as np

from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.windows import Standardizer
from sensegen_tf.errors import InputError
from sensegen_tf.files import read_json
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.serving import saved_model
from sensegen_tf.serving.signatures import MAX_LENGTH, Signatures
from sensegen_tf.training.checkpoints import Checkpoints
from sensegen_tf.training.run_directory import read_metrics

# What names the user's own folders, and stays with him.
_PATHS = ("data_dir", "run_dir", "model_dir", "initial_run")


def export_run(run, model_dir):
    """Writes the next version of a model from the newest checkpoint of a run.

    Args:
      run: folder that `python -m sensegen_tf.train` wrote; training may be going on in it.
      model_dir: the model's folder.

    Returns:
      The path of the version.

    Raises:
      InputError: there is no run, or none that has finished an outer iteration; or as `saved_model.write_version`.
    """
    configs, data, flags, versions = (_read(run, name) for name in ("models", "data", "flags", "versions"))
    metrics = read_metrics(run)
    if not metrics:
        raise InputError(f"{run} has not finished an outer iteration, so there is nothing to export yet")
    generator, discriminator = (
        Generator.from_config(configs["generator"]),
        Discriminator.from_config(configs["discriminator"]),
    )
    generator.build()
    discriminator.build()
    checkpoints = os.path.join(run, "checkpoints")
    Checkpoints(checkpoints, generator=generator, discriminator=discriminator).restore_models(checkpoints)
    standardizer = Standardizer(*(np.array(data[name], np.float32) for name in ("mean", "std", "increment")))
    module = Signatures(generator, discriminator, standardizer, _sensors(data))
    report = os.path.join(run, "report", "report.json")
    counts = data["splits"]["training"]["labels"]
    labels = sorted(label for label in counts if label) if generator.labels else []
    temperatures = generator.temperatures.numpy().astype(float).round(2).tolist()
    card = saved_model.ModelCard(
        name=flags["model"],
        rate=data["rate"],
        channels=tuple(data["channels"]),
        units=tuple(data["units"]),
        labels=tuple(labels),
        label_shares=tuple(counts[label] / sum(counts.values()) for label in labels),
        temperatures=dict(zip(labels or ["all"], temperatures, strict=True)),
        window_length=data["length"],
        block=generator.block,
        max_length=MAX_LENGTH,
        source=flags["source"],
        data=data,
        flags={name: value for name, value in flags.items() if name not in _PATHS},
        versions=versions,
        metrics=metrics[-1],
        report={key: read_json(report)[key] for key in ("verdict", "scores")} if os.path.exists(report) else {},
        signatures=module.describe(),
    )
    return saved_model.write_version(module, card, model_dir)


def _read(run, name):
    path = os.path.join(run, f"{name}.json")
    if not os.path.exists(path):
        raise InputError(f"{run} is no run of sensegen_tf.train: it has no {name}.json")
    return read_json(path)


def _sensors(data):
    """The sensors; resampled values left their grid, but not their range."""
    sensors = [Sensor(**sensor) for sensor in data["sensors"]]
    return [dataclasses.replace(sensor, resolution=None) for sensor in sensors] if data["resampled"] else sensors
