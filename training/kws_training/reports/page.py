"""The page of a report: one HTML file that needs nothing but the pictures beside it."""

from __future__ import annotations

import html
import string
from collections.abc import Iterable, Sequence
from pathlib import Path

import kws
from kws.markdown import point_cells, printable, share

from ..data.dataset import Skipped
from ..evaluation.evaluate import Evaluation
from ..evaluation.groups import GroupFigures
from ..evaluation.results import ClipResult
from .card import digest, limits, taken_for
from .curve import LearningCurve, last_step

#: Rows of a table of groups, and lines of what was skipped; the JSON beside the page has all.
MOST_ROWS = 200
#: Rows of the table of what was taken for what.
MOST_PAIRS = 12

TEMPLATE = string.Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="kws evaluate">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --back: #ffffff; --ink: #1c2024; --quiet: #5b646d; --line: #d5d9dd; --mark: #0b62b8; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14181c; --ink: #e6e9ec; --quiet: #9aa4ae; --line: #3a4148; --mark: #6cb2f5; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--back);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: .75rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
a { color: var(--mark); }
nav a { display: inline-block; margin-right: .9rem; padding: .2rem 0; }
img { display: block; max-width: 100%; height: auto; margin: .5rem 0; }
.figures { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0; }
.figures div { color: var(--quiet); }
.figures b { display: block; font-size: 1.6rem; line-height: 1.2; color: var(--ink); }
.quiet { color: var(--quiet); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .25rem .8rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line); }
th { vertical-align: bottom; }
td { vertical-align: top; }
td.number { white-space: nowrap; }
ul { padding-left: 1.2rem; }
td.number, th.number { text-align: right; }
summary { cursor: pointer; padding: .4rem 0; }
ol.clips { list-style: none; padding: 0; display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); }
ol.clips li { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .75rem; }
audio { width: 100%; height: 2.5rem; margin-top: .4rem; }
small { color: var(--quiet); }
</style>
</head>
<body>
<h1>$title</h1>
<p class="quiet">$source</p>
<div class="figures">$figures</div>
<nav>$links</nav>
$sections
<p class="quiet">kws $version, <code>kws evaluate --report</code>. Intervals are 95 % intervals:
exact ones of shares (Clopper and Pearson) and of rates (Garwood). They take clips for
independent.</p>
</body>
</html>
""")


def html_page(
    evaluation: Evaluation,
    played: Sequence[tuple[ClipResult, str]],
    curve: LearningCurve | str,
) -> str:
    """Return the page.

    Parameters
    ----------
    evaluation : Evaluation
        The model, and what it made of recordings.
    played : sequence of (ClipResult, str)
        Clips that went wrong, and the names of the files beside the page that play them.
    curve : LearningCurve or str
        The learning curve, or why there is none.

    Returns
    -------
    str
        The page in HTML.
    """
    report = evaluation.report
    low, high = report.interval
    facts = (
        (f"{100 * report.accuracy:.1f} %", f"accuracy ({100 * low:.1f} to {100 * high:.1f})"),
        (f"{report.clips:,}", "clips"),
        (f"{evaluation.speakers:,}" if evaluation.speakers else "–", "known speakers"),
        (f"{len(report.mistakes):,}", "went wrong"),
        (f"{evaluation.size / 1000:,.0f} kB", "model file"),
    )
    return TEMPLATE.substitute(
        title=f"How good is {text(Path(evaluation.model.path).name)}?",
        source=f"Judged on the recordings in {text(', '.join(evaluation.folders))}; network "
        f"{digest(evaluation.model.network)}",
        figures="".join(f"<div><b>{figure}</b>{what}</div>" for figure, what in facts),
        links='<a href="card.md">Model card</a> <a href="report.json">Figures as JSON</a>',
        version=text(kws.__version__),
        sections="\n".join(
            (
                _limits(evaluation),
                _confusion(evaluation),
                _classes(evaluation),
                _groups(evaluation),
                _mistakes(evaluation, played),
                curve_section(curve),
                _points(evaluation),
                skipped_section(evaluation.report.skipped),
            )
        ),
    )


def text(value: object) -> str:
    """Return a text that nobody has checked, such as a label or a path, fit for the page.

    Parameters
    ----------
    value : object
        The text, or what is written as one.

    Returns
    -------
    str
        HTML.
    """
    return html.escape(printable(str(value)))


def _limits(evaluation: Evaluation) -> str:
    lines = "".join(
        f"<li>{line}</li>" for line in limits(evaluation, lambda name: f"<b>{text(name)}</b>")
    )
    return f"<h2>Where it fails</h2><ul>{lines}</ul>"


def _confusion(evaluation: Evaluation) -> str:
    pairs = taken_for(evaluation.report)
    rows = [
        (text(said), text(heard), f"{times:,}", f"{100 * times / of:.1f} %")
        for said, heard, times, of in pairs[:MOST_PAIRS]
    ]
    table = (
        "<h3>Most often taken for something else</h3>"
        + show_table(("said", "heard", "*clips", "*of those said"), rows)
        if rows
        else ""
    )
    picture = show_picture("confusion", "Confusion matrix: what was said against what was heard")
    return f"<h2>What is taken for what</h2>{picture}{table}"


def _classes(evaluation: Evaluation) -> str:
    rows = [
        (
            text(one.label),
            f"{one.clips:,}",
            share(one.precision, one.precision_interval),
            share(one.recall, one.recall_interval),
        )
        for one in evaluation.report.classes
    ]
    return (
        "<h2>Each class</h2><p>Recall: of the clips of a class, those recognised. Precision: of "
        "the clips taken for it, those that were.</p>"
        + show_picture("classes", "Precision and recall of each class, the worst first")
        + show_table(("class", "*clips", "*precision", "*recall"), rows)
    )


def _groups(evaluation: Evaluation) -> str:
    parts = ["<h2>By group</h2>"]
    if not evaluation.groups:
        parts.append("<p>The recordings say nothing that they could be grouped by.</p>")
    for number, (column, groups) in enumerate(evaluation.groups.items()):
        few = sum(group.few for group in groups)
        parts.append(f"<h3>By {text(column)}</h3><p>{len(groups):,} groups, the worst first")
        parts.append(f"; {few:,} have few clips: read their intervals.</p>" if few else ".</p>")
        parts.append(show_picture(picture_of_groups(number), f"Accuracy by {column}"))
        rows = [group_row(group) for group in groups[:MOST_ROWS]]
        more = f", the worst {MOST_ROWS}" if len(groups) > MOST_ROWS else ""
        table = show_table(("group", "*accuracy", "*clips", ""), rows)
        parts.append(f"<details><summary>The figures{more}</summary>{table}</details>")
    return "".join(parts)


def picture_of_groups(number: int) -> str:
    """Return the name of the picture of a column's groups; a column's own name may be anything.

    Parameters
    ----------
    number : int
        The place of the column, from 0.

    Returns
    -------
    str
        The name without the theme.
    """
    return f"groups{number + 1}"


def group_row(group: GroupFigures) -> tuple[str, ...]:
    """Write a row of a table of groups.

    Parameters
    ----------
    group : GroupFigures
        The group.

    Returns
    -------
    tuple of str
        Name, share that is right, clips, and a mark where they are few, in HTML.
    """
    return (
        text(group.group or "not given"),
        share(group.accuracy, group.interval),
        f"{group.clips:,}",
        "<small>few</small>" if group.few else "",
    )


def _mistakes(evaluation: Evaluation, played: Sequence[tuple[ClipResult, str]]) -> str:
    of = len(evaluation.report.mistakes)
    if not of:
        return "<h2>What went wrong</h2><p>Nothing: every clip was recognised.</p>"
    which = f"The {len(played)} of {of:,}" if len(played) < of else f"All {of:,}"
    items = []
    for result, name in played:
        clip = result.clip
        word = "" if clip.word == clip.label else f" ({text(clip.word)})"
        items.append(
            f"<li>said <b>{text(clip.label)}</b>{word}, heard <b>{text(result.heard)}</b> "
            f"{result.score:.2f}<br><small>speaker {text(clip.speaker)}<br>{text(clip.path)}"
            f'</small><audio controls preload="none" src="{text(name)}"></audio></li>'
        )
    return (
        f"<h2>What went wrong</h2><p>{which} clips that were taken for something else, those it "
        f'was surest of first. The number is its score.</p><ol class="clips">{"".join(items)}</ol>'
    )


def curve_section(curve: LearningCurve | str) -> str:
    """Write the section on the learning curve, or why there is none.

    Parameters
    ----------
    curve : LearningCurve or str
        The curve, or the reason.

    Returns
    -------
    str
        HTML.
    """
    head = "<h2>How many recordings are enough?</h2>"
    if isinstance(curve, str):
        return f"{head}<p>{text(curve)}</p>"
    rows = [
        (f"{one.recordings:,}", share(one.accuracy, one.interval), f"{one.clips:,}")
        for one in curve.points
    ]
    last = f"<p>{last_step(curve)} " if len(curve.points) > 1 else "<p>"
    what = f"{curve.measure.capitalize()} over the number of recordings trained on"
    return (
        f"{head}{last}As long as the line rises, more recordings help.</p>"
        + show_picture("curve", what)
        + show_table(("*trained on", f"*{curve.measure}", "*judged on"), rows)
    )


def _points(evaluation: Evaluation) -> str:
    head = "<h2>Operating points</h2>"
    points = evaluation.model.metadata.operating_points
    if not points:
        return f"{head}<p>The model file states none.</p>"
    rows = [(text(one.keyword), *point_cells(one)) for one in points]
    header = (
        "keyword",
        "*threshold",
        "*false accepts per hour",
        "*hours",
        "*missed",
        "*recordings",
    )
    return (
        f"{head}<p>From the model file, measured when it was made, on recordings that the "
        f"thresholds were not chosen on.</p>{show_table(header, rows)}"
    )


def skipped_section(skipped: Sequence[Skipped]) -> str:
    """Write the section on recordings that were not judged.

    Parameters
    ----------
    skipped : sequence of Skipped
        The recordings.

    Returns
    -------
    str
        HTML; empty if there are none.
    """
    if not skipped:
        return ""
    lines = "".join(f"<li>{text(one.path)}: {text(one.reason)}</li>" for one in skipped[:MOST_ROWS])
    more = f", the first {MOST_ROWS}" if len(skipped) > MOST_ROWS else ""
    return (
        f"<h2>Skipped</h2><p>{len(skipped):,} recordings were not judged.</p>"
        f"<details><summary>Which, and why{more}</summary><ul>{lines}</ul></details>"
    )


def show_picture(name: str, what: str) -> str:
    """Write a picture that has a light and a dark version.

    Parameters
    ----------
    name : str
        Its name without the theme.
    what : str
        What is in it, for those who do not see it.

    Returns
    -------
    str
        HTML.
    """
    return (
        f'<a href="{name}-light.png"><picture>'
        f'<source srcset="{name}-dark.png" media="(prefers-color-scheme: dark)">'
        f'<img src="{name}-light.png" alt="{text(what)}"></picture></a>'
    )


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table.

    Parameters
    ----------
    header : sequence of str
        Its first row; columns whose header begins with a star hold numbers.
    rows : iterable of sequence of str
        The other rows, in HTML.

    Returns
    -------
    str
        HTML.
    """
    kinds = [' class="number"' if name.startswith("*") else "" for name in header]
    head = "".join(
        f"<th{kind}>{name.lstrip('*')}</th>" for name, kind in zip(header, kinds, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(f'<td{k}>{c}</td>' for c, k in zip(row, kinds, strict=True))}</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
