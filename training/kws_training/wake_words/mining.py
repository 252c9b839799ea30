"""Mining: the windows of the negatives on which a network fires most by mistake."""

from __future__ import annotations

import numpy as np

from kws.arrays import Float32, Float64, Int64, UInt8

from .negatives import NegativeStream
from .windows import WakeWindow

#: Windows that a mining pass takes, at most.
MAX_MINED = 400
#: Output frames from one mined window to the next, at least: about a second.
MINED_DISTANCE = 12
#: Results by which a mined window is longer than a training window, so that it can be shifted.
SHIFT_RESULTS = 4


def pick_peaks(scores: Float32 | Float64, distance: int, count: int) -> Int64:
    """Return where the highest scores are, taken one by one, the highest first.

    Parameters
    ----------
    scores : float (output frames,)
        Scores in the order of time.
    distance : int
        Output frames from one peak to the next, at least.
    count : int
        Number of peaks, at most.

    Returns
    -------
    int64 (peaks,)
        Indices of the peaks.
    """
    taken = np.zeros(len(scores) + 2 * distance, np.bool_)  # a margin at either end
    found: list[int] = []
    for frame in np.argsort(-scores, kind="stable").tolist():
        if len(found) == count:
            break
        if not taken[frame + 1 : frame + 2 * distance].any():
            taken[frame + distance] = True
            found.append(frame)
    return np.array(found, np.int64)


def mined_frames(window: WakeWindow) -> int:
    """Return the frames of a window that was mined: a third of a second more than a window.

    Parameters
    ----------
    window : WakeWindow
        The window of an example.
    """
    return window.frames + SHIFT_RESULTS * window.stride


def mine(
    logits: Float32, negatives: NegativeStream, window: WakeWindow, count: int = MAX_MINED
) -> tuple[UInt8, Float32]:
    """Return the windows on which a network fires most, and its logits there.

    Parameters
    ----------
    logits : float32 (output frames, phrases)
        What the network gives for the stream.
    negatives : NegativeStream
        The stream that it heard.
    window : WakeWindow
        The window of an example.
    count : int
        Number of windows, at most.

    Returns
    -------
    windows : uint8 (n, frames, bands)
        Grey levels; as long as `mined_frames` says.
    highest : float32 (n,)
        The highest logit of each, in falling order.
    """
    highest = logits.max(axis=1)
    peaks = pick_peaks(highest, MINED_DISTANCE, count)
    starts = (peaks + 1) * window.stride - window.frames - window.stride
    return negatives.windows(starts, mined_frames(window)), highest[peaks].astype(np.float32)
