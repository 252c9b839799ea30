"""What a user decides about wake words, and what holds where nothing is said.

Importing it does not load TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .recipe import SHIPPING, WakeWordRecipe

if TYPE_CHECKING:  # what it imports is not needed to print --help
    from ..networks.convert import Precision

#: Times that text to speech says each phrase, and as often other things.
SYNTHESIZED = 300
#: Share of those other things that are sentences with the phrase nearly across words.
CROSSINGS = 0.0
#: Training steps of each network.
STEPS = 1000
#: Networks from whose mean the model learns.
ENSEMBLE = 2
#: Share of each phrase's recordings, by speaker, on which misses are stated.
HOLD_OUT = 0.1
#: False accepts per hour for which the thresholds of the model are chosen.
FALSE_ACCEPTS_PER_HOUR = 0.5
#: False accepts per hour for which operating points are stated, besides the one chosen.
STATED_RATES = (0.1, 0.5, 1.0)
#: Seconds over which scores are averaged.
SMOOTHING = 0.16
#: Seconds in which a phrase is not detected again.
REFRACTORY = 1.0
#: What a verifier may be: "elder", the ensemble that taught the student.
VERIFIERS = ("elder",)
#: Front-end frames per result: 80 ms.
STRIDE = 8
#: Results in a training window.
RESULTS = 8


@dataclass(frozen=True)
class WakeWordOptions:
    """What a user decides about training wake words.

    Attributes
    ----------
    synthesized : int
        Times that text to speech says each phrase, and as often other things; 0 for none.
    language : str
        Language of the phrases: a code of espeak-ng's.
    crossings : float
        Share of the other things that text to speech says, 0 .. 1, that are sentences in which the
        phrase nearly comes about across words.
    rare_voices : bool
        Whether recordings of a phrase are drawn the more often, the rarer the way is in which it is
        said.
    hold_out : float
        Share of each phrase's recordings, by speaker, on which misses are stated.
    false_accepts_per_hour : float
        False accepts per hour for which the thresholds are chosen.
    steps : int
        Training steps of each network.
    ensemble : int
        Networks from whose mean the model learns; a single one is the model itself.
    learning_curve : bool
        Whether to train on parts of the recordings too.
    frozen_base : bool
        Whether the word base stays as it is, so that a device runs it once for several models.
    verifier : {"elder"} or None
        The second network, which hears again what the first is nearly sure of; None for none.
    precision : {"int8", "float32"}
        Number format of the networks in the file.
    seed : int
        Seed of all that is drawn.
    recipe : WakeWordRecipe
        What no user has to decide.
    """

    synthesized: int = SYNTHESIZED
    language: str = "en"
    crossings: float = CROSSINGS
    rare_voices: bool = False
    hold_out: float = HOLD_OUT
    false_accepts_per_hour: float = FALSE_ACCEPTS_PER_HOUR
    steps: int = STEPS
    ensemble: int = ENSEMBLE
    learning_curve: bool = False
    frozen_base: bool = False
    verifier: str | None = None
    precision: Precision = "int8"
    seed: int = 0
    recipe: WakeWordRecipe = SHIPPING
