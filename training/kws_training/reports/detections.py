"""The report on a detector in continuous audio: page, pictures, and clips of what went wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import kws
from kws.arrays import Int16
from kws.audio import stream_audio
from kws.calibration.scores import Track, track
from kws.errors import AudioError
from kws.markdown import rate, share, shown_threshold
from kws.metadata import Metadata
from kws.modelfile import ModelFile
from kws.pcm import to_int16
from kws.wav import write_wav

from ..evaluation.conditions import RATE
from ..evaluation.continuous import StreamScores
from ..evaluation.detection import detector_of
from ..evaluation.detection_results import DetectionReport, Place, Point
from .card import digest
from .detection_pictures import ScoreExcerpt
from .page import (
    MOST_ROWS,
    TEMPLATE,
    curve_section,
    group_row,
    show_picture,
    show_table,
    skipped_section,
    text,
)
from .report import MARK, check_folder, report_folder, stored_curve, write_text

#: Misses and false accepts that are drawn and played, of each and of all keywords together.
MOST_SHOWN = 12
#: Seconds that are shown and played before a place.
BEFORE = 2.5
#: Seconds that are shown and played after a place.
AFTER = 1.5


@dataclass(frozen=True)
class Evaluated:
    """All that a report says.

    Attributes
    ----------
    model : ModelFile
        The model that was evaluated.
    size : int
        Of the model file, in bytes.
    positive_folders : tuple of str
        Folders of the recordings of keywords.
    negative_folders : tuple of str
        Folders of the recordings without keywords.
    report : DetectionReport
        The figures.
    positives : mapping of str to StreamScores
        The stream of each keyword's recordings.
    negatives : StreamScores
        The stream without keywords.
    metadata : Metadata
        The model's contract, with the keywords that were judged.
    """

    model: ModelFile
    size: int
    positive_folders: tuple[str, ...]
    negative_folders: tuple[str, ...]
    report: DetectionReport
    positives: Mapping[str, StreamScores]
    negatives: StreamScores
    metadata: Metadata


def write_detections(folder: Path, evaluated: Evaluated, figures: dict[str, Any]) -> None:
    """Write the report: ``index.html`` and what belongs to it.

    Parameters
    ----------
    folder : Path
        New, empty, or an older report, which is replaced.
    evaluated : Evaluated
        All that the report says.
    figures : dict
        The figures as plain JSON values.

    Raises
    ------
    ReportError
        If the folder cannot be written to; whatever was there is still there.
    """
    from .detection_pictures import draw_det, draw_excerpt, draw_kinds
    from .pictures import draw_curve

    check_folder(folder)
    curve = stored_curve(evaluated.model)
    results = evaluated.report.keywords
    with report_folder(folder) as part:
        draw_det(part, results)
        if evaluated.report.kinds:
            draw_kinds(part, evaluated.report.kinds)
        if not isinstance(curve, str):
            draw_curve(part, curve)
        tracks: dict[tuple[str, str | None], Track] = {}
        shown: dict[str, list[ScoreExcerpt]] = {}
        number = 0
        for kind in ("misses", "alarms"):
            places = _shared([getattr(one, _FIELDS[kind]) for one in results])
            shown[kind] = []
            for place in places:
                number += 1
                sound = _write_sound(part, number, place)
                one = _excerpt(evaluated, tracks, place, f"{kind}{number}", sound)
                draw_excerpt(part, one)
                shown[kind].append(one)
        write_text(part / "index.html", _page(evaluated, shown, curve))
        write_text(part / MARK, json.dumps(figures, indent=1) + "\n")


#: Field of `KeywordResult` for each kind of picture.
_FIELDS = {"misses": "misses", "alarms": "false_accepts"}


def _shared(places: Sequence[Sequence[Place]]) -> list[Place]:
    """Return the first places of every keyword in turn, `MOST_SHOWN` of them."""
    turns = [each[turn] for turn in range(MOST_SHOWN) for each in places if turn < len(each)]
    return turns[:MOST_SHOWN]


def _excerpt(
    evaluated: Evaluated,
    tracks: dict[tuple[str, str | None], Track],
    place: Place,
    picture: str,
    sound: str | None,
) -> ScoreExcerpt:
    key = place.keyword, place.stream
    defaults = detector_of(evaluated.metadata)
    if key not in tracks:
        stream = evaluated.negatives if place.stream is None else evaluated.positives[place.stream]
        tracks[key] = track(stream.trace, evaluated.metadata.labels, defaults, place.keyword)
    one = tracks[key]
    first = max(0, round((place.stream_at - BEFORE) / one.column_seconds))
    last = round((place.stream_at + AFTER) / one.column_seconds)
    scores = one.smoothed[first:last].astype(np.float64)
    ends = np.arange(first, first + len(scores)) + 1
    times = np.asarray(ends * one.column_seconds - place.stream_at, np.float64)
    threshold = defaults.thresholds[place.keyword]
    return ScoreExcerpt(place, picture, sound, times, scores, threshold)


def _write_sound(folder: Path, number: int, place: Place) -> str | None:
    try:
        audio = _around(place.path, place.at)
    except AudioError:  # it was there a minute ago; the page can do without
        return None
    if not len(audio):
        return None
    (folder / "wrong").mkdir(exist_ok=True)
    name = f"wrong/{number:03}.wav"
    write_wav(folder / name, audio, RATE)
    return name


def _around(path: Path, at: float) -> Int16:
    """Read a recording again, around a time."""
    first, last = max(0, round((at - BEFORE) * RATE)), round((at + AFTER) * RATE)
    pieces, done = [], 0
    for block in stream_audio(path, RATE):
        pieces.append(block[max(0, first - done) : max(0, last - done)])
        done += len(block)
        if done >= last:
            break
    return to_int16(np.concatenate(pieces))


def _page(evaluated: Evaluated, shown: dict[str, list[ScoreExcerpt]], curve: Any) -> str:
    report = evaluated.report
    latency = report.latency
    facts = [
        (f"{report.recordings:,}", "recordings of keywords"),
        (f"{report.hours:.2f} h", "without any"),
    ]
    if latency["median"] is not None:
        facts.append(
            (f"{latency['median']:.2f} s", f"after the word's end (95 %: {latency['p95']:.2f} s)")
        )
    facts.append((f"{evaluated.size / 1000:,.0f} kB", "model file"))
    noise = "" if report.snr is None else f"; noise under everything: SNR {report.snr.described}"
    return TEMPLATE.substitute(
        title=f"How well does {text(Path(evaluated.model.path).name)} listen?",
        source=f"Recordings of keywords in {text(', '.join(evaluated.positive_folders))}; without "
        f"any in {text(', '.join(evaluated.negative_folders))}; network "
        f"{digest(evaluated.model.network)}{text(noise)}",
        figures="".join(f"<div><b>{figure}</b>{what}</div>" for figure, what in facts),
        links='<a href="report.json">Figures as JSON</a>',
        version=text(kws.__version__),
        sections="\n".join(
            (
                _points(report),
                _kinds(report),
                _groups(report),
                _det(report),
                _places(
                    "Misses",
                    "Recordings that were not detected at the threshold in the model "
                    "file, those with the lowest scores.",
                    shown["misses"],
                    sum(one.points[0].misses for one in report.keywords),
                    "every recording was detected",
                ),
                _places(
                    "False accepts",
                    "What was detected at the threshold in the model file where "
                    "nobody said it, the highest scores first.",
                    shown["alarms"],
                    sum(one.points[0].false_accepts for one in report.keywords),
                    "nothing was detected where nobody said it",
                ),
                curve_section(curve),
                skipped_section(report.skipped),
            )
        ),
    )


def _points(report: DetectionReport) -> str:
    rows = []
    for result in report.keywords:
        for point in result.points:
            rows.append(
                (
                    text(result.keyword),
                    _origin(point),
                    shown_threshold(point.threshold),
                    share(point.miss_rate, point.miss_rate_interval),
                    f"{point.misses:,} of {point.recordings:,}",
                    rate(point.false_accepts_per_hour, point.false_accepts_per_hour_interval),
                    f"{point.false_accepts:,} in {point.hours:.2f} h",
                )
            )
    few = not all(point.supported for result in report.keywords for point in result.points)
    note = (
        "<p>Marked rates are too low for these hours: not a single false accept is let in, and "
        "how rare they are then, the interval says.</p>"
        if few
        else ""
    )
    unsaid = ", ".join(f"<b>{text(one)}</b>" for one in report.unsaid)
    return (
        "<h2>Misses and false accepts</h2><p>The threshold in the model file was not chosen on "
        "these recordings; the others were, for a rate of false accepts.</p>"
        + show_table(
            (
                "keyword",
                "threshold for",
                "*threshold",
                "*missed",
                "*",
                "*false accepts per hour",
                "*",
            ),
            rows,
        )
        + note
        + (f"<p>Without recordings, and not judged: {unsaid}.</p>" if unsaid else "")
    )


def _kinds(report: DetectionReport) -> str:
    if not report.kinds:
        return ""
    rows = [
        (
            text(one.kind),
            rate(one.per_hour, one.interval),
            f"{one.count:,} in {one.hours:.2f} h",
            text(one.worst_keyword or "–"),
        )
        for one in report.kinds
    ]
    return (
        "<h2>By kind of negatives</h2><p>False accepts of all keywords together, at the thresholds "
        "in the model file, the worst kind first. A threshold that holds on the mean may fail on "
        "one kind.</p>"
        + show_picture("kinds", "False accepts per hour of each kind of negatives")
        + show_table(("kind", "*false accepts per hour", "*", "most of"), rows)
    )


def _groups(report: DetectionReport) -> str:
    if report.group_by is None:
        return ""
    rows = [group_row(group) for group in report.groups[:MOST_ROWS]]
    more = f", the worst {MOST_ROWS}" if len(report.groups) > MOST_ROWS else ""
    return (
        f"<h2>By {text(report.group_by)}</h2><p>Share of the recordings of keywords that were "
        f"detected at the thresholds in the model file: {len(report.groups):,} groups, the worst "
        f"first{more}. {text(report.group_about)}</p>"
        + show_table(("group", "*detected", "*recordings", ""), rows)
    )


def _origin(point: Point) -> str:
    if point.target is None:
        return "<b>as in the file</b>"
    few = "" if point.supported else " <small>too few hours</small>"
    return f"{point.target:g} per hour{few}"


def _det(report: DetectionReport) -> str:
    return (
        "<h2>Misses against false accepts</h2><p>Each line is a keyword, each of its points a "
        "threshold; the lower left is better. Both axes are those of normal deviates, on which "
        "the errors of scores with normal distributions are straight lines; a false accept is one "
        "out of 3,600 chances in an hour, as NIST counts them. Squares: the threshold in the model "
        "file.</p>" + show_picture("det", "DET curve: miss rate against false accepts per hour")
    )


def _places(title: str, what: str, shown: Sequence[ScoreExcerpt], count: int, none: str) -> str:
    if not shown:
        return f"<h2>{title}</h2><p>None: {none}.</p>"
    items = []
    for one in shown:
        place = one.place
        player = (
            f'<audio controls preload="none" src="{text(one.sound)}"></audio>' if one.sound else ""
        )
        items.append(
            f"<li><b>{text(place.keyword)}</b> score {shown_threshold(place.score)}, threshold "
            f"{shown_threshold(one.threshold)}<br><small>{text(place.path)} at {place.at:.2f} s"
            f"</small>{show_picture(one.picture, 'Score over time')}{player}</li>"
        )
    which = f"{len(shown)} of {count:,} are shown" if len(shown) < count else f"All {count:,}"
    return (
        f"<h2>{title}</h2><p>{what} {which}. The line at 0 s is the event, or the end of the word "
        f'that was missed.</p><ol class="clips">{"".join(items)}</ol>'
    )
