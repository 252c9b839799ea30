"""What a user decides about training on sounds, and what holds where nothing is said.

Importing it does not load TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kws.metadata import SegmenterDefaults

if TYPE_CHECKING:  # what it imports is not needed to print --help
    from ..networks.convert import Precision

#: YAMNet's layer under the head.
TAP = 11
#: Windows made from each clip: the clip as recorded.
COPIES = 1
#: Front-end frames per step (80 ms), where the stride of the network is not longer.
STEP_FRAMES = 8
#: Where a sound begins and ends, in seconds; and the share of the threshold.
SEGMENTER = SegmenterDefaults(smoothing=0.48, release=0.5, shortest=0.16, gap=0.5, thresholds={})


@dataclass(frozen=True)
class SoundOptions:
    """What a user decides about training on sounds.

    Attributes
    ----------
    tap : int
        YAMNet's layer under the head.
    copies : int
        Windows made from each clip: one as recorded, the others augmented.
    folds : str or None
        Column of the manifest for cross-validation; None for validation clips.
    precision : {"int8", "float32"}
        Number format of the network in the file.
    seed : int
        Seed of all that is drawn.
    """

    tap: int = TAP
    copies: int = COPIES
    folds: str | None = None
    precision: Precision = "int8"
    seed: int = 0
