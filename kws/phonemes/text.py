"""The words of a text."""

from __future__ import annotations

import unicodedata


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    list of str
        Letters, marks, digits and apostrophes only.
    """
    letters = "".join(
        c if unicodedata.category(c)[0] in "LMN" or c in "'’" else " " for c in text.lower()
    )
    return [word for word in (word.strip("'’") for word in letters.split()) if word]
