"""Whether somebody speaks: the voice output of a phoneme network, with hysteresis."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from ..arrays import Float32


@dataclass(frozen=True)
class VoiceConfig:
    """When speech begins, and when it is quiet again.

    Attributes
    ----------
    begin : float
        Speech begins where the probability of a voice is at least this, 0 .. 1.
    stay : float
        It is quiet where the probability is below this, 0 .. 1, at most ``begin``.
    least : float
        Seconds that the probability has to stay above ``begin`` before speech has begun.
    """

    begin: float = 0.6
    stay: float = 0.35
    least: float = 0.08


class VoiceActivity:
    """Follows the voice output of a network, frame by frame.

    Parameters
    ----------
    frame_seconds : float
        From one output frame to the next.
    config : VoiceConfig
        When speech begins and ends.

    Attributes
    ----------
    speaking : bool
        Whether speech has begun. It has not ended before `stop`: how long it has to be quiet, the
        owner decides by `quiet`.
    begun : int
        Frames since the first with a voice; 0 while there is none.
    quiet : int
        Frames since the latest with a voice.

    Examples
    --------
    >>> voice = VoiceActivity(0.02)
    >>> for probability in (0.1, 0.9, 0.9, 0.9, 0.9, 0.1):
    ...     voice.update(probability)
    >>> voice.speaking, voice.begun, voice.quiet
    (True, 5, 1)
    """

    def __init__(self, frame_seconds: float, config: VoiceConfig | None = None) -> None:
        self._config = VoiceConfig() if config is None else config
        self._least = max(1, round(self._config.least / frame_seconds))
        self.stop()

    def stop(self) -> None:
        """Wait for speech to begin."""
        self.speaking = False
        self.begun = 0
        self.quiet = 0

    def update(self, probability: float) -> None:
        """Take the next frame.

        Parameters
        ----------
        probability : float
            That somebody speaks, 0 .. 1.
        """
        if self.speaking:
            self.begun += 1
            self.quiet = 0 if probability >= self._config.stay else self.quiet + 1
            return
        self.begun = self.begun + 1 if probability >= self._config.begin else 0
        self.speaking = self.begun >= self._least


class UtteranceGate:
    """Lets those frames of a stream through that belong to an utterance.

    Parameters
    ----------
    frame_seconds : float
        From one output frame to the next.
    lead : float
        Seconds before the voice that belong to an utterance.
    config : VoiceConfig
        When speech begins and ends.

    Attributes
    ----------
    voice : VoiceActivity
        Follows the voice.
    frames : int
        Since the last reset.
    first : int
        Number of the first frame of the utterance that is under way, or of the latest.
    """

    def __init__(self, frame_seconds: float, lead: float, config: VoiceConfig) -> None:
        self.voice = VoiceActivity(frame_seconds, config)
        frames = round((lead + config.least) / frame_seconds)
        self._latest: deque[Float32] = deque(maxlen=max(1, frames))
        self.reset()

    def reset(self) -> None:
        """Start anew, at time 0."""
        self.end()
        self.frames = 0
        self.first = 0
        self._voiced_from = 0

    def end(self) -> None:
        """End the utterance."""
        self.voice.stop()
        self._latest.clear()

    @property
    def voiced(self) -> tuple[int, int]:
        """The frames of the utterance from the first with a voice to behind the latest."""
        return self._voiced_from, self.frames - self.voice.quiet

    def push(self, frame: Float32, probability: float) -> Float32 | None:
        """Take the next frame.

        Parameters
        ----------
        frame : float32 (n,)
            Anything that is known of it.
        probability : float
            That somebody speaks, 0 .. 1.

        Returns
        -------
        float32 (frames, n) or None
            The frames that belong to the utterance: with the first also those of the lead. None
            while nobody speaks.
        """
        self.frames += 1
        if self.voice.speaking:
            self.voice.update(probability)
            return frame[None]
        self.voice.update(probability)
        self._latest.append(frame)
        if not self.voice.speaking:
            return None
        self.first = self.frames - len(self._latest)
        self._voiced_from = self.frames - self.voice.begun
        return np.stack(self._latest)
