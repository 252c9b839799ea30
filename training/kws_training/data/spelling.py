"""Names of words, however folders and manifests spell them."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """Return a text as words in lower case, without punctuation, for comparing.

    ``Hey_Device``, ``hey-device`` and ``Hey, device!`` are one phrase. Marks stay, which are vowels
    in many scripts, and symbols, so that ``C++`` is not ``C``.
    """
    kept = (
        char if unicodedata.category(char)[0] in "LMNS" else " "
        for char in unicodedata.normalize("NFKC", text).casefold()
    )
    return " ".join("".join(kept).split())
