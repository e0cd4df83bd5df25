"""The wheel: what it says of itself, and that it samples where there is no checkout.

Only the wheel is installed into the new environment. TensorFlow and the other dependencies, which take minutes to
install, come from the environment of the tests.
"""

import email
import os
import pathlib
import shutil
import site
import subprocess
import sys
import zipfile

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]

pytestmark = pytest.mark.process


def call(*words, folder):
    """Runs a program in a folder outside the checkout; returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, built from a copy, since building writes into the folder."""
    copy, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "sensegen_tf", copy / "sensegen_tf", ignore=shutil.ignore_patterns("__pycache__"))
    call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", ".", folder=copy)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of a new environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("environment")
    call(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder)
    python = folder / "bin" / "python"
    call(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel, folder=folder)
    # A path in a .pth file is searched last, and its own .pth files, such as the one of this checkout, are not read.
    [own] = (folder / "lib").glob("python*/site-packages")
    (own / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return python


def test_the_wheel_says_what_it_is_and_holds_the_documents_and_the_models(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [name] = [each for each in names if each.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    assert metadata["Name"].replace("-", "_") == "sensegen_tf" and metadata["Version"] == "0.2.0"
    assert metadata["Author"] == "sensegen_tf developers" and not metadata.get_all("Project-URL")
    assert any(each.startswith("keras") and "<3.16" in each for each in metadata.get_all("Requires-Dist"))
    assert {"sensegen_tf/README.md", "sensegen_tf/CLI.md", "sensegen_tf/data/sources/demo.py"} <= set(names)
    for model in os.listdir(ROOT / "sensegen_tf" / "pretrained"):
        assert any(each.startswith(f"sensegen_tf/pretrained/{model}/1/variables/") for each in names), model
    assert not any(each.startswith("tests") for each in names)


def test_an_installed_wheel_samples_a_pretrained_model(installed, tmp_path):
    where = call(installed, "-c", "import sensegen_tf; print(sensegen_tf.__file__)", folder=tmp_path).strip()
    assert pathlib.Path(where).is_relative_to(installed.parents[1]), where
    words = ["--model=sensegen_watch", "--num=3", "--length=40", "--seed=1", "--output=samples.npz"]
    call(installed, "-m", "sensegen_tf.sample", *words, folder=tmp_path)
    with np.load(tmp_path / "samples.npz") as arrays:
        assert arrays["samples"].shape == (3, 40, 3) and np.isfinite(arrays["samples"]).all()
