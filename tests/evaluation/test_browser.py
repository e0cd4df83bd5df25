"""Reports in a real browser (Debian packages chromium and chromium-driver)."""

import dataclasses
import json
import os
import shutil
import time

import numpy as np
import pytest

from sensegen_tf.evaluation import report
from sensegen_tf.evaluation.evaluator import evaluate
from tests.commands import run
from tests.evaluation.conftest import walkers
from tests.evaluation.metrics.test_identity import Heart, hearts
from tests.evaluation.test_cheats import STATISTICS

EXPERIMENTS = os.path.join(os.path.dirname(__file__), "..", "..", "experiments")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"),
]


def browser(profile, width, height):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={profile}",
        f"window-size={width},{height}",
    ):
        options.add_argument(f"--{argument}")
    options.add_experimental_option(
        "mobileEmulation", {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1}}
    )
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(DRIVER))


def look(path, profile, width):
    """Opens a report: what a person would see, and what the browser asked the network for."""
    driver = browser(profile, width, 900)
    try:
        driver.get("about:blank")
        driver.get_log("performance"), driver.get_log("browser")
        driver.get(f"file://{os.path.abspath(path)}")
        deadline = time.monotonic() + 60
        count = "return document.querySelectorAll('.figure').length"
        drawn = """return [...document.querySelectorAll('.figure')].map(figure =>
            figure.querySelectorAll('.scatterlayer .trace path, .heatmaplayer image').length)"""
        while time.monotonic() < deadline and not all(driver.execute_script(drawn) or [0]):
            time.sleep(0.5)
        messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        requests = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return {
            "privacy": driver.execute_script("return document.querySelector('#privacy + p').innerText"),
            "verdict": driver.execute_script("return document.getElementById('verdict').innerText"),
            "figures": driver.execute_script(count),
            "drawn": driver.execute_script(drawn),
            "requests": [url for url in requests if not url.startswith(("file:", "data:", "blob:", "chrome:"))],
            "errors": [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"],
            "width": driver.execute_script("return document.documentElement.scrollWidth"),
        }
    finally:
        driver.quit()


def assert_readable(path, tmp_path):
    for width in (1280, 390):
        seen = look(path, tmp_path / f"profile{width}", width)
        for question in ("look real?", "work as training data?", "protect the training subjects?", "physiology right?"):
            assert question in seen["verdict"], seen["verdict"]
        assert seen["privacy"].startswith(("Do not share", "Treat these samples")), seen["privacy"]
        assert seen["figures"] >= 10 and len(seen["drawn"]) == seen["figures"]
        assert all(seen["drawn"]), seen["drawn"]
        assert seen["requests"] == [] and seen["errors"] == []
        assert seen["width"] <= width, "the page is wider than the screen"


def ecgs():
    """ECGs of three groups of eight."""
    rng = np.random.default_rng(0)
    return [hearts([Heart(rng) for _ in range(8)], 10, seed, f"{seed}-") for seed in range(3)]


@pytest.mark.parametrize("made", [lambda: [walkers(seed, each=10) for seed in range(3)], ecgs])
def test_the_report_of_a_small_evaluation(made, tmp_path):
    real, synthetic, test = made()
    settings = dataclasses.replace(STATISTICS, trees=1, identity_series=60, identity_steps=5, slice_series=5)
    evaluation = evaluate(real, synthetic, test=test, settings=settings)
    assert_readable(report.write(evaluation, str(tmp_path / "report")), tmp_path)


@pytest.mark.slow
def test_the_report_at_the_end_of_a_training(tmp_path):
    """A short training by the quick start's flagfile, with a wide stride: what is looked at is the report."""
    done = run(
        "train",
        flagfile=os.path.join(EXPERIMENTS, "flags", "quickstart.flags"),
        stride=512,
        outer_iterations=1,
        discriminator_steps=2,
        generator_steps=10,
        run_dir=tmp_path / "run",
        model_dir=tmp_path / "model",
        quick_report="true",
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "run" / "report" / "report.json").read_text())
    assert {"likelihood_auc", "membership_auc"} <= {score["metric"] for score in report["scores"]}
    card = json.loads((tmp_path / "model" / "1" / "model_card.json").read_text())
    assert card["report"] == {name: report[name] for name in ("verdict", "scores")}
    assert_readable(tmp_path / "run" / "report" / "report.html", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quickstart", "ecg_paper"])
def test_the_report_of_a_finished_experiment(name, tmp_path):
    path = os.path.join(EXPERIMENTS, "runs", name, "report", "report.html")
    if not os.path.exists(path):
        pytest.skip(f"experiments/flags/{name}.flags was not run with --report in this checkout")
    assert_readable(path, tmp_path)
