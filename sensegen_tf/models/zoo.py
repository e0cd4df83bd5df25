"""The zoo: every published model is one row of one table."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of a generator.

    Attributes:
      units: sizes of the LSTM layers.
      dense_units: size of the sigmoid layer below the head.
      components: K, Gaussians in the mixture.
      scale_floor: the smallest scale of a Gaussian, in standard deviations of the training data.
      residual: whether locations are relative to the previous value rather than absolute.
      learned_start: whether the first value has a mixture of its own, which no network computes: one step in a window
        is too little for a network to learn the levels at which recordings begin. It depends on the condition.
      increments: whether locations and scales are in units of the increments' spread instead of the values'.
      lags: how many of the last increments are inputs and regressors of the location.
      levels: time constants, in samples, of running means that are inputs and regressors too.
      refractory: of the clock that tells the time since the last large increment, such as a heartbeat, in samples; 0
        for no clock.
      block: n, samples that a step generates at once.
      covariance: of a Gaussian: "diagonal", "full", or "low_rank".
      rank: of the low rank.
      conditional: whether the model is conditional on the label, where the recordings have any.
      code: size of the code of a person, which stays the same over a series; 0 for none.
      code_noise: standard deviation of the noise on a code, whose entries have mean square 1.
    """

    units: tuple[int, ...]
    dense_units: int
    components: int
    scale_floor: float = 1e-3
    residual: bool = False
    learned_start: bool = False
    increments: bool = False
    lags: int = 0
    levels: tuple[float, ...] = ()
    refractory: int = 0
    block: int = 1
    covariance: str = "diagonal"
    rank: int = 0
    conditional: bool = False
    code: int = 0
    code_noise: float = 0.3


@dataclasses.dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of a discriminator: LSTM layers, a sigmoid layer, one logit.

    Attributes:
      units: sizes of the LSTM layers.
      dense_units: size of the sigmoid layer.
      increments: whether it sees the increments beside the values, in units of their own spread.
    """

    units: tuple[int, ...]
    dense_units: int
    increments: bool = False


@dataclasses.dataclass(frozen=True)
class Model:
    """A row of the zoo."""

    summary: str
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig


_PUBLISHED_DISCRIMINATOR = DiscriminatorConfig(units=(64,), dense_units=16)

_MOTION = GeneratorConfig(
    units=(256, 256),
    dense_units=128,
    components=16,
    scale_floor=5e-4,
    residual=True,
    learned_start=True,
    increments=True,
    lags=4,
    levels=(4.0, 16.0, math.inf),
    covariance="full",
    conditional=True,
)

ZOO = {
    "sensegen": Model(
        "as published (arXiv 1701.08886): 3 x 256 LSTM, 128 sigmoid units, 24 Gaussians",
        GeneratorConfig(units=(256, 256, 256), dense_units=128, components=24),
        _PUBLISHED_DISCRIMINATOR,
    ),
    "sensegen_small": Model(
        "for the quick start: 2 x 96 LSTM, 12 Gaussians around the previous value",
        GeneratorConfig(units=(96, 96), dense_units=96, components=12, residual=True, learned_start=True),
        _PUBLISHED_DISCRIMINATOR,
    ),
    "sensegen_accel": Model(
        "for motion, conditional on the activity: 2 x 256 LSTM, 16 Gaussians with full covariance around an autoregression",
        _MOTION,
        DiscriminatorConfig(units=(64,), dense_units=64, increments=True),
    ),
}
