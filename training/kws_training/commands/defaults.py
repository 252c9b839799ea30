"""What a user decides about training on commands, and what holds where nothing is said.

Importing it does not load TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # what these import is not needed to print --help
    from ..networks.convert import Precision

Choice = Literal["yamnet", "words", "both", "speech", "speech-words"]
Part = Literal["yamnet", "speech", "words"]

#: The frozen networks of each choice of an extractor, side by side.
PARTS: Mapping[Choice, tuple[Part, ...]] = {
    "yamnet": ("yamnet",),
    "words": ("words",),
    "both": ("yamnet", "words"),
    "speech": ("speech",),
    "speech-words": ("speech", "words"),
}
#: YAMNet's layer under the head.
TAP = 6
#: Windows made from each clip: one as recorded, the others augmented.
COPIES = 6
#: Passes over the training windows, at most.
EPOCHS = 5
#: Front-end frames per step (80 ms), where the stride of the network is not longer.
STEP_FRAMES = 8
#: Results per training window.
RESULTS = 3
#: Seconds over which scores are averaged.
SMOOTHING = 0.24
#: Seconds in which a keyword is not detected again.
REFRACTORY = 0.8


@dataclass(frozen=True)
class CommandOptions:
    """What a user decides about training on commands.

    Attributes
    ----------
    extractor : str
        The frozen networks under the head, one of `PARTS`.
    tap : int
        YAMNet's layer under the head.
    copies : int
        Windows made from each clip: one as recorded, the others augmented.
    validation : float
        Share of the speakers that decide when to stop and which threshold. For the provenance of
        the model: the clips come already split.
    hold_out : float
        Share of the speakers that nothing is decided on, for the figures in the end. For the
        provenance too.
    split : str or None
        Column of the manifest that says who does, in place of the shares.
    epochs : int
        Passes over the training windows, at most.
    learning_curve : bool
        Whether to train heads on shares of the speakers too.
    precision : {"int8", "float32"}
        Number format of the network in the file.
    seed : int
        Seed of all that is drawn.
    """

    extractor: Choice = "both"
    tap: int = TAP
    copies: int = COPIES
    validation: float = 0.1
    hold_out: float = 0.0
    split: str | None = None
    epochs: int = EPOCHS
    learning_curve: bool = False
    precision: Precision = "int8"
    seed: int = 0
