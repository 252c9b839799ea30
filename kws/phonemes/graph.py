"""Graphs of phonemes: what may be said, as an automaton whose nodes each say one phoneme.

A graph accepts strings of phonemes and knows no words: what a path through it means is found out
afterwards, so that words that sound alike cost nothing. `build_graph` takes any automaton without
circles, `graph_of` alternatives that are written out; both give the smallest deterministic
automaton, with one phoneme per node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import KwsError
from .automaton import EPSILON as EPSILON
from .automaton import Arc as Arc
from .automaton import Row, deterministic, minimal
from .symbols import BLANK_INDEX, OUTPUTS, PHONEMES

#: Nodes of a graph, at most.
MOST_NODES = 50_000
#: Arcs of a graph, at most.
MOST_ARCS = 400_000
#: Indices among `OUTPUTS` by phoneme.
INDEX = {phoneme: OUTPUTS.index(phoneme) for phoneme in PHONEMES}


@dataclass(frozen=True, eq=False)
class Graph:
    """An automaton that accepts strings of phonemes; each node says one phoneme.

    A string is accepted if its phonemes are the labels of a path from one of ``starts`` to a node
    of ``ends``. That a phoneme takes several frames, and the blanks between two, are no part of
    the graph.

    Attributes
    ----------
    labels : int16 (nodes,)
        The phoneme that each node says: its index among `kws.phonemes.symbols.OUTPUTS`.
    sources : int32 (arcs,)
        The node that each arc leaves.
    targets : int32 (arcs,)
        The node that each arc enters; never falls.
    first_arc : int32 (nodes + 1,)
        The arcs into node n are ``first_arc[n]`` to ``first_arc[n + 1] - 1``; a node that only
        begins a string has none.
    starts : int32 (starts,)
        The nodes that a string may begin with; rises.
    ends : bool (nodes,)
        Whether a string may end with each node.
    """

    labels: npt.NDArray[np.int16]
    sources: npt.NDArray[np.int32]
    targets: npt.NDArray[np.int32]
    first_arc: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.bool_]

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.labels)


def encode(phonemes: Iterable[str]) -> tuple[int, ...]:
    """Return the indices of phonemes among the outputs of a network.

    Parameters
    ----------
    phonemes : iterable of str
        As `kws.phonemes.symbols.PHONEMES` writes them.

    Returns
    -------
    tuple of int
        Their indices among `kws.phonemes.symbols.OUTPUTS`.

    Raises
    ------
    KwsError
        If one is none.

    Examples
    --------
    >>> encode(["n", "ow"])
    (24, 26)
    """
    indices = []
    for phoneme in phonemes:
        if phoneme not in INDEX:
            raise KwsError(f"{phoneme!r:.20} is no phoneme: there are {', '.join(PHONEMES)}")
        indices.append(INDEX[phoneme])
    return tuple(indices)


def graph_of(strings: Iterable[Sequence[str]], name: str = "the phrase") -> Graph:
    """Return the smallest graph that accepts some strings of phonemes and no others.

    Parameters
    ----------
    strings : iterable of sequences of str
        The alternatives, at least one; each has at least one phoneme.
    name : str
        What is compiled, for messages.

    Returns
    -------
    Graph
        Of all alternatives.

    Raises
    ------
    KwsError
        If there is no string, an empty one, or something that is no phoneme; or if the graph would
        be too large.

    Examples
    --------
    >>> graph = graph_of([("n", "ow"), ("n", "aa", "ow")])
    >>> graph.nodes, graph.starts.tolist(), graph.ends.tolist()
    (3, [0], [False, False, True])
    """
    arcs: list[Arc] = []
    ends = []
    count = 1
    for string in map(encode, strings):
        state = 0
        for label in string:
            arcs.append((state, label, count))
            state, count = count, count + 1
        ends.append(state)
    return build_graph(arcs, 0, ends, name)


def build_graph(arcs: Iterable[Arc], start: int, ends: Iterable[int], name: str) -> Graph:
    """Return the smallest graph that accepts what an automaton accepts.

    The automaton may have several arcs with one label from one state, and arcs on which nothing is
    said; a circle of arcs it may not have: repetitions are written out, as often as they may
    happen.

    Parameters
    ----------
    arcs : iterable of (int, int, int)
        State that each arc leaves, from 0 on; label, an index of a phoneme among `OUTPUTS` or
        `EPSILON`; and state that it enters.
    start : int
        The state that a string begins in.
    ends : iterable of int
        States that a string may end in.
    name : str
        What is compiled, for messages: "the grammar coffee.yaml".

    Returns
    -------
    Graph
        Deterministic (no two successors of a node say the same phoneme) and minimal, but for the
        states that are entered by several phonemes: they are one node for each.

    Raises
    ------
    KwsError
        If nothing can be said, if nothing at all may be said, if there is a circle, or if the graph
        would be too large.
    """
    rows, finals = minimal(*deterministic(_checked(arcs, name), start, ends, name), name)
    if not rows or not rows[-1]:
        raise KwsError(f"{name}: there is nothing to say in it: give at least one phoneme")
    if finals[-1]:
        raise KwsError(
            f"{name}: saying nothing would match: give at least one word that must be said"
        )
    return _split(rows, finals, name)


def disjoint(graphs: Sequence[Graph]) -> Graph:
    """Return several graphs side by side, as one.

    Parameters
    ----------
    graphs : sequence of Graph
        At least one.

    Returns
    -------
    Graph
        The nodes of each behind those of the one before.
    """
    first_node = np.cumsum([0, *(graph.nodes for graph in graphs)])[:-1]
    first_arc = np.cumsum([0, *(len(graph.sources) for graph in graphs)])[:-1]
    moved = list(zip(graphs, first_node, first_arc, strict=True))
    total = sum(len(graph.sources) for graph in graphs)
    return Graph(
        labels=np.concatenate([graph.labels for graph in graphs]),
        sources=np.concatenate([one.sources + node for one, node, _ in moved]).astype(np.int32),
        targets=np.concatenate([one.targets + node for one, node, _ in moved]).astype(np.int32),
        first_arc=np.concatenate(
            [*(one.first_arc[:-1] + arc for one, _, arc in moved), [total]]
        ).astype(np.int32),
        starts=np.concatenate([one.starts + node for one, node, _ in moved]).astype(np.int32),
        ends=np.concatenate([graph.ends for graph in graphs]),
    )


def _checked(arcs: Iterable[Arc], name: str) -> Iterator[Arc]:
    """Yield arcs whose labels are phonemes, or none."""
    for arc in arcs:
        if arc[1] != EPSILON and not BLANK_INDEX < arc[1] <= len(PHONEMES):
            raise KwsError(f"{name}: {arc[1]} is no phoneme")
        yield arc


def _split(rows: list[Row], finals: list[bool], name: str) -> Graph:
    """Return the graph of a deterministic automaton, whose last state begins, and is not entered.

    A state that several phonemes lead to becomes a node for each of them. The nodes are numbered
    from the beginning on, so that arcs go forward.
    """
    entries: list[list[int]] = [[] for _ in rows]  # nodes of each state
    labels: list[int] = []
    node_of: dict[tuple[int, int], int] = {}
    for state in reversed(range(len(rows))):  # what follows has a lower number
        for label, target in rows[state].items():
            if (target, label) not in node_of:
                node_of[target, label] = -1
    for target, label in sorted(node_of, key=lambda pair: (-pair[0], pair[1])):
        node_of[target, label] = len(labels)
        entries[target].append(len(labels))
        labels.append(label)
    starts = sorted(node_of[target, label] for label, target in rows[-1].items())
    most = sum(len(nodes) * len(row) for nodes, row in zip(entries, rows, strict=True))
    if len(labels) > MOST_NODES or most > MOST_ARCS:
        raise KwsError(
            f"{name}: too large (more than {MOST_NODES} phonemes or {MOST_ARCS} ways from one to "
            "the next): leave out alternatives, or cut it into several"
        )
    arcs = [
        (node_of[target, label], node)
        for state, row in enumerate(rows)
        for label, target in row.items()
        for node in entries[state]
    ]
    arcs.sort()
    pairs = np.array(arcs, np.int32).reshape(-1, 2)
    targets, sources = pairs[:, 0].copy(), pairs[:, 1].copy()
    ends = np.zeros(len(labels), np.bool_)
    for state, final in enumerate(finals):
        ends[entries[state]] = final
    return Graph(
        labels=np.array(labels, np.int16),
        sources=sources,
        targets=targets,
        first_arc=np.searchsorted(targets, np.arange(len(labels) + 1)).astype(np.int32),
        starts=np.array(starts, np.int32),
        ends=ends,
    )
