"""Names of words, however folders and manifests spell them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence


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


def tidy(text: str) -> str:
    """Return the name of a word in composed Unicode (NFC), without spaces at its ends.

    Parameters
    ----------
    text : str
        The name of a folder, or a label.

    Returns
    -------
    str
        The same name, in the one spelling that programs compare.

    Examples
    --------
    >>> tidy(" Tu\u0308r ") == "T\u00fcr"
    True
    """
    return unicodedata.normalize("NFC", text).strip()


def one_spelling(
    words: Iterable[str], fixed: Sequence[str] = ()
) -> tuple[dict[str, str], list[str]]:
    """Give words that differ only in what is not heard one spelling.

    That is capitals, the form of Unicode (full-width letters too), marks that nobody sees, spaces,
    underscores and hyphens, and the full stop, comma or mark at the end of a sentence.

    Parameters
    ----------
    words : iterable of str
        The words as they are written, each as often as it is there.
    fixed : sequence of str
        Labels whose spelling counts, such as those of a model. Two of them may differ in capitals
        only: then each word is the one that it is spelled as.

    Returns
    -------
    spellings : dict of str to str
        For each word how it is spelled: as in ``fixed``, else as most are.
    notes : list of str
        What was joined, a sentence for each.

    Examples
    --------
    >>> one_spelling(["Yes", "yes", "yes", "No "], ["no"])[0]
    {'Yes': 'yes', 'yes': 'yes', 'No ': 'no'}
    """
    counts = Counter(words)
    groups: dict[str, list[str]] = {}
    for word in counts:
        groups.setdefault(_key(word), []).append(word)
    known: dict[str, list[str]] = {}
    for label in fixed:
        known.setdefault(_key(label), []).append(label)
    spellings: dict[str, str] = {}
    notes = []
    for key, group in groups.items():
        labels = known.get(key, [])
        if len(labels) > 1:
            spellings |= {word: word if word in labels else tidy(word) for word in group}
            continue
        chosen = labels[0] if labels else tidy(max(group, key=lambda word: (counts[word], word)))
        spellings |= dict.fromkeys(group, chosen)
        others = [word for word in group if word != chosen]
        if labels and others:
            verb = "is" if len(others) == 1 else "are"
            notes.append(f"{_shown(others, chosen)} {verb} taken for the label {chosen!r}")
        elif len(group) > 1:
            notes.append(
                f"{_shown(group, chosen)} are taken for one label, {chosen!r}: if they are two "
                "words, rename one"
            )
    return {word: spellings[word] for word in counts}, notes


def _key(word: str) -> str:
    """Return what words have in common that are one word."""
    text = unicodedata.normalize("NFKC", tidy(word)).casefold()
    if len(text) > 1 and text[0] == text[-1] == "_":
        return text  # what is no word, such as _unknown_
    kept = []
    for char in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(char)
        if category != "Cf":  # marks that nobody sees, such as a space of no width
            kept.append(" " if category in ("Pc", "Pd", "Zs", "Cc") else char)
    return " ".join("".join(kept).rstrip(".,!?\u2026").split()) or text


def _shown(words: Sequence[str], chosen: str) -> str:
    """List words; by their code points where they would look alike."""
    alike = any(tidy(word) == tidy(chosen) and word != chosen for word in words)
    return " and ".join(ascii(word) if alike else repr(word) for word in sorted(words))
