"""How wake words are trained: what experiments decided, and no user has to.

Importing it does not load TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WakeWordRecipe:
    """Shares of the training windows that are changed in a way.

    Experiments decided on them (docs/experiments/kinds_left_out.md).
    No microphone, band, codec or noise may be a sign of the phrase or of its absence: windows with
    a phrase and windows without are changed as often. A share of 0 leaves a way out.

    Attributes
    ----------
    microphones : float
        Share of the disturbed windows that sound as if the microphone of one of the negatives had
        heard them.
    channels : float
        Share of the disturbed windows that came by telephone, or through a codec.
    babble : float
        Share of the recorded noise that is many people talking at once, made of the negatives.
    mined_disturbed : float
        Share of the negatives that are disturbed as training windows are before the network
        listens to them for windows on which it fires.
    """

    microphones: float = 0.5
    channels: float = 0.0
    babble: float = 0.0
    mined_disturbed: float = 0.0


#: The recipe of `kws train`.
SHIPPING = WakeWordRecipe()
