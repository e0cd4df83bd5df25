"""The tiers of the tests, and fixtures that several tests share."""

import contextlib
import fcntl
import os

import pytest

from tests.commands import run

_LONGEST = (
    *("test_train.py", "test_serving.py", "test_distribution.py", "test_evaluator.py", "test_identity.py"),
    *("test_shards.py", "test_goldens.py", "test_subjects.py", "test_presets.py", "test_export.py", "test_command.py"),
    *("test_browser.py", "test_runtimes.py", "test_loop.py", "test_cheats.py"),
    *("test_server.py", "test_versions.py", "test_sample.py", "test_model.py"),
)
TINY = {
    "source": "watch",
    "channels": "ax,ay,az",
    "preset": "sensegen_small",
    "window_length": "24",
    "stride": "200",
    "batch_size": "8",
    "outer_iterations": "2",
    "discriminator_steps": "2",
    "generator_steps": "3",
    "evaluation_windows": "32",
    "checkpoint_seconds": "0",
    "calibrate": "false",
}


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="run every test, not the fast tier alone")
    parser.addoption("--damaged", type=int, default=125, help="damaged forms of each file that readers are given")


def pytest_configure(config):
    if config.option.all:
        config.option.markexpr = ""


def pytest_collection_modifyitems(items):
    """The files that take longest, and those that wait for the same trained model, come first: they go to one process,
    from which another one takes over what is left."""
    items.sort(key=lambda item: _LONGEST.index(item.path.name) if item.path.name in _LONGEST else len(_LONGEST))


def shared(name):
    """The folder of real recordings beside the checkout; skips the test where they are absent."""
    folder = os.path.join(os.path.dirname(__file__), "..", "..", "shared", "data", name)
    if not os.path.isdir(folder):
        pytest.skip(f"the recordings of {name} are not beside the checkout")
    return os.path.abspath(folder)


@contextlib.contextmanager
def shared_folder(factory, name):
    """Context manager: a folder that all of pytest's processes share, with a lock on it."""
    root = factory.getbasetemp()
    # Each process of xdist has a folder of its own in that of all.
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / name
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def train_once(factory, name, **given):
    """The folder of a finished run, which the first of pytest's processes that asks for it trains.

    What it wrote to stderr lies beside it.
    """
    with shared_folder(factory, name) as folder:
        if not (folder / "finished.json").exists():
            done = run("train", **given, run_dir=folder)
            assert done.returncode == 0, done.stderr
            folder.with_suffix(".stderr").write_text(done.stderr)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a finished tiny run on real recordings; nothing may be written into it."""
    return train_once(tmp_path_factory, "trained", **TINY)


@pytest.fixture(scope="session")
def conditional(tmp_path_factory):
    """The same of a conditional model, which was also trained adversarially and calibrated."""
    both = {"generator_objective": "both", "adversarial_batch_size": "4"}
    changes = {"preset": "sensegen_accel", "labels": "pendulum,upright row", "calibrate": "true", **both}
    return train_once(tmp_path_factory, "conditional", **{**TINY, **changes})


@pytest.fixture(scope="session")
def version(trained):
    """The SavedModel version that the tiny run exported."""
    return os.path.join(trained, "model", "1")


@pytest.fixture(scope="session")
def plain_version(tmp_path_factory):
    """The SavedModel version of a model that is not conditional, see `tests.plain`."""
    from tests import plain

    with shared_folder(tmp_path_factory, "plain") as folder:
        return os.path.join(folder, "1") if (folder / "1").exists() else plain.write(folder)
