"""RESULTS.md: a table a data set, the targets, what the figures mean, and links to the pages."""

import re
import textwrap

import figures
from markdown import mean, short, table
from pages_tables import bound, measured

# Heading of a data set, names of its results, and its columns: heading, measure, what it is against.
_MOTION = [
    ("NLL", "test_nll", None),
    ("D", "discriminator_accuracy", None),
    ("C2ST, held-out", "c2st", "heldout"),
    ("C2ST, test", "c2st", "test"),
    ("spectrum, dB", "spectrum", "training"),
    ("values, SD", "marginals", "training"),
    ("trees", "tstr_trees", "test"),
    ("real", "trtr_trees", "test"),
    ("AUC", "membership_auc", "training"),
]
_ECG = [
    ("NLL", "test_nll", None),
    ("D", "discriminator_accuracy", None),
    ("C2ST, training", "c2st", "training"),
    ("C2ST, test", "c2st", "test"),
    ("spectrum, dB", "spectrum", "training"),
    ("heart rate", "heart_rate", "training"),
    ("SDNN, ms", "sdnn", "training"),
    ("mean beat", "beat_shape", "training"),
    ("AUC", "membership_auc", "training"),
]
DATA_SETS = [
    (
        "`watch`: wrist acceleration, eight training subjects, two test subjects",
        "quickstart seeds_quickstart quickstart_algorithm1 watch_algorithm1 watch_alternating sensegen_watch "
        "seeds_sensegen_watch",
        [column for column in _MOTION if column[0] != "C2ST, held-out"],
    ),
    (
        "HAPT: acceleration and angular velocity at the waist, 21 training subjects, four test subjects",
        "har_paper sensegen seeds_sensegen sensegen_accel seeds_sensegen_accel sensegen_imu sensegen_fast "
        "seeds_sensegen_fast",
        _MOTION,
    ),
    (
        "ECG at 120 Hz: `ecg_paper` on MIT-BIH, 15 training and three test subjects; `ecg_quickstart` on five minutes "
        "of one subject, tested on the last fifth",
        "ecg_paper ecg_quickstart",
        _ECG,
    ),
]
SETS = ["tsbench", "tsbench_39445f6", "tsbench_channelwise"]
_WIDTH = 158


def overview(results, *, targets, introduction, discussion):
    """The Markdown of RESULTS.md."""
    lines = filled(results, introduction).splitlines()
    for heading, names, columns in DATA_SETS:
        lines += [
            "",
            f"## {heading}",
            *_data_set(results, [name for name in names.split() if name in results], columns),
        ]
    said = filled(results, discussion)
    lines += [
        "",
        *_identity(results),
        "",
        *_sets(results),
        "",
        *_targets(results, targets),
        "",
        *said.splitlines(),
        "",
        *_pages(results, said),
    ]
    return "\n".join(lines) + "\n"


def _data_set(results, names, columns):
    titles = ["three seeds" if name.startswith("seeds_") else name for name in names]
    rows = [
        [title, *(_cell(results[name], *column[1:]) for column in columns)]
        for title, name in zip(titles, names, strict=True)
    ]
    return table(["run", *(heading for heading, *_ in columns)], rows)


def _cell(result, metric, against):
    address = [result["name"], *(["*"] if result["kind"] == "study" else []), metric, *([against] if against else [])]
    try:
        values = figures.find({result["name"]: result}, "|".join(address))
    except KeyError:
        return ""
    if result["kind"] == "study":
        return f"{short(min(values))}{' to ' if min(values) < 0 else '–'}{short(max(values))}"
    score = figures.score_of(result, metric, against) if against else None
    text = short(values[0])
    if score is None or score["reference"] is None:
        return text
    text += f" ({short(bound(score))})"
    return {True: text, False: f"**{text}**", None: f"{text}?"}[score["passed"]]


# Heading of a column of the table of people -> names of measures.
_MEASURES = {
    "median beat": "impersonation_beat",
    "embedding": "impersonation_embedding",
    "slicing DTW": "impersonation_slices",
    "AUC, samples": "subject_membership_auc",
    "AUC, density": "subject_density_auc",
    "AUC, likelihood": "subject_likelihood_auc",
}


def _identity(results):
    """Whom samples pass for: a row a model whose report measured people."""
    rows = []
    for name, result in results.items():
        found = _of_subjects(result)
        if found:
            cells = [_interval(found.get(metric)) for metric in _MEASURES.values()]
            rows.append([name.removeprefix("identity_"), *cells])
    text = (
        'Share of the samples that pass for a training subject, by three signatures (by chance .05; "-": not measured, '
        "or the signature cannot tell these subjects apart), and membership of a subject (chance .5), with 95 % "
        "intervals. **Bold**: worse than the null."
    )
    return ["## Whom samples pass for", *textwrap.wrap(text, _WIDTH), "", *table(["model", *_MEASURES], rows)]


def _of_subjects(result):
    """Measure -> score of a report, where it measured people."""
    if "identity" in result.get("tables", {}):
        rows = result["tables"]["identity"]["rows"]
        marks = {"passes": True, "fails": False}
        return {name: {**value, "passed": marks.get(passed)} for _, value, _, passed, name in rows}
    scores = result["report"]["scores"] if result["kind"] == "run" and "report" in result else []
    found = {score["metric"]: score for score in scores}
    return found if any(name in found for name in _MEASURES.values()) else {}


def _interval(score):
    if score is None or score["passed"] is None:
        return "-"
    text = f"{short(score['value'])} ({short(score['low'])}–{short(score['high'])})"
    return text if score["passed"] else f"**{text}**"


def _sets(results):
    """The published benchmark, a row a set and preset; an older measurement where there is no newer one."""
    rows, shown = [], set()
    for name in (each for each in SETS if each in results):
        for case in results[name]["cases"]:
            if (case, results[name]["preset"]) in shown:
                continue
            shown.add((case, results[name]["preset"]))
            runs = [run for run in results[name]["runs"] if run["case"] == case]
            rows.append([case, _preset(results[name]), str(len(runs)), *_set(results[name]["cases"][case], runs)])
    rows.sort(key=lambda row: (row[0].split("_")[0], int(row[0].split("_")[1])))
    columns = ["set and length", "preset", "seeds", "discriminative score", "target", "best published", "perfect"]
    columns += ["C2ST, later windows (training)", "predictive score (real)"]
    return ["## The published benchmark, by the protocol of TimeGAN", *table(columns, rows)]


def _preset(result):
    at = re.search(r"_([0-9a-f]{7})$", result["name"])
    return result["preset"].removeprefix("sensegen_") + (f" at {at[1]}" if at else "")


def _set(published, runs):
    def over_seeds(what):
        found = [measured(run, what) for run in runs]
        return None if None in found else [value for value, _ in found]

    values = over_seeds("discriminative")
    if len(runs) > 1:
        score = f"{short(mean(values))} ({short(min(values))}–{short(max(values))})"
    else:
        score = f"{short(values[0])} ± {short(measured(runs[0], 'discriminative')[1])}"
    met = "met" if mean(values) < published["target"] else "**missed**"
    cells = [score, f"{short(published['target'])}: {met}"]
    cells += [short(published["best_published"]), short(published["perfect"])]
    for what, beside in (("c2st", "c2st_baseline"), ("predictive", "predictive_on_real")):
        found = over_seeds(what)
        cells.append("" if found is None else f"{short(mean(found))} ({short(mean(over_seeds(beside)))})")
    return cells


_BOUNDS = {
    "at_most": ("at most {}", lambda value, bound: value <= bound),
    "at_least": ("at least {}", lambda value, bound: value >= bound),
    "above": ("above {}", lambda value, bound: value > bound),
    "within": ("within {}", lambda value, bound: abs(value) <= bound),
}


def measured_target(results, target):
    """Of each figure of a target: value, the ends of its interval or of the range of its seeds, whether it is met."""
    (kind,) = _BOUNDS.keys() & target.keys()
    for number, address in enumerate(target["figures"]):
        values = figures.find(results, address)
        value, low, high = mean(values), min(values), max(values)
        if len(values) == 1:
            low, high = figures.interval(results, address)
        for other, change in (("of", lambda a, b: a / b), ("minus", lambda a, b: a - b)):
            if other in target:
                beside = mean(figures.find(results, target[other][number]))
                value, low, high = (change(each, beside) for each in (value, low, high))
        yield value, low, high, _BOUNDS[kind][1](value, target[kind])


def _targets(results, targets):
    rows = []
    for target in targets:
        found = list(measured_target(results, target))
        (kind,) = _BOUNDS.keys() & target.keys()
        texts = [
            short(value) + (f" ({short(low)} to {short(high)})" if low < high else "") for value, low, high, _ in found
        ]
        verdicts = ["met" if met else "**missed**" for *_, met in found]
        verdict = verdicts[0] if len(set(verdicts)) == 1 else ", ".join(verdicts)
        rows.append([target["what"], _BOUNDS[kind][0].format(short(target[kind])), "; ".join(texts), verdict])
    return ["## Targets", *table(["what", "target", "found (95 % interval, or range of the seeds)", ""], rows)]


def filled(results, text):
    """A text with the figures at the addresses in double braces (the mean of several), its lines broken anew."""

    def value(match):
        return short(mean(figures.find(results, match[1])))

    text = re.sub(r"<!--.*?-->\n", "", text, flags=re.DOTALL)
    paragraphs = re.sub(r"\{\{(.+?)\}\}", value, text.strip()).split("\n\n")
    return "\n\n".join("\n".join(_broken(paragraph)) for paragraph in paragraphs)


def _broken(paragraph):
    """The lines of a paragraph, or of the items of a list."""
    items = re.split(r"\n(?=- )", paragraph)
    return [line for item in items for line in _wrapped(" ".join(item.split()), "  " if item.startswith("- ") else "")]


def _wrapped(text, indent=""):
    how = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": indent}
    return textwrap.wrap(text, _WIDTH, **how)


def _pages(results, said):
    """Links to all pages that are not linked to already, as many a line as there is room for."""
    links = ", ".join(
        f"[{name.replace('sensegen_', '')}](results/{name}.md)" for name in results if f"/{name}.md" not in said
    )
    return ["## More pages", "", *_wrapped(links)]
