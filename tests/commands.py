"""Our programs: in processes of their own, which find TensorFlow imported by a fork server, or loaded in this one."""

import contextlib
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile

from absl import flags

from sensegen_tf import commands

_SERVED = multiprocessing.get_context("forkserver")
_SERVED.set_forkserver_preload(["tests.preloaded"])


def command(module, *words, **given):
    """The command line of one of our programs."""
    settings = [f"--{name}={value}" for name, value in given.items()]
    return [sys.executable, "-m", f"sensegen_tf.{module}", *settings, *words]


def run(module, *words, **given):
    """Runs one of our programs to its end; returns the completed process with its texts."""
    arguments = command(module, *words, **given)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        streams = [f"/proc/{os.getpid()}/fd/{each.fileno()}" for each in (out, err)]
        process = _SERVED.Process(target=_main, args=(arguments[2:], streams, dict(os.environ)))
        process.start()
        process.join(timeout=1500)
        if process.is_alive():
            process.kill()
            process.join()
        texts = []
        for each in (out, err):
            each.seek(0)
            texts.append(each.read().decode())
    return subprocess.CompletedProcess(arguments, process.exitcode, *texts)


@contextlib.contextmanager
def loaded(module, *words, **given):
    """Context manager: the names of one of our programs, its flags parsed and checked, in this process and not run."""
    names = runpy.run_module(f"sensegen_tf.{module}", run_name="loaded")
    try:
        flags.FLAGS(command(module, *words, **given)[2:])
        commands.check_flags()
        yield names
    finally:
        commands.pop_topics()


def run_without(packages, folder, module, **given):
    """As `run`, in a process that cannot import these packages; `folder` holds what hides them."""
    hide = "".join(f"sys.modules[{package!r}] = None\n" for package in packages)
    (folder / "sitecustomize.py").write_text(f"import sys\n{hide}")
    paths = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        command(module, **given),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )


def _main(arguments, streams, environment):
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(streams, start=1):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
