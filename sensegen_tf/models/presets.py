"""Presets: every published model is one entry of one table."""

from __future__ import annotations

import dataclasses
import math

from sensegen_tf.models.config import (
    ChannelwiseHeadConfig,
    ConditionConfig,
    ContextConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    InitialMixtureConfig,
    JointHeadConfig,
    LatentConfig,
    NetworkConfig,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """A generator and a discriminator with a name.

    Attributes:
      summary: one line for a person who chooses.
      generator, discriminator: their configurations.
    """

    summary: str
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig


_PUBLISHED_DISCRIMINATOR = DiscriminatorConfig(network=NetworkConfig(units=(64,), dense_units=16))

_MOTION_DISCRIMINATOR = DiscriminatorConfig(network=NetworkConfig(units=(64,), dense_units=64), increments=True)

_MOTION_CONTEXT = ContextConfig(lags=4, running_means=(4.0, 16.0, math.inf), residual=True, increment_units=True)

_MOTION = GeneratorConfig(
    network=NetworkConfig(units=(192, 192), dense_units=128, dropout=0.2),
    context=_MOTION_CONTEXT,
    head=JointHeadConfig(components=16, scale_floor=5e-4, full_covariance=True),
    initial=InitialMixtureConfig(components=16, min_subjects=5),
    condition=ConditionConfig(label=True),
)

_WIDE_NETWORK = NetworkConfig(units=(192, 192), dense_units=192, dropout=0.2)

_TABLE = GeneratorConfig(
    network=_WIDE_NETWORK,
    context=_MOTION_CONTEXT,
    head=JointHeadConfig(components=12, scale_floor=5e-4, full_covariance=True),
    initial=InitialMixtureConfig(components=128),
)

PRESETS = {
    "sensegen": Preset(
        summary="as published (arXiv 1701.08886): 3 x 256 LSTM, 128 sigmoid units, 24 Gaussians",
        generator=GeneratorConfig(
            network=NetworkConfig(units=(256, 256, 256), dense_units=128), head=JointHeadConfig(components=24)
        ),
        discriminator=_PUBLISHED_DISCRIMINATOR,
    ),
    "sensegen_small": Preset(
        summary="for the quick start: 2 x 96 LSTM, 12 Gaussians around the previous value",
        generator=GeneratorConfig(
            network=NetworkConfig(units=(96, 96), dense_units=96),
            context=ContextConfig(residual=True),
            head=JointHeadConfig(components=12),
            initial=InitialMixtureConfig(components=12, min_subjects=5),
        ),
        discriminator=_PUBLISHED_DISCRIMINATOR,
    ),
    "sensegen_accel": Preset(
        summary="for acceleration, conditional on the activity: 2 x 192 LSTM, 16 Gaussians with full covariance around "
        "an autoregression on the last increments and running means",
        generator=_MOTION,
        discriminator=_MOTION_DISCRIMINATOR,
    ),
    "sensegen_imu": Preset(
        summary="the same for acceleration and angular velocity together",
        generator=dataclasses.replace(_MOTION, network=_WIDE_NETWORK),
        discriminator=_MOTION_DISCRIMINATOR,
    ),
    "sensegen_ecg": Preset(
        summary="for ECG at 120 Hz, conditional on the rhythm: 2 x 192 LSTM with a step for 4 samples, a latent of the "
        "subject, intervals between heartbeats",
        generator=GeneratorConfig(
            network=NetworkConfig(units=(192, 192), dense_units=128, dropout=0.1),
            context=ContextConfig(
                lags=4,
                running_means=(6.0, 30.0, 240.0, 1200.0),
                refractory=30,
                compare_intervals=True,
                residual=True,
                increment_units=True,
            ),
            head=JointHeadConfig(components=12, scale_floor=5e-4, block=4),
            initial=InitialMixtureConfig(components=16),
            condition=ConditionConfig(label=True),
            latent=LatentConfig(size=16, network=NetworkConfig(units=(128,), dense_units=64), free_bits=1.0),
        ),
        discriminator=_MOTION_DISCRIMINATOR,
    ),
    "sensegen_table": Preset(
        summary="for tables of any kind, up to some thirty channels: 2 x 192 LSTM, 12 Gaussians with full covariance",
        generator=_TABLE,
        discriminator=_MOTION_DISCRIMINATOR,
    ),
    "sensegen_channelwise": Preset(
        summary="for tables whose channels have little in common: the same, but 12 Gaussians for each channel, given "
        "those before it",
        generator=dataclasses.replace(
            _TABLE,
            network=dataclasses.replace(_WIDE_NETWORK, dropout=0.1),
            head=ChannelwiseHeadConfig(components=12, scale_floor=5e-4, full_covariance=True),
        ),
        discriminator=_MOTION_DISCRIMINATOR,
    ),
    "sensegen_fast": Preset(
        summary="for millions of windows: a step of the network for 16 samples, an autoregression within them",
        generator=dataclasses.replace(
            _MOTION,
            network=NetworkConfig(units=(192,), dense_units=128),
            head=JointHeadConfig(components=8, scale_floor=5e-4, full_covariance=True, block=16),
            initial=InitialMixtureConfig(components=64, min_subjects=5),
        ),
        discriminator=_MOTION_DISCRIMINATOR,
    ),
}
