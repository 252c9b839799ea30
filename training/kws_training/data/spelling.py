"""Names of words, however folders and manifests spell them."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """Return a text as words in lower case without punctuation, for comparing.

    ``Hey_Device``, ``hey-device`` and ``Hey, device!`` are one phrase. Marks stay, which are vowels
    in many scripts, and symbols, so that ``C++`` is not ``C``.

    Parameters
    ----------
    text : str
        The name of a folder, or what a manifest or a user says.

    Returns
    -------
    str
        The words with single spaces between.

    Examples
    --------
    >>> plain("Hey_Device") == plain("hey, device!")
    True
    """
    kept = (
        char if unicodedata.category(char)[0] in "LMNS" else " "
        for char in unicodedata.normalize("NFKC", text).casefold()
    )
    return " ".join("".join(kept).split())
