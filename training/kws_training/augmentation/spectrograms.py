"""The picture of augmentation's examples: one spectrogram beside the other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.frontend import YAMNET

#: Panels side by side.
ACROSS = 4


@dataclass(frozen=True)
class Panel:
    """One spectrogram of the picture.

    Attributes
    ----------
    frames : float32 (time, bands)
        Log-mel frames of `kws.frontend.YAMNET`.
    title : str
        What is written over it; it may have several lines.
    begins_row : bool
        Whether it begins a row.
    """

    frames: Float32
    title: str
    begins_row: bool


def draw_panels(path: Path, panels: Sequence[Panel]) -> None:
    """Draw spectrograms as a PNG file, `ACROSS` of them side by side.

    Parameters
    ----------
    path : Path
        The file.
    panels : sequence of Panel
        The spectrograms, row by row.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    places, row, across = [], -1, ACROSS
    for panel in panels:
        if panel.begins_row or across == ACROSS:
            row, across = row + 1, 0
        places.append((row, across))
        across += 1
    height = 2.6 * (row + 1)
    figure = Figure(figsize=(3.4 * ACROSS, height), dpi=100)
    canvas = FigureCanvasAgg(figure)
    # margins in inches, by hand: matplotlib's own layout takes longer than all the rest
    grid = figure.add_gridspec(
        row + 1,
        ACROSS,
        left=0.04,
        right=0.99,
        bottom=0.35 / height,
        top=1 - 0.6 / height,
        hspace=0.55,
        wspace=0.18,
    )
    for panel, place in zip(panels, places, strict=True):
        axes = figure.add_subplot(grid[place])
        seconds = len(panel.frames) * YAMNET.hop / YAMNET.sample_rate
        axes.imshow(
            panel.frames.T,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=(0, seconds, 0, YAMNET.bands),
            vmin=np.log(YAMNET.offset),
            vmax=4,
        )
        text = "".join(c if c.isprintable() or c == "\n" else "?" for c in panel.title)
        weight = "bold" if panel.begins_row else "normal"
        axes.set_title(text, fontsize=7, fontweight=weight, parse_math=False, loc="left")
        axes.tick_params(labelsize=6)
        axes.set_xlabel("s", fontsize=6, labelpad=0)
        axes.set_ylabel("mel band", fontsize=6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font does not have
        canvas.print_png(str(path))  # type: ignore[no-untyped-call]  # matplotlib has no type here
