"""How the making of shards grows with workers, what the engine itself costs, and what a billion windows take.

    pip install -e ".[ray,report]" && python experiments/scale.py --model=export/models/sensegen_fast

Each case makes shards of 128-sample windows with XLA in processes that are pinned to cores (`taskset`): by the local
engine on one core, on all cores, in as many processes as there are cores; and over Ray with one worker on one core, and
with as many workers as there are cores. Counted is the second half of the shards, when every worker has loaded and
compiled the model, by the moments at which their files were written. Writes SCALE.md.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from absl import app, flags
from results import HERE

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "exported model", required=True)
flags.DEFINE_integer("shards", 12, "a worker makes, the first half of which is not counted", lower_bound=2)
flags.DEFINE_integer("shard_size", 16384, "windows in a shard")
flags.DEFINE_string("case", "", "internal: local or ray, in this process")
flags.DEFINE_integer("workers", 1, "internal")

LENGTH = 128
WINDOWS = 10**9
MACHINES = (1, 10, 100)


def make():
    """Makes shards in this process; prints until the first, the rate, bytes a window and the first one's checksum."""
    import tensorflow as tf

    from sensegen_tf.generation import ray_engine, shards
    from sensegen_tf.serving import saved_model

    if FLAGS.case == "local":
        # As Ray's workers: no more threads than cores.
        tf.config.threading.set_intra_op_parallelism_threads(len(os.sched_getaffinity(0)))
    num = FLAGS.shards * FLAGS.workers * FLAGS.shard_size
    version = os.path.abspath(saved_model.find_version(FLAGS.model))
    plan = shards.Plan(version, num, LENGTH, 0, None, 1.0, True, FLAGS.shard_size, "parquet")
    begun = time.time()
    with tempfile.TemporaryDirectory() as folder:
        claimed = shards.Folder(plan, folder)
        if FLAGS.case == "local":
            made = shards.in_this_process(plan, claimed.path)
        else:
            made = ray_engine.over_ray(plan, claimed.path, "", FLAGS.workers, 1, 0.0)
        checksums = [(entry["file"], entry["sha256"]) for entry in made]
        paths = [os.path.join(claimed.path, file) for file, _ in checksums]
        # Of the files: the driver hears of a shard late, and of the first ones latest.
        moments = sorted(os.path.getmtime(path) - begun for path in paths)
        size = sum(map(os.path.getsize, paths))
    half = len(moments) // 2
    rate = (len(moments) - half) * FLAGS.shard_size / (moments[-1] - moments[half - 1])
    print(json.dumps([moments[0], rate, size / num, sorted(checksums)[0]]))


def run(case, cores, workers=1):
    """Starts a case pinned to cores."""
    command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, os.path.abspath(__file__)]
    command += [f"--model={FLAGS.model}", f"--shards={FLAGS.shards}", f"--shard_size={FLAGS.shard_size}"]
    command += [f"--case={case}", f"--workers={workers}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "RAY_ADDRESS": "local"})


def result(*processes):
    """Until the first shard at worst, windows a second of all together, bytes a window, the first shard's checksum."""
    found = []
    for process in processes:
        out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"a case failed with status {process.returncode}")
        found.append(json.loads(out.splitlines()[-1]))
    firsts, rates, sizes, checksums = zip(*found, strict=True)
    return max(firsts), sum(rates), sizes[0], checksums[0]


def duration(seconds):
    """In words."""
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def page(cases, cores):
    """The Markdown of SCALE.md."""
    from sensegen_tf.training.run_directory import machine

    names = {
        "local_one": "local, one core",
        "local_all": f"local, one process on {cores} cores",
        "local_each": f"local, {cores} processes on a core each",
        "ray_one": "ray, one worker of one core, the engine on the same core",
        "ray_all": f"ray, {cores} workers of one core, the engine on the same cores",
    }
    rates = {name: rate for name, (_, rate, *_) in cases.items()}
    first, best, size, _ = cases["ray_all"]
    alike = len({checksum for *_, (_, checksum) in cases.values()}) == 1
    shards = -(-WINDOWS // FLAGS.shard_size)
    on_one = 1e6 / rates["ray_one"] - 1e6 / rates["local_one"]
    on_all = cores * (1e6 / rates["ray_all"] - 1e6 / rates["local_each"])
    of_one = rates["local_one"] / rates["ray_one"] - 1
    of_all = rates["local_each"] / rates["ray_all"] - 1
    together = MACHINES[-1] * best * size / 1e6
    lines = [
        "# A billion windows",
        "",
        f"Measured by `python experiments/scale.py --model={FLAGS.model} --shards={FLAGS.shards}`",
        f"on {machine()}: windows of {LENGTH} samples",
        f"of `{os.path.basename(FLAGS.model)}`, compiled, written as Parquet in shards of {FLAGS.shard_size:,},",
        f"{FLAGS.shards} shards a worker.",
        "",
        "| engine | windows a second | against one core | until the first shard, s |",
        "|---|---|---|---|",
    ]
    for name, (start, rate, *_) in cases.items():
        lines.append(f"| {names[name]} | {rate:,.0f} | {rate / rates['local_one']:.2f} | {start:.0f} |")
    lines += [
        "",
        f"The first shard of all cases has {'the same bytes' if alike else 'NOT the same bytes'}.",
        "",
        f"**What the engine costs.** On one core that it shares with its worker {on_one:+.1f} microseconds a window",
        f"({of_one:+.1%}); on {cores} cores {on_all:+.1f} microseconds of a core a window ({of_all:+.1%}) against",
        "processes without it. For a shard it moves a number there and a line of the manifest back, whatever it holds.",
        "Rates vary by a tenth and more from run to run on shared hardware: a smaller cost is none.",
        "",
        f"**What {WINDOWS:,} windows of {LENGTH} samples take.** Derived, not measured, for machines like this one",
        f"({cores} cores):",
        "",
        "| machines | time | shards each |",
        "|---|---|---|",
    ]
    for machines in MACHINES:
        seconds = WINDOWS / (machines * best) + first
        lines.append(f"| {machines} | {duration(seconds)} | {-(-shards // machines):,} |")
    lines += [
        "",
        "Assumed:",
        "",
        f"- the rate of {names['ray_all']}, on every machine;",
        "- shards are dealt out evenly: none depends on another;",
        f"- loading, compiling and the first shard ({first:.0f} s) are paid once by all at the same time;",
        f"- a shared folder that takes {best * size / 1e6:.0f} MB/s from each machine, {together:,.0f} MB/s from",
        f"  {MACHINES[-1]} of them: it is {WINDOWS * size / 1e12:.2f} TB of Parquet, {size:.0f} bytes a window; with",
        "  many machines the file system is what bounds;",
        f"- the driver's part, {shards:,} lines of the manifest, does not grow with the machines;",
        "- no machine is lost: one that is costs the shards that it had in hand.",
        "",
        "Not measured: more than one machine, more cores than these (they share memory's bandwidth), a GPU.",
        "",
    ]
    return "\n".join(lines)


def main(argv):
    del argv
    if FLAGS.case:
        make()
        return
    cores = sorted(os.sched_getaffinity(0))
    cases = {
        "local_one": result(run("local", cores[:1])),
        "local_all": result(run("local", cores)),
        "local_each": result(*[run("local", [core]) for core in cores]),
        "ray_one": result(run("ray", cores[:1])),
        "ray_all": result(run("ray", cores, len(cores))),
    }
    with open(os.path.join(HERE, "SCALE.md"), "w", encoding="utf-8") as file:
        file.write(page(cases, len(cores)))


if __name__ == "__main__":
    app.run(main)
