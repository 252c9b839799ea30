"""Makes shards of recordings: each as a whole or not at all, so that a stop loses little."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.frontend import WORDS

from ..spreading.workers import Workers
from .dataset import Clip, DataError, Skipped
from .digest import digest_of_files
from .frames import FrameSet, frames_of
from .places import Place, place_of
from .shards import PARTS, VERSION, Shard, ShardError, pack, unpack, write_index
from .splits import part_of_negative, share_of

#: Bytes of the samples of a shard, about, and recordings at most: a quarter of an hour at 16 kHz.
SHARD_BYTES = 32 << 20
SHARD_RECORDINGS = 2000
#: How many times smaller than its samples a file is, about.
COMPRESSION = {".flac": 2, ".ogg": 8, ".opus": 8, ".mp3": 8}
#: Hexadecimal digits of a digest in the name of a shard.
NAME_DIGITS = 20


@dataclass(frozen=True)
class Sharded:
    """What was made of recordings.

    Attributes
    ----------
    shards : list of Shard
        Those of the index.
    skipped : list of Skipped
        Recordings that could not be used.
    """

    shards: list[Shard]
    skipped: list[Skipped]


@dataclass(frozen=True)
class _MakeShard:
    """The task of a worker: makes a shard of recordings, or finds it."""

    place: Place

    def __call__(self, clips: Sequence[Clip]) -> tuple[Shard | None, list[Skipped]]:
        digest = digest_of_files(
            f"{VERSION} {WORDS} {[_told(clip) for clip in clips]}", [clip.path for clip in clips]
        )
        name = f"{digest[:NAME_DIGITS]}.npz"
        content = self.place.read(name)
        frames = None if content is None else _whole(content)
        skipped: list[Skipped] = []
        if frames is None or len(frames.clips) < len(clips):
            frames = frames_of(clips)
            skipped = frames.skipped
            if not frames.clips:
                return None, skipped
            made = pack(frames)
            if made != content:
                self.place.write(name, made)
            content = made
        assert content is not None
        part = part_of_negative(frames.clips[0].speaker)
        sha256 = hashlib.sha256(content).hexdigest()
        return Shard(name, sha256, part, len(frames.clips), round(3600 * frames.hours, 2)), skipped


def _told(clip: Clip) -> tuple[str, str, str, str]:
    """Return what a shard says of a recording besides its frames."""
    return str(clip.path), clip.speaker, clip.columns.get("label", ""), clip.columns.get("text", "")


def _whole(content: bytes) -> FrameSet | None:
    try:
        return unpack(content, "")
    except ShardError:
        return None


def groups_of(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Decide which recordings go into a shard: of one part, and drawn from all.

    Parameters
    ----------
    clips : sequence of Clip
        The recordings.

    Returns
    -------
    list of list of Clip
        The same recordings give the same groups.
    """
    groups: list[list[Clip]] = []
    for part in PARTS:
        own = [clip for clip in clips if part_of_negative(clip.speaker) == part]
        group: list[Clip] = []
        size = 0
        for clip in sorted(own, key=lambda one: share_of(f"shard {one.path}")):
            group.append(clip)
            size += clip.path.stat().st_size * COMPRESSION.get(clip.path.suffix.lower(), 1)
            if size >= SHARD_BYTES or len(group) == SHARD_RECORDINGS:
                groups.append(group)
                group, size = [], 0
        if group:
            groups.append(group)
    return groups


def make_shards(clips: Sequence[Clip], output: Path, workers: Workers) -> Sharded:
    """Make shards of recordings, and their index when all are there.

    What an earlier run has made of the same recordings stays.

    Parameters
    ----------
    clips : sequence of Clip
        The recordings.
    output : Path
        A folder, or an address of storage elsewhere.
    workers : Workers
        Who makes them.

    Returns
    -------
    Sharded

    Raises
    ------
    DataError
        If none of the recordings could be used.
    """
    place = place_of(output)
    groups = groups_of(clips)
    shards, skipped = [], []
    for shard, unused in workers.spread(_MakeShard(place), groups, len(groups), "shards"):
        if shard is not None:
            shards.append(shard)
        skipped += unused
    if not shards:
        raise DataError(
            f"none of the {len(clips)} recordings could be used: {skipped[0].path}: "
            f"{skipped[0].reason}"
        )
    write_index(place, shards)
    return Sharded(shards, skipped)
