"""The pictures of a report: each drawn twice, for light and for dark pages."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.groups import GroupFigures
from ..evaluation.results import ClassFigures, ClipReport
from .curve import LearningCurve

#: Rows that are drawn, the worst ones.
MOST_ROWS = 30
#: Classes that the confusion matrix still names.
MOST_NAMED = 60
#: Classes for which the confusion matrix still has numbers in it.
MOST_COUNTED = 25
#: Characters of a name in a picture.
MOST_CHARACTERS = 24
#: Inches: letters must still be read where the picture is as wide as a phone.
WIDTH = 5.2
#: Dots per inch of the PNG files.
DOTS_PER_INCH = 180


@dataclass(frozen=True)
class Theme:
    """Colours of a page.

    Attributes
    ----------
    name : str
        Ends the names of the pictures' files.
    back, ink, faint, first, second : str
        Background, text, lines, and two colours that also differ in lightness.
    """

    name: str
    back: str
    ink: str
    faint: str
    first: str
    second: str


#: Colours of light pages.
LIGHT = Theme("light", "#ffffff", "#1c2024", "#d5d9dd", "#0b62b8", "#d9822b")
#: Colours of dark pages.
DARK = Theme("dark", "#14181c", "#e6e9ec", "#3a4148", "#6cb2f5", "#f0b26b")
#: Every picture is drawn in these.
THEMES = (LIGHT, DARK)


def draw_confusion(folder: Path, report: ClipReport) -> None:
    """Draw ``confusion-*.png``: the label of the clips against the label that the model gave.

    The colours of a row add up to 1.

    Parameters
    ----------
    folder : Path
        The folder of the report.
    report : ClipReport
        The figures.
    """
    counts = np.array(report.confusion, dtype=float)
    labels = [figures.label for figures in report.classes]
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    side = min(9.0, 1.8 + 0.34 * len(labels))

    def draw(figure: Any, theme: Theme) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        colours = LinearSegmentedColormap.from_list("shares", [theme.back, theme.first])
        axes = figure.subplots()
        # the square root shows the few per cent that went wrong
        axes.imshow(np.sqrt(shares), cmap=colours, vmin=0, vmax=1)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xlabel("heard")
        axes.set_ylabel("said")
        named = len(labels) <= MOST_NAMED
        size = 9 if len(labels) <= MOST_COUNTED else 6
        short = [short_name(label) for label in labels] if named else []
        axes.set_xticks(range(len(short)), short, rotation=90, fontsize=size)
        axes.set_yticks(range(len(short)), short, fontsize=size)
        if len(labels) > MOST_COUNTED:
            return
        for row, column in zip(*np.nonzero(counts), strict=True):
            axes.text(
                column,
                row,
                f"{counts[row, column]:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color=theme.back if np.sqrt(shares[row, column]) > 0.55 else theme.ink,
            )

    save_picture(folder, "confusion", (side, side), draw)


def draw_classes(folder: Path, classes: Sequence[ClassFigures]) -> None:
    """Draw ``classes-*.png``: precision and recall with their intervals, the worst first.

    Parameters
    ----------
    folder : Path
        The folder of the report.
    classes : sequence of ClassFigures
        The classes; the worst `MOST_ROWS` are drawn.
    """
    rows = sorted(classes, key=lambda figures: figures.worst)[:MOST_ROWS]

    def draw(figure: Any, theme: Theme) -> None:
        axes = figure.subplots()
        at = np.arange(len(rows))
        for name, colour, shift, marker in (
            ("recall", theme.first, -0.16, "o"),
            ("precision", theme.second, 0.16, "s"),
        ):
            there = [n for n, row in enumerate(rows) if getattr(row, name) is not None]
            values = [getattr(rows[n], name) for n in there]
            bounds = [getattr(rows[n], f"{name}_interval") for n in there]
            _dots(axes, values, bounds, at[there] + shift, color=colour, marker=marker, label=name)
        _rows(axes, [short_name(row.label) for row in rows], theme)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)

    save_picture(folder, "classes", (WIDTH, 1.2 + 0.36 * len(rows)), draw)


def draw_groups(folder: Path, name: str, groups: Sequence[GroupFigures], accuracy: float) -> None:
    """Draw ``NAME-*.png``: the accuracy of the worst groups; those with few clips are hollow.

    Parameters
    ----------
    folder : Path
        The folder of the report.
    name : str
        Name of the picture without the theme.
    groups : sequence of GroupFigures
        The groups, the worst first.
    accuracy : float
        Accuracy of all clips, drawn as a line.
    """
    rows = groups[:MOST_ROWS]

    def draw(figure: Any, theme: Theme) -> None:
        axes = figure.subplots()
        at = np.arange(len(rows))
        axes.axvline(100 * accuracy, color=theme.second, linewidth=1, label="all clips")
        for few in (False, True):
            here = [n for n, row in enumerate(rows) if row.few == few]
            if here:
                _dots(
                    axes,
                    [rows[n].accuracy for n in here],
                    [rows[n].interval for n in here],
                    at[here],
                    color=theme.first,
                    marker="o",
                    label="few clips" if few else "enough clips",
                    markerfacecolor=theme.back if few else theme.first,
                    alpha=0.7 if few else 1.0,
                )
        _rows(
            axes, [f"{short_name(row.group or 'not given')} ({row.clips})" for row in rows], theme
        )
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)

    save_picture(folder, name, (WIDTH, 1.2 + 0.3 * len(rows)), draw)


def draw_curve(folder: Path, curve: LearningCurve) -> None:
    """Draw ``curve-*.png``: what each doubling of the number of recordings brings.

    Parameters
    ----------
    folder : Path
        The folder of the report.
    curve : LearningCurve
        The learning curve.
    """
    points = curve.points

    def draw(figure: Any, theme: Theme) -> None:
        axes = figure.subplots()
        x = np.array([point.recordings for point in points])
        y = np.array([100 * point.accuracy for point in points])
        bounds = 100 * np.array([point.interval for point in points])
        axes.errorbar(
            x,
            y,
            np.abs(bounds.T - y),
            color=theme.first,
            marker="o",
            capsize=3,
            linewidth=1.5,
            elinewidth=1,
        )
        axes.set_xscale("log", base=2)
        axes.set_xticks(x, [f"{n:,}" for n in x])
        axes.minorticks_off()
        axes.set_xlabel("recordings trained on")
        axes.set_ylabel(f"{curve.measure}, %")
        axes.grid(color=theme.faint, linewidth=0.6)

    save_picture(folder, "curve", (WIDTH, 3.4), draw)


def _dots(axes: Any, values: Any, bounds: Any, at: Any, **style: Any) -> None:
    shares, ends = 100 * np.array(values), 100 * np.array(bounds)
    axes.errorbar(
        shares,
        at,
        xerr=np.abs(ends.T - shares),
        linestyle="none",
        capsize=2,
        elinewidth=1.2,
        markersize=5,
        **style,
    )


def _rows(axes: Any, names: Sequence[str], theme: Theme) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(max(-2, axes.get_xlim()[0]), 102)
    axes.set_xlabel("%, with 95 % intervals")
    axes.grid(axis="x", color=theme.faint, linewidth=0.6)
    axes.tick_params(axis="y", length=0)


def short_name(name: str) -> str:
    """Cut a name to what a picture has room for.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    str
        At most `MOST_CHARACTERS` characters.
    """
    return name if len(name) <= MOST_CHARACTERS else name[: MOST_CHARACTERS - 1] + "…"


def save_picture(
    folder: Path, name: str, size: tuple[float, float], draw: Callable[[Any, Theme], None]
) -> None:
    """Draw a picture for each theme and write it as ``NAME-THEME.png``.

    Parameters
    ----------
    folder : Path
        The folder of the report.
    name : str
        Name of the picture without the theme.
    size : (float, float)
        Width and height in inches.
    draw : callable
        Draws on a matplotlib figure, in the colours of a theme.
    """
    for theme in THEMES:
        with _figure(size, theme) as figure:
            draw(figure, theme)
            figure.savefig(folder / f"{name}-{theme.name}.png")


@contextmanager
def _figure(size: tuple[float, float], theme: Theme) -> Iterator[Any]:
    """Give a figure that knows nothing of windows or of the user's own settings."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: Any = {
        "text.parse_math": False,  # a label is text, whatever dollars are in it
        "figure.facecolor": theme.back,
        "savefig.facecolor": theme.back,
        "axes.facecolor": theme.back,
        "axes.edgecolor": theme.faint,
        "axes.labelcolor": theme.ink,
        "text.color": theme.ink,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "font.size": 10,
    }
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font does not have
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        # constrained: names of any length fit
        figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
