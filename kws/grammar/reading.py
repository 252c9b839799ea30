"""Reads a grammar file, whichever of the formats it is in."""

from __future__ import annotations

from pathlib import Path

from ..texts import read_text
from .expression import Grammar, GrammarError
from .jsgf import read_jsgf
from .rhino import read_context

#: Bytes of a grammar file, at most.
LARGEST = 2_000_000


def read_grammar(path: str | Path) -> Grammar:
    """Read a grammar: a Rhino context in YAML, or JSGF, which begins with ``#JSGF``.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Grammar

    Raises
    ------
    GrammarError
        If it cannot be read or is no grammar; the message names line and token.
    """
    return parse_grammar(grammar_text(path), str(path))


def grammar_text(path: str | Path) -> str:
    """Return the text of a grammar file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    str

    Raises
    ------
    GrammarError
        If it cannot be read, is too large, or is no UTF-8.
    """
    return read_text(path, LARGEST, "this is no grammar", GrammarError)


def parse_grammar(text: str, source: str) -> Grammar:
    """Read a grammar from its text.

    Parameters
    ----------
    text : str
        Of a Rhino context, or of JSGF.
    source : str
        Its name, for messages.

    Returns
    -------
    Grammar

    Raises
    ------
    GrammarError
        If it is no grammar; the message names line and token.
    """
    if text.lstrip("\ufeff \t\r\n").startswith("#JSGF"):
        return read_jsgf(text.lstrip(" \t\r\n"), source)
    return read_context(text, source)
