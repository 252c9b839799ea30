"""Hears streams of frames: with a network in training, or with a model file as a device does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kws.arrays import Float32, UInt8
from kws.calibration.scores import Trace
from kws.console import quiet
from kws.frontend import WORDS
from kws.gating import memory_frames
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork
from kws.posteriors import sigmoid
from kws.verification import open_network

from ..data.images import to_frames
from ..networks.streaming import look_back, whole_model
from ..networks.word_base import Base
from ..spreading.workers import ALONE, Workers
from .defaults import STRIDE
from .network import WakeNetwork, WakeShape

#: Frames that a network in training hears at once when it listens to a stream: a minute.
LISTENER_FRAMES = 6000
#: Pieces of a stream that go through the network together.
LISTENER_BATCH = 4
#: Frames of a stream that a worker hears with a model file: four minutes.
PIECE_FRAMES = 24_000

#: Returns the logits float32 (output frames, phrases) of a network for frames uint8 (frames,
#: bands).
Listen = Callable[[WakeNetwork, UInt8], Float32]


class Listener:
    """Hears frames with a network, as a stream would.

    Parameters
    ----------
    network : WakeNetwork
        Its weights are shared: what it learns later is heard too.
    bands : int
        Number of bands of the front end.
    frames : int
        Frames that are heard at once: fewer for short recordings.
    """

    def __init__(self, network: WakeNetwork, bands: int, frames: int = LISTENER_FRAMES) -> None:
        self._before = look_back(network, STRIDE, (1, bands))
        self._size = frames // STRIDE * STRIDE
        self._model = whole_model(network, self._size + self._before, (1, bands))

    def listen(self, images: UInt8) -> Float32:
        """Return the logits of a stream.

        Parameters
        ----------
        images : uint8 (frames, bands)
            Grey levels of the front end.

        Returns
        -------
        float32 (output frames, phrases)
            One output frame per `STRIDE` frames.
        """
        return joined(map(self.hear, self.pieces(images)), images)

    def pieces(self, images: UInt8) -> Iterator[UInt8]:
        """Cut a stream into what goes through the network at once.

        Parameters
        ----------
        images : uint8 (frames, bands)
            Grey levels of the front end.

        Yields
        ------
        uint8 (pieces, frames, bands)
            Each piece with what comes before it, as far as the network looks back.
        """
        size = self._size
        count = -(-len(images) // size)
        padded = np.pad(images, ((self._before, count * size - len(images)), (0, 0)))
        for first in range(0, count, LISTENER_BATCH):
            starts = np.arange(first, min(first + LISTENER_BATCH, count)) * size
            yield padded[starts[:, None] + np.arange(size + self._before)]

    def hear(self, pieces: UInt8) -> Float32:
        """Return the logits of pieces, one after another.

        Parameters
        ----------
        pieces : uint8 (pieces, frames, bands)
            As `pieces` yields them.

        Returns
        -------
        float32 (output frames, phrases)
        """
        found = self._model(to_frames(pieces)[:, :, None], training=False)
        return np.concatenate(list(np.asarray(found)))


def joined(logits: Iterable[Float32], images: UInt8) -> Float32:
    """Return the logits of a stream whose pieces are heard, without those behind its end.

    Parameters
    ----------
    logits : iterable of float32 (output frames, phrases)
        Of the pieces in their order.
    images : uint8 (frames, bands)
        The stream.
    """
    return np.concatenate(list(logits))[: len(images) // STRIDE]


def listen_alone(network: WakeNetwork, images: UInt8) -> Float32:
    """Hear a stream with a network in this process.

    Parameters
    ----------
    network : WakeNetwork
        The network.
    images : uint8 (frames, bands)
        Grey levels of the front end.

    Returns
    -------
    float32 (output frames, phrases)
    """
    return Listener(network, images.shape[1]).listen(images)


@dataclass(frozen=True, eq=False)
class NetworkPlan:
    """What a network is built of, wherever it is needed.

    Attributes
    ----------
    base : Base
        The word base.
    phrases : int
        Number of phrases.
    shape : WakeShape
        Size of the head.
    """

    base: Base
    phrases: int
    shape: WakeShape

    def network(self) -> WakeNetwork:
        """Build a network with the weights of the base and an untrained head."""
        return WakeNetwork(self.base.network(), self.phrases, self.shape)

    def loaded(self, weights: Sequence[Float32]) -> WakeNetwork:
        """Build a network with weights as the `model` of another has them.

        Parameters
        ----------
        weights : sequence of float32 arrays
            Of its model, or of one for longer streams.
        """
        network = self.network()
        self.model(network).set_weights(weights)
        return network

    def model(self, network: WakeNetwork) -> Any:
        """Return a model of all weights of a network, for the shortest stream that it hears.

        Parameters
        ----------
        network : WakeNetwork
            Such as `network` returns; its weights are shared.

        Returns
        -------
        keras.Model
        """
        frames = STRIDE + look_back(network, STRIDE, (1, WORDS.bands))
        return whole_model(network, frames, (1, WORDS.bands))


@dataclass(frozen=True, eq=False)
class HearPieces:
    """The task of a worker that hears pieces of a stream with a network in training.

    Attributes
    ----------
    plan : NetworkPlan
        What the network is built of.
    weights : sequence of float32 arrays
        Its weights.
    """

    plan: NetworkPlan
    weights: Sequence[Float32]

    @cached_property
    def _listener(self) -> Listener:
        from ..tensorflow_loading import fix_threads, import_tensorflow

        import_tensorflow()
        fix_threads()
        return Listener(self.plan.loaded(self.weights), WORDS.bands)

    def __call__(self, pieces: UInt8) -> Float32:
        """Return the logits of pieces, as `Listener.hear` does."""
        return self._listener.hear(pieces)


@dataclass(frozen=True, eq=False)
class SpreadListening:
    """Workers that hear streams with a network in training, a few pieces each.

    Attributes
    ----------
    plan : NetworkPlan
        What the network is built of.
    workers : Workers
        Who hears.
    """

    plan: NetworkPlan
    workers: Workers

    def __call__(self, network: WakeNetwork, images: UInt8) -> Float32:
        """Return the logits of a stream, as `listen_alone` does."""
        task = HearPieces(self.plan, self.plan.model(network).get_weights())
        pieces = Listener(network, images.shape[1]).pieces(images)
        return joined(self.workers.spread(task, pieces), images)


@dataclass(frozen=True)
class FramePiece:
    """What is heard at once with a model file.

    Attributes
    ----------
    frames : uint8 (frames, bands)
        Grey levels of the front end.
    before : int
        Steps of the network before the piece, whose scores do not count.
    """

    frames: UInt8
    before: int


@dataclass(frozen=True)
class HearAsDevice:
    """The task of a worker that hears pieces of a stream with a model file.

    Attributes
    ----------
    model : ModelFile
        The model that will ship.
    """

    model: ModelFile

    @cached_property
    def _network(self) -> StreamingNetwork:
        with quiet():
            return open_network(self.model)

    def __call__(self, piece: FramePiece) -> Float32:
        """Return the scores (output frames, phrases) of a piece."""
        network = self._network
        network.reset()
        size = network.frames
        count = len(piece.frames) // size
        scores = np.empty((count, len(self.model.metadata.labels)), np.float32)
        for number in range(count):
            step = to_frames(piece.frames[number * size : (number + 1) * size])
            scores[number] = sigmoid(network.step(step)[-1])
        return scores[piece.before :]


def frame_pieces(model: ModelFile, recordings: Iterable[UInt8]) -> Iterator[FramePiece]:
    """Cut a stream into pieces, each with what its scores depend on.

    Parameters
    ----------
    model : ModelFile
        The model that hears them.
    recordings : iterable of uint8 (frames, bands)
        Grey levels of the front end, one after another; a rest in the end that fills no step is
        left out. No more than a piece and a recording is held at once.

    Yields
    ------
    FramePiece
    """
    size = model.metadata.streaming.frames
    lead = -(-memory_frames(model.metadata) // size)
    length = max(1, PIECE_FRAMES // size)
    before = 0  # steps of what is held that belong to the piece before
    held = np.empty((0, WORDS.bands), np.uint8)
    for recording in recordings:
        held = np.concatenate([held, recording])
        while len(held) >= (before + length) * size:
            whole = (before + length) * size
            yield FramePiece(held[:whole], before)
            kept = min(before + length, lead)
            held, before = held[whole - kept * size :], kept
    steps = len(held) // size
    if steps > before:
        yield FramePiece(held[: steps * size], before)


def negative_traces(
    model: ModelFile, recordings: Sequence[UInt8], workers: Workers = ALONE
) -> list[Trace]:
    """Return the scores of the network in a model file on frames.

    Parameters
    ----------
    model : ModelFile
        The model that will ship.
    recordings : sequence of uint8 (frames, bands)
        Grey levels of each recording; they are heard as one stream, one after another.
    workers : Workers
        Who hears them.

    Returns
    -------
    list of Trace
        One trace, or none if there are no recordings.
    """
    if not recordings:
        return []
    size = model.metadata.streaming.frames
    steps = sum(map(len, recordings)) // size
    count = -(-steps // max(1, PIECE_FRAMES // size))
    nothing = np.empty((0, len(model.metadata.labels)), np.float32)
    pieces = frame_pieces(model, recordings)
    heard = workers.spread(HearAsDevice(model), pieces, count, "scores")
    scores = np.concatenate([nothing, *heard])
    seconds = size * WORDS.hop_seconds
    return [Trace(scores, seconds, len(scores) * seconds, exclusive=False)]
