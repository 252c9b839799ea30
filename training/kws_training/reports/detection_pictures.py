"""The pictures of a report on a detector: DET curves, and scores over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..evaluation.detection_results import Curve, KeywordResult, KindFigures, Place
from .pictures import WIDTH, Theme, save_picture, short_name

#: Trials in an hour without the keyword: one in a second, as NIST has it ("The Spoken Term
#: Detection (STD) 2006 Evaluation Plan", section 3), so that a rate becomes a probability.
TRIALS = 3600
#: Marks of the axis of false accepts per hour.
RATES = (0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
#: Marks of the axis of missed recordings, as shares.
SHARES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
#: Keywords that are drawn.
MOST_KEYWORDS = 8
#: Kinds of negatives that are drawn.
MOST_KINDS = 30
#: Styles of the lines, each for two keywords.
STYLES = ("-", "--", ":", "-.")


def draw_det(folder: Path, results: Sequence[KeywordResult]) -> None:
    """Draw ``det-*.png``: miss rate against false accepts per hour, on normal-deviate axes.

    After A. Martin et al. (1997), "The DET curve in assessment of detection task performance",
    Eurospeech. Counts of 0 have no place on such axes: they are drawn as half a count.

    Parameters
    ----------
    folder : Path
        The folder of the report.
    results : sequence of KeywordResult
        The keywords; `MOST_KEYWORDS` of them are drawn.
    """
    from scipy.special import ndtri

    shown = results[:MOST_KEYWORDS]

    def x_of(rate: Any) -> Any:
        return ndtri(np.minimum(np.asarray(rate, float) / TRIALS, 0.999))

    def y_of(missed: Any) -> Any:
        return ndtri(np.minimum(np.asarray(missed, float), 0.999))

    def draw(figure: Any, theme: Theme) -> None:
        axes = figure.subplots()
        lowest = min(0.5 / one.points[0].hours for one in shown)
        least = min(0.5 / one.points[0].recordings for one in shown)
        for number, result in enumerate(shown):
            colour = (theme.first, theme.second)[number % 2]
            of, hours = result.points[0].recordings, result.points[0].hours
            useful = slice(_turn(result.curve))
            rates = np.maximum(result.curve.false_accepts[useful], 0.5) / hours
            missed = np.maximum(result.curve.misses[useful], 0.5) / of
            axes.plot(
                x_of(rates),
                y_of(missed),
                STYLES[number // 2 % 4],
                color=colour,
                linewidth=1.5,
                drawstyle="steps-post",
                label=short_name(result.keyword),
            )
            own = result.points[0]
            axes.plot(
                x_of(max(own.false_accepts, 0.5) / hours),
                y_of(max(own.misses, 0.5) / of),
                "s",
                color=colour,
                markersize=7,
            )
        marks = [rate for rate in RATES if rate >= lowest] or [RATES[-1]]
        shares = [share for share in SHARES if share >= least] or [SHARES[-1]]
        axes.set_xticks(x_of(marks), [f"{rate:g}" for rate in marks])
        axes.set_yticks(y_of(shares), [f"{100 * share:g}" for share in shares])
        axes.set_xlim(x_of(lowest) - 0.05, x_of(RATES[-1]))
        axes.set_ylim(y_of(least) - 0.1, y_of(SHARES[-1]))
        axes.set_xlabel("false accepts per hour")
        axes.set_ylabel("missed, %")
        axes.grid(color=theme.faint, linewidth=0.6)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)

    save_picture(folder, "det", (WIDTH, 4.4), draw)


def draw_kinds(folder: Path, kinds: Sequence[KindFigures]) -> None:
    """Draw ``kinds-*.png``: false accepts per hour of each kind of negatives, and intervals.

    Parameters
    ----------
    folder : Path
        The folder of the report.
    kinds : sequence of KindFigures
        The kinds, the worst first; `MOST_KINDS` of them are drawn.
    """
    rows = kinds[:MOST_KINDS]

    def draw(figure: Any, theme: Theme) -> None:
        axes = figure.subplots()
        at = np.arange(len(rows))
        rates = np.array([row.per_hour for row in rows])
        low, high = np.array([row.interval for row in rows]).T
        axes.errorbar(
            rates, at, xerr=(rates - low, high - rates), fmt="o", color=theme.first, capsize=2
        )
        axes.set_yticks(at, [f"{short_name(row.kind)} ({row.hours:.2f} h)" for row in rows])
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.set_xlabel("false accepts per hour, all keywords together")
        axes.grid(axis="x", color=theme.faint, linewidth=0.6)

    save_picture(folder, "kinds", (WIDTH, 1.2 + 0.3 * len(rows)), draw)


def _turn(curve: Curve) -> int:
    """Return how many thresholds are worth drawing.

    From some point on a lower one only keeps the detector from being armed again: it then misses
    more, and fires less.
    """
    worse = (np.diff(curve.misses) > 0) | (np.diff(curve.false_accepts) < 0)
    return int(worse.argmax()) + 1 if worse.any() else len(curve.misses)


@dataclass(frozen=True)
class ScoreExcerpt:
    """The scores of a keyword around a miss or a false accept.

    Attributes
    ----------
    place : Place
        Where that is.
    picture : str
        Name of the picture, without its theme.
    sound : str or None
        Name of the file that plays it, where it could be read again.
    times : float64 (n,)
        Seconds from the place.
    scores : float64 (n,)
        Smoothed scores at these times.
    threshold : float
        In the model file.
    """

    place: Place
    picture: str
    sound: str | None
    times: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    threshold: float


def draw_excerpt(folder: Path, one: ScoreExcerpt) -> None:
    """Draw the scores of a keyword over time, around a miss or a false accept.

    Parameters
    ----------
    folder : Path
        The folder of the report.
    one : ScoreExcerpt
        The scores, and the name of the picture.
    """

    def draw(figure: Any, theme: Theme) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=theme.faint, linewidth=1)
        axes.axhline(one.threshold, color=theme.second, linewidth=1, linestyle="--")
        axes.plot(one.times, one.scores, color=theme.first, linewidth=1.5)
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel("s")
        axes.set_ylabel("score")

    save_picture(folder, one.picture, (3.4, 1.7), draw)
