"""The packaged dictionary: how 17,000 common English words and names are pronounced."""

from __future__ import annotations

import functools
from importlib import resources


@functools.cache
def dictionary() -> dict[str, tuple[str, ...]]:
    """Read the packaged dictionary.

    The words are those of SCOWL up to size 20, and its names up to size 50, that CMUdict has.

    Returns
    -------
    dict of str to tuple of str
        The phonemes of each word in lower case, as `symbols.PHONEMES` writes them.
    """
    text = resources.files(__package__).joinpath("dictionary.txt").read_text("utf-8")
    lines = (line.split(" ") for line in text.splitlines())
    return {word: tuple(signs) for word, *signs in lines}
