"""The zoo: every published model is one row of one table."""

import dataclasses


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
        is too little for a network to learn the levels at which recordings begin.
    """

    units: tuple[int, ...]
    dense_units: int
    components: int
    scale_floor: float = 1e-3
    residual: bool = False
    learned_start: bool = False


@dataclasses.dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of a discriminator: LSTM layers, a sigmoid layer, one logit."""

    units: tuple[int, ...]
    dense_units: int


@dataclasses.dataclass(frozen=True)
class Model:
    """A row of the zoo."""

    summary: str
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig


_PUBLISHED_DISCRIMINATOR = DiscriminatorConfig(units=(64,), dense_units=16)

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
}
