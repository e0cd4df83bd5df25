"""Folders of shards, on this machine and on a cluster."""

import contextlib
import dataclasses
import filecmp
import glob
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pyarrow.parquet
import pytest

from sensegen_tf.data.sources import SourceConfig, load
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.window_files import read_windows
from sensegen_tf.errors import InputError
from sensegen_tf.generation import shards
from sensegen_tf.generation.ray_engine import RayConfig
from tests.commands import command, run, run_without

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra `ray`)")


@pytest.fixture(scope="module")
def model(watch):
    """A version of a conditional model."""
    return watch.version


def asked(model, output, **changes):
    return {"model": model, "num": 700, "length": 12, "seed": 3, "shard_size": 256, "output": output, **changes}


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """Seven hundred series in three shards of Parquet."""
    return make(plan_of(model), tmp_path_factory.mktemp("shards") / "samples")


def assert_same(folder, other):
    names = sorted(os.listdir(folder))
    assert names == sorted(os.listdir(other))
    same, different, broken = filecmp.cmpfiles(folder, other, names, shallow=False)
    assert sorted(same) == names, (different, broken)


def names_of_shards(folder):
    return sorted(name for name in os.listdir(folder) if name.startswith("part-"))


def columns(folder):
    """What the Parquet shards of a folder hold."""
    return pyarrow.parquet.read_table([folder / name for name in names_of_shards(folder)]).to_pandas()


def test_shards_hold_the_series_of_the_one_file_that_the_seed_names(watch, folder):
    samples = watch.sample(700, length=12, seed=3)
    assert names_of_shards(folder) == [f"part-{number:06d}.parquet" for number in range(3)]
    table = columns(folder)
    assert table.columns.tolist() == ["series", "seed", "time [s]", "ax [g]", "ay [g]", "az [g]", "label"]
    values = table[["ax [g]", "ay [g]", "az [g]"]].to_numpy("f").reshape(700, 12, 3)
    np.testing.assert_array_equal(values, samples.values)
    np.testing.assert_array_equal(table["series"], np.repeat(np.arange(700), 12))
    np.testing.assert_array_equal(table["seed"], np.repeat(samples.seeds, 12))
    np.testing.assert_array_equal(table["label"], np.repeat(samples.labels, 12))
    np.testing.assert_allclose(table["time [s]"][:12], np.arange(12) / 50)


@pytest.mark.slow
def test_the_command_makes_the_same_folder(model, folder, tmp_path):
    done = run("sample", **asked(model, tmp_path / "s"))
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "s", folder)


def test_the_manifest_says_what_is_where(model, folder):
    with open(folder / "samples.json", encoding="utf-8") as file:
        manifest = json.load(file)
    assert [shard["rows"] for shard in manifest["shards"]] == [256, 256, 188]
    assert [shard["first_seed"] for shard in manifest["shards"]] == [(3 << 32) + 256 * number for number in range(3)]
    sums = subprocess.run(
        ["sha256sum", *names_of_shards(folder)], cwd=folder, capture_output=True, text=True, check=True
    )
    assert [line.split()[0] for line in sums.stdout.splitlines()] == [shard["sha256"] for shard in manifest["shards"]]
    assert manifest["channels"] == ["ax", "ay", "az"] and manifest["model"]["name"] == "sensegen_watch"
    assert manifest["schema"] == 2


def plan_of(model, shard_format="parquet"):
    return shards.Plan(version=model, num=700, length=12, seed=3, shard_size=256, shard_format=shard_format)


def make(plan, path):
    """What the command does for a folder."""
    folder = shards.Folder(plan, path)
    folder.finish(list(shards.in_this_process(plan, path)))
    return path


def test_a_shard_is_made_again_from_its_seeds_alone(model, folder, tmp_path):
    plan = plan_of(model)
    path = make(plan, tmp_path / "s") / "part-000001.parquet"
    os.remove(path)
    assert_same(make(plan, tmp_path / "s"), folder)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    message = "part-000001.parquet is damaged.* Remove it, and the same command makes it again"
    with pytest.raises(InputError, match=message):
        make(plan, tmp_path / "s")
    os.remove(path)
    assert_same(make(plan, tmp_path / "s"), folder)


def test_tfrecord_shards_read_as_recordings(model, folder, tmp_path):
    path = make(plan_of(model, "tfrecord"), tmp_path / "s")
    expected = columns(folder)[["ax [g]", "ay [g]", "az [g]"]].to_numpy("f")
    for each, rows in ((path, slice(None)), (path / "part-000002.tfrecord", slice(512 * 12, None))):
        recordings = load(SourceConfig(source="tfrecord", data_dir=os.fspath(each))).recordings
        np.testing.assert_array_equal(np.concatenate([each.signals for each in recordings]), expected[rows])


@pytest.mark.parametrize("what", ["folder of Parquet", "folder of TFRecord", "file of Parquet"])
def test_shards_say_of_themselves_all_that_an_evaluation_needs(model, folder, what, tmp_path):
    path, rows = folder, slice(None)
    if what == "folder of TFRecord":
        path = make(plan_of(model, "tfrecord"), tmp_path / "s")
    elif what == "file of Parquet":
        path, rows = folder / "part-000001.parquet", slice(256, 512)
    read = read_windows(str(path), TableConfig())
    expected = columns(folder)
    signals = expected[["ax [g]", "ay [g]", "az [g]"]].to_numpy("f").reshape(700, 12, 3)
    np.testing.assert_array_equal(read.values, signals[rows])
    assert read.channels == ("ax", "ay", "az") and read.units == ("g",) * 3 and read.rate == pytest.approx(50)
    assert read.labels.tolist() == expected["label"][::12].tolist()[rows]


def test_a_folder_of_parquet_is_read_as_a_table(folder):
    table = TableConfig(
        channels=("ax [g]", "ay [g]", "az [g]"),
        units=("g",) * 3,
        time_column="time [s]",
        subject_column="series",
        label_column="label",
    )
    recordings = load(SourceConfig(source="table", data_dir=os.fspath(folder), table=table)).recordings
    assert len(recordings) == 700 and {len(each.signals) for each in recordings} == {12}
    assert recordings[0].rate == pytest.approx(50)


@pytest.mark.parametrize(
    "changes",
    [{"shard_size": 100}, {"shard_size": 0}, {"shard_size": 256, "xla": True}],
    ids=lambda changes: str(changes),
)
def test_a_shard_is_of_whole_batches(model, changes):
    with pytest.raises(InputError) as error:
        dataclasses.replace(plan_of(model), **changes)
    assert error.value.fields == ("shard_size",)


def test_a_worker_has_at_least_a_core():
    with pytest.raises(InputError) as error:
        RayConfig(cpus_per_worker=0)
    assert error.value.fields == ("cpus_per_worker",)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"seed": 4}, "seed: 3 before, 4 now"),
        ({"shard_size": 100}, "--shard_size must be a multiple of 256"),
        ({"xla": "true"}, "--shard_size must be a multiple of 1024"),
        ({"label": "flying"}, "'flying'"),
        ({"output": os.path.dirname(__file__)}, "holds something else"),
    ],
)
def test_bad_requests_get_a_sentence(model, folder, flags, message):
    before = names_of_shards(folder)
    done = run("sample", **{**asked(model, folder), **flags})
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
    assert names_of_shards(folder) == before


@pytest.mark.process
def test_without_the_extras_they_are_named(model, tmp_path):
    done = run_without(["ray"], tmp_path, "sample", **asked(model, tmp_path / "s", engine="ray"))
    assert done.returncode == 2 and "pip install 'sensegen_tf[ray]'" in done.stderr
    shutil.rmtree(tmp_path / "s")
    done = run_without(["pyarrow"], tmp_path, "sample", **asked(model, tmp_path / "s"))
    assert done.returncode == 2 and "pip install 'sensegen_tf[tables]'" in done.stderr
    assert not (tmp_path / "s").exists()


def test_a_machine_that_does_not_see_the_folder_or_has_another_model_is_named(model, plain, folder, tmp_path):
    plan = plan_of(model)
    with pytest.raises(InputError, match=f"does not see {tmp_path}/plan.json") as error:
        shards.ShardMaker(plan, tmp_path)
    assert error.value.fields == ("output",)
    with pytest.raises(InputError, match="would make other samples"):
        shards.ShardMaker(dataclasses.replace(plan, version=plain.version), folder)
    assert shards.ShardMaker(plan, folder)(2)["rows"] == 188


def test_one_process_at_a_time(model, folder):
    plan = plan_of(model)
    claimed = shards.Folder(plan, folder)
    with pytest.raises(InputError, match="another process makes samples in"):
        shards.Folder(plan, folder)
    del claimed
    (folder / ".part-000001.parquet.tmp-left").touch()
    shards.Folder(plan, folder)
    assert not (folder / ".part-000001.parquet.tmp-left").exists()


@pytest.fixture(scope="module")
def cluster():
    """A head without cores and two nodes of one."""
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    found.nodes = [found.add_node(num_cpus=1) for _ in range(2)]
    found.wait_for_nodes()
    yield found
    found.shutdown()


def over_ray(cluster, model, output, **changes):
    how = {"engine": "ray", "ray_address": cluster.address, "cpus_per_worker": 1}
    return asked(model, output, num=16 * 256, length=120, **how, **changes)


@contextlib.contextmanager
def started(**flags):
    process = subprocess.Popen(command("sample", **flags), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()


def wait_for_shards(folder, count, process):
    deadline = time.monotonic() + 600
    while not os.path.isdir(folder) or len(names_of_shards(folder)) < count:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.05)


def actors():
    """How many workers of Ray have a model."""
    found = 0
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            found += file.read().startswith(b"ray::MapWorker")
    return found


@needs_ray
@pytest.mark.ray
def test_a_cluster_that_loses_a_node_makes_the_bytes_of_the_local_engine(cluster, model, tmp_path):
    # The driver is stopped first: another one goes on with the shards that are missing.
    with started(**over_ray(cluster, model, tmp_path / "s")) as process:
        wait_for_shards(tmp_path / "s", 3, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "s" / "samples.json").exists()
    before = {name: os.stat(tmp_path / "s" / name).st_mtime_ns for name in names_of_shards(tmp_path / "s")}

    with started(**over_ray(cluster, model, tmp_path / "s")) as process:
        wait_for_shards(tmp_path / "s", len(before) + 2, process)
        # A node has room for one, so the second one is on the node that is lost.
        while actors() < 2:
            assert process.poll() is None
            time.sleep(0.05)
        cluster.remove_node(cluster.nodes.pop(), allow_graceful=False)
        assert not (tmp_path / "s" / "samples.json").exists()
        text, _ = process.communicate(timeout=600)
        assert process.returncode == 0, text
    for name, moment in before.items():
        assert os.stat(tmp_path / "s" / name).st_mtime_ns == moment, f"{name} was made twice"

    flags = asked(model, tmp_path / "local", num=16 * 256, length=120)
    done = run("sample", **flags)
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "s", tmp_path / "local")


@needs_ray
@pytest.mark.ray
def test_what_is_wrong_on_a_cluster_gets_a_sentence(cluster, model, tmp_path):
    done = run("sample", **{**over_ray(cluster, model, tmp_path / "s"), "cpus_per_worker": 2})
    assert (
        done.returncode == 2 and "no machine of the cluster has room for a worker of --cpus_per_worker=2" in done.stderr
    )
    done = run("sample", **{**over_ray(cluster, model, tmp_path / "s"), "ray_address": "localhost:1"})
    assert done.returncode == 2 and "there is no Ray cluster at localhost:1" in done.stderr
    broken = tmp_path / "broken" / "1"
    shutil.copytree(model, broken)
    for name in os.listdir(broken / "variables"):
        os.remove(broken / "variables" / name)
    done = run("sample", **over_ray(cluster, broken, tmp_path / "s"))
    assert done.returncode == 2 and f"cannot load the SavedModel at {broken}" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and not names_of_shards(tmp_path / "s")
