"""Lets a network through to the interpreter, or says why not."""

from __future__ import annotations

from ..errors import ModelError
from .flatbuffer import UnknownError
from .structure import check_network
from .trial import try_network


def admit(network: bytes, path: str) -> None:
    """Refuse a network that would crash the interpreter, which believes what a file says.

    What is known is checked here; a network with anything else is run in a process of its own
    first (`kws.untrusted.trial`).

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer, trusted in nothing.
    path : str
        Where it came from, for messages.

    Raises
    ------
    ModelError
        If it is damaged, asks for more than a device has, or crashed in the trial.
    """
    try:
        check_network(network)
    except UnknownError as unknown:
        try:
            try_network(network)
        except ModelError as error:
            raise ModelError(f"{path}: {unknown}; {error}") from None
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
