"""What a server offers, as the Wyoming protocol describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .catalog import Offer, WakeWord

if TYPE_CHECKING:
    from wyoming.info import Info, WakeModel


def describe_offer(offer: Offer) -> Info:
    """Describe the models of a server.

    All of them are in one program, since Home Assistant looks at the first one alone.

    Parameters
    ----------
    offer : Offer
        The models that are there.

    Returns
    -------
    Info
        One wake program with a model for each wake word.
    """
    from wyoming.info import Attribution, Info, WakeProgram

    from .. import __version__

    program = WakeProgram(
        name="kws",
        description="kws: keyword spotting for devices",
        attribution=Attribution(name="kws", url=""),
        installed=True,
        version=__version__,
        models=[_wake_model(word) for word in offer.words],
    )
    return Info(wake=[program])


def _wake_model(word: WakeWord) -> WakeModel:
    from wyoming.info import Attribution, WakeModel

    alone = word.name == word.keyword
    return WakeModel(
        name=word.name,
        # what Home Assistant shows: two of the same keyword must be told apart
        description=word.keyword if alone else f"{word.keyword} ({word.model.name})",
        phrase=word.keyword,
        languages=[*word.model.languages],
        attribution=Attribution(name=f"kws model {word.model.name}", url=""),
        installed=True,
        version=word.model.version,
    )
