import dataclasses
import json
import math

import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.models.config import JointHeadConfig
from sensegen_tf.models.presets import PRESETS
from sensegen_tf.models.stored import read_generator_config
from sensegen_tf.training.config import TrainConfig, check_description
from sensegen_tf.training.learning import LearningConfig
from sensegen_tf.training.schedule import alternating


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 0),
        ("generator_learning_rate", 0.0),
        ("discriminator_learning_rate", math.nan),
        ("gradient_clip_norm", math.inf),
        ("learning_rate_decay", "linear"),
        ("seed", -1),
        ("seed", 2**31),
        ("generator_objective", "hope"),
        ("adversarial_weight", -1.0),
        ("adversarial_batch_size", 0),
        ("evaluation_windows", 0),
    ],
)
def test_nonsense_of_learning_is_refused(field, value):
    with pytest.raises(InputError) as refused:
        LearningConfig(**{field: value})
    assert refused.value.fields == (field,)


def test_a_configuration_is_made_from_a_preset():
    config = TrainConfig.from_preset("sensegen_ecg", schedule=alternating(2), calibrate=False)
    preset = PRESETS["sensegen_ecg"]
    assert (config.preset, config.generator, config.discriminator) == (
        "sensegen_ecg",
        preset.generator,
        preset.discriminator,
    )
    assert (config.calibrate, config.learning, config.initial_run) == (False, LearningConfig(), "")
    for changes, field in (({"precision": "float16"}, "precision"), ({"name": "gan"}, "preset")):
        with pytest.raises(InputError) as refused:
            TrainConfig.from_preset(**{"name": "sensegen", "schedule": alternating(2), **changes})
        assert refused.value.fields == (field,)


def test_a_description_holds_all_as_json_and_another_one_is_refused_by_its_keys():
    head = JointHeadConfig(components=7)
    config = TrainConfig.from_preset("sensegen", schedule=alternating(2))
    config = dataclasses.replace(config, generator=dataclasses.replace(config.generator, head=head))
    description = json.loads(json.dumps(config.describe()))
    assert description == config.describe()
    assert description["schedule"]["discriminator_steps"] == 200 and description["learning"]["batch_size"] == 64
    assert read_generator_config(description["generator"]) == config.generator
    check_description(description, where="here")
    for change, fields in (
        ({**description, "schema": 5, "budget": 1}, ("schema",)),
        ({**description, "budget": 1}, ("budget",)),
        ({key: value for key, value in description.items() if key != "learning"}, ("learning",)),
    ):
        with pytest.raises(InputError, match=r"^here ") as refused:
            check_description(change, where="here")
        assert refused.value.fields == fields


@pytest.mark.parametrize(
    ("objective", "batch_size", "most", "stride"),
    [("likelihood", 64, 32, 1), ("both", 64, 32, 2), ("both", 65, 32, 3), ("adversarial", 8, 32, 1)],
)
def test_adversarial_series_are_those_of_every_so_many_examples(objective, batch_size, most, stride):
    config = LearningConfig(batch_size=batch_size, generator_objective=objective, adversarial_batch_size=most)
    assert config.adversarial_stride == stride
