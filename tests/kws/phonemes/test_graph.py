"""Graphs of phonemes accept what they should, and nothing else, with as few nodes as can be."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import KwsError
from kws.phonemes import automaton
from kws.phonemes import graph as graphs
from kws.phonemes.graph import EPSILON, Graph, build_graph, disjoint, encode, graph_of

SIGNS = ("n", "ow", "t")
STRINGS = st.lists(st.lists(st.sampled_from(SIGNS), min_size=1, max_size=5), min_size=1, max_size=6)


def accepted(graph: Graph, longest: int = 8) -> set[tuple[int, ...]]:
    """Return every string that a small graph accepts, walking its arcs one by one."""
    after: dict[int, list[int]] = {}
    for source, target in zip(graph.sources.tolist(), graph.targets.tolist(), strict=True):
        after.setdefault(source, []).append(target)
    found = set()
    waiting = [(node, (int(graph.labels[node]),)) for node in graph.starts.tolist()]
    while waiting:
        node, said = waiting.pop()
        if graph.ends[node]:
            found.add(said)
        if len(said) < longest:
            waiting += [(n, (*said, int(graph.labels[n]))) for n in after.get(node, [])]
    return found


@given(STRINGS)
@settings(max_examples=100, deadline=None)
def test_alternatives_are_accepted_and_nothing_else(strings):
    graph = graph_of(strings)
    assert accepted(graph) == {encode(string) for string in strings}
    # deterministic: no two successors of a node, and no two beginnings, say the same
    arcs = list(zip(graph.sources.tolist(), graph.labels[graph.targets].tolist(), strict=True))
    assert len(set(arcs)) == len(arcs)
    assert len(set(graph.labels[graph.starts].tolist())) == len(graph.starts)
    # arcs go forward, sorted by where they end
    assert (graph.sources < graph.targets).all()
    assert (np.diff(graph.targets) >= 0).all()
    for node in range(graph.nodes):
        first, last = graph.first_arc[node : node + 2]
        assert (graph.targets[first:last] == node).all()
    assert graph.first_arc[-1] == len(graph.targets)


def test_what_is_the_same_is_there_once():
    many = ["".join(one) for one in itertools.product("ab", repeat=6)]
    sounds = {"a": ("n", "ow"), "b": ("t",)}
    graph = graph_of([[sign for c in one for sign in sounds[c]] for one in many])
    assert graph.nodes == 18  # three for each of six places, not 64 times six
    assert len(accepted(graph, 20)) == 64


def test_an_automaton_may_be_silent_and_undecided():
    n, ow = encode(["n", "ow"])
    arcs = [(0, EPSILON, 1), (0, n, 2), (1, n, 3), (2, ow, 4), (3, n, 4), (3, EPSILON, 4)]
    assert accepted(build_graph(arcs, 0, [4], "it")) == {(n,), (n, ow), (n, n)}


def test_several_graphs_are_one():
    one, other = graph_of([["n", "ow"]]), graph_of([["t"], ["t", "ow", "n"]])
    both = disjoint([one, other])
    assert accepted(both) == accepted(one) | accepted(other)
    assert both.nodes == one.nodes + other.nodes
    assert (both.targets == np.repeat(np.arange(both.nodes), np.diff(both.first_arc))).all()


def test_what_cannot_be_compiled_is_refused_in_one_line(monkeypatch):
    n = encode(["n"])[0]
    with pytest.raises(KwsError, match="'q' is no phoneme"):
        graph_of([["q"]])
    with pytest.raises(KwsError, match=r"coffee\.yaml: there is nothing to say"):
        build_graph([(0, n, 1)], 0, [2], "coffee.yaml")
    with pytest.raises(KwsError, match="saying nothing would match"):
        build_graph([(0, n, 1)], 0, [0, 1], "coffee.yaml")
    with pytest.raises(KwsError, match="in a circle"):
        build_graph([(0, n, 1), (1, n, 0)], 0, [1], "coffee.yaml")
    with pytest.raises(KwsError, match="77 is no phoneme"):
        build_graph([(0, 77, 1)], 0, [1], "coffee.yaml")
    monkeypatch.setattr(graphs, "MOST_NODES", 2)
    with pytest.raises(KwsError, match=r"the phrase: too large"):
        graph_of([["n", "ow", "n"]])
    monkeypatch.setattr(automaton, "MOST_STATES", 3)
    with pytest.raises(KwsError, match=r"the phrase: too large"):
        graph_of([["n", "ow", "n"]])
    monkeypatch.undo()
    monkeypatch.setattr(automaton, "MOST_MEMBERS", 3)
    with pytest.raises(KwsError, match=r"too large .* 3 in sets"):
        graph_of([["n", "ow", "n"]])
