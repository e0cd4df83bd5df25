import ast
import dataclasses
import json
import math
import pathlib

import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.models import config as parts
from sensegen_tf.models.config import (
    ChannelwiseHeadConfig,
    ConditionConfig,
    ContextConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    HeadConfig,
    InitialMixtureConfig,
    JointHeadConfig,
    LatentConfig,
    NetworkConfig,
)
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.presets import PRESETS
from sensegen_tf.models.stored import describe, read_discriminator_config, read_generator_config

# Those of sensegen_ecg and of a generator of sensegen_accel, as version 0.1 stored them.
ECG = {
    "units": [192, 192],
    "dense_units": 128,
    "components": 12,
    "scale_floor": 0.0005,
    "residual": True,
    "start_components": 64,
    "start_people": 0,
    "increments": True,
    "lags": 4,
    "levels": [6.0, 30.0, 240.0, 1200.0],
    "refractory": 30,
    "block": 4,
    "full_covariance": False,
    "channelwise": False,
    "conditional": True,
    "code": 8,
    "code_noise": 0.3,
    "dropout": 0.1,
}
ECG_DISCRIMINATOR = {"units": [64], "dense_units": 64, "increments": True}
ACCEL = {
    **ECG,
    "components": 16,
    "start_components": 16,
    "start_people": 5,
    "levels": [4.0, 16.0, "inf"],
    "refractory": 0,
    "block": 1,
    "full_covariance": True,
    "code": 0,
    "dropout": 0.2,
}


def stored(preset="sensegen_accel"):
    """A generator's configuration as it comes back from a file."""
    return json.loads(json.dumps(describe(PRESETS[preset].generator), allow_nan=False))


@pytest.mark.parametrize(
    ("part", "values"),
    [
        (NetworkConfig, {"units": ()}),
        (NetworkConfig, {"units": (8, 0)}),
        (NetworkConfig, {"units": (True,)}),
        (NetworkConfig, {"units": [8]}),
        (NetworkConfig, {"dense_units": 0}),
        (NetworkConfig, {"dropout": 1.5}),
        (NetworkConfig, {"dropout": 1.0}),
        (NetworkConfig, {"dropout": -0.1}),
        (NetworkConfig, {"dropout": math.nan}),
        (ContextConfig, {"lags": -1}),
        (ContextConfig, {"lags": 1.5}),
        (ContextConfig, {"refractory": -1}),
        (ContextConfig, {"compare_intervals": True}),
        (ContextConfig, {"running_means": (4.0, 0.0)}),
        (ContextConfig, {"running_means": ("slow",)}),
        (ContextConfig, {"running_means": 4.0}),
        (ContextConfig, {"residual": "no"}),
        (ContextConfig, {"increment_units": None}),
        (JointHeadConfig, {"components": 0}),
        (JointHeadConfig, {"block": 0}),
        (JointHeadConfig, {"scale_floor": 0.0}),
        (JointHeadConfig, {"scale_floor": math.inf}),
        (JointHeadConfig, {"full_covariance": 1}),
        (ChannelwiseHeadConfig, {"components": True}),
        (ChannelwiseHeadConfig, {"block": -4}),
        (InitialMixtureConfig, {"components": 0}),
        (InitialMixtureConfig, {"min_subjects": -1}),
        (ConditionConfig, {"label": "walk"}),
        (LatentConfig, {"size": 0}),
        (LatentConfig, {"network": 3}),
        (LatentConfig, {"free_bits": -0.1}),
    ],
)
def test_nonsense_is_refused_by_the_part_that_it_is_given_to(part, values):
    network = NetworkConfig(units=(8,), dense_units=4)
    required = {"units": (8,), "dense_units": 4, "components": 3, "size": 2, "network": network}
    required = {name: required[name] for name in required if name in {each.name for each in dataclasses.fields(part)}}
    part(**required)
    with pytest.raises(InputError) as refused:
        part(**{**required, **values})
    assert refused.value.fields == tuple(values) and str(refused.value).startswith(f"{next(iter(values))} of")


@pytest.mark.parametrize("kind", ["network", "context", "head", "initial", "condition", "latent"])
def test_a_part_in_the_place_of_another_is_refused(kind):
    for wrong in (5, ContextConfig() if kind != "context" else ConditionConfig()):
        with pytest.raises(InputError) as refused:
            dataclasses.replace(PRESETS["sensegen"].generator, **{kind: wrong})
        assert refused.value.fields == (kind,)
    with pytest.raises(InputError):
        DiscriminatorConfig(network=None)


def test_an_initial_mixture_of_many_subjects_alone_is_a_configuration():
    """In version 0.1 it ended in an AttributeError."""
    network = NetworkConfig(units=(4,), dense_units=4)
    initial = InitialMixtureConfig(components=1, min_subjects=5)
    Generator(GeneratorConfig(network=network, head=JointHeadConfig(components=2), initial=initial), 1).build()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_comes_back_from_what_is_stored(name):
    preset = PRESETS[name]
    generator, discriminator = stored(name), json.loads(json.dumps(describe(preset.discriminator)))
    assert (generator["schema"], discriminator["schema"]) == (3, 3)
    assert read_generator_config(generator) == preset.generator
    assert read_discriminator_config(discriminator) == preset.discriminator


def test_what_is_stored_is_nested_as_the_configuration_is():
    assert describe(PRESETS["sensegen_accel"].generator) == {
        "schema": 3,
        "network": {"type": "lstm", "units": [192, 192], "dense_units": 128, "dropout": 0.2},
        "head": {"type": "joint", "block": 1, "scale_floor": 0.0005, "full_covariance": True, "components": 16},
        "context": {
            "type": "autoregressive",
            "lags": 4,
            "running_means": [4.0, 16.0, "inf"],
            "refractory": 0,
            "compare_intervals": False,
            "residual": True,
            "increment_units": True,
        },
        "initial": {"type": "mixture", "components": 16, "min_subjects": 5},
        "condition": {"type": "label", "label": True},
        "latent": None,
    }


def test_configurations_of_version_0_1_are_read():
    """Those of the other presets are in the goldens."""
    with pytest.raises(InputError, match="subject embeddings"):
        read_generator_config(ECG)
    assert read_generator_config(ACCEL) == PRESETS["sensegen_accel"].generator
    assert read_discriminator_config(ECG_DISCRIMINATOR) == PRESETS["sensegen_ecg"].discriminator
    channelwise = read_generator_config({**ACCEL, "channelwise": True, "start_components": 0}).head
    assert type(channelwise) is ChannelwiseHeadConfig
    # Before they were added to version 0.1, some keys were not stored.
    young = {"code", "code_noise", "dropout", "channelwise", "start_people"}
    old = read_generator_config({key: value for key, value in ECG.items() if key not in young})
    assert (old.latent, old.network.dropout, old.initial.min_subjects) == (None, 0.0, 0)


def test_a_generator_of_version_0_1_is_read():
    config = {"config": ACCEL, "channels": 1, "seed": 3, "name": "generator_1", "labels": 2, "people": 3}
    generator = Generator.from_config(config)
    assert (generator.labels, generator.seed) == (2, 3)
    assert generator.get_config()["config"] == stored()


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (lambda kept: kept.update(heads=2), ("heads",)),
        (lambda kept: kept.pop("network"), ("network",)),
        (lambda kept: kept["head"].update(kernel=3, hidden=1), ("hidden", "kernel")),
        (lambda kept: kept["head"].pop("components"), ("components",)),
        (lambda kept: kept["head"].update(type="nonesuch"), ("head",)),
        (lambda kept: kept["head"].pop("type"), ("head",)),
        (lambda kept: kept.update(network=None), ("network",)),
        (lambda kept: kept["context"].update(lags=-1), ("lags",)),
    ],
)
def test_stored_nonsense_is_refused_by_name(change, fields):
    kept = stored()
    change(kept)
    with pytest.raises(InputError) as refused:
        read_generator_config(kept)
    assert refused.value.fields == fields and all(name in str(refused.value) for name in fields)


def test_what_is_stored_in_another_schema_is_refused():
    for read, kept in ((read_generator_config, ECG), (read_discriminator_config, ECG_DISCRIMINATOR)):
        with pytest.raises(InputError, match="schema 4"):
            read({**kept, "schema": 4})
        with pytest.raises(InputError) as refused:
            read({key: value for key, value in kept.items() if key != "units"} | {"depth": 2})
        assert refused.value.fields == ("depth", "units")


def test_a_name_is_registered_once_and_an_unregistered_class_is_not_stored():
    with pytest.raises(InputError) as refused:
        parts.register("head", "joint")(type("Other", (HeadConfig,), {}))
    assert refused.value.fields == ("head",) and parts.registered("head", "joint") is JointHeadConfig
    with pytest.raises(InputError, match="registered are joint, channelwise"):
        parts.registered("head", "nonesuch")
    derived = type("Derived", (JointHeadConfig,), {})(components=2)
    config = dataclasses.replace(PRESETS["sensegen"].generator, head=derived)
    with pytest.raises(InputError, match="Derived is not registered"):
        describe(config)


def test_the_command_train_knows_every_preset():
    # Read, not imported, since importing a command defines its flags.
    source = pathlib.Path(parts.__file__).parents[1] / "train.py"
    assignments = [node for node in ast.parse(source.read_text(encoding="utf-8")).body if isinstance(node, ast.Assign)]
    [named] = [ast.literal_eval(node.value) for node in assignments if ast.unparse(node.targets[0]) == "PRESETS"]
    assert list(named) == list(PRESETS)
