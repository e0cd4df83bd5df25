"""An exported model as a Python object: numbers in, NumPy arrays out."""

import functools
import typing

import numpy as np

from sensegen_tf.errors import InputError
from sensegen_tf.generation import local
from sensegen_tf.serving import saved_model


class Score(typing.NamedTuple):
    """How likely series are.

    Attributes:
      log_likelihood: float32 [N, T], log-density in nats of every sample given those before it; 0 past a length.
      total: float32 [N], of the whole series.
      innovation: float32 [N, T, C], the conditional distribution function at every value: uniform in [0, 1] where the
        model is right, near 0 or 1 at anomalies; 0 past a length.
    """

    log_likelihood: np.ndarray
    total: np.ndarray
    innovation: np.ndarray


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
    """

    def __init__(self, path):
        self.version = saved_model.find_version(path)
        self.card = saved_model.read_card(self.version)

    @functools.cached_property
    def _model(self):
        return local.load(self.version)

    def sample(self, count, length=None, seed=0, label=None, temperature=1.0):
        """Samples series, the same as `python -m sensegen_tf.sample` with the same arguments.

        Args:
          count: N, at least 1.
          length: T, at least 1; by default as long as the training windows.
          seed: in [0, 2^31); other seeds give other series.
          label: of all series, one of `card.labels`; by default labels are as common as in training.
          temperature: above 0; below 1 the likely becomes likelier, above 1 the unlikely.

        Returns:
          float32 [N, T, C] in physical units; of a conditional model without `label`, that and N labels.
        """
        length = self._length(length)
        _whole("count", count, 1, 2**32)
        _whole("seed", seed, 0, 2**31)
        if not isinstance(temperature, int | float | np.number) or not 0 < temperature < np.inf:
            raise InputError(f"temperature must be a number above 0, got {temperature!r}")
        shares = local.label_shares(self.card, label)
        chunks = list(local.generate(self._model, count, length, seed, count, shares, temperature))
        samples = np.concatenate([chunk for _, _, chunk in chunks])
        if label is not None or not self.card.labels:
            return samples
        return samples, np.array(self.card.labels)[np.concatenate([numbers for _, numbers, _ in chunks])]

    def stream(self, count=1, seed=0, label=None, chunk=None):
        """Endless series: the same that `sample` gives with these arguments, piece by piece, for ever.

        Args:
          count, seed, label: as `sample`; `count` at most 65,536.
          chunk: samples of a piece, at least 1, rounded up to whole blocks of the model; by default about a second.

        Yields:
          float32 [N, chunk, C] in physical units.
        """
        chunk = max(1, round(self.card.rate)) if chunk is None else chunk
        _whole("count", count, 1, 2**16 + 1)
        _whole("seed", seed, 0, 2**31)
        _whole("chunk", chunk, 1, self.card.max_length + 1)
        labels = local.row_labels(local.label_shares(self.card, label), 0, count)
        # Checked before the first piece is asked for.
        return self._pieces(local.row_seeds(seed, 0, count), self._numbers(labels), -(-chunk // self.card.block))

    def _pieces(self, seeds, labels, blocks):
        state = self._model.signatures["initial_state"](seed=seeds, **labels)
        steps = np.full(len(seeds), blocks, np.int32)
        while True:
            state = dict(self._model.signatures["stream"](steps=steps, **state))
            state.pop("length")
            yield state.pop("samples").numpy()

    def continue_series(self, prefix, length=None, seed=0, label=None, prefix_length=None):
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
        prefix, prefix_length = self._series("prefix", prefix, "prefix_length", prefix_length, self.card.block)
        _whole("seed", seed, 0, 2**31)
        count = len(prefix)
        inputs = {
            "prefix": prefix,
            "prefix_length": prefix_length,
            "seed": local.row_seeds(seed, 0, count),
            "length": np.full(count, self._length(length), np.int32),
            **self._given_labels(label, count),
        }
        return self._call("continue_series", inputs)["samples"]

    def score(self, series, label=None, length=None):
        """How likely series are under the model.

        Args:
          series: [N, T, C] in physical units.
          label: a label for all or N of them; of conditional models alone, which need it.
          length: [N], in [1, T], where series differ in length.

        Returns:
          A `Score`.
        """
        return Score(**self._of_series("score", series, label, length))

    def discriminate(self, series, label=None, length=None):
        """What the discriminator says of series.

        Args:
          series, label, length: as `score`.

        Returns:
          float32 [N], probability of being real.
        """
        return self._of_series("discriminate", series, label, length)["probability"]

    def _of_series(self, signature, series, label, length):
        series, length = self._series("series", series, "length", length, 1)
        return self._call(signature, {"series": series, "length": length, **self._given_labels(label, len(series))})

    def _call(self, signature, inputs):
        """Output name -> array, over batches of rows."""
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
        _whole("length", length, 1, self.card.max_length + 1)
        return length

    def _series(self, name, values, length_name, length, shortest):
        """Checked series as float32 [N, T, C], and their lengths as int32 [N]."""
        values = np.asarray(values)
        channels = len(self.card.channels)
        if values.ndim != 3 or values.shape[2] != channels or not len(values) or values.dtype.kind not in "fiu":
            raise InputError(
                f"{name} must be numbers [N, T, {channels}], channels {', '.join(self.card.channels)}; got "
                f"{values.dtype} {list(values.shape)}"
            )
        length = np.full(len(values), values.shape[1]) if length is None else np.asarray(length)
        if length.shape != (len(values),) or length.dtype.kind not in "iu":
            raise InputError(
                f"{length_name} must be {len(values)} whole numbers; got {length.dtype} {list(length.shape)}"
            )
        if length.min() < shortest or length.max() > values.shape[1]:
            raise InputError(
                f"{length_name} must lie in [{shortest}, {values.shape[1]}], got {length.min()} to {length.max()}"
            )
        inside = np.arange(values.shape[1]) < length[:, None]
        bad = np.argwhere(~np.isfinite(values) & inside[..., None])
        if len(bad):
            row, sample, channel = bad[0]
            raise InputError(
                f"{name} is not finite at row {row}, sample {sample}, channel {self.card.channels[channel]}"
            )
        return values.astype(np.float32), length.astype(np.int32)

    def _given_labels(self, label, count):
        """The input `label` of N rows of a conditional model, from a name for all or N names."""
        if not self.card.labels:
            if label is not None:
                raise InputError("label must be left out: the model is not conditional")
            return {}
        there = ", ".join(self.card.labels)
        if label is None:
            raise InputError(f"label must be given; the model has {there}")
        names = [label] * count if isinstance(label, str) else list(label)
        if len(names) != count:
            raise InputError(f"label must be one name, or {count} of them, got {len(names)}")
        unknown = sorted({str(name) for name in names if name not in self.card.labels})
        if unknown:
            raise InputError(f"label: the model has no {', '.join(unknown)}; it has {there}")
        return self._numbers([self.card.labels.index(name) for name in names])

    def _numbers(self, labels):
        return {"label": np.array(labels, np.int32)} if self.card.labels else {}


def _whole(name, value, low, high):
    if not isinstance(value, int | np.integer) or not low <= value < high:
        raise InputError(f"{name} must be a whole number in [{low}, {high}), got {value!r}")
