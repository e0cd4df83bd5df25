"""The engine `ray`: Ray Data over the numbers of the shards, one model an actor."""

from __future__ import annotations

import dataclasses
import logging
import os
import socket
from collections.abc import Iterator
from typing import Any

from sensegen_tf.errors import InputError
from sensegen_tf.generation.shards import Plan, ShardMaker


@dataclasses.dataclass(frozen=True, kw_only=True)
class RayConfig:
    """Where and with how much the shards are made.

    Attributes:
      ray_address: of the cluster; "" for the one that RAY_ADDRESS names, or else for this machine's cores alone.
      workers: actors at most; None for as many as the cluster has room for.
      cpus_per_worker: cores of each, at least 1.
      gpus_per_worker: GPUs of each, which may be a fraction of one.

    Raises:
      InputError: a number is out of its range.
    """

    ray_address: str = ""
    workers: int | None = None
    cpus_per_worker: int = 2
    gpus_per_worker: float = 0.0

    def __post_init__(self):
        for name, least in (("workers", 1), ("cpus_per_worker", 1), ("gpus_per_worker", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} must be at least {least}, got {value}", fields=[name])


class _Actor:
    """A `ShardMaker` that lives in a worker of Ray.

    Args:
      plan, folder: see `ShardMaker`.
      threads: as many as Ray has given it cores.
    """

    def __init__(self, plan, folder, threads):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            # Workers may use one GPU together, of which TensorFlow would take all the memory.
            tf.config.experimental.set_memory_growth(gpu, True)
        self._plan, self._folder, self._maker = plan, folder, None

    def __call__(self, batch):
        """A batch of one shard. Ray loses the type of an error, so what was wrong travels as text."""
        [number] = batch["id"]
        try:
            self._maker = self._maker or ShardMaker(self._plan, self._folder)
            entry = {**self._maker(int(number)), "error": "", "fields": ""}
        except InputError as error:
            entry = {"error": str(error), "fields": ",".join(error.fields)}
        return {name: [value] for name, value in entry.items()}


def _check_reachable(address):
    """Refuses the address HOST:PORT of a cluster where nobody listens; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise InputError(f"there is no Ray cluster at {address}: {error}") from error


def _room(ray, cpus, gpus):
    """How many workers the nodes have room for.

    Raises:
      InputError: none.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = [min(node.get("CPU", 0) // cpus, node.get("GPU", 0) // gpus if gpus else float("inf")) for node in nodes]
    if not sum(room):
        there = ", ".join(f"{node.get('CPU', 0):g} cores and {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise InputError(
            f"no machine of the cluster has room for a worker of cpus_per_worker={cpus} and gpus_per_worker={gpus:g}; "
            f"they have {there}",
            fields=["cpus_per_worker", "gpus_per_worker"],
        )
    return int(sum(room))


def _connect(address):
    """Ray, connected to a cluster."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        message = "engine=ray needs Ray, which is not installed: pip install 'sensegen_tf[ray]'"
        raise InputError(message, fields=["engine"]) from error
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_reachable(address)
    try:
        ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    except (ConnectionError, ValueError) as error:
        raise InputError(f"there is no Ray cluster at {address}: {error}") from error
    return ray


def over_ray(plan: Plan, folder: str | os.PathLike[str], *, config: RayConfig) -> Iterator[dict[str, Any]]:
    """Makes all shards of a plan on a cluster.

    A shard whose worker is lost is made by another one; one that is there already is only read for its checksum.

    Args:
      plan, folder: see `ShardMaker`; both the model and the folder must be visible to every node under their path.
      config: of the cluster and its workers.

    Yields:
      The entries of the manifest, in the order in which shards are done.

    Raises:
      InputError: Ray is not installed, there is no cluster there, it has no room for a worker, or a worker met an error
        of ours, such as a full disk.
    """
    ray = _connect(config.ray_address)
    try:
        most = _room(ray, config.cpus_per_worker, config.gpus_per_worker)
        pool = min(config.workers or most, most, plan.shards)
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        # Items, not a range, which would need a core of its own to be read and find all taken by workers.
        numbers = ray.data.from_items([{"id": each} for each in range(plan.shards)], override_num_blocks=plan.shards)
        entries = numbers.map_batches(
            _Actor,
            fn_constructor_args=(plan, folder, config.cpus_per_worker),
            batch_size=1,
            # It may shrink, so that a node that is lost for good does not hold up the rest.
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=pool, initial_size=pool),
            num_cpus=config.cpus_per_worker,
            num_gpus=config.gpus_per_worker,
        )
        for entry in entries.iter_rows():
            error, fields = entry.pop("error"), entry.pop("fields")
            if error:
                raise InputError(error, fields=fields.split(",") if fields else ())
            yield entry
    finally:
        ray.shutdown()
