"""The decoder of a phoneme network alone: posteriors, and nothing that is detected."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import Float32
from ..detections import Classification, Detection
from ..errors import ModelError
from ..phonemes.symbols import VOICE_INDEX
from ..posteriors import sigmoid, softmax
from ..state import Arrays, StateReader
from .base import Decoder


class PhonemeDecoder(Decoder):
    """Gives the posteriors of phonemes and of the voice: which words they are is not its affair.

    Parameters
    ----------
    metadata, shape
        As for `Decoder`.
    """

    def reset(self) -> None:
        """Start anew: there is nothing to forget."""

    def state(self) -> Arrays:
        """Return what the next detections depend on: nothing.

        Returns
        -------
        dict of str to array
            Empty.
        """
        return {}

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.
        """

    def posteriors(self, logits: Float32) -> Float32:
        """Return the posteriors of logits, both float32 (output frames, labels).

        Parameters
        ----------
        logits : float32 (output frames, labels)
            What the network gave.

        Returns
        -------
        float32 (output frames, labels)
            Those of the blank and the phonemes add up to 1; that of the voice stands alone.
        """
        return np.concatenate(
            [softmax(logits[:, :VOICE_INDEX]), sigmoid(logits[:, VOICE_INDEX:])], axis=1
        )

    def update(self, frames: Float32, logits: Float32) -> list[Detection]:
        """Take one step of the network.

        Parameters
        ----------
        frames : float32 (frames, bands)
            What the network took.
        logits : float32 (output frames, labels)
            What it gave.

        Returns
        -------
        list of Detection
            None.
        """
        return []

    def watch_near(self, share: float) -> None:
        """Watch for keywords that are nearly detected: there are none.

        Parameters
        ----------
        share : float
            Share of a threshold, 0 .. 1.
        """

    def take_near(self) -> list[Detection]:
        """Return what was nearly detected: nothing.

        Returns
        -------
        list of Detection
            None.
        """
        return []

    def classify(self, samples: Float32, run: Callable[[Float32], Float32]) -> Classification:
        """Refuse to name a clip: phonemes are no labels of clips.

        Raises
        ------
        ModelError
            Always.
        """
        raise ModelError("a model of phonemes tells no clips apart: name words with --phrase")
