"""Where each tensor lies in the network's memory: two that are never needed at once may share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Life:
    """When a tensor is needed.

    Attributes
    ----------
    size : int
        Bytes.
    first, last : int
        Calls that write it first and read it last.
    """

    size: int
    first: int
    last: int


def plan(lives: Mapping[int, Life]) -> tuple[dict[int, int], int]:
    """Place tensors: the largest first, each at the lowest offset that is free while it lives.

    The greedy planner of TensorFlow Lite for Microcontrollers (``greedy_memory_planner.cc``) does
    the same; after Pisarchyk and Lee, arXiv 2001.03288, "greedy by size".

    Parameters
    ----------
    lives : mapping of int to Life
        Size and life of each tensor, by its number.

    Returns
    -------
    offsets : dict of int to int
        Bytes from the beginning.
    size : int
        Bytes of the whole.
    """
    placed: list[tuple[int, int]] = []  # (offset, tensor), by offset
    for number in sorted(lives, key=lambda n: (-lives[n].size, lives[n].first, n)):
        life, offset = lives[number], 0
        for start, other in sorted(placed):
            rival = lives[other]
            if life.first > rival.last or rival.first > life.last:
                continue
            if offset + life.size <= start:
                break
            offset = max(offset, start + rival.size)
        placed.append((offset, number))
    return (
        {number: offset for offset, number in placed},
        max((offset + lives[number].size for offset, number in placed), default=0),
    )
