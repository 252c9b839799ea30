"""How wake words are trained: what experiments decided, and no user has to.

Importing it does not load TensorFlow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kws.errors import KwsError


@dataclass(frozen=True)
class WakeWordRecipe:
    """Shares of the training windows that are changed in a way, and the size of the head.

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
    width : int
        Number of channels of the head.
    dropout : float
        Share of the head's features that is dropped in training.
    """

    microphones: float = 0.5
    channels: float = 0.0
    babble: float = 0.0
    mined_disturbed: float = 0.0
    width: int = 96
    dropout: float = 0.2


#: The recipe of `kws train`.
SHIPPING = WakeWordRecipe()
#: Bounds of the numbers of a recipe.
BOUNDS = {
    "microphones": (0.0, 1.0),
    "channels": (0.0, 1.0),
    "babble": (0.0, 0.9),
    "mined_disturbed": (0.0, 1.0),
    "width": (8, 512),
    "dropout": (0.0, 0.9),
}


def read_settings(settings: Sequence[str]) -> WakeWordRecipe:
    """Return the recipe of `kws train` with some numbers changed.

    Parameters
    ----------
    settings : sequence of str
        Each as ``NAME=NUMBER``.

    Raises
    ------
    KwsError
        If a recipe has no such number, or it is out of bounds.

    Examples
    --------
    >>> read_settings(["width=64"]).width
    64
    """
    recipe = SHIPPING
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in BOUNDS:
            raise KwsError(f"--set {setting!r:.60}: a recipe has {', '.join(BOUNDS)}")
        try:
            value = type(getattr(SHIPPING, name))(text)
        except ValueError:
            raise KwsError(f"--set {setting!r:.60}: give NAME=NUMBER, as width=64") from None
        low, high = BOUNDS[name]
        if not low <= value <= high:
            raise KwsError(f"--set {setting!r:.60}: must be {low:g} to {high:g}")
        recipe = replace(recipe, **{name: value})
    return recipe
