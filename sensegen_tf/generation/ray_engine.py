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
        self._make = Maker(plan, folder)

    def __call__(self, batch):
        """A batch of one shard; what was wrong travels as text, since Ray loses the kind of an error."""
        [number] = batch["id"]
        try:
            entry = {**self._make(int(number)), "error": ""}
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


def over_ray(plan, folder, address, workers, cpus_per_worker, gpus_per_worker):
    """Makes all shards of a plan on a cluster.

    A shard whose worker is lost is made by another one; one that is there already is only read for its checksum.

    Args:
      plan, folder: see `shards.Maker`; both the model and the folder must be visible to every node under their path.
      address: of the cluster; "" for the one that RAY_ADDRESS names, or else one of this machine's own.
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
    _knock(address or os.environ.get("RAY_ADDRESS", ""))
    ray.init(address=address or None, logging_level="ERROR", log_to_driver=False)
    try:
        room = ray.cluster_resources()
        most = int(room.get("CPU", 0) // cpus_per_worker)
        if gpus_per_worker:
            most = min(most, int(room.get("GPU", 0) / gpus_per_worker))
        if not most:
            raise InputError(
                f"the cluster has {room.get('CPU', 0):g} cores and {room.get('GPU', 0):g} GPUs, too few for one worker "
                f"of --cpus_per_worker={cpus_per_worker} and --gpus_per_worker={gpus_per_worker:g}"
            )
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        entries = ray.data.range(plan.shards, override_num_blocks=plan.shards).map_batches(
            _Actor,
            fn_constructor_args=(plan, folder, cpus_per_worker),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(workers or most, most, plan.shards)),
            num_cpus=cpus_per_worker,
            num_gpus=gpus_per_worker,
        )
        for entry in entries.iter_rows():
            if error := entry.pop("error"):
                raise InputError(error)
            yield entry
    finally:
        ray.shutdown()
