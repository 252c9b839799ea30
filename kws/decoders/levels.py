"""Levels of the latest frames of a stream, to find where a word was."""

from __future__ import annotations

import numpy as np

from ..arrays import Float32, Float64
from ..frontend import FrontEnd
from ..state import Arrays, StateReader, counts


class Levels:
    """Keeps the level of each of the latest frames in a ring.

    Parameters
    ----------
    front_end : LogMelConfig or JoinedConfig
        What makes the frames; a frame's level is that of the bands of its first part.
    frames : int
        Frames per step.

    Attributes
    ----------
    steps : int
        Steps since the last reset.
    """

    def __init__(self, front_end: FrontEnd, frames: int) -> None:
        self._bands = front_end.first.bands
        self._silence = front_end.first.silence
        self._frames = frames
        self._ring = np.empty(0, np.float32)
        self.reset()

    def reserve(self, history: int) -> int:
        """Keep so many frames, or more; called before the stream begins.

        Parameters
        ----------
        history : int
            Frames that will be asked for.

        Returns
        -------
        int
            The same, rounded up to whole steps.
        """
        whole = -(-history // self._frames) * self._frames
        if whole > len(self._ring):
            self._ring = np.full(whole, self._silence, np.float32)
        return whole

    def reset(self) -> None:
        """Start anew, at time 0, after endless digital silence."""
        self._ring[:] = self._silence
        self.steps = 0

    def state(self) -> Arrays:
        """Return what the next levels depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        return {"ring": self._ring.copy(), **counts(steps=self.steps)}

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        self._ring[:] = saved.array("ring", self._ring)
        self.steps = saved.count("steps")

    def push(self, frames: Float32) -> None:
        """Take the frames of a step.

        Parameters
        ----------
        frames : float32 (frames, bands)
            What the network took.
        """
        at = (self.steps * self._frames) % len(self._ring)
        np.maximum.reduce(frames[:, : self._bands], axis=1, out=self._ring[at : at + self._frames])
        self.steps += 1

    def latest(self, history: int) -> Float64:
        """Return the level of each of the latest frames, the oldest first.

        Parameters
        ----------
        history : int
            Frames, at most as many as are reserved.

        Returns
        -------
        float64 (history,)
            Natural logarithms, as the front end gives them.
        """
        at = (self.steps * self._frames) % len(self._ring)
        levels = np.concatenate([self._ring[at:], self._ring[:at]], dtype=np.float64)
        return levels[len(levels) - history :]
