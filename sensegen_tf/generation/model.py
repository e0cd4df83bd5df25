"""An exported model as a Python object: numbers in, NumPy arrays out."""

from __future__ import annotations

import functools
import os
import typing
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from sensegen_tf.errors import InputError
from sensegen_tf.generation import local
from sensegen_tf.serving import model_card, versions


class Samples(typing.NamedTuple):
    """Generated series.

    Attributes:
      values: float32 [N, T, C], in physical units.
      labels: N strings; None for a model that is not conditional.
      seeds: int64 [N], what each series was made from.
    """

    values: np.ndarray
    labels: np.ndarray | None
    seeds: np.ndarray


class Score(typing.NamedTuple):
    """How likely series are.

    Attributes:
      log_likelihood: float32 [N, T], log-density in nats of every sample given those before it; 0 past a length.
      total: float32 [N], of the whole series.
      pit: float32 [N, T, C], the probability integral transform: the conditional distribution function at every value.
        It is uniform in [0, 1] where the model is right, and near 0 or 1 at anomalies; 0 past a length.
    """

    log_likelihood: np.ndarray
    total: np.ndarray
    pit: np.ndarray


class Model:
    """A SavedModel version.

    Args:
      path: folder of a version or of versions (the highest is taken), or the name of a pretrained model.

    Attributes:
      version: the folder.
      card: its `ModelCard`: rate, channels, units, labels.

    All methods raise `InputError` for an argument out of its range, which is named.

    Raises:
      InputError: there is no model there.

    Example:
      >>> model = Model("sensegen_watch")
      >>> samples = model.sample(2, length=100, seed=1, label="pendulum")
      >>> samples.values.shape, samples.labels.tolist(), samples.seeds.tolist()
      ((2, 100, 3), ['pendulum', 'pendulum'], [4294967296, 4294967297])
      >>> model.score(samples.values, label=samples.labels).pit.shape
      (2, 100, 3)
      >>> model.continue_series(samples.values, length=50, label="pendulum").shape
      (2, 50, 3)
      >>> next(model.stream(2, seed=1, label="pendulum", chunk=25)).shape
      (2, 25, 3)
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.version = versions.find_version(path)
        self.card = model_card.read_card(self.version)

    @functools.cached_property
    def _model(self):
        return local.load(self.version)

    def sample(
        self,
        count: int,
        *,
        length: int | None = None,
        seed: int = 0,
        label: str | None = None,
        temperature: float = 1.0,
    ) -> Samples:
        """Samples series, the same as `python -m sensegen_tf.sample` with the same arguments.

        Args:
          count: N, at least 1.
          length: T, at least 1; by default as long as the training windows.
          seed: in [0, 2^31); other seeds give other series.
          label: of all series, one of `card.labels`; by default labels are as common as in training.
          temperature: above 0; below 1 the likely becomes likelier, above 1 the unlikely.
        """
        length = self._length(length)
        _check_whole("count", count, 1, 2**32)
        _check_whole("seed", seed, 0, 2**31)
        if not isinstance(temperature, int | float | np.number) or not 0 < temperature < np.inf:
            raise InputError(f"temperature must be a number above 0, got {temperature!r}", fields=["temperature"])
        shares = local.label_shares(self.card, label)
        chunks = local.generate(
            self._model, count, length=length, seed=seed, chunk_size=count, shares=shares, temperature=temperature
        )
        seeds, numbers, values = (np.concatenate(arrays) for arrays in zip(*chunks, strict=True))
        return Samples(values, np.array(self.card.labels)[numbers] if self.card.labels else None, seeds)

    def stream(
        self, count: int = 1, *, seed: int = 0, label: str | None = None, chunk: int | None = None
    ) -> Iterator[np.ndarray]:
        """Endless series: the same that `sample` gives with these arguments, piece by piece, for ever.

        Args:
          count, seed, label: as `sample`; `count` at most 65,536.
          chunk: samples of a piece, at least 1, rounded up to whole blocks of the model; by default about a second.

        Yields:
          float32 [N, chunk, C] in physical units.
        """
        chunk = max(1, round(self.card.rate)) if chunk is None else chunk
        _check_whole("count", count, 1, 2**16 + 1)
        _check_whole("seed", seed, 0, 2**31)
        _check_whole("chunk", chunk, 1, self.card.max_length + 1)
        labels = local.series_labels(local.label_shares(self.card, label), count=count)
        # Checked before the first piece is asked for.
        return self._pieces(
            local.series_seeds(seed, count=count), self._label_input(labels), -(-chunk // self.card.block)
        )

    def _pieces(self, seeds, labels, blocks):
        state = self._model.signatures["initial_state"](seed=seeds, **labels)
        steps = np.full(len(seeds), blocks, np.int32)
        while True:
            state = dict(self._model.signatures["stream"](steps=steps, **state))
            state.pop("length")
            yield state.pop("samples").numpy()

    def continue_series(
        self,
        prefix: ArrayLike,
        *,
        length: int | None = None,
        seed: int = 0,
        label: str | Sequence[str] | None = None,
        prefix_length: ArrayLike | None = None,
    ) -> np.ndarray:
        """Continues series of recordings.

        Args:
          prefix: [N, P, C] in physical units, P at least `card.block`.
          length: of the continuation, at least 1; by default as long as the training windows.
          seed: in [0, 2^31); other seeds give other continuations.
          label: a label for all or N of them; of conditional models alone, which need it.
          prefix_length: [N], in [`card.block`, P], where prefixes differ in length.

        Returns:
          float32 [N, length, C]: what follows.
        """
        given, given_length = self._series("prefix", prefix, "prefix_length", prefix_length, self.card.block)
        _check_whole("seed", seed, 0, 2**31)
        count = len(given)
        inputs = {
            "prefix": given,
            "prefix_length": given_length,
            "seed": local.series_seeds(seed, count=count),
            "length": np.full(count, self._length(length), np.int32),
            **self._given_labels(label, count),
        }
        return self._call("continue_series", inputs)["samples"]

    def score(
        self, series: ArrayLike, *, label: str | Sequence[str] | None = None, length: ArrayLike | None = None
    ) -> Score:
        """How likely series are under the model.

        Args:
          series: [N, T, C] in physical units.
          label: a label for all or N of them; of conditional models alone, which need it.
          length: [N], in [1, T], where series differ in length.
        """
        outputs = self._of_series("score", series, label, length)
        return Score(**{model_card.EARLIER_OUTPUTS.get(name, name): value for name, value in outputs.items()})

    def discriminate(
        self, series: ArrayLike, *, label: str | Sequence[str] | None = None, length: ArrayLike | None = None
    ) -> np.ndarray:
        """What the discriminator says of series.

        Args:
          series, label, length: as `score`.

        Returns:
          float32 [N], probability of being real.

        Raises:
          InputError: the model was exported without a discriminator, as those with a guarantee are.
        """
        if "discriminate" not in self.card.signatures:
            raise InputError(f"{self.card.name} has no discriminator: it saw the recordings without a guarantee")
        return self._of_series("discriminate", series, label, length)["probability"]

    def _of_series(self, signature, series, label, length):
        series, length = self._series("series", series, "length", length, 1)
        return self._call(signature, {"series": series, "length": length, **self._given_labels(label, len(series))})

    def _call(self, signature, inputs):
        """Output name -> array, batch by batch."""
        count = len(next(iter(inputs.values())))
        starts = range(0, count, local.BATCH_SIZE)
        found = [
            self._model.signatures[signature](
                **{name: value[start : start + local.BATCH_SIZE] for name, value in inputs.items()}
            )
            for start in starts
        ]
        return {name: np.concatenate([each[name].numpy() for each in found]) for name in found[0]}

    def _length(self, length):
        length = self.card.window_length if length is None else length
        _check_whole("length", length, 1, self.card.max_length + 1)
        return length

    def _series(self, name, values, length_name, length, shortest):
        """Checked series as float32 [N, T, C], and their lengths as int32 [N]."""
        values = np.asarray(values)
        channels = len(self.card.channels)
        if values.ndim != 3 or values.shape[2] != channels or not len(values) or values.dtype.kind not in "fiu":
            raise InputError(
                f"{name} must be numbers [N, T, {channels}], channels {', '.join(self.card.channels)}; got "
                f"{values.dtype} {list(values.shape)}",
                fields=[name],
            )
        length = np.full(len(values), values.shape[1]) if length is None else np.asarray(length)
        _check_lengths(length_name, length, (shortest, values.shape[1]), len(values))
        inside = np.arange(values.shape[1]) < length[:, None]
        bad = np.argwhere(~np.isfinite(values) & inside[..., None])
        if len(bad):
            index, sample, channel = bad[0]
            where = f"series {index}, sample {sample}, channel {self.card.channels[channel]}"
            raise InputError(f"{name} is not finite at {where}", fields=[name])
        return values.astype(np.float32), length.astype(np.int32)

    def _given_labels(self, label, count):
        """The input `label` of N series of a conditional model, from a name for all or N names."""
        if not self.card.labels:
            if label is not None:
                raise InputError("label must be left out: the model is not conditional", fields=["label"])
            return {}
        there = ", ".join(self.card.labels)
        if label is None:
            raise InputError(f"label must be given; the model has {there}", fields=["label"])
        names = [label] * count if isinstance(label, str) else list(label)
        if len(names) != count:
            raise InputError(f"label must be one name, or {count} of them, got {len(names)}", fields=["label"])
        unknown = sorted({str(name) for name in names if name not in self.card.labels})
        if unknown:
            raise InputError(f"label: the model has no {', '.join(unknown)}; it has {there}", fields=["label"])
        return self._label_input([self.card.labels.index(name) for name in names])

    def _label_input(self, numbers):
        return {"label": np.array(numbers, np.int32)} if self.card.labels else {}


def _check_whole(name, value, low, high):
    """Refuses what is no whole number in [low, high)."""
    if not isinstance(value, int | np.integer) or not low <= value < high:
        raise InputError(f"{name} must be a whole number in [{low}, {high - 1}], got {value!r}", fields=[name])


def _check_lengths(name, length, bounds, count):
    """Refuses what are not `count` whole numbers within the bounds."""
    if length.shape != (count,) or length.dtype.kind not in "iu":
        raise InputError(
            f"{name} must be {count} whole numbers; got {length.dtype} {list(length.shape)}", fields=[name]
        )
    if length.min() < bounds[0] or length.max() > bounds[1]:
        raise InputError(
            f"{name} must lie in [{bounds[0]}, {bounds[1]}], got {length.min()} to {length.max()}", fields=[name]
        )
