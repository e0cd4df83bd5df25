"""One training on several devices or machines, by TensorFlow's own distribution (`tf.distribute`).

Synchronous data parallelism: every replica takes its rows of the one minibatch, gradients are summed over all of them,
and all make the same update. The global minibatch does not depend on the number of replicas.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from sensegen_tf.errors import InputError

_OF_CLUSTERS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.UnknownError,
)
_EXAMPLE = '{"cluster": {"worker": ["host0:5000", "host1:5000"]}, "task": {"type": "worker", "index": 0}}'


class WorkerLostError(InputError):
    """Another worker of the cluster ended or cannot be reached."""


class Distribution:
    """Replicas that train together. Make it before TensorFlow does anything else.

    Args:
      name: "none"; "mirrored", a replica on every GPU of this machine (where there is none, on every logical CPU); or
        "multi_worker", the workers that the environment variable TF_CONFIG names, which all run the same command.

    Attributes:
      replicas: R, how many there are in all.
      workers: processes.
      worker: this one's number.
      chief: whether this one writes.

    Raises:
      InputError: TF_CONFIG is missing or not what TensorFlow documents, or the cluster does not come together.
    """

    def __init__(self, name: str = "none"):
        self._strategy, self.workers, self.worker = None, 1, 0
        if name == "mirrored":
            devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
            self._strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
        elif name == "multi_worker":
            self.workers, self.worker = _cluster()
            with self.lost_workers():
                self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        self.replicas = self._strategy.num_replicas_in_sync if self._strategy else 1
        self.chief = self.worker == 0
        self._any, self._gather = tf.function(self._summed_flag), tf.function(self._gathered)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Context manager: variables that are made in it are kept alike in all replicas."""
        return self._strategy.scope() if self._strategy else contextlib.nullcontext()

    def local_rows(self, batch_size: int) -> slice:
        """The slice of a minibatch's rows that this worker holds."""
        return slice(*(batch_size * (self.worker + end) // self.workers for end in (0, 1)))

    def check_batch(self, batch_size: int, *, stride: int = 1) -> None:
        """Refuses a minibatch that cannot be divided equally among the replicas.

        Args:
          batch_size: B.
          stride: every `stride`th row is divided among them too.

        Raises:
          InputError: the replicas would not all have as many rows.
        """
        if self.replicas > 1 and batch_size % (self.replicas * stride):
            rollouts = f", each with a series of the generator's own for every {stride} rows" if stride > 1 else ""
            raise InputError(
                f"batch_size {batch_size} is no multiple of {self.replicas * stride}: {self.replicas} replicas divide "
                f"it{rollouts}",
                fields=["batch_size"],
            )

    @property
    def is_single(self) -> bool:
        """Whether there is no strategy, so that no replica has to wait for another."""
        return self._strategy is None

    def shard(self, batch: Any) -> Any:
        """A structure of arrays of this worker's rows, divided among its replicas."""
        if not self._strategy:
            return batch
        local = self.replicas // self.workers

        def values(array):
            def shard_of(context):
                place = context.replica_id_in_sync_group - self.worker * local
                return array[slice(*(len(array) * (place + end) // local for end in (0, 1)))]

            return self._strategy.experimental_distribute_values_from_function(shard_of)

        return tf.nest.map_structure(values, batch)

    def run(self, step: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Runs `step` in every replica on its shard of the arguments; called in a `tf.function`.

        Returns:
          What it returns, which must be the same in all of them.
        """
        if not self._strategy:
            return step(*arguments)
        found = self._strategy.run(step, arguments)
        return tf.nest.map_structure(lambda each: self._strategy.experimental_local_results(each)[0], found)

    def sum_over_replicas(self, tensors: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        """The sums over the replicas of a list of tensors; called in a step."""
        if not self._strategy:
            return tensors
        # A tensor from outside the step lies on no device, and the engine asks where it lies.
        tensors = [tf.identity(each) for each in tensors]
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tensors)

    def any(self, flag: bool) -> bool:
        """Whether `flag` is True in any worker; all must ask."""
        if self.workers == 1:
            return flag
        return bool(self._any(tf.constant(float(flag))) > 0)

    def _summed_flag(self, flag):
        return self.run(lambda flag: self.sum_over_replicas([flag])[0], (flag,))

    def broadcast_from_chief(self, variables: Sequence[tf.Variable]) -> None:
        """Gives variables the chief's values in every worker; another processor may have rounded them differently."""
        if self.workers == 1:
            return

        def of_chief(values):
            first = tf.distribute.get_replica_context().replica_id_in_sync_group == 0
            return self.sum_over_replicas([tf.where(first, value, tf.zeros_like(value)) for value in values])

        total = tf.function(lambda *values: self.run(of_chief, (values,)))
        # A list is summed in one piece, which is of one type.
        for dtype in sorted({each.dtype for each in variables}, key=str):
            of_type = [each for each in variables if each.dtype == dtype]
            values = total(*(tf.convert_to_tensor(each) for each in of_type))
            for variable, value in zip(of_type, values, strict=True):
                variable.assign(value)

    def verify_identical(self, described: Any) -> None:
        """Refuses workers that were started on something else.

        Args:
          described: what must be the same in all, as JSON can hold it.

        Raises:
          InputError: in all workers, where one differs from the chief.
        """
        if self.workers == 1:
            return
        checksum = zlib.crc32(json.dumps(described, sort_keys=True).encode())
        every = self._gather(tf.constant([checksum], tf.int64)).numpy()[:: self.replicas // self.workers]
        others = np.flatnonzero(every != every[0])
        if len(others):
            raise InputError(
                f"worker {', '.join(map(str, others))} was started with another configuration, other data or other "
                "package versions than worker 0; start all with the same command and the same recordings"
            )

    def _gathered(self, value):
        # A tensor from outside the step lies on no device, and the engine asks where it lies.
        return self.run(lambda: tf.distribute.get_replica_context().all_gather(tf.identity(value), 0), ())

    @contextlib.contextmanager
    def lost_workers(self) -> Iterator[None]:
        """Context manager: TensorFlow's errors of a cluster of workers become a `WorkerLostError`."""
        try:
            yield
        except _OF_CLUSTERS as error:
            if self.workers == 1:
                raise
            raise WorkerLostError(_lost(error)) from error


def _lost(error):
    reason = error.message.splitlines()[0][:200]
    return (
        f"another worker of the cluster ended or cannot be reached ({reason}). Training stopped; the last checkpoint "
        "is intact. Look into that worker's messages, then start all workers again with the same command to go on"
    )


def _cluster():
    """How many workers TF_CONFIG names, and which of them this is.

    Raises:
      InputError: it is missing or not what TensorFlow documents.
    """

    def check(right, wrong):
        if not right:
            raise InputError(f"{wrong}. TF_CONFIG must look like {_EXAMPLE}" + (f", got {text}" if text else ""))

    text = os.environ.get("TF_CONFIG")
    check(text, "the strategy multi_worker needs the environment variable TF_CONFIG")
    try:
        config = json.loads(text)
    except ValueError as error:
        check(False, f"TF_CONFIG is not JSON: {error}")
    check(isinstance(config, dict) and {"cluster", "task"} <= config.keys(), "TF_CONFIG has no cluster or no task")
    cluster, task = config["cluster"], config["task"]
    known = set(cluster) <= {"chief", "worker"} and all(isinstance(addresses, list) for addresses in cluster.values())
    check(known, "the cluster in TF_CONFIG must be lists of addresses, of workers and at most one chief")
    chiefs, workers = (len(cluster.get(kind, [])) for kind in ("chief", "worker"))
    kind, index = task.get("type"), task.get("index")
    check(chiefs <= 1 and str(index).isdigit(), "TF_CONFIG names more than one chief, or its task has no index")
    check(int(index) < len(cluster.get(kind, [])), "the task in TF_CONFIG is not one of the cluster's")
    return chiefs + workers, int(index) + (chiefs if kind == "worker" else 0)
