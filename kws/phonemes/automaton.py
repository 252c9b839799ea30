"""Automata: one that accepts the same strings, deterministic and minimal."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import KwsError

#: Label of an arc on which nothing is said.
EPSILON = -1
#: Sets of states that are met while an automaton is made deterministic, at most.
MOST_STATES = 50_000
#: States in all these sets together, at most: each takes some 60 bytes.
MOST_MEMBERS = 1_000_000

#: An arc: state it leaves, label or `EPSILON`, state it enters.
Arc = tuple[int, int, int]
#: The successor of a state for each label.
Row = dict[int, int]


def deterministic(
    arcs: Iterable[Arc], start: int, ends: Iterable[int], name: str
) -> tuple[list[Row], list[bool]]:
    """Return an automaton without empty arcs and with one successor per label.

    Parameters
    ----------
    arcs : iterable of (int, int, int)
        State that each arc leaves, from 0 on; label, at least 0, or `EPSILON`; and state that it
        enters.
    start : int
        The state that a string begins in.
    ends : iterable of int
        States that a string may end in.
    name : str
        What is compiled, for messages.

    Returns
    -------
    rows : list of dict of int to int
        The successor of each state for each label; strings begin in state 0.
    finals : list of bool
        Whether a string may end in each state.

    Raises
    ------
    KwsError
        If there are more than `MOST_STATES`, or sets of more than `MOST_MEMBERS`.
    """
    final = set(ends)
    said: dict[int, dict[int, list[int]]] = {}
    silent: dict[int, list[int]] = {}
    for source, label, target in arcs:
        if label == EPSILON:
            silent.setdefault(source, []).append(target)
        else:
            said.setdefault(source, {}).setdefault(label, []).append(target)

    def closed(states: Iterable[int]) -> frozenset[int]:
        reached = set(states)
        waiting = list(reached)
        while waiting:
            for target in silent.get(waiting.pop(), ()):
                if target not in reached:
                    reached.add(target)
                    waiting.append(target)
        return frozenset(reached)

    first = closed([start])
    numbers = {first: 0}
    waiting = [first]
    rows: list[Row] = [{}]
    finals = [not final.isdisjoint(first)]
    members = len(first)
    while waiting:
        states = waiting.pop()
        successors: dict[int, set[int]] = {}
        for state in states:
            for label, targets in said.get(state, {}).items():
                successors.setdefault(label, set()).update(targets)
        row = rows[numbers[states]]
        for label, reached in successors.items():
            after = closed(reached)
            number = numbers.get(after)
            if number is None:
                number = numbers[after] = len(rows)
                members += len(after)
                if number >= MOST_STATES or members > MOST_MEMBERS:
                    raise KwsError(
                        f"{name}: too large (more than {MOST_STATES} states, or {MOST_MEMBERS} in "
                        "sets of them): leave out alternatives, or cut it into several"
                    )
                rows.append({})
                finals.append(not final.isdisjoint(after))
                waiting.append(after)
            row[label] = number
    return rows, finals


def minimal(rows: list[Row], finals: list[bool], name: str) -> tuple[list[Row], list[bool]]:
    """Merge states with the same future, and drop those that never end.

    Without circles one pass from the ends to the beginning finds all that can be merged (Revuz,
    1992).

    Parameters
    ----------
    rows : list of dict of int to int
        As `deterministic` gives them.
    finals : list of bool
        Whether a string may end in each state.
    name : str
        What is compiled, for messages.

    Returns
    -------
    rows : list of dict of int to int
        The successor of each state for each label, a state of a lower number; strings begin in the
        last one. Empty where no string is accepted.
    finals : list of bool
        Whether a string may end in each state.

    Raises
    ------
    KwsError
        If there is a circle.
    """
    merged: dict[int, int | None] = {}  # None: nothing can end from here
    known: dict[tuple[bool, tuple[tuple[int, int], ...]], int] = {}
    kept: list[Row] = []
    ends: list[bool] = []
    for state in _futures_first(rows, name):
        row = {}
        for label, target in sorted(rows[state].items()):
            after = merged[target]
            if after is not None:
                row[label] = after
        if not row and not finals[state]:
            merged[state] = None
            continue
        key = (finals[state], tuple(row.items()))
        number = known.get(key)
        if number is None:
            number = known[key] = len(kept)
            kept.append(row)
            ends.append(finals[state])
        merged[state] = number
    return kept, ends


def _futures_first(rows: list[Row], name: str) -> list[int]:
    """Return the states so that each comes after all that can follow it; state 0 is the last."""
    order: list[int] = []
    seen: set[int] = {0}
    done: set[int] = set()
    stack = [(0, iter(rows[0].values()))]
    while stack:
        state, targets = stack[-1]
        target = next(targets, None)
        if target is None:
            stack.pop()
            order.append(state)
            done.add(state)
        elif target not in seen:
            seen.add(target)
            stack.append((target, iter(rows[target].values())))
        elif target not in done:
            raise KwsError(f"{name}: goes in a circle: write out how often a part may be repeated")
    return order
