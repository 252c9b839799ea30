"""A stream that several workers hear, a piece each: the same scores as if one had heard it all.

What a network gives depends on a few seconds before it, as many as its contract says. So a worker
hears so much of what comes before its piece, and a second more: for that second its scores must be
those of the worker before it, bit for bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from kws.arrays import Float32
from kws.calibration.scores import Trace
from kws.gating import memory_frames
from kws.metadata import Metadata
from kws.micro_frontend import MicroConfig
from kws.modelfile import ModelFile
from kws.spotter import KeywordSpotter

from ..spreading.workers import Workers
from .conditions import RATE, Condition
from .evaluate import ModelTask

#: Seconds of a piece, at least.
PIECE_SECONDS = 240.0
#: Seconds of which the scores of two workers are compared.
COMPARED_SECONDS = 1.0


class LongMemoryError(Exception):
    """The scores of a model depend on more than its contract says: one worker hears all."""


class Block(Protocol):
    """Audio of a stream before it is changed as a condition says."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def heard(self, condition: Condition) -> Float32:
        """Return what the microphone hears: float32 (n,)."""


@dataclass(frozen=True)
class Piece:
    """What a worker hears.

    Attributes
    ----------
    before : list of Block
        What comes before the piece, as far as scores depend on it.
    skipped : int
        Samples of that which are not heard: steps of the network begin where they do in the
        stream.
    blocks : list of Block
        The piece.
    last : bool
        Whether the stream ends with it.
    """

    before: list[Block]
    skipped: int
    blocks: list[Block]
    last: bool


@dataclass(frozen=True)
class HeardPiece:
    """What a model made of a piece.

    Attributes
    ----------
    before : float32 (output frames, labels)
        Posteriors of what comes before the piece.
    scores : float32 (output frames, labels)
        Posteriors of the piece.
    asked : int or None
        How often the verifier was asked in it; None without one.
    """

    before: Float32
    scores: Float32
    asked: int | None


@dataclass(frozen=True)
class HearPiece(ModelTask):
    """The task of a worker that hears pieces.

    Attributes
    ----------
    condition : Condition
        What is between the recordings and the microphone.
    """

    condition: Condition

    def __call__(self, piece: Piece) -> HeardPiece:
        """Hear a piece."""
        spotter = self.spotter
        spotter.reset()
        nothing = np.zeros(0, np.float32)
        heard = [block.heard(self.condition) for block in piece.before]
        before = spotter.process_posteriors(np.concatenate([nothing, *heard])[piece.skipped :])
        asked = spotter.verifications
        scores = [spotter.process_posteriors(block.heard(self.condition)) for block in piece.blocks]
        if piece.last:
            scores.append(spotter.process_posteriors(spotter.ending))
        if asked is not None and spotter.verifications is not None:
            asked = spotter.verifications - asked
        spotter.reset()
        return HeardPiece(before, np.concatenate(scores), asked)


@dataclass
class SpreadStream:
    """Workers that hear streams with one model.

    Attributes
    ----------
    model : ModelFile
        The model.
    keywords : sequence of str or None
        Those that are kept apart; all if None.
    workers : Workers
        Who hears.
    asked : int or None
        How often the verifier was asked in the latest stream; None without one.
    """

    model: ModelFile
    keywords: tuple[str, ...] | None
    workers: Workers
    asked: int | None = field(default=None, init=False)

    @property
    def is_of_use(self) -> bool:
        """Whether there are several workers, and the model forgets what it has heard."""
        return not self.workers.alone and forgets(self.model.metadata)

    def trace(
        self, spotter: KeywordSpotter, blocks: Iterable[Block], condition: Condition
    ) -> Trace:
        """Hear a stream.

        Parameters
        ----------
        spotter : KeywordSpotter
            The same model in this process, for what its scores mean.
        blocks : iterable of Block
            The stream.
        condition : Condition
            What is between it and the microphone.

        Returns
        -------
        Trace
            As `kws.calibration.scores.trace_blocks` returns it.

        Raises
        ------
        LongMemoryError
            If the scores of two workers differ where they must not.
        """
        samples = 0

        def counted() -> Iterator[Block]:
            nonlocal samples
            for block in blocks:
                samples += len(block)
                yield block

        task = HearPiece(self.model, self.keywords, condition)
        compared = round(COMPARED_SECONDS / spotter.column_seconds)
        found: list[HeardPiece] = []
        for heard in self.workers.spread(task, pieces(counted(), self.model.metadata)):
            if found:
                tail, own = heard.before[-compared:], found[-1].scores
                common = min(len(tail), len(own))
                if not np.array_equal(tail[len(tail) - common :], own[len(own) - common :]):
                    raise LongMemoryError
            found.append(heard)
        asked = [one.asked for one in found if one.asked is not None]
        self.asked = sum(asked) if asked else None
        return Trace(
            np.concatenate([one.scores for one in found]),
            spotter.column_seconds,
            samples / RATE,
            spotter.metadata.exclusive,
        )


def forgets(metadata: Metadata) -> bool:
    """Tell whether the scores of a model depend on the latest seconds alone.

    Parameters
    ----------
    metadata : Metadata
        Of the model. microWakeWord's front end follows the noise for ever; paths of phrases that
        were typed begin anywhere.
    """
    front_end = metadata.front_end
    follows = isinstance(front_end, MicroConfig)
    return not follows and metadata.phrases is None and front_end.sample_rate == RATE


def pieces(blocks: Iterable[Block], metadata: Metadata) -> Iterator[Piece]:
    """Cut a stream into pieces, each with what its scores depend on.

    Parameters
    ----------
    blocks : iterable of Block
        The stream.
    metadata : Metadata
        Of the model that hears it.

    Yields
    ------
    Piece
        One at least.
    """
    front_end, streaming = metadata.front_end, metadata.streaming
    step = streaming.frames * front_end.hop
    lead = memory_frames(metadata) * front_end.hop + round(COMPARED_SECONDS * RATE) + step
    before: deque[Block] = deque()  # the stream before the piece, as far as it matters
    held = position = 0  # samples of that, and of all that comes before the piece
    own: list[Block] = []
    length = 0

    def piece(last: bool) -> Piece:
        start = max(0, (position - lead) // step * step)
        return Piece(list(before), start - (position - held), own, last)

    for block in blocks:
        if length >= PIECE_SECONDS * RATE:
            yield piece(last=False)
            before.extend(own)
            held, position = held + length, position + length
            while before and held - len(before[0]) >= lead + step:
                held -= len(before.popleft())
            own, length = [], 0
        own.append(block)
        length += len(block)
    yield piece(last=True)
