"""What a model is trained and measured on: the windows of each split, and how they are standardised."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.records import SCHEMA
from sensegen_tf.data.shards import Shards
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import WindowSet


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """The windows of each split, and how they are standardised.

    Attributes:
      training: windows that are trained on.
      test: windows of subjects that are never trained on; with one subject, of the end of its recordings.
      heldout: windows of training subjects that are not trained on, or None.
      standardizer: statistics of the training windows.
      sensors: C `Sensor`, as measured on the recordings before any resampling.
      terms: licence and citation of the recordings.
      notes: what a person should know of the cutting.
      resampled: whether the windows are at another rate than the sensor's, so that they left its grid.
      measured: whether standardizer and sensors were measured on the recordings; not if they were given.
      attributes: subject -> name -> text, such as "s01" -> "age" -> "54". Nothing that leaves the dataset holds them:
        neither its description nor a run nor an exported model.
    """

    training: WindowSet | Shards
    test: WindowSet | Shards
    heldout: WindowSet | Shards | None = None
    standardizer: Standardizer
    sensors: tuple[Sensor, ...]
    terms: str = ""
    notes: tuple[str, ...] = ()
    resampled: bool = False
    measured: bool = True
    attributes: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Samples a second, Hz."""
        return self.training.rate

    @property
    def channels(self) -> tuple[str, ...]:
        """C names."""
        return self.training.channels

    @property
    def units(self) -> tuple[str, ...]:
        """C units."""
        return self.training.units

    @property
    def length(self) -> int:
        """T."""
        return self.training.length

    def splits(self) -> dict[str, WindowSet | Shards]:
        """Name -> windows of the splits that there are: "training", "test", "heldout"."""
        splits: dict[str, WindowSet | Shards] = {"training": self.training, "test": self.test}
        return splits if self.heldout is None else {**splits, "heldout": self.heldout}

    def describe_channels(self) -> dict[str, Any]:
        """What holds for all splits, as a dictionary that JSON can hold."""
        return describe_channels(
            self.standardizer,
            self.sensors,
            like={"rate": self.rate, "channels": self.channels, "units": self.units, "double": self.training.double},
            length=self.length,
            terms=self.terms,
            resampled=self.resampled,
        )

    def describe(self) -> dict[str, Any]:
        """All but the windows themselves, as a dictionary that JSON can hold."""
        splits = {name: windows.describe() for name, windows in self.splits().items()}
        return {**self.describe_channels(), "splits": splits}


def describe_channels(
    standardizer: Standardizer,
    sensors: Sequence[Sensor],
    *,
    like: Mapping[str, Any],
    length: int,
    terms: str,
    resampled: bool,
) -> dict[str, Any]:
    """What holds for all splits of a dataset, as a dictionary that JSON can hold.

    Args:
      standardizer: statistics of the training windows.
      sensors: C `Sensor`, as measured on the recordings.
      like: rate, channels and units of the windows, and whether they are double.
      length: of a window, samples.
      terms: licence and citation of the recordings.
      resampled: whether the windows are at another rate than the sensors'.
    """
    return {
        "schema": SCHEMA,
        "rate": like["rate"],
        "channels": list(like["channels"]),
        "units": list(like["units"]),
        "sensors": [dataclasses.asdict(sensor) for sensor in sensors],
        "length": length,
        **standardizer.describe(),
        "resampled": resampled,
        "terms": terms,
        **({"double": True} if like["double"] else {}),
    }
