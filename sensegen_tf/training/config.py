"""A training as a value: which models, how they alternate, how they learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sensegen_tf.errors import InputError
from sensegen_tf.models import stored
from sensegen_tf.models.config import DiscriminatorConfig, GeneratorConfig
from sensegen_tf.models.presets import PRESETS
from sensegen_tf.training.learning import LearningConfig
from sensegen_tf.training.schedule import Schedule

SCHEMA = 2
PRECISIONS = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `training.run.train` does.

    Attributes:
      preset: the name of the architecture, for the model card; any text for one of your own.
      generator, discriminator: the models.
      schedule: the alternation.
      learning: how they learn.
      precision: "float32", or "bfloat16" for the matrix products of the training; state, mixture and optimiser stay
        float32, and so does the exported model.
      calibrate: whether temperatures of sampling are chosen at the end, see `training.calibration`.
      initial_run: folder of a run of the same models, from whose weights this one starts; "" for none.

    Example:
      >>> from sensegen_tf.training.schedule import alternating
      >>> config = TrainConfig.from_preset("sensegen_small", schedule=alternating(12), calibrate=False)
      >>> config.generator.network.units
      (96, 96)
    """

    preset: str
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    schedule: Schedule
    learning: LearningConfig = dataclasses.field(default_factory=LearningConfig)
    precision: str = "float32"
    calibrate: bool = True
    initial_run: str = ""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise InputError(f"precision must be {' or '.join(PRECISIONS)}, got {self.precision}", fields=["precision"])

    @classmethod
    def from_preset(cls, name: str, **changes: Any) -> TrainConfig:
        """The configuration of a preset.

        Args:
          name: of `models.presets.PRESETS`.
          **changes: any other attributes.

        Raises:
          InputError: there is no such preset; those that there are are named.
        """
        if name not in PRESETS:
            raise InputError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}", fields=["preset"])
        preset = PRESETS[name]
        return cls(**{"preset": name, "generator": preset.generator, "discriminator": preset.discriminator, **changes})

    def describe(self) -> dict[str, Any]:
        """The configuration as a dictionary that JSON can hold."""
        return {
            "schema": SCHEMA,
            "preset": self.preset,
            "generator": stored.describe(self.generator),
            "discriminator": stored.describe(self.discriminator),
            "schedule": dataclasses.asdict(self.schedule),
            "learning": dataclasses.asdict(self.learning),
            "precision": self.precision,
            "calibrate": self.calibrate,
            "initial_run": self.initial_run,
        }


def check_description(description: Mapping[str, Any], *, where: str) -> None:
    """Refuses what `TrainConfig.describe` of this version would not have made.

    Args:
      description: as it was stored.
      where: it stands, for messages.

    Raises:
      InputError: another schema, or unknown or missing keys.
    """
    if description.get("schema") != SCHEMA:
        found = description.get("schema")
        raise InputError(f"{where} has schema {found}; this version reads schema {SCHEMA}", fields=["schema"])
    keys = {"schema", *(field.name for field in dataclasses.fields(TrainConfig))}
    stored.check_keys(where, description, known=keys, required=keys)
