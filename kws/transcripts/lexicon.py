"""The words of a model as a tree of phonemes: words that begin alike have one beginning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..arrays import Float32
from ..errors import KwsError
from ..phonemes.graph import encode
from ..phonemes.pronunciations import pronunciations
from .ngrams import NGrams

#: Pronunciations of a word that are listened for, at most.
MOST_WAYS = 8
#: Nodes of a tree, at most.
MOST_NODES = 200_000

Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Lexicon:
    """A tree of phonemes; node 0 is its root, which says nothing.

    Attributes
    ----------
    labels : int16 (nodes,)
        The phoneme of each node, an index among `kws.phonemes.symbols.OUTPUTS`; 0 of the root.
    first_child : int32 (nodes + 1,)
        The children of node n are ``first_child[n]`` to ``first_child[n + 1] - 1``: they are
        numbered in a row.
    depth : int16 (nodes,)
        Phonemes from the root to each node.
    words : tuple of tuple of int
        The words that end with each node, several where they sound alike.
    ends : bool (nodes,)
        Whether a word ends with each node.
    ahead : float32 (nodes,)
        Score of the likeliest word that can still be said, whatever was said before it.
    """

    labels: npt.NDArray[np.int16]
    first_child: Int32
    depth: npt.NDArray[np.int16]
    words: tuple[tuple[int, ...], ...]
    ends: npt.NDArray[np.bool_]
    ahead: Float32


def lexicon_of(model: NGrams, source: str) -> tuple[Lexicon, tuple[str, ...]]:
    """Make the tree of a model's words.

    Parameters
    ----------
    model : NGrams
        The words, and how likely each is.
    source : str
        Where they come from, for messages.

    Returns
    -------
    lexicon : Lexicon
        Of all words that can be pronounced.
    unknown : tuple of str
        Words that cannot be: they are never written down.

    Raises
    ------
    KwsError
        If none can be pronounced, or the tree would be too large.
    """
    children: list[dict[int, int]] = [{}]
    labels, depth = [0], [0]
    words: list[list[int]] = [[]]
    unknown = []
    for number, word in enumerate(model.words[:-2]):
        try:
            ways = pronunciations(word)[:MOST_WAYS]
        except KwsError:
            unknown.append(word)
            continue
        for way in map(encode, ways):
            node = 0
            for label in way:
                after = children[node].get(label)
                if after is None:
                    after = children[node][label] = len(labels)
                    children.append({})
                    words.append([])
                    labels.append(label)
                    depth.append(depth[node] + 1)
                node = after
            if number not in words[node]:
                words[node].append(number)
        if len(labels) > MOST_NODES:
            raise KwsError(f"{source}: has too many words: give a closed domain")
    if len(labels) == 1:
        raise KwsError(f"{source}: none of its words can be pronounced: install espeak-ng")
    return _in_rows(children, labels, depth, words, model), tuple(unknown)


def _in_rows(
    children: list[dict[int, int]],
    labels: list[int],
    depth: list[int],
    words: list[list[int]],
    model: NGrams,
) -> Lexicon:
    """Return the tree with nodes in such an order that the children of each are in a row."""
    order = [0]
    first = []
    for node in order:  # grows as it is read
        first.append(len(order))
        order += children[node].values()
    first.append(len(order))
    first_child = np.array(first, np.int32)
    ended = tuple(tuple(words[node]) for node in order)
    ahead = np.full(len(order), -np.inf, np.float32)
    for number in range(len(order) - 1, -1, -1):
        below = ahead[first_child[number] : first_child[number + 1]]
        best = float(below.max()) if len(below) else -np.inf
        ahead[number] = max([best, *(model.score((), word) for word in ended[number])])
    return Lexicon(
        labels=np.array(labels, np.int16)[order],
        first_child=first_child,
        depth=np.array(depth, np.int16)[order],
        words=ended,
        ends=np.array([bool(one) for one in ended]),
        ahead=ahead,
    )
