"""Words that are said often: packaged lists of them, and how those that link others sound."""

from __future__ import annotations

import functools
from importlib import resources

#: Share of the link words (`link_words`) of what people say: it is about half.
LINK_SHARE = 0.5

#: What words that link others sound like in a phrase, beside what the dictionary says.
LINKING: dict[str, tuple[str, ...]] = {
    "a": ("ax", "ey"),
    "am": ("ae m", "ax m"),
    "an": ("ae n", "ax n"),
    "and": ("ae n d", "ax n d", "ae n", "ax n"),
    "are": ("aa r", "er"),
    "as": ("ae z", "ax z"),
    "at": ("ae t", "ax t"),
    "but": ("b ah t", "b ax t"),
    "can": ("k ae n", "k ax n"),
    "could": ("k uh d", "k ax d"),
    "do": ("d uw", "d ax"),
    "for": ("f ao r", "f er"),
    "from": ("f r ah m", "f r ax m"),
    "had": ("hh ae d", "ae d", "ax d"),
    "has": ("hh ae z", "ae z", "ax z"),
    "have": ("hh ae v", "ae v", "ax v"),
    "he": ("hh iy", "iy"),
    "her": ("hh er", "er"),
    "him": ("hh ih m", "ih m"),
    "his": ("hh ih z", "ih z"),
    "i": ("ay", "aa"),
    "in": ("ih n", "ax n"),
    "is": ("ih z", "ax z"),
    "it": ("ih t", "ax t"),
    "me": ("m iy", "m ih"),
    "my": ("m ay", "m aa"),
    "of": ("ah v", "ax v", "ah", "ax"),
    "on": ("aa n", "ao n"),
    "or": ("ao r", "er"),
    "some": ("s ah m", "s ax m"),
    "that": ("dh ae t", "dh ax t"),
    "the": ("dh ax", "dh iy", "dh ah"),
    "them": ("dh eh m", "dh ax m", "ax m"),
    "to": ("t uw", "t ax", "t ih"),
    "us": ("ah s", "ax s"),
    "was": ("w ah z", "w aa z", "w ax z"),
    "will": ("w ih l", "w ax l"),
    "with": ("w ih dh", "w ih th"),
    "would": ("w uh d", "w ax d"),
    "you": ("y uw", "y ax", "y ih"),
    "your": ("y ao r", "y er", "y uh r"),
}


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
