"""Runs a study of studies.py, or the flagfile of flags/ with that name, and keeps what came out.

    pip install -e ".[demo,ecg,evaluate,plots]" && python experiments/run.py sensegen_accel --data_dir=FOLDER

Any flag of `python -m sensegen_tf.train` may be given too, over those of the study. --seeds=0,1,2 of a flagfile becomes
the study seeds_NAME. Trainings are kept in experiments/runs/STUDY, so a study that was stopped goes on; the figures go
to results/STUDY.json, and the pages are written anew.
"""

import dataclasses
import os
import sys

import results
from absl import flags
from studies import QUICK_REPORT, REPORT, STUDIES, TSBENCH, Study

from sensegen_tf import commands
from sensegen_tf.errors import InputError
from sensegen_tf.files import files_in, read_json, write_json

FLAGS = flags.FLAGS


def define_flags():
    """The flags of this program, and those of training, which stand in the flagfiles."""
    from sensegen_tf import train  # noqa: F401

    with commands.topic("Study"):
        flags.DEFINE_list("seeds", [], "in the place of the study's")
        flags.DEFINE_list("only", [], "variants of the study; by default all")
        flags.DEFINE_string("name", "", "of the result and of the folder of the runs; by default the study's")


def find_study(name):
    """A study by its name, or that of a flagfile.

    Raises:
      InputError: there is neither; all are named.
    """
    names = [os.path.basename(path).removesuffix(".flags") for path in files_in(_flagfile(""), "*.flags")]
    if name in STUDIES:
        return STUDIES[name]
    if name in names:
        return Study(title=f"Seeds of {name}", flagfile=name, measure=REPORT)
    raise InputError(f"there is no study {name}; there are {', '.join([*STUDIES, *names])}", fields=["study"])


def _flagfile(name):
    return os.path.join(results.HERE, "flags", f"{name}.flags" if name else "")


def changed(config, path, value):
    """A configuration with the attribute at a path changed, see studies.py."""
    from sensegen_tf.models.config import registered

    name, _, rest = path.partition(".")
    if rest == "type":
        part = getattr(config, name)
        same = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
        value = registered(part.kind, value)(**same)
    elif rest:
        value = changed(getattr(config, name), rest, value)
    return dataclasses.replace(config, **{name: value})


def base_config():
    """The `TrainConfig` that the flags say."""
    from sensegen_tf import train

    return train.config_from_flags()


class Runner:
    """Trains and measures the variants of a study.

    Args:
      name: of the folder of the runs.
      study: a `Study`.
      protocol: which data a variant is trained on, and what is measured of it: reports.Reports or tsbench.Sets.
    """

    def __init__(self, name, study, protocol):
        self._name, self._study, self._protocol = name, study, protocol
        self._base = base_config()

    def folder(self, variant, seed):
        """Of the run of a variant with a seed."""
        slug = "".join(letter if letter.isalnum() else "_" for letter in variant)
        return os.path.join(results.RUNS, self._name, slug, str(seed))

    def config(self, variant, seed):
        """The `TrainConfig` of a variant with a seed."""
        found = self._study.variants[variant]
        config = changed(self._base, "learning.seed", seed)
        for path, value in found.changes.items():
            config = changed(config, path, value)
        return dataclasses.replace(config, initial_run=self.folder(found.after, seed)) if found.after else config

    def record(self, variant, seed):
        """What is kept of the training of a variant with a seed, which is made where it is missing.

        Raises:
          InputError: the folder holds a run with another configuration.
        """
        path = os.path.join(self.folder(variant, seed), "measured.json")
        if not os.path.exists(path):
            before = self._study.variants[variant].after
            earlier = self.record(before, seed)["seconds_in_all"] if before else 0
            write_json(path, self._make(variant, seed, earlier))
        return read_json(path)

    def _make(self, variant, seed, earlier):
        print(f"{self._name}: {variant}, seed {seed}", flush=True)
        run = self._train(variant, seed)
        finished = run.results
        found = {
            "seed": seed,
            **{key: finished[key] for key in ("seconds", "machine", "resumed_at_step") if key in finished},
            "seconds_in_all": round(earlier + finished["seconds"], 1),
            "metrics": [{**row, "outer": row["outer"] + 1} for row in run.metrics],
        }
        return found | self._protocol.measure(run, finished["model"], variant=variant, seed=seed)

    def _train(self, variant, seed):
        """The complete and exported `Run` of a variant with a seed."""
        from sensegen_tf.serving.export import export_run
        from sensegen_tf.training import run as training
        from sensegen_tf.training.progress import Interrupt, Progress
        from sensegen_tf.training.run_directory import machine

        folder = self.folder(variant, seed)
        run = training.train(
            self.config(variant, seed),
            self._protocol.dataset(variant),
            run_dir=folder,
            callbacks=[Interrupt(), Progress()],
            provenance={"study": self._name, "variant": variant, "source": FLAGS.source},
        )
        if not run.complete:
            raise KeyboardInterrupt
        if run.results is None:
            finished = {
                "model": export_run(run.path, os.path.join(folder, "model"), name=self._name),
                "seconds": round(run.seconds, 1),
                "machine": machine(),
            }
            resumed = {"resumed_at_step": run.resumed_at} if run.resumed_at else {}
            run.finish(finished | resumed)
        return run


def main(study_name=""):
    study = find_study(study_name)
    seeds = tuple(int(seed) for seed in FLAGS.seeds) or study.seeds
    if len(seeds) > 1 and study_name not in STUDIES:
        study_name, study = f"seeds_{study_name}", dataclasses.replace(study, measure=QUICK_REPORT)
    name = FLAGS.name or study_name
    unknown = [each for each in FLAGS.only if each not in study.variants]
    if unknown:
        there = "; ".join(study.variants)
        raise InputError(f"only names {', '.join(unknown)}; the study has {there}", fields=["only"])
    if study.measure == TSBENCH:
        from tsbench import Sets as protocol
    else:
        from reports import Reports as protocol
    protocol = protocol(name, study)
    runner = Runner(name, study, protocol)
    found = {
        (variant, seed): runner.record(variant, seed) for variant in FLAGS.only or study.variants for seed in seeds
    }
    protocol.keep(found)


def insert_flagfile(arguments):
    """The arguments of the program with the flags of the study that they name put before the user's."""
    if len(arguments) < 2 or arguments[1].startswith("-"):
        return arguments
    try:
        study = find_study(arguments[1])
    except InputError:
        return arguments  # `main` says what is wrong.
    return [arguments[0], f"--flagfile={_flagfile(study.flagfile)}", *study.flags, *arguments[1:]]


if __name__ == "__main__":
    define_flags()
    sys.argv[:] = insert_flagfile(sys.argv)
    commands.run(main, positional=True)
