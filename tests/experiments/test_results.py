"""What is written about results is what the JSON of the results says; all of it without TensorFlow."""

import json
import re
import subprocess
import sys

import pytest

from tests.experiments.conftest import EXPERIMENTS

RESULTS = EXPERIMENTS / "results"
SCORE_KEYS = {"metric", "title", "question", "unit", "better", "against", "value"}


def kept():
    """All results: name -> what is kept."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}


def scores(result):
    """All scores of a result."""
    runs = [result.get("report", {}), *result.get("runs", ())]
    return [score for run in runs for score in run.get("scores", ())]


def test_the_pages_and_the_overview_are_what_the_generator_writes():
    import results

    written = results.documents(results.load())
    assert {path.name for path in RESULTS.glob("*.md")} == {
        *(path.removeprefix("results/") for path in written if path.startswith("results/")),
        *("introduction.md", "discussion.md"),
    }
    for path, text in written.items():
        assert (EXPERIMENTS / path).read_text(encoding="utf-8") == text, f"{path}: run experiments/results.py"


@pytest.mark.process
def test_the_generator_needs_no_tensorflow():
    code = "import sys, results; results.documents(results.load()); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=EXPERIMENTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_overview_is_short_and_says_first_what_it_does_not_show():
    lines = (EXPERIMENTS / "RESULTS.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150 and max(map(len, lines)) <= 160
    assert any("measured windows, not subjects" in line for line in lines[:6])


def test_links_lead_somewhere():
    # The pages, but not the texts that go into RESULTS.md.
    for page in [EXPERIMENTS / "RESULTS.md", *(RESULTS / f"{name}.md" for name in kept())]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_picture_is_shown():
    shown = {path for result in kept().values() for path in result.get("pictures", {}).values()}
    there = {f"pictures/{path.name}" for path in (EXPERIMENTS / "pictures").iterdir()}
    # The report is shown in the README.
    assert there - shown == {"pictures/report.png"} and shown <= there


@pytest.mark.parametrize("name", kept())
def test_a_result_is_complete(name):
    import pages
    import results

    result = kept()[name]
    assert result["schema"] == results.SCHEMA and result["name"] == name and result["kind"] in pages.KINDS
    assert {"command", "recorded"} <= result.keys()
    assert (RESULTS / f"{name}.json").read_text(encoding="utf-8") == results.dumps(result) + "\n"
    for score in scores(result):
        assert score.keys() >= SCORE_KEYS and score["against"] in pages.AGAINST
        # An accuracy: .5 is chance.
        assert score["metric"] != "c2st" or 0.3 < score["value"] <= 1


ABOUT_SUBJECTS = [name for name, result in kept().items() if any(s["question"] == "private" for s in scores(result))]


@pytest.mark.parametrize("name", ABOUT_SUBJECTS)
def test_nothing_is_called_private_that_was_not_measured_of_subjects(name):
    from pages_tables import NO_SUBJECT, SUBJECT_METRICS

    text = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    if not any(score["metric"].startswith(SUBJECT_METRICS) for score in scores(kept()[name])):
        assert NO_SUBJECT in text and not re.search(r"no leak|private", text, re.IGNORECASE)


def test_metrics_are_those_of_the_report():
    from sensegen_tf.evaluation.metrics.definitions import METRICS

    for name, result in kept().items():
        for score in scores(result):
            definition = METRICS[score["metric"]]
            found = {key: score[key] for key in ("title", "question", "unit", "better")}
            assert found == {key: getattr(definition, key) for key in found}, name


def test_a_figure_is_found_by_its_address():
    import figures

    run = {"kind": "run", "metrics": [{"test_nll": 1.0}, {"test_nll": 2.0}], "seconds": 9}
    score = {"metric": "c2st", "against": "test", "value": 0.7, "low": 0.6}
    run["report"] = {"scores": [score]}
    trainings = [{"name": "a", "metrics": [{"test_nll": 3.0}], "scores": [score]}]
    trainings.append({"name": "b", "metrics": [{"test_nll": 5.0}], "scores": []})
    table = {"columns": ["what", "s"], "rows": [["all", {"value": 4}], ["some", 2]]}
    found = {
        "run": run,
        "study": {"kind": "study", "runs": trainings},
        "sets": {"kind": "tsbench", "runs": [{"case": "x_24", "seconds": 1, "values": {"c2st": [0.5, 0.7]}}]},
        "speed": {"kind": "benchmark", "tables": {"times": table}},
    }
    expected = {
        "run|test_nll": [2.0],
        "run|seconds": [9],
        "run|c2st|test": [0.7],
        "run|c2st|test|low": [0.6],
        "study|*|test_nll": [3.0, 5.0],
        "study|b|test_nll": [5.0],
        "study|*|c2st|test": [0.7],
        "sets|x_24|seconds": [1],
        "sets|x_24|c2st": [0.6],
        "speed|times|all|s": [4],
        "speed|times|some|s": [2],
    }
    assert {address: figures.find(found, address) for address in expected} == expected
    for missing in ("run|c2st|heldout", "nothing|test_nll", "speed|times|all|minutes", "study|c|test_nll"):
        with pytest.raises(KeyError, match=re.escape(missing)):
            figures.find(found, missing)


def test_targets_are_measured_against_their_bounds():
    import overview

    table = {"columns": ["what", "off"], "rows": [["a", -4.0], ["b", 8.0]]}
    found = {"x": {"kind": "benchmark", "tables": {"t": table}}}

    def met(**target):
        return [each[-1] for each in overview.measured_target(found, {"figures": ["x|t|a|off", "x|t|b|off"], **target})]

    assert met(within=5) == [True, False] and met(at_most=8) == [True, True] and met(above=8) == [False, False]
    assert met(of=["x|t|b|off", "x|t|b|off"], at_least=1) == [False, True]
    assert met(minus=["x|t|b|off", "x|t|b|off"], at_most=-1) == [True, False]


def test_texts_are_filled_with_figures_and_broken_anew():
    import overview

    found = {"x": {"kind": "run", "metrics": [{"test_nll": -0.25}]}}
    text = "<!-- a note -->\n## Head\n\nIt is\n{{x|test_nll}} nats.\n\n- one\n  item\n- two\n"
    assert overview.filled(found, text) == "## Head\n\nIt is -.25 nats.\n\n- one item\n- two"


def test_a_result_that_is_kept_gets_a_page(tmp_path, monkeypatch):
    import results

    texts = {"introduction": "# Results", "discussion": "It is {{new|t|a|s}}."}
    for name, text in texts.items():
        (tmp_path / f"{name}.md").write_text(text)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "gone.md").write_text("the page of a result that is gone")
    (tmp_path / "targets.json").write_text("[]")
    monkeypatch.setattr(results, "HERE", str(tmp_path))
    monkeypatch.setattr(results, "RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr(results, "TEXTS", {name: str(tmp_path / f"{name}.md") for name in texts})
    tables = {"t": {"text": "Times.", "columns": ["what", "s"], "rows": [["a", {"value": 2.0, "met": False}]]}}
    results.keep("new", "benchmark", command="python x.py", title="New", machine="m", text=["how"], tables=tables)
    page = (tmp_path / "results" / "new.md").read_text()
    assert "| a | 2: **missed** |" in page and "`python x.py`" in page
    overview = (tmp_path / "RESULTS.md").read_text()
    assert "It is 2." in overview and "(results/new.md)" in overview
    assert not (tmp_path / "results" / "gone.md").exists()
