"""The report on a sweep: a page with a heat map and a table for each keyword."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import kws
from kws.intervals import share_interval
from kws.markdown import shown_threshold
from kws.modelfile import ModelFile

from ..evaluation.sweep import TARGET, Outcome, Setting, Threshold
from .card import digest
from .page import TEMPLATE, show_picture, show_table, text
from .pictures import Theme, save_picture
from .report import MARK, check_folder, report_folder, write_text

#: Keywords that are drawn.
MOST_KEYWORDS = 10


@dataclass(frozen=True)
class Grid:
    """The outcomes of a keyword as a table.

    Attributes
    ----------
    columns : tuple of str
        Signal-to-noise ratios.
    rows : tuple of str
        Rooms, levels and lines.
    cells : tuple of tuple of Outcome or None
        None for what was not measured.
    """

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[Outcome | None, ...], ...]


def grid_of(outcomes: Sequence[Outcome], keyword: str) -> Grid:
    """Arrange the outcomes of a keyword as a table: the ratios beside, all else below each other.

    Parameters
    ----------
    outcomes : sequence of Outcome
        The outcomes of all keywords.
    keyword : str
        The keyword.

    Returns
    -------
    Grid
        Its outcomes.
    """
    own = {one.setting: one for one in outcomes if one.keyword == keyword}
    snrs = list(dict.fromkeys(setting.snr for setting in own))
    others = list(dict.fromkeys((s.rt60, s.gain, s.telephone) for s in own))
    return Grid(
        tuple("clean" if not np.isfinite(snr) else f"{snr:g} dB" for snr in snrs),
        tuple(_row_name(*other) for other in others),
        tuple(tuple(own.get(Setting(snr, *other)) for snr in snrs) for other in others),
    )


def _row_name(rt60: float, gain: float, telephone: bool) -> str:
    parts = [f"RT60 {rt60:g} s" if rt60 else "no room"]
    if gain:
        parts.append(f"{gain:+g} dB")
    if telephone:
        parts.append("telephone")
    return ", ".join(parts)


def write_sweep(
    folder: Path,
    model: ModelFile,
    thresholds: Sequence[Threshold],
    outcomes: Sequence[Outcome],
    figures: dict[str, Any],
) -> None:
    """Write the report: ``index.html`` and what belongs to it.

    Parameters
    ----------
    folder : Path
        New, empty, or an older report, which is replaced.
    model : ModelFile
        The model.
    thresholds : sequence of Threshold
        The keywords, and the threshold of each.
    outcomes : sequence of Outcome
        What became of them in each condition.
    figures : dict of str to Any
        The figures as plain JSON values.

    Raises
    ------
    ReportError
        If the folder cannot be written to; whatever was there is still there.
    """
    check_folder(folder)
    grids = [(one, grid_of(outcomes, one.keyword)) for one in thresholds]
    with report_folder(folder) as part:
        for number, (_, grid) in enumerate(grids[:MOST_KEYWORDS]):
            draw_grid(part, f"sweep{number + 1}", grid)
        write_text(part / "index.html", _page(model, grids, figures))
        write_text(part / MARK, json.dumps(figures, indent=1) + "\n")


def draw_grid(folder: Path, name: str, grid: Grid) -> None:
    """Draw ``NAME-*.png``: the share of misses in each condition.

    Parameters
    ----------
    folder : Path
        The folder of the report.
    name : str
        Name of the picture without the theme.
    grid : Grid
        The outcomes of a keyword.
    """
    shares = np.array(
        [[np.nan if cell is None else cell.miss_rate for cell in row] for row in grid.cells]
    )

    def draw(figure: Any, theme: Theme) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        axes = figure.subplots()
        colours = LinearSegmentedColormap.from_list("missed", [theme.back, theme.second])
        # the square root shows the few per cent that good models miss
        axes.imshow(np.sqrt(shares), cmap=colours, vmin=0, vmax=1, aspect="auto")
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0)
        axes.xaxis.tick_top()
        axes.set_xticks(range(len(grid.columns)), grid.columns, fontsize=9)
        axes.set_yticks(range(len(grid.rows)), grid.rows, fontsize=9)
        for (row, column), share in np.ndenumerate(shares):
            if np.isfinite(share):
                axes.text(
                    column,
                    row,
                    f"{100 * share:.1f}",
                    ha="center",
                    va="center",
                    fontsize=9,
                    color=theme.back if np.sqrt(share) > 0.7 else theme.ink,
                )

    size = 2.0 + 0.7 * len(grid.columns), 0.7 + 0.36 * len(grid.rows)
    save_picture(folder, name, size, draw)


def _page(
    model: ModelFile, grids: Sequence[tuple[Threshold, Grid]], figures: dict[str, Any]
) -> str:
    sections = []
    for number, (one, grid) in enumerate(grids):
        few = "" if one.supported else " These hours are too few for that rate."
        sections.append(
            f"<h2>{text(one.keyword)}</h2><p>Missed recordings, in per cent, at the threshold "
            f"{shown_threshold(one.threshold)}: the lowest with at most {TARGET:g} false accepts "
            f"per hour on the negatives as they are ({one.false_accepts:,} in {one.hours:.2f} h)."
            f"{few}</p>"
            + (
                show_picture(f"sweep{number + 1}", "Share of misses in each condition")
                if number < MOST_KEYWORDS
                else ""
            )
            + "<details><summary>The figures, with false accepts in the same condition</summary>"
            + show_table(("", "noise", "*missed", "*", "*false accepts per hour", "*"), _rows(grid))
            + "</details>"
        )
    if not figures["complete"]:
        sections.insert(0, "<p><b>Stopped before the end: some conditions are missing.</b></p>")
    settings = {cell.setting for _, grid in grids for row in grid.cells for cell in row if cell}
    first = next(cell for _, grid in grids for row in grid.cells for cell in row if cell)
    facts = (
        (f"{len(settings):,}", "conditions"),
        (f"{first.recordings:,}", f"recordings of {text(first.keyword)}"),
        (f"{first.hours:.2f} h", "of negatives in each"),
    )
    return TEMPLATE.substitute(
        title=f"Where does {text(Path(model.path).name)} stop working?",
        source=f"Network {digest(model.network)}; SNR is {text(figures['snr_definition'])}",
        figures="".join(f"<div><b>{figure}</b>{what}</div>" for figure, what in facts),
        links='<a href="report.json">Figures as JSON</a>',
        version=text(kws.__version__),
        sections="\n".join(sections),
    )


def _rows(grid: Grid) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, cells in zip(grid.rows, grid.cells, strict=True):
        for column, cell in zip(grid.columns, cells, strict=True):
            if cell is None:
                continue
            low, high = share_interval(cell.misses, cell.recordings)
            rows.append(
                (
                    name,
                    column,
                    f"{100 * cell.miss_rate:.1f} % ({100 * low:.1f} to {100 * high:.1f})",
                    f"{cell.misses:,} of {cell.recordings:,}",
                    f"{cell.false_accepts / cell.hours:.2f}",
                    f"{cell.false_accepts:,} in {cell.hours:.2f} h",
                )
            )
    return rows
