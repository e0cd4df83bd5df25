"""Tables that compare trainings, and how a score is written in them."""

import math

import scipy.stats
from markdown import mean, number, table

# Measures of a subject, beside those of windows; reports that have none say so.
SUBJECT_METRICS = ("impersonation",)
NO_SUBJECT = (
    "Nothing here was measured of a person: copies and membership are those of windows, so no figure below says that "
    "the training subjects are protected."
)
# More trainings than these stand below one another, with these measures.
_ABREAST = 5
_MAIN = [
    ("c2st", "heldout"),
    ("c2st", "test"),
    ("spectrum", "training"),
    ("autocorrelation", "training"),
    ("marginals", "training"),
    ("cross_correlation", "training"),
    ("gravity", "training"),
    ("heart_rate", "training"),
    ("tstr_trees", "test"),
    ("membership_auc", "training"),
]


def warning(scores):
    """What must be said of scores among which there is no measure of a person."""
    measured = any(score["metric"].startswith(SUBJECT_METRICS) for score in scores)
    about = any(score["question"] == "private" for score in scores)
    return [] if measured or not about else ["", NO_SUBJECT]


def title(score):
    """A measure's title with its unit."""
    return score["title"] + (f" [{score['unit']}]" if score["unit"] else "")


def mark(score):
    """How a score stands beside its baseline or null."""
    if score["reference"] is None:
        return ""
    return {True: "", False: "**worse**", None: "undecided"}[score["passed"]]


def bound(score):
    """The end of the reference's interval that a value should not pass, or None."""
    return score.get("reference_high" if score["better"] == "lower" else "reference_low")


def cell(value):
    """A cell of a benchmark: a text, a number, or {"value", "low", "high", "met"}."""
    if not isinstance(value, dict):
        return value
    text = number(value["value"]) if "value" in value else ""
    if "low" in value:
        text += f" ({number(value['low'])} to {number(value['high'])})"
    verdict = {True: "met", False: "**missed**"}.get(value.get("met"))
    return ": ".join(part for part in (text, verdict) if part)


def _figures(run):
    """(Title, against) -> text of everything measured of a training."""
    last = run["metrics"][-1]
    found = {("NLL, nats a sample", "test"): number(last["test_nll"])}
    if "discriminator_accuracy" in last:
        key = "accuracy of the alternating discriminator", "test"
        found[key] = number(last["discriminator_accuracy"])
    for score in run["scores"]:
        found[title(score), score["against"]] = _value(score)
    if "seconds" in run:
        found["trained, s", ""] = number(run["seconds"])
    return found


def _value(score):
    text = number(score["value"])
    if bound(score) is not None:
        text += f" ({number(bound(score))})"
    if "fits" in score:
        text += f" ({', '.join(map(number, score['fits']))})"
    return {True: text, False: f"**{text}**", None: f"{text}?" if score.get("reference") else text}[score.get("passed")]


def side_by_side(runs):
    """Trainings beside one another, or below one another where they are many."""
    if len(runs) > _ABREAST:
        return _below_one_another(runs)
    columns = [_figures(run) for run in runs]
    keys = dict.fromkeys(key for column in columns for key in column)
    rows = [[*key, *(column.get(key, "") for column in columns)] for key in keys]
    names = [run["name"] for run in runs]
    if all("seed" in run for run in runs) and len({run["seed"] for run in runs}) > 1:
        names, means = [*names, "mean"], _means(runs)
        rows = [[*row, means.get(tuple(row[:2]), "")] for row in rows]
    return table(["measure", "against", *names], rows)


def _means(runs):
    """The same keys as those of `_figures` -> mean of the trainings."""
    every = [
        {("NLL, nats a sample", "test"): run["metrics"][-1]["test_nll"]}
        | {
            ("accuracy of the alternating discriminator", "test"): run["metrics"][-1].get("discriminator_accuracy"),
            ("trained, s", ""): run["seconds"],
        }
        | {(title(score), score["against"]): score["value"] for score in run["scores"]}
        for run in runs
    ]
    return {key: number(mean([each.get(key) for each in every])) for key in every[0]}


def _below_one_another(runs):
    shown = [key for key in _MAIN if any((s["metric"], s["against"]) == key for s in runs[0]["scores"])]
    by_key = [{(score["metric"], score["against"]): score for score in run["scores"]} for run in runs]
    heads = [f"{title(by_key[0][key])}, {key[1]}" for key in shown]
    rows = [
        [run["name"], number(run["metrics"][-1]["test_nll"]), *(_value(scores[key]) for key in shown)]
        for run, scores in zip(runs, by_key, strict=True)
    ]
    return table(["variant", "NLL, test", *heads], rows)


def changes(runs):
    """What was changed for each variant, as a list."""
    found = [(run["name"], run["changes"]) for run in runs if run.get("changes")]
    texts = [f"- {name}: " + ", ".join(f"`{key}` = {_plain(value)}" for key, value in to.items()) for name, to in found]
    return ["", "What was changed:", "", *texts] if texts else []


def _plain(value):
    return value if isinstance(value, str) else repr(value)


def mean_and_half_width(values):
    """The mean of repeats and half of its 95 % interval (Student's t)."""
    middle = mean(values)
    if len(values) < 2:
        return middle, None
    deviation = math.sqrt(sum((value - middle) ** 2 for value in values) / (len(values) - 1))
    return middle, float(scipy.stats.t.ppf(0.975, len(values) - 1)) * deviation / math.sqrt(len(values))


def measured(run, what):
    """Mean and half width of one measure of a training of the benchmark, or None."""
    if "values" in run:
        return mean_and_half_width(run["values"][what]) if what in run["values"] else None
    found = run["means"].get(what)
    return found and (found["mean"], found.get("half_width"))


def _repeats(run, what):
    found = measured(run, what)
    if found is None:
        return ""
    return f"{found[0]:.4f}" + ("" if found[1] is None else f" ± {found[1]:.4f}")


def benchmark_sets(result):
    """The table of the published benchmark, a row a training."""
    columns = ["set and length", "seed", "discriminative score", "target", "best published", "of a perfect generator"]
    columns += ["predictive score", "of real data", "C2ST", "C2ST of training windows", "trained, s", "on"]
    rows = []
    for run in result["runs"]:
        published = result["cases"][run["case"]]
        met = measured(run, "discriminative")[0] < published["target"]
        rows.append(
            [
                run["case"],
                str(run["seed"]),
                _repeats(run, "discriminative"),
                f"below {published['target']:g}: {'met' if met else '**missed**'}",
                f"{published['best_published']:g}",
                "" if published["perfect"] is None else f"{published['perfect']:g}",
                *(_repeats(run, what) for what in ("predictive", "predictive_on_real", "c2st", "c2st_baseline")),
                f"{run['seconds']:,.0f}",
                run["machine"],
            ]
        )
    return table(columns, rows)
