"""Packaged lists of words that are said often; the dictionary has all of them."""

from __future__ import annotations

import functools
from importlib import resources

#: Share of the link words (`link_words`) of what people say: it is about half.
LINK_SHARE = 0.5


@functools.cache
def frequent_words() -> tuple[str, ...]:
    """Read the words that are most frequent: those of SCOWL up to size 10.

    Returns
    -------
    tuple of str
        3,948 words in lower case.
    """
    return _words("frequent.txt")


@functools.cache
def link_words() -> tuple[str, ...]:
    """Read the words of the closed classes: articles, pronouns, prepositions, auxiliaries.

    Returns
    -------
    tuple of str
        The words in lower case.
    """
    return _words("links.txt")


def _words(name: str) -> tuple[str, ...]:
    return tuple(resources.files(__package__).joinpath(name).read_text("utf-8").split())
