"""How well the phonemes of a path fit to what a network heard, nothing and nobody included.

The decoder finds the best of what may be said, and takes something off the blank for it. To decide
whether that was said at all, each phoneme is compared with everything that the network may say, the
blank as it is, and with whether somebody speaks: in noise the decoder finds an order as well, but
hardly any of its phonemes are heard.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Float32, grown
from ..phonemes.symbols import OUTPUTS, VOICE_INDEX
from ..phonemes.viterbi import LOWEST, Path, relative


def heard_frames(logits: Float32, voices: Float32) -> Float32:
    """Return what is compared, of each frame.

    Parameters
    ----------
    logits : float32 (frames, outputs)
        What a phoneme network gives, in the order of `kws.phonemes.symbols.OUTPUTS`.
    voices : float32 (frames,)
        The probability that somebody speaks.

    Returns
    -------
    float32 (frames, outputs)
        The scores of the blank and the phonemes, relative to the best of both, and the logarithm
        of the probability of the voice: `LOWEST` .. 0.
    """
    heard = np.empty_like(logits)
    heard[:, :VOICE_INDEX] = relative(logits)
    voices = np.maximum(voices, np.float32(np.exp(LOWEST)))
    # a number that is none is no voice
    heard[:, VOICE_INDEX] = np.fmax(np.log(voices), np.float32(LOWEST))
    return heard


class Hearing:
    """Keeps what was heard in an utterance.

    Parameters
    ----------
    longest : int
        Frames of an utterance, at most.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._frames = np.empty((0, len(OUTPUTS)), np.float32)
        self.reset()

    def reset(self) -> None:
        """Begin the next utterance."""
        self._count = 0

    def push(self, frames: Float32) -> None:
        """Take the next frames.

        Parameters
        ----------
        frames : float32 (frames, outputs)
            As `heard_frames` gives them, no more in all than an utterance may have.
        """
        wanted = self._count + len(frames)
        self._frames = grown(self._frames, self._count, wanted, self._longest)
        self._frames[self._count : wanted] = frames
        self._count = wanted

    def scores(self, path: Path) -> Float32:
        """Return how well each phoneme of a path was heard.

        Parameters
        ----------
        path : Path
            Through the frames that were taken.

        Returns
        -------
        float32 (phonemes,)
            The logarithm of its probability over the best other's, and of the voice's, in the
            frame of the phoneme in which the sum is highest: 0 where nothing else was heard.
        """
        return np.array(
            [
                (
                    self._frames[first : last + 1, label]
                    + self._frames[first : last + 1, VOICE_INDEX]
                ).max()
                for label, first, last in zip(path.labels, path.first, path.last, strict=True)
            ],
            np.float32,
        )
