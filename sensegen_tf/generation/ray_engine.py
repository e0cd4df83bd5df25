"""The engine `ray`: Ray Data over the numbers of the shards, one model an actor."""

import logging
import os
import socket

from sensegen_tf.errors import InputError
from sensegen_tf.generation.shards import Maker


class _Actor:
    """A `Maker` that lives in a worker of Ray.

    Args:
      plan, folder: see `Maker`.
      threads: as many as Ray has given it cores.
    """

    def __init__(self, plan, folder, threads):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            # Workers may share a GPU, of which TensorFlow would take all.
            tf.config.experimental.set_memory_growth(gpu, True)
        self._plan, self._folder, self._maker = plan, folder, None

    def __call__(self, batch):
        """A batch of one shard; what was wrong travels as text, since Ray loses the kind of an error."""
        [number] = batch["id"]
        try:
            self._maker = self._maker or Maker(self._plan, self._folder)
            entry = {**self._maker(int(number)), "error": ""}
        except InputError as error:
            entry = {"error": str(error)}
        return {name: [value] for name, value in entry.items()}


def _knock(address):
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
            f"no machine of the cluster has room for a worker of --cpus_per_worker={cpus} and "
            f"--gpus_per_worker={gpus:g}; they have {there}"
        )
    return int(sum(room))


def over_ray(plan, folder, address, workers, cpus_per_worker, gpus_per_worker):
    """Makes all shards of a plan on a cluster.

    A shard whose worker is lost is made by another one; one that is there already is only read for its checksum.

    Args:
      plan, folder: see `shards.Maker`; both the model and the folder must be visible to every node under their path.
      address: of the cluster; "" for the one that RAY_ADDRESS names, or else for this machine's cores alone.
      workers: actors at most; None for as many as the cluster has room for.
      cpus_per_worker: cores of each, at least 1.
      gpus_per_worker: GPUs of each, which may be a part of one.

    Yields:
      The entries of the manifest, in the order in which shards are done.

    Raises:
      InputError: Ray is not installed, there is no cluster there, it has no room for a worker, or a worker met an error
        of ours, such as a full disk.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError("--engine=ray needs Ray, which is not installed: pip install 'sensegen_tf[ray]'") from error
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    _knock(address)
    try:
        ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    except (ConnectionError, ValueError) as error:
        raise InputError(f"there is no Ray cluster at {address}: {error}") from error
    try:
        most = _room(ray, cpus_per_worker, gpus_per_worker)
        pool = min(workers or most, most, plan.shards)
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        # Items, not a range, which would need a core of its own to be read and find all taken by workers.
        numbers = ray.data.from_items([{"id": each} for each in range(plan.shards)], override_num_blocks=plan.shards)
        entries = numbers.map_batches(
            _Actor,
            fn_constructor_args=(plan, folder, cpus_per_worker),
            batch_size=1,
            # It may shrink, so that a node that is lost for good does not hold up the rest.
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=pool, initial_size=pool),
            num_cpus=cpus_per_worker,
            num_gpus=gpus_per_worker,
        )
        for entry in entries.iter_rows():
            if error := entry.pop("error"):
                raise InputError(error)
            yield entry
    finally:
        ray.shutdown()
