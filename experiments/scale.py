"""How the making of shards grows with workers, what the engine itself costs, and what a billion windows take.

    pip install -e ".[ray,plots]" && python experiments/scale.py --model=export/models/sensegen_fast

Each case makes shards of 128-sample windows with XLA in processes that are pinned to cores (`taskset`): by the local
engine on one core, on all cores, in as many processes as there are cores; and over Ray with one worker on one core, and
with as many workers as there are cores. Counted is the second half of the shards, when every worker has loaded and
compiled the model, by the moments at which their files were written. Keeps results/scale.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import typing

import results
from absl import flags

from sensegen_tf import commands

FLAGS = flags.FLAGS
LENGTH = 128
WINDOWS = 10**9
MACHINES = (1, 10, 100)


def define_flags():
    """The flags of this program; those of a case are for the processes that it starts."""
    with commands.topic("Shards"):
        flags.DEFINE_string("model", None, "exported model")
        flags.DEFINE_integer("shards", 12, "a worker makes, the first half of which is not counted", lower_bound=2)
        flags.DEFINE_integer("shard_size", 16384, "windows in a shard")
    with commands.topic("Internal"):
        flags.DEFINE_string("case", "", "local or ray, in this process")
        flags.DEFINE_integer("workers", 1, "of that case")
    commands.required("model")


class Case(typing.NamedTuple):
    """What a case, or all processes of one together, came to.

    Attributes:
      first: seconds until the first shard.
      rate: windows a second.
      size: bytes of a window.
      checksum: file and SHA-256 of the first shard.
    """

    first: float
    rate: float
    size: float
    checksum: list


def make():
    """Makes shards in this process and prints a `Case` as JSON."""
    import tensorflow as tf

    from sensegen_tf.generation import ray_engine, shards
    from sensegen_tf.serving import versions

    if FLAGS.case == "local":
        # As Ray's workers: no more threads than cores.
        tf.config.threading.set_intra_op_parallelism_threads(len(os.sched_getaffinity(0)))
    num = FLAGS.shards * FLAGS.workers * FLAGS.shard_size
    version = os.path.abspath(versions.find_version(FLAGS.model))
    plan = shards.Plan(version=version, num=num, length=LENGTH, xla=True, shard_size=FLAGS.shard_size)
    begun = time.time()
    with tempfile.TemporaryDirectory() as folder:
        claimed = shards.Folder(plan, folder)
        if FLAGS.case == "local":
            made = shards.in_this_process(plan, claimed.path)
        else:
            config = ray_engine.RayConfig(workers=FLAGS.workers, cpus_per_worker=1)
            made = ray_engine.over_ray(plan, claimed.path, config=config)
        checksums = [(entry["file"], entry["sha256"]) for entry in made]
        paths = [os.path.join(claimed.path, file) for file, _ in checksums]
        # Of the files: the driver hears of a shard late, and of the first ones latest.
        moments = sorted(os.path.getmtime(path) - begun for path in paths)
        size = sum(map(os.path.getsize, paths))
    half = len(moments) // 2
    rate = (len(moments) - half) * FLAGS.shard_size / (moments[-1] - moments[half - 1])
    print(json.dumps(Case(moments[0], rate, size / num, list(sorted(checksums)[0]))))


def start(case, cores, workers=1):
    """Starts a case pinned to cores."""
    command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, os.path.abspath(__file__)]
    command += [f"--model={FLAGS.model}", f"--shards={FLAGS.shards}", f"--shard_size={FLAGS.shard_size}"]
    command += [f"--case={case}", f"--workers={workers}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "RAY_ADDRESS": "local"})


def collect(*processes):
    """The `Case` of processes together: the latest first shard, the sum of the rates."""
    found = []
    for process in processes:
        out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"a case failed with status {process.returncode}")
        found.append(Case(*json.loads(out.splitlines()[-1])))
    return Case(max(each.first for each in found), sum(each.rate for each in found), *found[0][2:])


def duration(seconds):
    """In words."""
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def tables(cases, cores):
    """The tables of the result from name -> `Case`."""
    names = {
        "local_one": "local, one core",
        "local_all": f"local, one process on {cores} cores",
        "local_each": f"local, {cores} processes on a core each",
        "ray_one": "ray, one worker of one core, the engine on the same core",
        "ray_all": f"ray, {cores} workers of one core, the engine on the same cores",
    }
    base, best = cases["local_one"].rate, cases["ray_all"]
    engines = [
        [names[name], round(case.rate), round(case.rate / base, 2), round(case.first)] for name, case in cases.items()
    ]
    shards = -(-WINDOWS // FLAGS.shard_size)
    machines = [[each, duration(WINDOWS / (each * best.rate) + best.first), -(-shards // each)] for each in MACHINES]
    cost = [
        ["one core, shared with its worker", *_cost(cases["local_one"], cases["ray_one"], 1)],
        [f"{cores} cores", *_cost(cases["local_each"], best, cores)],
    ]
    return {
        "engines": {
            "text": "Measured.",
            "columns": ["engine", "windows a second", "against one core", "until the first shard, s"],
            "rows": engines,
        },
        "cost": {
            "text": "What the engine costs beside processes without it. For a shard it moves a number there and a line "
            "of the manifest back, whatever the shard holds. Rates vary by a tenth and more from run to run on shared "
            "hardware: a smaller cost is none.",
            "columns": ["where", "microseconds of a core a window", "%"],
            "rows": cost,
        },
        "machines": {
            "text": f"What {WINDOWS:,} windows of {LENGTH} samples take: derived, not measured, for machines like this "
            f"one ({cores} cores).",
            "columns": ["machines", "time", "shards each"],
            "rows": machines,
        },
    }


def _cost(without, over, cores):
    """Microseconds of a core a window that an engine takes more, and the same in percent."""
    microseconds = cores * (1e6 / over.rate - 1e6 / without.rate)
    return round(microseconds, 1), round(100 * (without.rate / over.rate - 1), 1)


def notes(cases):
    """What the derived figures assume."""
    first, best, size, _ = cases["ray_all"]
    lines, together = -(-WINDOWS // FLAGS.shard_size), MACHINES[-1] * best * size / 1e6
    return [
        "Assumed: every machine has the rate of Ray with a worker a core; no shard depends on another; loading, "
        f"compiling and the first shard ({first:.0f} s) are paid once, by all at the same time; no machine is lost.",
        f"Assumed: a shared folder that takes {best * size / 1e6:.0f} MB/s from each machine, {together:,.0f} MB/s "
        f"from {MACHINES[-1]} of them ({WINDOWS * size / 1e12:.2f} TB of Parquet, {size:.0f} bytes a window). With "
        "many machines the file system is the bound.",
        f"Assumed: the driver's part, {lines:,} lines of the manifest, does not grow with the machines.",
        "Not measured: more than one machine, more cores than these (they share memory's bandwidth), a GPU.",
    ]


def main():
    if FLAGS.case:
        make()
        return
    from sensegen_tf.training.run_directory import machine

    cores = sorted(os.sched_getaffinity(0))
    cases = {
        "local_one": collect(start("local", cores[:1])),
        "local_all": collect(start("local", cores)),
        "local_each": collect(*[start("local", [core]) for core in cores]),
        "ray_one": collect(start("ray", cores[:1])),
        "ray_all": collect(start("ray", cores, len(cores))),
    }
    alike = len({tuple(case.checksum) for case in cases.values()}) == 1
    results.keep(
        "scale",
        "benchmark",
        command=f"python experiments/scale.py --model={FLAGS.model} --shards={FLAGS.shards}",
        title="A billion windows",
        machine=machine(),
        text=[
            f"Windows of {LENGTH} samples of `{os.path.basename(FLAGS.model)}`, compiled, written as Parquet in shards "
            f"of {FLAGS.shard_size:,}, {FLAGS.shards} shards a worker.",
            f"The first shard of all cases has {'the same bytes' if alike else 'NOT the same bytes'}.",
        ],
        tables=tables(cases, len(cores)),
        notes=notes(cases),
    )


if __name__ == "__main__":
    define_flags()
    commands.run(main)
