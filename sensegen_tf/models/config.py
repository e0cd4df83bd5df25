"""Configurations of the models, composed of parts. Each part checks its own values and builds its own layer.

A kind of part (a network, a context, a head, an initial mixture, a condition, a latent) has registered types, so that a
stored configuration can name them. To add a head, subclass `HeadConfig`, register it, and let `build` return a `Head`:

    @register("head", "laplace")
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class LaplaceHeadConfig(HeadConfig):
        def build(self, channels, *, regressors, seed, name="head"):
            return LaplaceHead(channels, block=self.block, regressors=regressors, seed=seed, name=name, ...)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import ClassVar, TypeVar

import keras

from sensegen_tf.errors import InputError
from sensegen_tf.layers.context import Context
from sensegen_tf.layers.encoder import Encoder
from sensegen_tf.layers.heads.base import Head
from sensegen_tf.layers.heads.channelwise import ChannelwiseHead
from sensegen_tf.layers.heads.joint import JointHead
from sensegen_tf.layers.lstm import LSTMStack, dtype_policy
from sensegen_tf.layers.taps import Dense

_TYPES: dict[str, dict[str, type[Part]]] = {}
PartType = TypeVar("PartType", bound="type[Part]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """The base of a configuration's parts.

    Attributes:
      kind, type: under which it is registered, see `register`.
    """

    kind: ClassVar[str] = ""
    type: ClassVar[str] = ""

    def _check(self, right: bool, name: str, must: str) -> None:
        if not right:
            message = f"{name} of {type(self).__name__} must be {must}, got {getattr(self, name)!r}"
            raise InputError(message, fields=[name])

    def _check_whole(self, name: str, least: int) -> None:
        value = getattr(self, name)
        self._check(_is_whole(value) and value >= least, name, f"a whole number of at least {least}")

    def _check_number(self, name: str, *, least: float = 0.0, below: float = math.inf, open_end: bool = False) -> None:
        value = getattr(self, name)
        inside = _is_number(value) and (value > least if open_end else value >= least) and value < below
        self._check(inside, name, f"{'above' if open_end else 'at least'} {least:g} and below {below:g}")

    def _check_flag(self, name: str) -> None:
        self._check(isinstance(getattr(self, name), bool), name, "True or False")


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def register(kind: str, type: str) -> Callable[[PartType], PartType]:
    """A class decorator that registers a part.

    Args:
      kind: "network", "context", "head", "initial", "condition" or "latent".
      type: its name in stored configurations; unique among its kind.

    Raises:
      InputError: another class has this name.
    """

    def decorate(part: PartType) -> PartType:
        there = _TYPES.setdefault(kind, {}).get(type, part)
        # A module that is loaded again, as notebooks do, brings the same class once more.
        if (there.__module__, there.__qualname__) != (part.__module__, part.__qualname__):
            raise InputError(f"the {kind} of type {type!r} is {there.__qualname__} already", fields=[kind])
        part.kind, part.type = kind, type
        _TYPES[kind][type] = part
        return part

    return decorate


def registered(kind: str, type: str | None) -> type[Part]:
    """The part that is registered under a kind and a type.

    Raises:
      InputError: there is none; the types that there are are named.
    """
    if type not in _TYPES.get(kind, {}):
        there = ", ".join(_TYPES.get(kind, {})) or "none"
        raise InputError(f"there is no {kind} of type {type!r}; registered are {there}", fields=[kind])
    return _TYPES[kind][type]


@register("network", "lstm")
@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig(Part):
    """LSTM layers and a layer of sigmoid units above them.

    Attributes:
      units: sizes of the LSTM layers, from the input up.
      dense_units: size of the sigmoid layer.
      dropout: share of what each LSTM layer puts out that is set to 0 in training, in [0, 1) (Zaremba et al., 2014).
    """

    units: tuple[int, ...]
    dense_units: int
    dropout: float = 0.0

    def __post_init__(self) -> None:
        sizes = isinstance(self.units, tuple) and all(_is_whole(size) and size > 0 for size in self.units)
        self._check(bool(sizes and self.units), "units", "a tuple of at least one whole number above 0")
        self._check_whole("dense_units", 1)
        self._check_number("dropout", below=1.0)

    def build_recurrent(self, *, seed: int, use_xla: bool, precision: str) -> LSTMStack:
        """The LSTM layers."""
        return LSTMStack(self.units, seed=seed, use_xla=use_xla, precision=precision, name="recurrent")

    def build_dense(self, *, seed: int, precision: str) -> Dense:
        """The sigmoid layer."""
        return Dense(
            self.dense_units,
            activation="sigmoid",
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            dtype=dtype_policy(precision),
            name="dense",
        )


@register("context", "autoregressive")
@dataclasses.dataclass(frozen=True, kw_only=True)
class ContextConfig(Part):
    """What a step sees of the past, and what its sample is relative to. The defaults are the published model's.

    Attributes:
      lags: how many of the last increments are inputs and regressors of the location.
      running_means: time constants, in samples, of running means that are inputs and regressors too.
      refractory: the shortest interval between two events (large increments, such as heartbeats), in samples; the time
        since the last event and the last two intervals are inputs. 0 for none of that.
      compare_intervals: whether their differences are inputs too: a network learns from them sooner that an event is
        due.
      residual: whether locations are relative to the previous value rather than absolute.
      increment_units: whether locations and scales are in units of the increments' standard deviation instead of the
        values'.
    """

    lags: int = 0
    running_means: tuple[float, ...] = ()
    refractory: int = 0
    compare_intervals: bool = False
    residual: bool = False
    increment_units: bool = False

    def __post_init__(self) -> None:
        self._check_whole("lags", 0)
        self._check_whole("refractory", 0)
        means = isinstance(self.running_means, tuple) and all(
            _is_number(time) and time > 0 for time in self.running_means
        )
        self._check(means, "running_means", "a tuple of time constants above 0")
        self._check_flag("compare_intervals")
        self._check(self.refractory > 0 or not self.compare_intervals, "compare_intervals", "False without refractory")
        self._check_flag("residual")
        self._check_flag("increment_units")
        object.__setattr__(self, "running_means", tuple(float(time) for time in self.running_means))

    def build(self, channels: int) -> Context:
        """The layer."""
        return Context(
            channels,
            lags=self.lags,
            running_means=self.running_means,
            refractory=self.refractory,
            compare_intervals=self.compare_intervals,
            name="context",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadConfig(Part):
    """The base of the heads' configurations.

    Attributes:
      block: n, samples that a step of the network generates at once.
      scale_floor: the smallest scale, in standard deviations of the training data.
      full_covariance: whether the channels of a sample are correlated, given the past.
    """

    block: int = 1
    scale_floor: float = 1e-3
    full_covariance: bool = False

    def __post_init__(self) -> None:
        self._check_whole("block", 1)
        self._check_number("scale_floor", open_end=True)
        self._check_flag("full_covariance")

    def build(self, channels: int, *, regressors: int, seed: int, name: str = "head") -> Head:
        """The layer, for C channels and R regressors."""
        raise NotImplementedError(f"{type(self).__name__} does not say which layer it builds")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _MixtureHeadConfig(HeadConfig):
    components: int
    _layer: ClassVar[type]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("components", 1)

    def build(self, channels: int, *, regressors: int, seed: int, name: str = "head") -> Head:
        """The layer, for C channels and R regressors."""
        return self._layer(
            channels,
            self.components,
            scale_floor=self.scale_floor,
            block=self.block,
            full_covariance=self.full_covariance,
            regressors=regressors,
            seed=seed,
            name=name,
        )


@register("head", "joint")
@dataclasses.dataclass(frozen=True, kw_only=True)
class JointHeadConfig(_MixtureHeadConfig):
    """A mixture over all channels together, as published, see `layers.heads.joint`.

    Attributes:
      components: K, Gaussians in the mixture.
    """

    _layer = JointHead


@register("head", "channelwise")
@dataclasses.dataclass(frozen=True, kw_only=True)
class ChannelwiseHeadConfig(_MixtureHeadConfig):
    """A mixture for each channel given those before it, see `layers.heads.channelwise`.

    Attributes:
      components: K, Gaussians in each mixture.
    """

    _layer = ChannelwiseHead


@register("initial", "mixture")
@dataclasses.dataclass(frozen=True, kw_only=True)
class InitialMixtureConfig(Part):
    """A mixture of its own for the first block of a series, which depends on the condition alone.

    One step in a window is too little for a network to learn the levels at which recordings begin. The mixture is
    fitted to the training windows before training, see `models.initial_mixture`.

    Attributes:
      components: Gaussians in the mixture.
      min_subjects: the fewest subjects whose recordings each Gaussian is fitted to, all with equal weight (k-anonymity,
        Sweeney, 2002). Such Gaussians are not trained further, since the likelihood would lead them back to single
        subjects. 0: Gaussians are fitted to clusters of windows, whoever's, and trained.
    """

    components: int
    min_subjects: int = 0

    def __post_init__(self) -> None:
        self._check_whole("components", 1)
        self._check_whole("min_subjects", 0)

    def build(self, channels: int, *, head: HeadConfig, regressors: int, seed: int) -> JointHead:
        """The layer, with the block, scale floor and covariance of the other steps' head."""
        layer = JointHead(
            channels,
            self.components,
            scale_floor=head.scale_floor,
            block=head.block,
            full_covariance=head.full_covariance,
            regressors=regressors,
            seed=seed,
            name="initial",
        )
        layer.trainable = not self.min_subjects
        return layer


@register("condition", "label")
@dataclasses.dataclass(frozen=True, kw_only=True)
class ConditionConfig(Part):
    """What a series is conditioned on, beside a latent.

    Attributes:
      label: whether on the label, where the recordings have labels.
    """

    label: bool = False

    def __post_init__(self) -> None:
        self._check_flag("label")


@register("latent", "gaussian")
@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentConfig(Part):
    """A latent of the subject: numbers that stay the same over a series; while a model learns, standard normal.

    An encoder infers them from a series, as in a variational autoencoder (Kingma and Welling, 2014) whose decoder is
    autoregressive.

    Attributes:
      size: Z, how many numbers.
      network: of the encoder.
      free_bits: nats of each number, given a series, that the loss does not charge for, so that the latent is not
        ignored (Kingma et al., 2016, appendix C.8).
    """

    size: int
    network: NetworkConfig
    free_bits: float = 0.1

    def __post_init__(self) -> None:
        self._check_whole("size", 1)
        _check_parts(self, "network")
        self._check_number("free_bits")

    def build(self, *, seed: int, use_xla: bool, precision: str) -> Encoder:
        """The encoder."""
        recurrent = self.network.build_recurrent(seed=seed, use_xla=use_xla, precision=precision)
        dense = self.network.build_dense(seed=seed, precision=precision)
        return Encoder(recurrent, dense, size=self.size, seed=seed, name="encoder")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """A generator, part by part.

    Example:
      >>> config = GeneratorConfig(
      ...     network=NetworkConfig(units=(256, 256, 256), dense_units=128), head=JointHeadConfig(components=24)
      ... )
      >>> config.context.lags
      0
    """

    network: NetworkConfig
    head: HeadConfig
    context: ContextConfig = ContextConfig()
    initial: InitialMixtureConfig | None = None
    condition: ConditionConfig = ConditionConfig()
    latent: LatentConfig | None = None

    def __post_init__(self) -> None:
        optional = [kind for kind in ("initial", "latent") if getattr(self, kind) is not None]
        _check_parts(self, "network", "context", "head", "condition", *optional)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """A discriminator: a network, and one logit from its last step.

    Attributes:
      network: the network.
      increments: whether it sees the increments beside the values, in units of their own standard deviation.
    """

    network: NetworkConfig
    increments: bool = False

    def __post_init__(self) -> None:
        _check_parts(self, "network")
        if not isinstance(self.increments, bool):
            raise InputError(f"increments must be True or False, got {self.increments!r}", fields=["increments"])


def _check_parts(config, *kinds):
    """Refuses what is no registered part of its kind."""
    for kind in kinds:
        part = getattr(config, kind)
        if not (isinstance(part, Part) and part.kind == kind):
            message = f"{kind} of {type(config).__name__} must be a part that is registered as {kind}, got {part!r}"
            raise InputError(message, fields=[kind])
