"""The report's page: one HTML file that needs no network."""

from __future__ import annotations

import html

import plotly.io
from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.evaluation.evaluator import Evaluation
from sensegen_tf.evaluation.metrics.definitions import AGAINST, QUESTIONS, SIGNATURES
from sensegen_tf.evaluation.plots import figures, privacy
from sensegen_tf.evaluation.scores import Score
from sensegen_tf.evaluation.verdict import Answer, answer, answers

_WIDE = ("Every measure", "Confusion")
_CAPTIONS = {
    "Every measure": "Each value divided by the bound of its baseline or null, both above chance. "
    "Right of the dotted line, samples are worse than the bound.",
    "Confusion": "Rows are the true labels, columns the recognised ones; shares of the true label.",
    "What the samples keep": "What is read from the samples. Attributes that shall be kept should reach their mark, "
    "hidden ones should not pass theirs.",
    "Who the samples pass for": "A window beyond the dotted line is nearer to somebody who was trained on than 95 % of "
    "the windows of test subjects are. Samples should lie where test subjects lie. One SD is that of test subjects.",
    "All windows as points": "Each point is a window. Samples should lie where real windows lie, but not on them.",
}
_MISSING = {
    **QUESTIONS,
    **{f"impersonation_{name}": f"Impersonation ({title})" for name, title in SIGNATURES.items()},
    "identity": "Impersonation",
    "likelihood": "Membership inference from the likelihood",
    "published": "Published scores",
    "tpr": "TPR at 1 % FPR of a subject's membership",
}
_HEADS = ("measure", "", "against", "value", "95 % interval", "reference", "its 95 % interval", "kind", "better")


def render(evaluation: Evaluation) -> str:
    """The page as text."""
    return _PAGE.format(
        style=_STYLE,
        plotly=get_plotlyjs(),
        verdict="".join(_card(each) for each in answers(evaluation)),
        notes="".join(f"<p class='note'><b>Note.</b> {html.escape(note)}</p>" for note in evaluation.notes),
        inputs=_inputs(evaluation),
        privacy=_privacy(evaluation),
        figures="".join(_sections(figures.draw_all(evaluation), "figure")),
        tables="".join(_table(evaluation, question) for question in QUESTIONS),
        missing=_missing(evaluation),
    )


def _card(each: Answer) -> str:
    failing = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in each.failing)
    advice = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in each.advice)
    return (
        f'<article class="card {each.grade}"><h2>{html.escape(each.title)}</h2>'
        f"<p class='headline'>{html.escape(each.headline)}</p>"
        + (f"<h3>What to do</h3><ul>{advice}</ul>" if advice else "")
        + (f"<h3>What was found</h3><ul>{failing}</ul>" if failing else "")
        + "</article>"
    )


def _inputs(evaluation: Evaluation) -> str:
    real = evaluation.real
    names = ", ".join(
        channel if unit == "1" else f"{channel} [{unit}]"
        for channel, unit in zip(real.channels, real.units, strict=True)
    )
    rate = f" at {real.rate:g} Hz" if real.rate != 1 else ""
    test = "Test subjects (people never trained on)"
    if evaluation.test and set(real.subject_names) & set(evaluation.test.subject_names):
        test = "Test windows (of training subjects, at other times)"
    rows = [
        _input("Training subjects", evaluation.real),
        _input("Held-out windows (of training subjects, not trained on)", evaluation.heldout),
        _input(test, evaluation.test),
        _input("Synthetic windows", evaluation.synthetic),
        f"<li><b>Each window:</b> {real.length} time steps{rate}; {html.escape(names)}</li>",
    ]
    return f"<ul>{''.join(rows)}</ul>"


def _input(title: str, windows: WindowSet | None) -> str:
    if windows is None:
        return f"<li><b>{title}:</b> not given</li>"
    subjects = "" if windows.subjects is None else f" of {_count(len(windows.subject_names), 'subject')}"
    return f"<li><b>{title}:</b> {windows.count} windows{subjects}; {html.escape(windows.name)}</li>"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _privacy(evaluation: Evaluation) -> str:
    """What to do, then why, then the figures."""
    found = answer(evaluation, "private")
    advice = [*found.advice, "Do not share these samples: nothing was measured of their privacy."][0]
    drawn = "".join(_sections(privacy.draw_all(evaluation), "privacy"))
    return (
        f"<p class='action {found.grade}'>{html.escape(advice)}</p><p>{html.escape(found.headline)}</p>"
        f"<div class='figures'>{drawn}</div>"
    )


def _sections(drawn: dict[str, Figure], prefix: str) -> list[str]:
    sections = []
    for number, (title, figure) in enumerate(drawn.items()):
        body = plotly.io.to_html(
            figure,
            full_html=False,
            include_plotlyjs=False,
            div_id=f"{prefix}-{number}",
            config={"responsive": True, "displayModeBar": False},
        )
        wide = " wide" if title.startswith(_WIDE) else ""
        caption = "".join(f"<p>{text}</p>" for start, text in _CAPTIONS.items() if title.startswith(start))
        sections.append(f'<section class="figure{wide}"><h3>{html.escape(title)}</h3>{caption}{body}</section>')
    return sections


def _table(evaluation: Evaluation, question: str) -> str:
    scores = [score for score in evaluation.scores if score.definition.question == question]
    if not scores:
        return ""
    head = "".join(f"<th>{each}</th>" for each in _HEADS)
    meanings = dict.fromkeys((score.title, score.definition.meaning) for score in scores)
    listed = "".join(f"<li><b>{html.escape(a)}</b>: {html.escape(b)}</li>" for a, b in meanings)
    return (
        f"<h3>{html.escape(QUESTIONS[question])}</h3><div class='scroll'><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(_row(score) for score in scores)}</tbody></table></div>"
        f"<details><summary>What these mean</summary><ul>{listed}</ul></details>"
    )


def _row(score: Score) -> str:
    reference = score.reference
    mean = "" if reference is None else f"{reference.mean:.3g}"
    interval = "" if reference is None else f"{reference.low:.3g} to {reference.high:.3g}"
    grade = {True: "pass", False: "fail", None: ""}[score.passed]
    meaning = html.escape(score.definition.meaning, quote=True)
    cells = [
        f"<td class='measure' title='{meaning}'>{html.escape(score.title)}</td>",
        f"<td class='{grade}'>{score.mark(passed='✓', failed='✗')}</td>",
        f"<td>{AGAINST[score.against]}</td>",
        f"<td class='number'>{score.value:.3g}</td>",
        f"<td class='number'>{score.low:.3g} to {score.high:.3g}</td>",
        f"<td class='number'>{mean}</td><td class='number'>{interval}</td>",
        f"<td>{'' if reference is None else reference.kind}</td>",
        f"<td>{score.definition.better}</td>",
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _missing(evaluation: Evaluation) -> str:
    if not evaluation.missing:
        return ""
    rows = "".join(
        f"<li><b>{html.escape(_MISSING.get(what, what))}</b>: {html.escape(why)}</li>"
        for what, why in evaluation.missing.items()
    )
    return f"<h2>Not measured</h2><ul>{rows}</ul>"


_STYLE = """
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: #1d2730; background: #f4f6f8; }
main { max-width: 1280px; margin: 0 auto; padding: 16px; }
p, li, h1, h2, h3 { overflow-wrap: anywhere; }
h1 { font-size: 1.5em; margin: .4em 0; } h2 { font-size: 1.15em; margin: 1.4em 0 .5em; }
h3 { font-size: 1em; margin: .8em 0 .3em; }
ul { margin: .2em 0; padding-left: 1.2em; }
.cards { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 290px), 1fr)); }
.card { background: #fff; border-radius: 8px; padding: 10px 14px; border-top: 6px solid #8a949e; font-size: .93em; }
.card h2 { margin: .1em 0; } .headline { font-weight: 600; margin: .3em 0; }
.card h3 { margin: .6em 0 .1em; font-size: .95em; }
.action { font-weight: 600; background: #fff; border-left: 6px solid #8a949e; padding: 6px 12px; }
.good { border-color: #2e7d4f; } .mixed { border-color: #c98a00; } .bad { border-color: #b3261e; }
.note { background: #fff7e0; border-left: 4px solid #c98a00; padding: 6px 12px; margin: 12px 0; }
.figures { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); }
.figure { background: #fff; border-radius: 8px; padding: 4px 10px; min-width: 0; overflow: hidden; }
.figure p { margin: 0; font-size: .9em; color: #4a5661; }
.wide { grid-column: 1 / -1; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; background: #fff; font-size: .88em; width: 100%; }
th, td { padding: 4px 8px; border-bottom: 1px solid #e1e6ea; text-align: left; } .number { white-space: nowrap; }
dt { font-weight: 600; } dd { margin: 0 0 .3em 1.2em; }
.measure { min-width: 11em; }
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
{notes}
<h2 id="privacy">Privacy</h2>
{privacy}
<h2>How to read this report</h2>
<p>The samples are the synthetic windows. Each measure stands beside a reference:</p>
<dl>
<dt>baseline</dt>
<dd>The same measure between two groups of real recordings. It shows how much real recordings differ.</dd>
<dt>null</dt>
<dd>The same attack after permuting at random who was trained on. It shows what chance alone gives.</dd>
</dl>
<p>A measure passes (✓) if its 95 % interval reaches that of its reference. It decides nothing (?) where the reference
is so wide that even the worst possible value lies inside.</p>
<h2>What was evaluated</h2>
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
