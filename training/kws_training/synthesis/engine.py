"""What a text-to-speech engine is, and how a voice may speak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kws.arrays import Float32


@dataclass(frozen=True)
class Style:
    """How a voice speaks, in proportion to its usual way.

    Attributes
    ----------
    speed : float
        1 is the usual speed, 2 twice as fast.
    pitch : float
        1 is the usual pitch. Engines without a pitch ignore it.
    formants : float
        1.1 is a voice whose every frequency is 10 % higher, as from a vocal tract that is shorter
        by so much; done by `Utterance`, not by the engine.
    take : int
        Engines that say nothing twice in the same way (Piper, hibari, Pocket TTS) take it as
        their seed.
    """

    speed: float = 1.0
    pitch: float = 1.0
    formants: float = 1.0
    take: int = 0


class Engine(Protocol):
    """A text-to-speech engine.

    Attributes
    ----------
    name : str
        Its name, as ``--engines`` takes it.
    voices : tuple of str
        The names of its voices, as `speak` takes them.
    natural : bool
        Whether its voices are made from people's; False for formant synthesis.
    """

    name: str
    voices: tuple[str, ...]
    natural: bool

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say a text.

        Parameters
        ----------
        text : str
            What is said.
        voice : str
            One of ``voices``.
        style : Style
            How it is said.

        Returns
        -------
        samples : float32 (n,)
            The audio in -1 .. 1, untrimmed.
        rate : int
            Samples per second.

        Raises
        ------
        KwsError
            If the engine fails.
        """
