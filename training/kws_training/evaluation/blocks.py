"""What a stream is made of: a recording, or a piece of one, and the faint noise around it.

A block knows its length and the seed of all that is random in it, so that whoever hears it needs no
other block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws.arrays import Float32

from ..augmentation.background import coloured_noise
from .conditions import RATE, Condition

#: Seconds of faint noise before each recording of a keyword, drawn between these. The model must
#: have forgotten one recording when the next comes, and a late event must not be taken for the
#: next recording's.
GAP = (2.0, 3.0)
#: Seconds of faint noise between recordings without a keyword.
SHORT_GAP = 0.6
#: RMS level of the faint noise, which is also under the recordings: no room is digitally silent,
#: and a detector must not be judged on the edges of digital silence.
FAINT = 0.0002


@dataclass(frozen=True, eq=False)
class PositiveBlock:
    """A recording of a keyword in a stream, with faint noise before and after it.

    Attributes
    ----------
    seed : tuple of int
        Of the noise and of the length of what comes before.
    samples : float32 (n,)
        The recording at 16 kHz.
    """

    seed: tuple[int, ...]
    samples: Float32

    @property
    def gap(self) -> int:
        """Samples before the recording."""
        return self._drawn()[1]

    def __len__(self) -> int:
        # a second after the recording, for the end of its reverberation
        return self.gap + len(self.samples) + RATE

    def heard(self, condition: Condition) -> Float32:
        """Return what the microphone hears.

        Parameters
        ----------
        condition : Condition
            What is between the recording and the microphone.

        Returns
        -------
        float32 (n,)
        """
        rng, gap = self._drawn()
        room = np.zeros(len(self), np.float32)
        room[gap : gap + len(self.samples)] = self.samples
        return _faint(rng, condition.apply(rng, room))

    def _drawn(self) -> tuple[np.random.Generator, int]:
        rng = np.random.default_rng(self.seed)
        return rng, round(rng.uniform(*GAP) * RATE)


@dataclass(frozen=True, eq=False)
class NegativeBlock:
    """A piece of a recording without a keyword in a stream.

    Attributes
    ----------
    seed : tuple of int
        Of the noise in the recording.
    piece : int
        Number of the piece.
    samples : float32 (n,)
        The piece at 16 kHz.
    gap : int
        Samples of faint noise after it.
    """

    seed: tuple[int, ...]
    piece: int
    samples: Float32
    gap: int = 0

    def __len__(self) -> int:
        return len(self.samples) + self.gap

    def heard(self, condition: Condition) -> Float32:
        """Return what the microphone hears; as for `PositiveBlock`.

        Parameters
        ----------
        condition : Condition
            What is between the recording and the microphone.

        Returns
        -------
        float32 (n,)
        """
        # a seed for each piece: who hears one needs none of those before it
        rng = np.random.default_rng((*self.seed, self.piece) if self.piece else self.seed)
        piece = _faint(rng, condition.apply(rng, self.samples))
        if not self.gap:
            return piece
        return np.concatenate([piece, _faint(rng, np.zeros(self.gap, np.float32))])


def _faint(rng: np.random.Generator, samples: Float32) -> Float32:
    """Put faint noise under audio."""
    noise = coloured_noise(rng, max(2, len(samples)))[: len(samples)]
    level = FAINT / max(1e-9, float(np.sqrt(np.mean(np.square(noise)))))
    return samples + noise * np.float32(level)
