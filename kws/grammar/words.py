"""Which tokens of a grammar are words."""

from __future__ import annotations

from .expression import LONGEST_NAME


def is_word(token: str) -> bool:
    """Tell whether a token is a word that can be said: letters and apostrophes.

    Parameters
    ----------
    token : str
        Part of an expression between blanks.

    Returns
    -------
    bool
        Digits are none: whether 12 is "twelve" or "one two", the grammar has to say.
    """
    bare = token.translate(str.maketrans("", "", "'’"))
    return bare.isalpha() and len(token) <= LONGEST_NAME
