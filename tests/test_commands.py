"""Flags: `--help`, the reference, and what is refused before any work begins."""

import dataclasses
import importlib
import pathlib
import runpy

import pytest
from absl import flags

from sensegen_tf import commands, help_text
from sensegen_tf.errors import InputError
from tests.commands import run

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def empty(monkeypatch):
    """A command without flags, of which the tests know nothing afterwards."""
    values = flags.FlagValues()
    monkeypatch.setattr(commands, "FLAGS", values)
    for name, nothing in (("_topics", {}), ("_required", []), ("_conditions", [])):
        monkeypatch.setattr(commands, name, nothing)
    return values


@pytest.fixture
def small(empty):
    """A command with a few flags, as its writer defines them."""
    with commands.topic("Windows"):
        flags.DEFINE_integer("window_length", 128, "samples in a window", lower_bound=2, flag_values=empty)
        flags.DEFINE_float("window_seconds", None, "the same in seconds", flag_values=empty)
        flags.DEFINE_list("channels", ["ax"], "names", flag_values=empty)
    with commands.topic("More"):
        flags.DEFINE_enum("source", None, ["watch", "table"], "recordings", flag_values=empty)
        flags.DEFINE_bool("balance", True, "labels", flag_values=empty)
    commands.required("source")
    commands.only_with("channels", lambda given: given.source == "table", what="--source=table")
    commands.only_without("window_length", lambda given: given.window_seconds is not None, what="--window_seconds")
    return empty


def test_help_shows_flags_by_topic_in_order_and_marks_what_is_required(small):
    text = help_text.to_terminal("What it does.", commands.topics())
    lines = [line for line in text.splitlines() if line.startswith("  --") or line.endswith(":")]
    assert lines == [
        "Windows:",
        "  --window_length=INTEGER  (at least 2; default 128; only without --window_seconds)",
        "  --window_seconds=NUMBER",
        "  --channels=A,B,...  (default ax; only with --source=table)",
        "More:",
        "  --source=watch|table  (required)",
        "  --[no]balance  (default true)",
    ]
    assert text.startswith("What it does.\n") and "      samples in a window\n" in text and text.count("flagfile") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source=table"], None),
        (["--source=table", "--channels=ax,ay", "--window_length=20"], None),
        ([], "--source must be given"),
        (["--source=watch", "--channels=ax"], "--channels: only with --source=table"),
        (
            ["--source=watch", "--window_seconds=1", "--window_length=9"],
            "--window_length: only without --window_seconds",
        ),
    ],
)
def test_flags_are_checked_before_the_command_runs(small, words, message):
    small(["program", *words])
    if message is None:
        commands.check_flags()
        return
    with pytest.raises(InputError) as error:
        commands.check_flags()
    assert str(error.value) == message and len(error.value.fields) == 1


@pytest.mark.parametrize(
    ("words", "message", "fields", "shown"),
    [
        ([], "balance must be true, got 2", ["balance"], "--balance must be true, got 2"),
        ([], "length must be even, got 3", ["length"], "--window_length must be even, got 3"),
        (["--window_seconds=1"], "change length", ["length"], "change --window_seconds"),
        ([], "of length 3: length must be even", ["length"], "of length 3: --window_length must be even"),
        ([], "window_length is 3 and window_seconds 1", ["window_length", "window_seconds"],
         "--window_length is 3 and --window_seconds 1"),
        ([], "in /data/source.csv: change source", ["source"], "in /data/source.csv: change --source"),
        ([], "components must be at least 1", ["components"], "components must be at least 1"),
        ([], "no channel named bx; channels are ax", [], "no channel named bx; channels are ax"),
    ],
)  # fmt: skip
def test_errors_of_fields_are_shown_with_flags(small, words, message, fields, shown):
    small(["program", *words])
    assert commands.message_with_flags(InputError(message, fields=fields)) == shown


def test_a_configuration_comes_from_the_flags_of_its_fields(small):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config:
        channels: tuple[str, ...]
        balance: bool
        length: int

    small(["program", "--channels=ax,ay"])
    assert commands.from_flags(Config, length=3) == Config(channels=("ax", "ay"), balance=True, length=3)
    with pytest.raises(KeyError):
        commands.from_flags(Config)
    assert list(commands.flag_values()) == ["window_length", "window_seconds", "channels", "source", "balance"]


@pytest.mark.parametrize(
    ("module", "configs"),
    [
        (
            "data.__main__",
            [
                "data.sources.SourceConfig",
                "data.sources.columns.TableConfig",
                "data.sources.wfdb.WfdbConfig",
                "data.windows.WindowConfig",
            ],
        ),
        ("evaluate", ["data.sources.columns.TableConfig", "evaluation.settings.Settings"]),
        ("train", ["training.learning.LearningConfig", "data.windows.WindowConfig"]),
        ("sample", ["generation.shards.Plan", "generation.ray_engine.RayConfig"]),
    ],
)
def test_the_defaults_of_flags_are_those_of_the_configurations(module, configs):
    runpy.run_module(f"sensegen_tf.{module}", run_name="flags_of_a_command")
    try:
        defaults = {name: flags.FLAGS[name].default for name in commands.flag_values()}
    finally:
        commands.pop_topics()
    compared = 0
    for path in configs:
        package, name = path.rsplit(".", 1)
        for field in dataclasses.fields(getattr(importlib.import_module(f"sensegen_tf.{package}"), name)):
            if field.name in defaults and field.default is not dataclasses.MISSING:
                default = defaults[field.name]
                assert (tuple(default) if isinstance(default, list) else default) == field.default, field.name
                compared += 1
    assert compared >= 1


def test_the_reference_of_the_commands_is_current():
    done = run("reference")
    assert done.returncode == 0, done.stderr
    current = (ROOT / "sensegen_tf" / "CLI.md").read_text(encoding="utf-8")
    assert done.stdout == current, "python -m sensegen_tf.reference > sensegen_tf/CLI.md"


@pytest.mark.parametrize(
    ("module", "required", "shown", "hidden"),
    [
        ("train", ["source", "run_dir"], ["preset", "test_subjects", "schedule"], ["picture", "output"]),
        ("sample", ["model", "output"], ["shard_size", "engine"], ["source", "window_length"]),
        ("evaluate", ["real", "synthetic", "output"], ["test", "array"], ["stride", "source", "data_dir"]),
        ("export", ["checkpoint", "model_dir"], [], ["seed"]),
        ("data", [], ["source", "picture", "output", "shard_windows"], ["seed"]),
    ],
)
def test_help_of_the_commands_shows_the_flags_that_they_use(module, required, shown, hidden):
    done = run(module, help="true")
    assert done.returncode == 0 and "Example:\n  python -m sensegen_tf." in done.stdout, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("  --")]
    marked = {line.split("=")[0][4:] for line in lines if "(required" in line or "; required" in line}
    names = {line.split("=")[0].split()[0].removeprefix("  --").strip("-") for line in lines}
    assert marked == set(required) and {*required, *shown} <= names and not {*hidden, "verbosity"} & names


@pytest.mark.parametrize(
    ("module", "words", "given", "message"),
    [
        ("train", [], {"run_dir": "r"}, "--source must be given"),
        ("train", ["now"], {"source": "watch", "run_dir": "r"}, "unexpected arguments: now"),
        (
            "train",
            [],
            {"source": "watch", "run_dir": "r", "rate_hz": 50, "units": "g"},
            "--units, --rate_hz: only with",
        ),
        ("train", [], {"source": "watch", "run_dir": "r", "window_lenght": 3}, "Did you mean: window_length"),
        ("sample", [], {"model": "sensegen_watch", "output": "f", "chunk_size": 9}, "--chunk_size: only with a file"),
        ("sample", [], {"model": "sensegen_watch", "output": "f.npz", "engine": "ray"}, "--engine: only with a folder"),
        ("sample", [], {"model": "sensegen_watch", "output": "f", "workers": 2}, "--workers: only with --engine=ray"),
        ("sample", [], {"model": "nothing", "output": "f"}, "no SavedModel at nothing"),
        ("evaluate", [], {"synthetic": "s.npz", "output": "o"}, "--real must be given"),
        ("evaluate", [], {"real": "r.npz", "synthetic": "s.npz", "output": "o", "stride": 5}, "'stride'"),
        (
            "evaluate",
            [],
            {"real": "r.npz", "synthetic": "s.npz", "output": "o", "subject_column": "s"},
            "--subject_column: only with text or Parquet files",
        ),
        ("export", [], {"checkpoint": "nothing", "model_dir": "m"}, "nothing"),
        ("data", ["download", "hapt"], {"data_dir": "d", "stride": 5}, "--stride: only with"),
        ("data", ["inspect"], {"source": "watch", "output": "f"}, "--output: only with `prepare`"),
        ("data", ["prepare"], {"source": "watch", "output": "f", "picture": "p"}, "--picture: only with `inspect`"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(module, words, given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(module, *words, **given)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []
