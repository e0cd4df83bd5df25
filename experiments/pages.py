"""The page of a result: Markdown from what is kept of it in results/NAME.json.

A result has a name, a kind, the command that made it and the commit that recorded it. Kinds:

- "run": one training: its preset, data, losses and, where samples were compared with recordings, its report;
- "study": several trainings side by side: seeds, or variants of a base;
- "tsbench": sets of the published benchmark, a training each;
- "benchmark": tables of anything else, such as speed.
"""

import pages_tables as tables
from markdown import interval, number, plural, table

BEFORE = "before names and paths of flags changed, see [RESULTS.md](../RESULTS.md#how-to-read-this)"
METRICS = {
    "outer": "outer iteration",
    "discriminator_loss": "discriminator loss",
    "generator_loss": "training NLL",
    "test_nll": "test NLL",
    "discriminator_accuracy": "discriminator accuracy, test",
    "accuracy_on_real": "of it on real",
    "accuracy_on_generated": "of it on generated",
}
QUESTIONS = {
    "real": "Do the samples look real?",
    "useful": "Do they work as training data?",
    "private": "Windows copied, membership of windows",
    "physiology": "Is the physiology right?",
}
AGAINST = {"training": "training subjects", "heldout": "held-out windows", "test": "test subjects"}
# Most rows of a table of losses.
_ROWS = 12


def page(result):
    """The Markdown of a result's page."""
    lines = [f"# {result['name']}", "", *KINDS[result["kind"]](result)]
    return "\n".join(lines) + "\n"


def _facts(result, *facts):
    """The list that every page begins with."""
    recorded = result["recorded"]
    when = f"Recorded {recorded['date']}" + (f" in commit `{recorded['commit']}`" if "commit" in recorded else "")
    when += f", {BEFORE}" if "names" in result else ""
    return [f"- {fact}" for fact in (f"Command: `{result['command']}`", f"{when}.", *facts, *result.get("notes", ()))]


def _pictures(result):
    return [f"![{title}](../{path})" for title, path in result.get("pictures", {}).items()]


def _run(result):
    data, splits = result["data"], result["data"]["splits"]
    counts = [
        f"{plural(split['windows'], f'{_ADJECTIVES[name]} window')} of {plural(split['subjects'], 'subject')}"
        for name, split in splits.items()
    ]
    resumed = f" from step {result['resumed_at_step']} on" if "resumed_at_step" in result else ""
    seconds = f"{result['seconds']:,.0f} s{resumed} on {result['machine']}"
    return [
        f"One training of the preset `{result['preset']}` on `{data['source']}`.",
        "",
        *_facts(
            result,
            f"Data: {', '.join(data['channels'])} at {data['rate']:g} Hz; {'; '.join(counts)}.",
            f"Schedule `{result['schedule']}`, seed {result['seed']}, {seconds}.",
        ),
        "",
        "## Training",
        "",
        *_losses(result["metrics"]),
        "",
        *_spectrum(result["spectrum"]),
        *_temperatures(result["temperatures"]),
        *_pictures(result),
        *_report(result.get("report")),
    ]


_ADJECTIVES = {"training": "training", "heldout": "held-out", "test": "test"}


def _losses(metrics):
    step = max(1, -(-len(metrics) // _ROWS))
    shown = [row for index, row in enumerate(metrics) if index % step == 0 or row is metrics[-1]]
    rows = [[str(row["outer"]), *(f"{row[key]:.3f}" for key in list(METRICS)[1:])] for row in shown]
    return table(list(METRICS.values()), rows)


def _spectrum(spectrum):
    low, high = spectrum["band_hz"]
    differences = spectrum["largest_difference_db"]
    channels = list(differences["synthetic"])
    rows = [[name, *(f"{found[channel]:.1f}" for channel in channels)] for name, found in differences.items()]
    text = f"Largest difference of the amplitude spectrum from {low:g} to {high:g} Hz against the training windows, dB:"
    return [text, "", *table(["windows", *channels], rows), ""]


def _temperatures(found):
    if set(found.values()) <= {1.0}:
        return []
    values = ", ".join(f"{value:g} ({label})" for label, value in found.items())
    return [f"Temperatures of sampling, chosen by training windows: {values}.", ""]


def _report(report):
    if report is None:
        return ["", "## Report", "", "None was made."]
    windows, subjects = report["windows"], report["subjects"]
    real = [
        f"{windows[name]:,} {_ADJECTIVES[name]} windows of {plural(subjects[name], 'subject')}" for name in subjects
    ]
    verdict = [
        [QUESTIONS[question], _verdict(found)] for question, found in report["verdict"].items() if question in QUESTIONS
    ]
    when = (
        f", recorded {report['recorded']['date']} in `{report['recorded']['commit']}`" if "recorded" in report else ""
    )
    return [
        "",
        "## Report",
        "",
        f"A {'quick' if report['quick'] else 'full'} report, seed {report['seed']}{when}: {windows['synthetic']:,} "
        f"samples against {' and '.join(real)}.",
        *tables.warning(report["scores"]),
        "",
        *table(["question", "measures within their baseline or null"], verdict),
        "",
        *_scores(report["scores"]),
    ]


def _verdict(found):
    if "missing" in found:
        return f"not measured: {found['missing']}"
    return f"{found['passed']} of {found['measures']}"


def _scores(scores):
    rows = [
        [
            tables.title(score),
            AGAINST[score["against"]],
            number(score["value"]),
            interval(score["low"], score["high"]),
            score["reference"] or "",
            interval(score["reference_low"], score["reference_high"]),
            tables.mark(score),
        ]
        for score in scores
    ]
    return table(["measure", "against", "value", "95 % interval", "beside", "its 95 % interval", ""], rows)


def _study(result):
    machines = sorted({run["machine"] for run in result["runs"] if "machine" in run} | {result.get("machine")} - {None})
    facts = [f"Preset `{result['preset']}`, data `{result['source']}`, on {'; '.join(machines)}."]
    if "base_flags" in result:
        facts.append(f"Base, in today's names of flags: `{result['base_flags']}`.")
    if "goes_on_from" in result:
        facts.append(f"All go on from the weights of a run of [{result['goes_on_from']}]({result['goes_on_from']}.md).")
    if result["baselines_kept"]:
        facts.append(
            "In brackets the end of the baseline's or the null's 95 % interval. Bold: worse; question mark: undecided."
        )
    else:
        facts.append("Baselines and intervals of these reports were not kept.")
    every = [score for run in result["runs"] for score in run["scores"]]
    return [
        f"{result['title']}. {result['measured']}",
        "",
        *_facts(result, *facts),
        *tables.warning(every),
        "",
        *tables.side_by_side(result["runs"]),
        *tables.changes(result["runs"]),
        *_pictures(result),
    ]


def _tsbench(result):
    return [
        f"The published benchmark by the protocol of TimeGAN, preset `{result['preset']}`, by likelihood alone.",
        "",
        *_facts(
            result,
            "Figures are means of 5 repeats, beyond length 24 of 3, with their 95 % intervals (Student's t).",
            "C2ST: accuracy against later windows of time (Sines: other series); beside it that of training windows.",
            "Training on longer windows starts from the weights for shorter ones; seconds are those of all together.",
        ),
        "",
        *tables.benchmark_sets(result),
        "",
        *_pictures(result),
    ]


def _benchmark(result):
    machine = [f"Machine: {result['machine']}."] if result.get("machine") else []
    versions = ", ".join(f"{name} {version}" for name, version in result.get("versions", {}).items())
    lines = [f"{result['title']}.", "", *_facts(result, *machine, *([versions] if versions else []), *result["text"])]
    for found in result["tables"].values():
        lines += ["", found["text"], "", *table(found["columns"], [map(tables.cell, row) for row in found["rows"]])]
    return [*lines, "", *_pictures(result)]


KINDS = {"run": _run, "study": _study, "tsbench": _tsbench, "benchmark": _benchmark}
