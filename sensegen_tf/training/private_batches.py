"""The batches of private steps: subjects drawn by Poisson sampling, in micro-batches.

All random numbers come from a secret of the run. Those of a subject's windows, latents and dropout may then be thought
of as the subject's own, whoever else was drawn; if they were known, one subject more would change those of the others.
"""

from __future__ import annotations

import enum

import numpy as np
import tensorflow as tf

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.shards import Shards
from sensegen_tf.data.subjects import PoissonSubjects
from sensegen_tf.errors import InputError
from sensegen_tf.models.generator import Generator
from sensegen_tf.training.privacy import Guarantee
from sensegen_tf.training.private_steps import PrivateBatch, SubjectBatch

# Windows of a micro-batch.
_ROWS = 64


class SecretStream(enum.IntEnum):
    """Streams of random numbers that share the secret of a run."""

    SUBJECTS = 1
    LATENT = 2
    DROPOUT = 3
    GRID = 4
    NOISE = 5


def secret_seed(secret: tuple[int, int], stream: SecretStream) -> tuple[int, int]:
    """The seed of a stream: two integers."""
    folded = tf.random.experimental.stateless_fold_in(tf.constant(secret, tf.int64), int(stream))
    first, second = folded.numpy().tolist()
    return first, second


class PrivateFeed:
    """The batches of a run's private steps.

    Args:
      generator: built.
      dataset: whose training subjects are drawn; in memory.
      guarantee: of the training.
      secret: two integers of at most 63 bits that nobody knows who gets the model.
      dequantize: whether values on a grid get noise of one step of it.
      replicas: that divide the subjects of a micro-batch.

    Raises:
      InputError: the windows are in shards on disk; or see `PoissonSubjects`.
    """

    def __init__(
        self,
        generator: Generator,
        dataset: Dataset,
        *,
        guarantee: Guarantee,
        secret: tuple[int, int],
        dequantize: bool,
        replicas: int,
    ):
        windows, config = dataset.training, guarantee.config
        if isinstance(windows, Shards):
            raise InputError("private training needs windows in memory, not a prepared set", fields=["privacy"])
        self._generator, self._dataset, self._windows = generator, dataset, windows
        self._label = windows.encoded_labels(windows.label_names if generator.labels else ())
        self._size = config.windows_per_subject
        self._seeds = {stream: secret_seed(secret, stream) for stream in SecretStream}
        self._groups = max(1, _ROWS // (self._size * replicas)) * replicas
        self._dequantize = dequantize and dataset.standardizer.has_grid
        first, second = self._seeds[SecretStream.SUBJECTS]
        self._subjects = PoissonSubjects(
            windows,
            rate=guarantee.sampling_rate,
            windows_per_subject=self._size,
            seed=(first % 2**63, second % 2**63),
            unit=config.unit,
        )

    def batch(self, number: int) -> PrivateBatch:
        """What step `number` learns from."""
        rows = self._subjects.rows(number)
        starts = range(0, len(rows), self._groups)
        return PrivateBatch(
            [self._micro_batch(rows[start : start + self._groups], (number, start)) for start in starts], number
        )

    def _micro_batch(self, rows, draw):
        """Of the windows `rows` [at most G, m]; what is missing is filled up with windows that do not count."""
        missing = self._groups - len(rows)
        present = np.repeat([1.0, 0.0], [len(rows), missing]).astype(np.float32)
        flat = np.concatenate([rows, np.zeros([missing, self._size], int)]).ravel()
        generator, count, steps = self._generator, len(flat), self._windows.length
        series = tf.convert_to_tensor(self._dataset.standardizer.to_standard(self._windows.values[flat]))
        if self._dequantize:
            noise = tf.random.stateless_uniform(
                series.shape, self._seed(SecretStream.GRID, draw), -0.5, 0.5, alg="philox"
            )
            series = self._dataset.standardizer.dequantize(series, noise)
        dropout = [count, steps // generator.block, generator.dropout_size]
        return SubjectBatch(
            series,
            tf.constant(self._label[flat]),
            tf.random.stateless_normal(
                [count, generator.latent_size], self._seed(SecretStream.LATENT, draw), alg="philox"
            ),
            tf.random.stateless_uniform(dropout, self._seed(SecretStream.DROPOUT, draw), alg="philox"),
            tf.constant(present),
        )

    def _seed(self, stream, draw):
        seed = self._seeds[stream]
        for each in draw:
            seed = tf.random.experimental.stateless_fold_in(seed, tf.constant(each, tf.int64))
        return seed
