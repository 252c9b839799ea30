"""Finds where the sound is in a recording, by the level of its frames.

A frame is sound if its level is above a floor, which lies a range below the loudest frame or, in
noise, part of the way from the background to it. Which stretch of such frames is meant differs: the
one around the loudest frame, the one that holds most sound, or all from the first to the last.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .arrays import Int64

#: Natural logarithm of power per decibel.
LN_PER_DB = float(np.log(10) / 10)
#: The background is the level that this percentage of the frames stays below.
BACKGROUND_PERCENTILE = 10
#: Sound is above this share of the way from the background up to the loudest frame.
ABOVE_BACKGROUND = 0.3

#: Levels of frames, float32 or float64.
Levels = npt.NDArray[np.floating[Any]]


def background_level(levels: Levels) -> Levels:
    """Return the level of the quiet tenth of some frames.

    Parameters
    ----------
    levels : float (..., frames)
        Level of each frame, in any logarithmic unit.

    Returns
    -------
    float (..., 1)
        In the same unit and type.
    """
    # np.percentile gives the same. But it calls methods of NumPy's scalars by names that are new
    # texts with each call, and CPython's cache of attributes keeps up to 4,096 of them alive:
    # memory would grow with each word of a stream, for days.
    count = levels.shape[-1]
    place = (count - 1) * (BACKGROUND_PERCENTILE / 100)
    below = int(place)
    above, share = min(below + 1, count - 1), place - below
    ordered = np.partition(levels, sorted({below, above}), axis=-1)
    low, high = ordered[..., below : below + 1], ordered[..., above : above + 1]
    if share < 0.5:
        return np.asarray(low + (high - low) * share)
    return np.asarray(high - (high - low) * (1 - share))


def sound_floor(
    levels: Levels, reach: float, *, background: Levels | None = None, least: float | None = None
) -> Levels:
    """Return the level above which frames are sound.

    Parameters
    ----------
    levels : float (..., frames)
        Level of each frame, in any logarithmic unit.
    reach : float
        Sound is at most so far below the loudest frame, in the same unit.
    background : float (..., 1), optional
        Level of the background; the quiet tenth of ``levels`` unless given.
    least : float, optional
        Frames so little below the loudest are sound whatever the background is: a recording may
        hold nothing else.

    Returns
    -------
    float (..., 1)
        In the same unit and type.
    """
    top = levels.max(axis=-1, keepdims=True)
    if background is None:
        background = background_level(levels)
    clear = background + ABOVE_BACKGROUND * (top - background)
    if least is not None:
        clear = np.minimum(clear, top - least)
    return np.asarray(np.maximum(top - reach, clear))


def sound_extent(loud: npt.NDArray[np.bool_]) -> tuple[Int64, Int64]:
    """Return the first and the last frame that is sound.

    Parameters
    ----------
    loud : bool (..., frames)
        Which frames are sound.

    Returns
    -------
    first, last : int64 (...)
        Numbers of the frames; the first and the last of all frames where none is sound.
    """
    last = loud.shape[-1] - 1 - loud[..., ::-1].argmax(axis=-1)
    return np.asarray(loud.argmax(axis=-1)), np.asarray(last)


def find_sound(
    levels: Levels,
    reach: float,
    gap: int,
    choice: Literal["loudest", "most"],
    *,
    background: Levels | None = None,
    least: float | None = None,
) -> tuple[int, int]:
    """Find one stretch of sound in a recording.

    Parameters
    ----------
    levels : float (frames,)
        Level of each frame, in any logarithmic unit; at least one frame.
    reach : float
        Sound is at most so far below the loudest frame, in the same unit.
    gap : int
        Frames from one that is sound to the next, at most, within a stretch.
    choice : str
        Which stretch: "loudest" for the one around the loudest frame; "most" for the one whose
        levels above the floor add up to most, which is a word rather than a louder click.
    background, least : float, optional
        As for `sound_floor`.

    Returns
    -------
    first, last : int
        Numbers of the stretch's frames. Where no frame is above the floor: the loudest frame, or
        for "most" the first.

    Examples
    --------
    >>> levels = np.array([0.0, 0, 0, 30, 32, 0, 31, 0, 0, 0, 0, 20, 0])
    >>> find_sound(levels, 25, gap=2, choice="loudest")
    (3, 6)
    """
    floor = sound_floor(levels, reach, background=background, least=least)
    loud = np.flatnonzero(levels > floor)
    peak = int(levels.argmax())
    if not len(loud):
        return (peak, peak) if choice == "loudest" else (0, 0)
    stretches = np.split(loud, np.flatnonzero(np.diff(loud) > gap) + 1)
    if choice == "loudest":
        stretch = next(frames for frames in stretches if frames[0] <= peak <= frames[-1])
    else:
        stretch = max(stretches, key=lambda frames: float((levels - floor)[frames].sum()))
    return int(stretch[0]), int(stretch[-1])
