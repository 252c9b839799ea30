"""Negatives that are drawn from shards: some hours at a time, others for each round of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kws.arrays import UInt8

from ..data.frames import FrameSet
from ..data.shards import Shard, ShardSet
from ..data.unlabelled import without_keywords

#: Hours that are drawn at once: a round draws its windows anywhere in them. They take 58 MB, and
#: some times as much while the network listens to them.
POOL_HOURS = 4.0


@dataclass(frozen=True)
class ShardPool:
    """Shards, and the phrases that none of what is drawn from them may say.

    Attributes
    ----------
    sets : sequence of ShardSet
        The shards of each place.
    keywords : tuple of str
        The phrases.
    """

    sets: Sequence[ShardSet]
    keywords: tuple[str, ...]

    def hours(self, part: str) -> float:
        """Return how many hours a part has: "training", "development" or "test"."""
        return sum(one.hours(part) for one in self.sets)

    def groups(
        self, part: str, seed: int, hours: float, each: float = POOL_HOURS
    ) -> Iterator[FrameSet]:
        """Read shards of a part in a random order, some hours at a time.

        Parameters
        ----------
        part : str
            "training", "development" or "test".
        seed : int
            Of the order.
        hours : float
            How many are read in all; fewer if the part has no more, and up to a shard more.
        each : float
            How many are yielded at once; up to a shard more.

        Yields
        ------
        FrameSet
            Without recordings that say a phrase, by their folder, label or text.
        """
        found: list[tuple[ShardSet, Shard]] = [(s, one) for s in self.sets for one in s.of(part)]
        drawn, before = FrameSet([], [], []), 0.0
        for number in np.random.default_rng((seed, 4)).permutation(len(found)):
            if drawn.hours >= each:
                before += drawn.hours
                yield drawn
                drawn = FrameSet([], [], [])
            if before + drawn.hours >= hours:
                break
            shards, shard = found[number]
            read = shards.read(shard)
            kept = {id(clip) for clip in without_keywords(read.clips, self.keywords)[0]}
            chosen = read.where([n for n, clip in enumerate(read.clips) if id(clip) in kept])
            drawn.clips.extend(chosen.clips)
            drawn.images.extend(chosen.images)
        if drawn.images:
            yield drawn

    def draw(self, part: str, seed: int, hours: float = POOL_HOURS) -> FrameSet:
        """Read shards of a part in a random order until some hours are there; as for `groups`.

        Parameters
        ----------
        part : str
            "training", "development" or "test".
        seed : int
            Of the order.
        hours : float
            How many are read.

        Returns
        -------
        FrameSet
        """
        return next(self.groups(part, seed, hours, hours), FrameSet([], [], []))

    def images(self, seed: int) -> list[UInt8]:
        """Return negatives of a round of training; as for `draw`.

        Parameters
        ----------
        seed : int
            Of what is drawn.

        Returns
        -------
        list of uint8 (frames, bands)
        """
        return self.draw("training", seed).images
