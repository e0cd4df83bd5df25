"""The zoo: every published model is one row of one table."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of a generator.

    Attributes:
      units: sizes of the LSTM layers.
      dense_units: size of the sigmoid layer below the head.
      components: K, Gaussians in a mixture.
      scale_floor: the smallest scale of a Gaussian, in standard deviations of the training data.
      residual: whether locations are relative to the previous value rather than absolute.
      start_components: Gaussians in the mixture of the first step, which depends on the condition alone: one step in a
        window is too little for a network to learn the levels at which recordings begin. 0: it computes that one too.
      start_people: the fewest people whose recordings each of these is fitted to, all alike (k-anonymity, Sweeney,
        2002). They are not learned then, since the likelihood would lead them back to the postures of single people. 0:
        they are fitted to clusters, whoever's, and learned.
      increments: whether locations and scales are in units of the increments' spread instead of the values'.
      lags: how many of the last increments are inputs and regressors of the location.
      levels: time constants, in samples, of running means that are inputs and regressors too.
      refractory: of the clock that tells the time since the last large increment, such as a heartbeat, in samples; 0
        for no clock.
      block: n, samples that a step generates at once: the network runs once a block, the autoregression every sample.
      full_covariance: whether the channels of a sample are correlated within a Gaussian, or with `channelwise`
        regressed on those before.
      channelwise: whether each channel has a mixture of its own, instead of one for all together (which the first step
        has in any case where `start_components` is above 0).
      conditional: whether the model is conditional on the label, where the recordings have any.
      code: size of the code of a person, which stays the same over a series; 0 for none.
      code_noise: standard deviation of the noise on a code, whose entries have mean square 1.
      dropout: share of what each LSTM layer puts out that is left out in training, in [0, 1) (Zaremba et al., 2014).
    """

    units: tuple[int, ...]
    dense_units: int
    components: int
    scale_floor: float = 1e-3
    residual: bool = False
    start_components: int = 0
    start_people: int = 0
    increments: bool = False
    lags: int = 0
    levels: tuple[float, ...] = ()
    refractory: int = 0
    block: int = 1
    full_covariance: bool = False
    channelwise: bool = False
    conditional: bool = False
    code: int = 0
    code_noise: float = 0.3
    dropout: float = 0.0

    def __post_init__(self):
        # JSON has no infinity; "inf" comes back from a run's folder.
        object.__setattr__(self, "levels", tuple(float(level) for level in self.levels))


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

_MOTION_DISCRIMINATOR = DiscriminatorConfig(units=(64,), dense_units=64, increments=True)

_MOTION = GeneratorConfig(
    units=(192, 192),
    dense_units=128,
    components=16,
    scale_floor=5e-4,
    residual=True,
    start_components=16,
    start_people=5,
    increments=True,
    lags=4,
    levels=(4.0, 16.0, math.inf),
    full_covariance=True,
    conditional=True,
    dropout=0.2,
)

_TABLE = dataclasses.replace(
    _MOTION, dense_units=192, components=12, start_components=128, start_people=0, conditional=False
)

ZOO = {
    "sensegen": Model(
        "as published (arXiv 1701.08886): 3 x 256 LSTM, 128 sigmoid units, 24 Gaussians",
        GeneratorConfig(units=(256, 256, 256), dense_units=128, components=24),
        _PUBLISHED_DISCRIMINATOR,
    ),
    "sensegen_small": Model(
        "for the quick start: 2 x 96 LSTM, 12 Gaussians around the previous value",
        GeneratorConfig(
            units=(96, 96), dense_units=96, components=12, residual=True, start_components=12, start_people=5
        ),
        _PUBLISHED_DISCRIMINATOR,
    ),
    "sensegen_accel": Model(
        "for acceleration, conditional on the activity: 2 x 192 LSTM, 16 Gaussians with full covariance around an "
        "autoregression on the last increments and running means",
        _MOTION,
        _MOTION_DISCRIMINATOR,
    ),
    "sensegen_imu": Model(
        "the same for acceleration and angular velocity together",
        dataclasses.replace(_MOTION, dense_units=192),
        _MOTION_DISCRIMINATOR,
    ),
    "sensegen_ecg": Model(
        "for ECG at 120 Hz, conditional on the rhythm: 2 x 192 LSTM with a step for 4 samples, a code of the person, a "
        "beat clock",
        dataclasses.replace(
            _MOTION,
            components=12,
            start_components=64,
            start_people=0,
            levels=(6.0, 30.0, 240.0, 1200.0),
            refractory=30,
            block=4,
            full_covariance=False,
            code=8,
            dropout=0.1,
        ),
        _MOTION_DISCRIMINATOR,
    ),
    "sensegen_table": Model(
        "for tables of any kind, up to some thirty channels: 2 x 192 LSTM, 12 Gaussians with full covariance",
        _TABLE,
        _MOTION_DISCRIMINATOR,
    ),
    "sensegen_channelwise": Model(
        "for tables whose channels have little in common: the same, but 12 Gaussians for each channel, given those "
        "before it",
        dataclasses.replace(_TABLE, channelwise=True, dropout=0.1),
        _MOTION_DISCRIMINATOR,
    ),
    "sensegen_fast": Model(
        "for millions of windows: a step of the network for 16 samples, an autoregression within them",
        dataclasses.replace(_MOTION, units=(192,), components=8, start_components=64, block=16, dropout=0.0),
        _MOTION_DISCRIMINATOR,
    ),
}
