"""The runner, its studies, and the flagfiles."""

import dataclasses
import functools
import re

import numpy as np
import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.models.presets import PRESETS
from sensegen_tf.training.config import TrainConfig
from sensegen_tf.training.privacy import PrivacyConfig
from sensegen_tf.training.schedule import alternating
from tests.experiments.conftest import EXPERIMENTS

FLAGFILES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((EXPERIMENTS / "flags").glob("*.flags"))}


def config_of(preset):
    """A `TrainConfig` of a preset."""
    return TrainConfig.from_preset(preset, schedule=alternating(10))


def flag(name, text):
    """The value of a flag in a flagfile."""
    return re.search(rf"^--{name}=(.*)$", text, re.MULTILINE)[1]


def test_every_preset_has_a_flagfile():
    assert {flag("preset", text) for text in FLAGFILES.values()} == set(PRESETS)


@pytest.mark.parametrize("name", FLAGFILES)
def test_a_flagfile_holds_flags_of_training_and_its_own_folders(name):
    sources = [EXPERIMENTS.parent / "sensegen_tf" / file for file in ("train.py", "data_flags.py", "privacy_flags.py")]
    defined = re.findall(r'DEFINE_\w+\(\s*"(\w+)"', "".join(path.read_text(encoding="utf-8") for path in sources))
    lines = [line for line in FLAGFILES[name].splitlines() if not line.startswith("#")]
    given = [line.removeprefix("--").partition("=")[0] for line in lines]
    assert all(line.startswith("--") for line in lines) and len(set(given)) == len(given)
    assert not {each for each in given if each not in defined and each.removeprefix("no") not in defined}
    assert flag("run_dir", FLAGFILES[name]) == f"experiments/runs/{name}"
    assert flag("model_dir", FLAGFILES[name]) == f"export/models/{name}"


def test_studies_are_found_by_name_and_flagfiles_are_studies():
    import run
    from studies import REPORT, STUDIES

    assert run.find_study("ablation") is STUDIES["ablation"]
    found = run.find_study("quickstart")
    assert found.flagfile == "quickstart" and found.measure == REPORT and len(found.variants) == 1
    with pytest.raises(InputError, match="ablation.*quickstart") as error:
        run.find_study("nothing")
    assert error.value.fields == ("study",)


def test_the_flags_of_a_study_come_before_those_of_the_user():
    import run
    from studies import STUDIES

    arguments = run.insert_flagfile(["run.py", "ablation", "--outer_iterations=1"])
    assert arguments[1].endswith("flags/sensegen_accel.flags")
    assert arguments[2:-2] == list(STUDIES["ablation"].flags) and arguments[-2:] == ["ablation", "--outer_iterations=1"]
    assert run.insert_flagfile(["run.py", "nothing"]) == ["run.py", "nothing"]


def test_every_variant_is_a_configuration_and_starts_from_one_of_the_study():
    import run
    from studies import STUDIES

    for study in STUDIES.values():
        base = config_of(flag("preset", FLAGFILES[study.flagfile]))
        if "--privacy=subject" in FLAGFILES[study.flagfile]:
            privacy = PrivacyConfig(epsilon=8.0, delta=1e-5, clip_norm=0.05, subjects_per_step=256)
            base = dataclasses.replace(base, privacy=privacy, calibrate=False, initial_run="public")
        for variant in study.variants.values():
            config = base
            for path, value in variant.changes.items():
                config = run.changed(config, path, value)
                assert functools.reduce(getattr, path.split("."), config) == value
            assert not variant.after or variant.after in study.variants


def test_a_change_names_an_attribute_by_its_path():
    import run

    base = config_of("sensegen_accel")
    assert run.changed(base, "calibrate", False) == dataclasses.replace(base, calibrate=False)
    assert run.changed(base, "generator.context.lags", 2).generator.context.lags == 2
    head = run.changed(base, "generator.head.type", "channelwise").generator.head
    assert head.type == "channelwise" and head.components == base.generator.head.components
    with pytest.raises(InputError) as error:
        run.changed(base, "generator.context.lags", -1)
    assert error.value.fields == ("lags",)


def test_only_the_finished_trainings_of_a_study_are_not_made_again(tmp_path, monkeypatch):
    import results
    import run
    from studies import Study, Variant

    class Made(run.Runner):
        def _make(self, variant, seed, earlier):
            made.append((variant, seed))
            return {"seconds_in_all": earlier + 1}

    monkeypatch.setattr(results, "RUNS", str(tmp_path))
    monkeypatch.setattr(run, "base_config", lambda: config_of("sensegen_small"))
    study = Study(
        title="t", flagfile="quickstart", variants={"first": Variant(), "then on": Variant(after="first", changes={})}
    )
    made = []
    runner = Made("study", study, None)
    assert runner.record("then on", 3) == {"seconds_in_all": 2} and made == [("first", 3), ("then on", 3)]
    assert runner.record("first", 3) == {"seconds_in_all": 1} and len(made) == 2
    config = runner.config("then on", 3)
    assert config.learning.seed == 3 and config.initial_run == str(tmp_path / "study" / "first" / "3")


def test_a_kept_report_counts_what_was_decided():
    from reports import kept_report

    scores = [{"question": "real", "passed": passed} for passed in (True, False, None)]
    inputs = {"real": {"windows": 5, "subjects": 2}, "synthetic": {"windows": 7, "subjects": None}}
    description = {
        "inputs": inputs,
        "verdict": {"real": {}, "useful": {}},
        "scores": scores,
        "not_measured": {"useful": "no labels"},
    }
    found = kept_report(description, quick=True, seed=1)
    assert found["verdict"] == {"real": {"passed": 1, "measures": 2}, "useful": {"missing": "no labels"}}
    assert found["windows"] == {"synthetic": 7, "training": 5} and found["subjects"] == {"training": 2}


def test_sets_of_the_published_benchmark_are_scaled_to_one(tmp_path):
    import tsbench

    found = tsbench.sines()
    assert found.shape == (10_000, 24, 5) and found.min() >= 0 and found.max() <= 1
    rows = ["Open,Close", "3,10", "2,30", "1,20"]
    (tmp_path / "stock_data.csv").write_text("\n".join(rows))
    # Its newest row comes first.
    np.testing.assert_array_equal(tsbench.table("stocks", tmp_path), np.float32([[0, 0.5], [0.5, 1], [1, 0]]))
