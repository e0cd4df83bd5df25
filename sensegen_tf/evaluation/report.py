"""The report: one HTML file that needs no network, the same numbers as JSON, and a summary for the terminal."""

import dataclasses
import html
import os

from sensegen_tf.evaluation.metrics import QUESTIONS
from sensegen_tf.evaluation.verdict import answers
from sensegen_tf.files import whole_file, write_json

HTML, JSON = "report.html", "report.json"


def describe(evaluation):
    """All numbers, as a dictionary that JSON can hold; the same for the same files and settings."""
    parts = {"real": evaluation.real, "synthetic": evaluation.synthetic, "heldout": evaluation.heldout}
    return {
        "inputs": {
            **{kind: _describe_samples(part) for kind, part in parts.items() if part is not None},
            "length": evaluation.real.values.shape[1],
            "rate": evaluation.real.rate,
            "channels": list(evaluation.real.channels),
            "units": list(evaluation.real.units),
        },
        "verdict": {
            each.question: {
                "grade": each.grade,
                "headline": each.headline,
                "failing": list(each.failing),
                "advice": list(each.advice),
            }
            for each in answers(evaluation)
        },
        "scores": [score.describe() for score in evaluation.scores],
        "confusions": {
            "labels": evaluation.classes,
            "counts": {
                classifier: {pair: counts.tolist() for pair, counts in pairs.items()}
                for classifier, pairs in evaluation.confusions.items()
            },
        },
        "not_measured": evaluation.missing,
        "notes": list(evaluation.notes),
        "settings": dataclasses.asdict(evaluation.settings),
    }


def _describe_samples(samples):
    return {
        "file": samples.name,
        "windows": samples.count,
        "people": None if samples.subjects is None else len(set(samples.subjects)),
        "labels": None if samples.labels is None else sorted(set(samples.labels)),
    }


def summary(evaluation):
    """A page of text for the terminal."""
    lines = []
    for each in answers(evaluation):
        lines += [f"{each.title}\n  {each.headline}"]
        lines += [f"  - {sentence}" for sentence in each.failing]
        lines += [f"  > {sentence}" for sentence in each.advice]
    lines += [f"Note: {note}" for note in evaluation.notes]
    lines += ["", f"{'measure':<52} {'against':<9} {'value':>8}  {'95 % interval':<18} {'real people':<18}"]
    for score in evaluation.scores:
        interval = f"{score.low:.3g} to {score.high:.3g}"
        real_people = "" if score.floor is None else f"{score.floor_low:.3g} to {score.floor_high:.3g}"
        title, mark = _title(score), _mark(score, "ok", "WORSE")
        lines.append(f"{title:<52} {score.against:<9} {score.value:>8.3g}  {interval:<18} {real_people:<18} {mark}")
    return "\n".join(lines)


def _mark(score, good, bad):
    """How a score came out: "?" where its floor decides nothing, nothing where it has none."""
    return {True: good, False: bad, None: "" if score.floor is None else "?"}[score.passed]


def _title(score):
    unit = f" [{score.definition.unit}]" if score.definition.unit else ""
    return score.definition.title + unit


def write(evaluation, folder):
    """Writes `report.html` and `report.json` into a folder, each whole or not at all.

    Args:
      evaluation: an `Evaluation`.
      folder: made if missing; reports of before are replaced.

    Returns:
      The path of the HTML file.

    Raises:
      InputError: the folder cannot be written.
    """
    page = to_html(evaluation)
    path = os.path.join(folder, HTML)
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(page)
    write_json(os.path.join(folder, JSON), describe(evaluation))
    return path


def to_html(evaluation):
    """The page."""
    import plotly.io
    from plotly.offline import get_plotlyjs

    from sensegen_tf.evaluation import figures

    drawn = []
    for number, (title, figure) in enumerate(figures.all_figures(evaluation).items()):
        body = plotly.io.to_html(
            figure,
            full_html=False,
            include_plotlyjs=False,
            div_id=f"figure-{number}",
            config={"responsive": True, "displayModeBar": False},
        )
        wide = "wide" if title.startswith(("Every measure", "Confusion")) else ""
        drawn.append(f'<section class="figure {wide}"><h3>{html.escape(title)}</h3>{body}</section>')
    return _PAGE.format(
        style=_STYLE,
        plotly=get_plotlyjs(),
        notes="".join(f"<p><b>Note.</b> {html.escape(note)}</p>" for note in evaluation.notes),
        inputs=_inputs(evaluation),
        verdict="".join(_card(each) for each in answers(evaluation)),
        figures="".join(drawn),
        tables="".join(_table(evaluation, question) for question in QUESTIONS),
        missing=_missing(evaluation),
    )


def _inputs(evaluation):
    parts = (
        ("Real, trained on", evaluation.real),
        ("Real, held out", evaluation.heldout),
        ("Synthetic", evaluation.synthetic),
    )
    rows = []
    for title, part in parts:
        if part is None:
            rows.append(f"<li><b>{title}:</b> not given</li>")
            continue
        people = "" if part.subjects is None else f" of {len(set(part.subjects))} people or series"
        rows.append(f"<li><b>{title}:</b> {part.count} windows{people}, {html.escape(part.name)}</li>")
    real = evaluation.real
    names = ", ".join(f"{c} [{u}]" for c, u in zip(real.channels, real.units, strict=True))
    rate = f" at {real.rate:g} Hz" if real.rate != 1 else ""
    return f"<ul>{''.join(rows)}<li><b>Each:</b> {real.values.shape[1]} samples{rate}, {html.escape(names)}</li></ul>"


def _card(each):
    failing = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in each.failing)
    advice = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in each.advice)
    return (
        f'<article class="card {each.grade}"><h2>{html.escape(each.title)}</h2>'
        f"<p class='headline'>{html.escape(each.headline)}</p>"
        + (f"<h4>What is not good</h4><ul>{failing}</ul>" if failing else "")
        + (f"<h4>What to do</h4><ul>{advice}</ul>" if advice else "")
        + "</article>"
    )


def _table(evaluation, question):
    scores = [score for score in evaluation.scores if score.definition.question == question]
    if not scores:
        return ""
    rows = []
    for score in scores:
        mark = _mark(score, "✓", "✗")
        grade = {True: "pass", False: "fail", None: ""}[score.passed]
        floor = "" if score.floor is None else f"{score.floor:.3g}"
        floor_interval = "" if score.floor is None else f"{score.floor_low:.3g} to {score.floor_high:.3g}"
        cells = [
            f"<td title='{html.escape(score.definition.meaning, quote=True)}'>{html.escape(_title(score))}</td>",
            f"<td>{'held-out' if score.against == 'heldout' else score.against}</td>",
            f"<td class='number'>{score.value:.3g}</td>",
            f"<td class='number'>{score.low:.3g} to {score.high:.3g}</td>",
            f"<td class='number'>{floor}</td><td class='number'>{floor_interval}</td>",
            f"<td>{score.definition.better} is better</td>",
            f"<td class='{grade}'>{mark}</td>",
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = ("measure", "against", "value", "95 % interval", "real people", "95 % interval", "direction", "")
    head = "".join(f"<th>{each}</th>" for each in heads)
    meanings = dict.fromkeys((_title(score), score.definition.meaning) for score in scores)
    listed = "".join(f"<li><b>{html.escape(a)}</b>: {html.escape(b)}</li>" for a, b in meanings)
    return (
        f"<h3>{html.escape(QUESTIONS[question])}</h3><div class='scroll'><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div><details><summary>What these mean</summary><ul>{listed}</ul>"
        "</details>"
    )


def _missing(evaluation):
    if not evaluation.missing:
        return ""
    names = {**QUESTIONS, "likelihood": "Membership inference from the likelihood", "published": "Published scores"}
    rows = "".join(
        f"<li><b>{html.escape(names.get(what, what))}</b> {html.escape(why)}</li>"
        for what, why in evaluation.missing.items()
    )
    return f"<h2>Not measured</h2><ul>{rows}</ul>"


_STYLE = """
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: #1d2730; background: #f4f6f8; }
main { max-width: 1280px; margin: 0 auto; padding: 16px; }
p, li, h1, h2, h3, h4 { overflow-wrap: anywhere; }
h1 { font-size: 1.5em; margin: .4em 0; } h2 { font-size: 1.15em; margin: 1.4em 0 .5em; }
h3 { font-size: 1em; margin: .8em 0 .3em; } h4 { margin: .6em 0 .1em; font-size: .9em; }
ul { margin: .2em 0; padding-left: 1.2em; }
.cards { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 290px), 1fr)); }
.card { background: #fff; border-radius: 8px; padding: 10px 14px; border-top: 6px solid #8a949e; font-size: .93em; }
.card h2 { margin: .1em 0; } .headline { font-weight: 600; margin: .3em 0; }
.good { border-color: #2e7d4f; } .mixed { border-color: #c98a00; } .bad { border-color: #b3261e; }
.figures { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); }
.figure { background: #fff; border-radius: 8px; padding: 4px 10px; min-width: 0; overflow: hidden; }
.wide { grid-column: 1 / -1; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; background: #fff; font-size: .88em; width: 100%; }
th, td { padding: 4px 8px; border-bottom: 1px solid #e1e6ea; text-align: left; } .number { white-space: nowrap; }
.pass { color: #2e7d4f; } .fail { color: #b3261e; font-weight: 700; }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Are the samples real, useful, private?</title>
<style>{style}</style>
<script>{plotly}</script>
<script>addEventListener("load", () => dispatchEvent(new Event("resize")))</script>
</head>
<body><main>
<h1>Are these samples real, useful and private?</h1>
<div class="cards" id="verdict">{verdict}</div>
<p>A measure counts as good where it lies within what it is between two groups of real people ("real people" in the
tables), at 95 %. Where real people may differ by as much as is possible at all, it decides nothing ("?").</p>
{notes}
{inputs}
<h2>Figures</h2>
<p>Drag to zoom, double-click to zoom out, click on a name to hide it.</p>
<div class="figures">{figures}</div>
<h2>Every measure</h2>
{tables}
{missing}
</main></body>
</html>
"""
