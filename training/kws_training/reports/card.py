"""The model card: what a model is, how good it is and where it fails, as Markdown."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kws
from kws.frontend import FrontEnd, parts_of
from kws.markdown import code, point_cells, rate, share, table

from ..data.digest import digest_of
from ..evaluation.evaluate import Evaluation
from ..evaluation.groups import GroupFigures
from ..evaluation.results import ClipReport
from .curve import KEY as CURVE

#: Lines of provenance that are shown.
MOST_LINES = 80
#: Characters of each value of the provenance that are shown.
MOST_CHARACTERS = 120
#: Rows of each table of groups that are shown.
MOST_ROWS = 10

TEMPLATE = string.Template("""\
# Model card: $name

Written by `kws evaluate --report` (kws $version), from the model file and from $clips clips.

## What it is

| | |
| --- | --- |
| Task | $task |
| Labels | $labels |
| Front end | $front_end |
| As a stream | $streaming |
| File | $size, network SHA-256 `$digest` |

## Data and recipe

As the model file states them; nobody has checked them here.

$provenance

## How good it is

**Accuracy $accuracy** of $clips clips, $speakers
($folders). The interval takes clips for independent: it is too narrow where many are of one
speaker. If these speakers were trained on, the figures are too good.

$classes

## By group

$groups

## Operating points

$points

## Known limits, as measured

$limits

## Licence

*Yours to fill in: the licence of this model, and of the recordings it was trained on.*
""")


def model_card(evaluation: Evaluation) -> str:
    """Write the model card of an evaluated model.

    Parameters
    ----------
    evaluation : Evaluation
        The model, and what it made of recordings.

    Returns
    -------
    str
        The card in Markdown.
    """
    model, report = evaluation.model, evaluation.report
    metadata, front_end = model.metadata, model.metadata.front_end
    step = metadata.streaming.frames * front_end.hop_seconds
    field = metadata.streaming.receptive_field * front_end.hop_seconds
    return TEMPLATE.substitute(
        name=code(Path(model.path).name),
        version=kws.__version__,
        task=code(metadata.task),
        labels=", ".join(map(code, metadata.labels)),
        front_end=_front_end(front_end),
        streaming=f"a step every {1000 * step:g} ms; a result depends on {field:.2f} s of audio",
        size=f"{evaluation.size / 1000:,.0f} kB",
        digest=digest(model.network),
        provenance="\n".join(f"- {line}" for line in provenance_lines(metadata.provenance))
        or "The model file states none.",
        accuracy=share(report.accuracy, report.interval),
        clips=f"{report.clips:,}",
        speakers=f"{evaluation.speakers:,} speakers"
        if evaluation.speakers
        else "by speakers that nobody knows",
        folders=", ".join(map(code, evaluation.folders)),
        classes=table(
            ("class", "clips", "precision", "recall"),
            (
                (
                    code(one.label),
                    f"{one.clips:,}",
                    share(one.precision, one.precision_interval),
                    share(one.recall, one.recall_interval),
                )
                for one in report.classes
            ),
        ),
        groups="\n\n".join(
            f"### By {code(column)}, the worst of {len(groups):,}\n\n"
            + table(("group", "accuracy", "clips"), map(_group_row, groups[:MOST_ROWS]))
            for column, groups in evaluation.groups.items()
        )
        or "The recordings say nothing that they could be grouped by.",
        points=_points(evaluation),
        limits="\n".join(f"- {limit}" for limit in limits(evaluation, code)),
    )


def digest(network: bytes) -> str:
    """Return the beginning of a network's SHA-256, enough to know it by.

    Parameters
    ----------
    network : bytes
        The network.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    return digest_of(network)[:16]


def taken_for(report: ClipReport) -> list[tuple[str, str, int, int]]:
    """List what was taken for something else.

    Parameters
    ----------
    report : ClipReport
        What the model made of clips.

    Returns
    -------
    list of (str, str, int, int)
        The label of the clips, the label that the model gave, how often, and of how many clips; the
        most frequent first.
    """
    pairs = [
        (said.label, heard.label, report.confusion[i][j], said.clips)
        for i, said in enumerate(report.classes)
        for j, heard in enumerate(report.classes)
        if i != j and report.confusion[i][j]
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))


def limits(evaluation: Evaluation, name: Callable[[str], str]) -> Iterator[str]:
    """Yield what was measured to go wrong most, a sentence each.

    Parameters
    ----------
    evaluation : Evaluation
        The model, and what it made of recordings.
    name : callable
        Makes a label, which nobody has checked, fit for the page.

    Yields
    ------
    str
        A sentence.
    """
    report = evaluation.report
    said = [(one.recall, one) for one in report.classes if one.recall is not None]
    _, worst = min(said, key=lambda pair: pair[0])
    yield (
        f"Least recognised: {name(worst.label)}, {share(worst.recall, worst.recall_interval)} of "
        f"{worst.clips:,} clips."
    )
    for one, other, times, of in taken_for(report)[:3]:
        yield f"{name(one)} is taken for {name(other)}: {times:,} of {of:,} clips."
    for column, groups in evaluation.groups.items():
        enough = [group for group in groups if not group.few]
        if len(enough) > 1:
            group = enough[0]
            yield (
                f"Worst {name(column)}: {name(group.group or 'not given')}, "
                f"{share(group.accuracy, group.interval)} of {group.clips:,} clips."
            )
    points = evaluation.model.metadata.operating_points
    if points:
        point = max(points, key=lambda one: one.false_accepts_per_hour)
        yield (
            f"Most false accepts: {name(point.keyword)}, "
            f"{rate(point.false_accepts_per_hour, point.false_accepts_per_hour_interval)} per "
            f"hour; {point.hours:.2f} hours were listened to."
        )
    else:
        yield "How often it fires by itself: not measured, the file has no operating points."
    yield "Not measured: whatever these recordings do not have (rooms, distances, microphones)."


def provenance_lines(values: dict[str, Any]) -> list[str]:
    """Return provenance as lines of code spans; the learning curve is left out.

    Parameters
    ----------
    values : dict of str to Any
        The provenance of a model file, which nobody has checked.

    Returns
    -------
    list of str
        At most `MOST_LINES` lines and one that says that there are more.
    """
    lines: list[str] = []
    for path, value in _leaves(values):
        if len(lines) == MOST_LINES:
            lines.append("and more")
            break
        text = str(value)
        if len(text) > MOST_CHARACTERS:
            text = text[:MOST_CHARACTERS] + "…"
        lines.append(f"{code(path)}: {code(text)}")
    return lines


def _leaves(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (path, value). Without recursion: nobody has checked how deep it goes."""
    left: list[tuple[str, Any]] = [(str(k), v) for k, v in values.items() if k != CURVE][::-1]
    while left:
        path, value = left.pop()
        if isinstance(value, dict):
            inner = [(f".{key}", one) for key, one in value.items()]
        elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
            inner = [(f"[{n}]", one) for n, one in enumerate(value)]
        else:
            yield path, value
            continue
        left += [((path + end)[:MOST_CHARACTERS], one) for end, one in reversed(inner)]


def _front_end(front_end: FrontEnd) -> str:
    return f"{front_end.sample_rate} Hz; log-mel, " + "; and ".join(
        f"{part.bands} bands from {part.low_hz:g} to {part.high_hz:g} Hz, window "
        f"{1000 * part.window / part.sample_rate:g} ms, hop {1000 * part.hop_seconds:g} ms"
        for part in parts_of(front_end)
    )


def _group_row(group: GroupFigures) -> tuple[str, str, str]:
    few = " (few)" if group.few else ""
    return (
        code(group.group or "not given"),
        share(group.accuracy, group.interval),
        f"{group.clips:,}{few}",
    )


def _points(evaluation: Evaluation) -> str:
    points = evaluation.model.metadata.operating_points
    if not points:
        return "The model file states none."
    return "From the model file: on recordings that the thresholds were not chosen on.\n\n" + table(
        ("keyword", "threshold", "false accepts per hour", "hours", "missed", "recordings"),
        ((code(point.keyword), *point_cells(point)) for point in points),
    )
