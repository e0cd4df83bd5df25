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
from sensegen_tf.training.parameters import TRAINABLE
from sensegen_tf.training.privacy import PrivacyConfig
from sensegen_tf.training.schedule import Schedule

# What older schemas did not have.
_NEW = {2: {"privacy", "trainable"}, 3: {"trainable"}, 4: set[str]()}
SCHEMA = 4
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
      trainable: which parameters of the generator learn, see `training.parameters`: "all", "head" or "lora". The last
        two need an `initial_run`.
      privacy: the guarantee that the training gives; None for none. It needs fresh minibatches and the likelihood as
        objective, without balanced labels and without calibration, which looks at the recordings.

    Raises:
      InputError: an unknown precision, or what does not go with a guarantee.

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
    trainable: str = "all"
    privacy: PrivacyConfig | None = None

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise InputError(f"precision must be {' or '.join(PRECISIONS)}, got {self.precision}", fields=["precision"])
        if self.trainable not in TRAINABLE:
            raise InputError(f"trainable must be {' or '.join(TRAINABLE)}, got {self.trainable}", fields=["trainable"])
        if self.trainable != "all" and not self.initial_run:
            raise InputError(
                f"trainable={self.trainable} changes a trained model a little; say which with initial_run",
                fields=["trainable", "initial_run"],
            )
        if self.privacy:
            self._check_private()

    def _check_private(self):
        schedule, learning = self.schedule, self.learning
        wrong = {
            "schedule": "draws subjects anew at every step" if not schedule.fresh_minibatches else "",
            "generator_steps": "needs steps of the generator" if not schedule.generator_steps else "",
            "generator_objective": "learns by likelihood" if learning.generator_objective != "likelihood" else "",
            "balance_labels": "does not look at the labels' shares" if learning.balance_labels else "",
            "rotation_degrees": "takes windows as they are" if learning.rotation_degrees else "",
            "tempo_change": "takes windows as they are" if learning.tempo_change else "",
            "calibrate": "does not look at the recordings' spectrum" if self.calibrate else "",
        }
        for name, why in wrong.items():
            if why:
                raise InputError(f"a training with a guarantee {why}; change {name}", fields=[name, "privacy"])

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
            "trainable": self.trainable,
            "privacy": dataclasses.asdict(self.privacy) if self.privacy else None,
        }


def check_description(description: Mapping[str, Any], *, where: str) -> None:
    """Refuses what `TrainConfig.describe` would not have made.

    Args:
      description: as it was stored.
      where: it stands, for messages.

    Raises:
      InputError: another schema, or unknown or missing keys.
    """
    schema = description.get("schema")
    if schema not in _NEW:
        raise InputError(f"{where} has schema {schema}; this version reads schemas 2 to {SCHEMA}", fields=["schema"])
    keys = {"schema", *(field.name for field in dataclasses.fields(TrainConfig))} - _NEW[schema]
    stored.check_keys(where, description, known=keys, required=keys)
