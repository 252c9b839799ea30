"""The files that a model of words or sounds is trained from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .dataset import Clip


@dataclass(frozen=True)
class TrainingFiles:
    """Labelled clips by what they are for, and recordings without labels.

    Attributes
    ----------
    training : sequence of Clip
        Clips to train with.
    validation : sequence of Clip
        Clips of other speakers, by which training stops and thresholds are chosen.
    held_out : sequence of Clip
        Clips of yet other speakers, that nothing is decided on.
    noise : sequence of Path
        Recordings of background noise.
    negatives : sequence of Path
        Recordings of speech, or of other sounds, without any of the labels.
    rooms : sequence of Path
        Recorded impulse responses, besides the rooms that are simulated.
    """

    training: Sequence[Clip]
    validation: Sequence[Clip] = ()
    held_out: Sequence[Clip] = ()
    noise: Sequence[Path] = ()
    negatives: Sequence[Path] = ()
    rooms: Sequence[Path] = ()
