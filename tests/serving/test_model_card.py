"""The model card: what it must hold, cards of before, and what a reader sees of it."""

import dataclasses
import json
import os

import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.serving import export, model_card, versions

SCORE = {
    "metric": "spectrum",
    "title": "amplitude spectrum",
    "against": "training",
    "value": 0.1,
    "low": 0.0,
    "high": 0.2,
    "reference": "baseline",
    "reference_mean": 0.1,
    "reference_low": -0.1,
    "reference_high": 0.3,
}
REPORT = {
    "schema": 2,
    "verdict": {
        "real": {"grade": "good", "headline": "Yes: none of 24."},
        "private": {"grade": "bad", "headline": "No, they leak: 3 of 6."},
    },
    "scores": [SCORE, {**SCORE, "title": "cadence", "reference": None}],
    "confusions": {},
}


@pytest.fixture
def card():
    """Of a pretrained model, without the figures of its report."""
    return dataclasses.replace(model_card.read_card(versions.find_version("sensegen_watch")), report={})


def write_json(folder, values):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / model_card.JSON).write_text(json.dumps(values))
    return str(folder)


def earlier(card):
    """The same card as version 0.1 wrote it, in the folder of a version."""
    values = dataclasses.asdict(card)
    for name in ("schema", "config", "preset", "provenance", "privacy"):
        del values[name]
    old_flags, old_metrics, old_splits = (
        {new: old for old, new in names.items()}
        for names in (model_card._FLAGS, model_card._METRICS, model_card._SPLITS)
    )
    flags = {"preset": card.preset, **card.provenance}
    values["name"] = card.preset
    values["flags"] = {old_flags.get(name, name): value for name, value in flags.items()}
    values["metrics"] = {old_metrics.get(name, name): value for name, value in card.metrics.items()}
    del values["data"]["schema"]
    splits = values["data"]["splits"]
    values["data"]["splits"] = {old_splits.get(name, name): split for name, split in splits.items()}
    return values


def test_what_is_written_is_read(card, tmp_path):
    model_card.write_card(str(tmp_path), card)
    assert model_card.read_card(str(tmp_path)) == card
    assert json.loads((tmp_path / "model_card.json").read_text())["schema"] == 3


def test_a_card_of_version_0_1_is_read(card, tmp_path):
    values = earlier(card)
    assert values["name"] == "sensegen_accel" and "heldout" in values["data"]["splits"]
    found = model_card.read_card(write_json(tmp_path / "mine" / "1", values))
    assert found.name == "mine" and found.preset == "sensegen_accel"
    expected = dataclasses.replace(
        card, name="mine", config={}, provenance={"preset": "sensegen_accel", **card.provenance}
    )
    assert found == expected


def test_a_card_of_schema_2_is_read(card, tmp_path):
    values = {name: value for name, value in dataclasses.asdict(card).items() if name != "privacy"}
    assert model_card.read_card(write_json(tmp_path / "1", {**values, "schema": 2})) == card
    with pytest.raises(InputError) as error:
        model_card.read_card(write_json(tmp_path / "2", {**dataclasses.asdict(card), "schema": 2}))
    assert error.value.fields == ("privacy",)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"schema": 4}, ("schema",)),
        ({"colour": 1}, ("colour",)),
        ({"colour": 1, "rate": None, "block": None}, ("colour", "block", "rate")),
    ],
)
def test_unknown_and_missing_keys_are_named(card, change, fields, tmp_path):
    values = {**dataclasses.asdict(card), **change}
    values = {name: value for name, value in values.items() if value is not None}
    with pytest.raises(InputError, match=model_card.JSON) as error:
        model_card.read_card(write_json(tmp_path, values))
    assert error.value.fields == fields


def test_what_is_no_card_is_refused(card, tmp_path):
    for values in ({"name": "x"}, [1, 2]):
        with pytest.raises(InputError, match=model_card.JSON):
            model_card.read_card(write_json(tmp_path, values))
    with pytest.raises(InputError, match="cannot read"):
        model_card.read_card(str(tmp_path / "nowhere"))


def test_the_text_names_the_model_its_preset_and_what_it_was_made_of(card):
    text = model_card.render(card)
    assert text.startswith("# sensegen_watch\n") and "preset `sensegen_accel`" in text
    assert "8 subjects" in text and "2 subjects, who were never trained on" in text and "0 abduction, 1 ext" in text
    assert "Privacy:** not measured" in text and "No report was made of its samples." in text
    assert "schedule.outer_iterations=8" in text and "source=watch" in text


def test_a_report_is_attached_to_a_version_that_was_exported(card, tmp_path):
    model_card.write_card(str(tmp_path), card)
    export.attach_report(str(tmp_path), REPORT)
    assert model_card.read_card(str(tmp_path)) == dataclasses.replace(
        card, report={"verdict": REPORT["verdict"], "scores": REPORT["scores"]}
    )
    text = (tmp_path / "model_card.md").read_text(encoding="utf-8")
    assert "Privacy:** No, they leak: 3 of 6." in "\n".join(text.splitlines()[:6])
    assert "Yes: none of 24." in text and "| cadence | training | 0.1 | 0 to 0.2 |  |" in text
    assert "| amplitude spectrum | training | 0.1 | 0 to 0.2 | baseline -0.1 to 0.3 |" in text
    with pytest.raises(InputError) as error:
        export.attach_report(str(tmp_path), {"scores": []})
    assert error.value.fields == ("verdict",)


def test_a_card_with_a_guarantee_takes_no_figures_of_recordings(card, tmp_path):
    card = dataclasses.replace(
        card, privacy={"words": "Hardly more.", "covered": ["weights"], "not_covered": ["reports"]}
    )
    model_card.write_card(str(tmp_path), card)
    export.attach_report(str(tmp_path), REPORT)
    assert model_card.read_card(str(tmp_path)) == card


def test_a_report_of_version_0_1_is_taken_too():
    rest = {name: value for name, value in SCORE.items() if not name.startswith("reference")}
    floor = {"floor": 0.1, "floor_low": -0.1, "floor_high": 0.3}
    scores = [
        {**rest, **floor},
        {**rest, **floor, "metric": "membership_auc", "against": "heldout"},
        {**rest, **dict.fromkeys(floor)},
    ]
    found = model_card.select_report({"verdict": {}, "scores": scores})["scores"]
    assert found[0] == SCORE
    assert found[1] == {**SCORE, "metric": "membership_auc", "against": "test", "reference": "null"}
    assert [found[2][name] for name in found[2] if name.startswith("reference")] == [None] * 4


def test_the_pretrained_cards_are_as_they_would_be_written_today():
    for name in versions.pretrained():
        version = versions.find_version(name)
        with open(os.path.join(version, model_card.MARKDOWN), encoding="utf-8") as file:
            assert file.read() == model_card.render(model_card.read_card(version)), name
