"""Tables of what a model does by group, and by kind of speech."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what these import is not needed to print --help
    from ..evaluation.detection_results import KindFigures
    from ..evaluation.groups import GroupFigures

#: Groups that are printed.
MOST_GROUPS = 20


def print_groups(column: str, groups: Sequence[GroupFigures], what: str) -> None:
    """Print a line for each group.

    Parameters
    ----------
    column : str
        What the clips of a group have in common.
    groups : sequence of GroupFigures
        The worst group first.
    what : str
        What the share of a group is, as the head of its column.
    """
    shown = groups[:MOST_GROUPS]
    names = [group.group or "(not given)" for group in shown]
    width = max(len(name) for name in (column, *names))
    print(f"\n{column:{width}}  {what:>8}  95 % interval   clips")
    for name, group in zip(names, shown, strict=True):
        interval = f"{100 * group.interval[0]:.1f} to {100 * group.interval[1]:.1f} %"
        few = "  few" if group.few else ""
        print(f"{name:{width}}  {group.accuracy:8.1%}  {interval:>14}  {group.clips:5}{few}")
    if len(groups) > len(shown):
        print(f"… and {len(groups) - len(shown)} more that did better (--json has all)")
    if all(group.clips == 1 for group in groups):
        print(f"every {column} has one clip: these figures say nothing about any of them")


def print_kinds(kinds: Sequence[KindFigures]) -> None:
    """Print a line for each kind of speech.

    Parameters
    ----------
    kinds : sequence of KindFigures
        The worst kind first.
    """
    head = "kind of negatives"
    width = max(len(head), *(len(one.kind) for one in kinds))
    print(f"\n{head:{width}}  hours  false accepts per hour  95 % interval     most of")
    for one in kinds:
        low, high = one.interval
        print(
            f"{one.kind:{width}}  {one.hours:5.2f}  {one.per_hour:22.2f}  "
            f"{f'{low:.2f} to {high:.2f}':16}  {one.worst_keyword or '–'}"
        )
