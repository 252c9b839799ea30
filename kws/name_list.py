"""Names between commas, as people give them on a command line or in an address."""

from __future__ import annotations

import csv


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

    Examples
    --------
    >>> names('"yes, please", no')
    ['yes, please', 'no']
    """
    found = next(csv.reader([" ".join(text.splitlines())], skipinitialspace=True), [])
    return [name.strip() for name in found if name.strip()]
