"""Shards: files of log-mel images of many recordings, for data that does not fit into memory.

A shard is a ``.npz``, compressed by Deflate, of some minutes to some hours of recordings that were
drawn from all. An index, written last, names the shards with their digests. Of each frame the
change from the frame before is kept, which takes a sixth less room: 2.5 kB per second of speech.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import UInt8
from kws.errors import KwsError, ModelError
from kws.fields import FieldReader
from kws.frontend import WORDS
from kws.metadata import UNKNOWN

from .dataset import Clip
from .frames import FrameSet
from .places import Place, is_remote, place_of
from .stored import StoredArraysError, pieces_of, read_arrays

#: Name of the index.
INDEX = "shards.json"
#: Of the layout; another version is refused.
VERSION = 1
#: What recordings are for, by their speakers.
PARTS = ("training", "development", "test")
#: Bytes of the arrays of a shard, and of an index, at most.
MOST_BYTES = 2 << 30
MOST_INDEX_BYTES = 256 << 20
#: Shards of an index, and seconds of one, at most.
MOST_SHARDS = 1_000_000
MOST_SECONDS = 10**9
#: Columns that a shard keeps: what may tell that a phrase is said.
COLUMNS = ("label", "text")
_ARRAYS = ("changes", "lengths", "paths", "speakers", *COLUMNS)


class ShardError(KwsError):
    """Shards that cannot be used."""


@dataclass(frozen=True)
class Shard:
    """What the index says of a shard.

    Attributes
    ----------
    name : str
        Of its file.
    sha256 : str
        Digest of its file.
    part : str
        What its recordings are for, one of `PARTS`.
    recordings : int
        How many there are.
    seconds : float
        How long they are together.
    """

    name: str
    sha256: str
    part: str
    recordings: int
    seconds: float


@dataclass(frozen=True)
class ShardSet:
    """The shards of a place.

    Attributes
    ----------
    place : Place
        Where they are.
    shards : tuple of Shard
        What the index names.
    sha256 : str
        Digest of the index, which names the digests of all.
    """

    place: Place
    shards: tuple[Shard, ...]
    sha256: str

    def of(self, part: str) -> list[Shard]:
        """Return the shards of a part, one of `PARTS`."""
        return [one for one in self.shards if one.part == part]

    def hours(self, part: str) -> float:
        """Return how many hours a part has, one of `PARTS`."""
        return sum(one.seconds for one in self.of(part)) / 3600

    def read(self, shard: Shard) -> FrameSet:
        """Read a shard.

        Parameters
        ----------
        shard : Shard
            One of these.

        Raises
        ------
        ShardError
            If it is missing, damaged, or another than the index names.
        """
        content = self.place.read(shard.name)
        where = f"{self.place}/{shard.name}"
        if content is None:
            raise ShardError(f"{where}: is missing: run kws features again")
        if hashlib.sha256(content).hexdigest() != shard.sha256:
            raise ShardError(f"{where}: is damaged: remove it and run kws features again")
        return unpack(content, where)


def is_shards(path: Path) -> bool:
    """Tell whether a folder, or an address, is one of shards.

    Parameters
    ----------
    path : Path
        What was given in place of a folder of recordings.
    """
    return is_remote(path) or (path / INDEX).is_file()


def open_shards(path: Path) -> ShardSet:
    """Read the index of shards.

    Parameters
    ----------
    path : Path
        Their folder or address.

    Raises
    ------
    ShardError
        If there is none, or it is no index that this version reads.
    """
    place = place_of(path)
    content = place.read(INDEX)
    if content is None:
        raise ShardError(f"{place}: no {INDEX}: kws features --output writes one when it is done")
    try:
        if len(content) > MOST_INDEX_BYTES:
            raise ModelError("too large")
        reader = FieldReader(json.loads(content), INDEX)
        if reader.count("version", 0, 10**6) != VERSION or reader.get("front_end") != repr(WORDS):
            raise ModelError("of another version of kws: run kws features again")
        listed = reader.get("shards")
        if not isinstance(listed, list) or len(listed) > MOST_SHARDS:
            raise ModelError("shards: is no list")
        shards = tuple(_shard(FieldReader(one, "shards")) for one in listed)
    except (ModelError, ValueError, RecursionError) as error:
        raise ShardError(f"{place}/{INDEX}: {error}") from None
    return ShardSet(place, shards, hashlib.sha256(content).hexdigest())


def _shard(reader: FieldReader) -> Shard:
    """Check what an index says of a shard."""
    name, part = reader.text("name"), reader.text("part")
    if part not in PARTS:
        raise ModelError(f"part {part!r:.40}: must be one of {', '.join(PARTS)}")
    if not name.removesuffix(".npz").isalnum():
        raise ModelError(f"name {name!r:.40}: must be letters and digits, then .npz")
    return Shard(
        name,
        reader.text("sha256"),
        part,
        reader.count("recordings", 0, 10**9),
        reader.number("seconds", 0, MOST_SECONDS),
    )


def write_index(place: Place, shards: Sequence[Shard]) -> None:
    """Write the index, after all shards.

    Parameters
    ----------
    place : Place
        Where they are.
    shards : sequence of Shard
        What it names.
    """
    index = {
        "version": VERSION,
        "front_end": repr(WORDS),
        "hours": {part: _hours(shards, part) for part in PARTS},
        "shards": [asdict(one) for one in shards],
    }
    place.write(INDEX, json.dumps(index, indent=1).encode())


def _hours(shards: Sequence[Shard], part: str) -> float:
    return round(sum(one.seconds for one in shards if one.part == part) / 3600, 3)


def pack(frames: FrameSet) -> bytes:
    """Return the content of a shard; the same recordings give the same bytes.

    Parameters
    ----------
    frames : FrameSet
        The recordings, one at least.
    """
    images = np.concatenate(frames.images)
    arrays: dict[str, Any] = {
        "changes": np.diff(images, axis=0, prepend=np.zeros_like(images[:1])),
        "lengths": np.array([len(image) for image in frames.images], np.int64),
        "paths": np.array([str(clip.path) for clip in frames.clips], np.str_),
        "speakers": np.array([clip.speaker for clip in frames.clips], np.str_),
    }
    for column in COLUMNS:
        said = [clip.columns.get(column, "") for clip in frames.clips]
        arrays[column] = np.array(said, np.str_)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # its entries have one date for ever
    return stream.getvalue()


def unpack(content: bytes, where: str) -> FrameSet:
    """Return the recordings of a shard.

    Parameters
    ----------
    content : bytes
        As `pack` returned it.
    where : str
        For messages.

    Raises
    ------
    ShardError
        If it is no shard.
    """
    try:
        arrays = read_arrays(io.BytesIO(content), _ARRAYS, MOST_BYTES)
    except StoredArraysError as error:
        raise ShardError(f"{where}: no shard ({error})") from None
    changes, lengths, *texts = (arrays[name] for name in _ARRAYS)
    right = changes.dtype == np.uint8 and changes.shape[1:] == (WORDS.bands,)
    right &= all(one.shape == lengths.shape and one.dtype.kind == "U" for one in texts)
    images: list[UInt8] | None = None
    if right:
        # sums of bytes wrap around as the differences did
        images = pieces_of(np.cumsum(changes, axis=0, dtype=np.uint8), lengths)
    if images is None:
        raise ShardError(f"{where}: no shard: its arrays do not fit together")
    clips = [
        Clip(Path(path), UNKNOWN, UNKNOWN, speaker, dict(zip(COLUMNS, said, strict=True)))
        for path, speaker, *said in zip(*(one.tolist() for one in texts), strict=True)
    ]
    return FrameSet(clips, images, [])
