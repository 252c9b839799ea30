"""Names between commas, as people give them on a command line or in an address."""

from __future__ import annotations

import csv

from .errors import KwsError


def names(text: str) -> list[str]:
    """Parse names between commas. A name with a comma in it is quoted: ``"yes, please",no``.

    Parameters
    ----------
    text : str
        As it was given.

    Returns
    -------
    list of str
        Without spaces around them, and without empty ones.

    Raises
    ------
    KwsError
        If a name has more than a hundred thousand characters.

    Examples
    --------
    >>> names('"yes, please", no')
    ['yes, please', 'no']
    """
    try:
        found = next(csv.reader([" ".join(text.splitlines())], skipinitialspace=True), [])
    except csv.Error as error:
        raise KwsError(f"{text!r:.100}: are no names ({error}): put commas between them") from None
    return [name.strip() for name in found if name.strip()]
