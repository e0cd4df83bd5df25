"""Configurations as JSON: with a schema number, and errors that name unknown and missing keys.

Schema 3 is nested as the configurations are, each part with its type. Schema 2 had a table of subject embeddings in the
condition, which this version has no longer. Schema 1, of version 0.1, was flat and had no number.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from sensegen_tf.errors import InputError
from sensegen_tf.models import config as parts

SCHEMA = 3
_SLOTS = ("network", "context", "head", "initial", "condition", "latent")


def describe(config: parts.GeneratorConfig | parts.DiscriminatorConfig) -> dict[str, Any]:
    """A configuration as a dictionary that JSON can hold.

    Raises:
      InputError: a part's own class is not registered, so that it could not be read again.

    Example:
      >>> from sensegen_tf.models.presets import PRESETS
      >>> describe(PRESETS["sensegen"].discriminator)["network"]
      {'type': 'lstm', 'units': [64], 'dense_units': 16, 'dropout': 0.0}
    """
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {"schema": SCHEMA, **{name: _describe_value(value) for name, value in values.items()}}


def _describe_value(value):
    if isinstance(value, parts.Part):
        if parts.registered(value.kind, value.type) is not type(value):
            raise InputError(
                f"{type(value).__name__} is not registered; decorate it with models.config.register",
                fields=[value.kind],
            )
        own = {field.name: _describe_value(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": value.type, **own}
    if isinstance(value, tuple):
        return [_describe_value(each) for each in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def read_generator_config(stored: Mapping[str, Any]) -> parts.GeneratorConfig:
    """The configuration that `describe` or an older version stored.

    Raises:
      InputError: another schema, unknown or missing keys, an unregistered type, or a value out of its range.
    """
    stored = _upgrade_generator(stored) if "schema" not in stored else stored
    stored = _without_embeddings(stored) if stored["schema"] == 2 else stored
    return _read(parts.GeneratorConfig, stored)


def read_discriminator_config(stored: Mapping[str, Any]) -> parts.DiscriminatorConfig:
    """As `read_generator_config`."""
    stored = _upgrade_discriminator(stored) if "schema" not in stored else stored
    stored = {**stored, "schema": SCHEMA} if stored["schema"] == 2 else stored
    return _read(parts.DiscriminatorConfig, stored)


def check_keys(what: str, stored: Mapping[str, Any], *, known: set[str], required: set[str]) -> None:
    """Refuses a stored dictionary with unknown or missing keys, which the message names."""
    unknown, missing = sorted(stored.keys() - known), sorted(required - stored.keys())
    if unknown or missing:
        wrong = [f"{kind} {', '.join(keys)}" for kind, keys in (("unknown", unknown), ("missing", missing)) if keys]
        raise InputError(f"{what} has keys that are {' and '.join(wrong)}", fields=[*unknown, *missing])


def _read(config_class, stored):
    what = f"the stored {config_class.__name__}"
    if stored["schema"] != SCHEMA:
        raise InputError(f"{what} has schema {stored['schema']}; this version reads up to schema {SCHEMA}")
    values = {name: value for name, value in stored.items() if name != "schema"}
    _check_fields(what, config_class, values)
    return config_class(**{name: _read_value(name, value) for name, value in values.items()})


def _check_fields(what, config_class, values):
    fields = dataclasses.fields(config_class)
    required = {field.name for field in fields if field.default is dataclasses.MISSING}
    check_keys(what, values, known={field.name for field in fields}, required=required)


def _read_value(name, value):
    if isinstance(value, Mapping) and name in _SLOTS:
        values = dict(value)
        part = parts.registered(name, values.pop("type", None))
        _check_fields(f"the stored {name} {part.type}", part, values)
        return part(**{key: _read_value(key, each) for key, each in values.items()})
    if isinstance(value, list):
        return tuple(math.inf if each == "inf" else each for each in value)
    return value


def _upgrade_generator(old):
    """Schema 1 -> schema 2."""
    optional = {"code", "code_noise", "dropout", "channelwise", "start_people"}
    known = {"units", "dense_units", "components", "scale_floor", "residual", "start_components", "increments", "lags"}
    known |= {"levels", "refractory", "block", "full_covariance", "conditional"}
    check_keys("the stored generator of schema 1", old, known=known | optional, required=known)
    head = {name: old[name] for name in ("components", "block", "scale_floor", "full_covariance")}
    initial = {"type": "mixture", "components": old["start_components"], "min_subjects": old.get("start_people", 0)}
    return {
        "schema": 2,
        "network": _network(old, old.get("dropout", 0.0)),
        "head": {"type": "channelwise" if old.get("channelwise") else "joint", **head},
        "context": {
            "type": "autoregressive",
            "running_means": old["levels"],
            "increment_units": old["increments"],
            **{name: old[name] for name in ("lags", "refractory", "residual")},
        },
        "initial": initial if old["start_components"] else None,
        "condition": {
            "type": "label_and_embedding",
            "label": old["conditional"],
            "embedding": old.get("code", 0),
            "embedding_noise": old.get("code_noise", 0.3),
        },
    }


def _without_embeddings(old):
    """Schema 2 -> schema 3."""
    condition = old.get("condition", {})
    known = {"type", "label", "embedding", "embedding_noise"}
    check_keys("the stored condition of schema 2", condition, known=known, required=known)
    if condition["embedding"]:
        message = "the stored generator has a table of subject embeddings, which this version cannot build"
        raise InputError(f"{message}; its exported SavedModel samples as before", fields=["condition"])
    return {**old, "schema": SCHEMA, "condition": {"type": "label", "label": condition["label"]}}


def _upgrade_discriminator(old):
    """Schema 1 -> schema 3."""
    names = {"units", "dense_units", "increments"}
    check_keys("the stored discriminator of schema 1", old, known=names, required=names)
    return {"schema": SCHEMA, "network": _network(old, 0.0), "increments": old["increments"]}


def _network(old, dropout):
    return {"type": "lstm", "units": old["units"], "dense_units": old["dense_units"], "dropout": dropout}
