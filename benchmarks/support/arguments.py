"""Arguments that several benchmarks take, for argparse."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def name_and_value(text: str, form: str = "NAME=FILE") -> tuple[str, str]:
    """Read a name and what it stands for, around the first ``=``.

    Parameters
    ----------
    text : str
        What was given.
    form : str
        The form that is wanted, for the message.

    Returns
    -------
    tuple of str
        The name and the value, neither of them empty.

    Raises
    ------
    argparse.ArgumentTypeError
        If one of them is missing.
    """
    name, _, value = text.partition("=")
    if not name or not value:
        raise argparse.ArgumentTypeError(f"{text!r}: give {form}")
    return name, value


def number_between(lowest: float, highest: float, what: str = "a number") -> Callable[[str], float]:
    """Return what reads a number within bounds.

    Parameters
    ----------
    lowest, highest : float
        The bounds, both of them allowed.
    what : str
        The unit that is counted, for the message.
    """

    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not lowest <= value <= highest:  # NaN is not
            raise argparse.ArgumentTypeError(f"{text!r}: give {what}, {lowest:g} to {highest:g}")
        return value

    return number


def whole_number_between(lowest: int, highest: int) -> Callable[[str], int]:
    """Return what reads a whole number within bounds.

    Parameters
    ----------
    lowest, highest : int
        The bounds, both of them allowed; none is below 0.
    """

    def number(text: str) -> int:
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"{text!r}: give a number, {lowest} to {highest}")
        return int(text)

    return number
