"""The second of two stages: a network that hears the latest seconds again.

The first network hears all audio, a step at a time. Where it gives a keyword at least the score of
the file's *gate*, the second one, the *verifier*, hears the latest frames as one window. It costs
many times as much as a step, and is asked only where something sounds like a keyword. The logits of
both are added, each by its share. What is not asked about counts as what the verifier rejects. So
the scores of both together are scores like any other: smoothing, thresholds and whatever reads
scores are the same as with one network, and a detection comes no later.
"""

from __future__ import annotations

import numpy as np

from .arrays import Float32
from .errors import ModelError
from .modelfile import VERIFIER_NAME, ModelFile
from .network import StepNetwork, StreamingNetwork
from .state import Arrays, StateReader, counts, joined


class FrameRing:
    """The latest frames of a stream, always in one piece of memory.

    Each frame is kept twice, half of the memory apart, so that the latest ones lie in a row
    wherever the ring begins, and nothing is moved or allocated.

    Parameters
    ----------
    frames : int
        Number of frames that are kept: a multiple of those that are pushed.
    bands : int
        Numbers in a frame.
    silence : float or float32 (bands,)
        What a frame of digital silence holds.
    """

    def __init__(self, frames: int, bands: int, silence: float | Float32) -> None:
        self._memory = np.empty((2, frames, bands), np.float32)
        self._row = self._memory.reshape(2 * frames, bands)
        self._silence = silence
        self._frames = frames
        self.reset()

    def reset(self) -> None:
        """Begin anew, after endless digital silence."""
        self._memory[...] = self._silence
        self._next = 0

    def state(self) -> Arrays:
        """Return what the next frames depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        return {"frames": self._memory[0].copy(), **counts(next=self._next)}

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        self._memory[:] = saved.array("frames", self._memory[0])
        self._next = saved.count("next", self._frames - 1)

    def push(self, frames: Float32) -> None:
        """Take the next frames.

        Parameters
        ----------
        frames : float32 (n, bands)
            As many each time.
        """
        self._memory[:, self._next : self._next + len(frames)] = frames
        self._next = (self._next + len(frames)) % self._frames

    @property
    def latest(self) -> Float32:
        """The latest frames, float32 (frames, bands), oldest first; the next push changes them."""
        return self._row[self._next : self._next + self._frames]


class SecondStage:
    """Joins the logits of a stream with those of the verifier, where it is asked.

    Parameters
    ----------
    model : ModelFile
        With a `kws.metadata.Verifier`.
    frames : int
        Front-end frames from one output frame of the first network to the next.
    threads : int
        Threads of the interpreter.

    Attributes
    ----------
    asked : int
        How often the verifier was asked since this was made.

    Raises
    ------
    ModelError
        If the model has no verifier, or its network does not match the contract.
    """

    def __init__(self, model: ModelFile, frames: int, threads: int = 1) -> None:
        metadata, verifier = model.metadata, model.metadata.verifier
        if verifier is None:
            raise ModelError(f"{model.path}: has no verifier")
        bands, labels = metadata.front_end.bands, len(metadata.labels)
        path = f"{model.path}: {VERIFIER_NAME}"
        self._network = StepNetwork(
            path, verifier.network, verifier.streaming, bands, labels, threads
        )
        if self._network.columns != 1:
            raise ModelError(f"{path}: gives {self._network.columns} results for a window, not 1")
        if self._network.frames % frames:
            raise ModelError(
                f"{path}: hears {self._network.frames} frames: must be a multiple of {frames}, "
                "those from one result of the first network to the next"
            )
        self._ring = FrameRing(self._network.frames, bands, metadata.front_end.silence)
        self._every = frames
        gates = np.array([verifier.gates[label] for label in metadata.labels], np.float64)
        with np.errstate(divide="ignore"):  # a gate of 0 or 1 is always or never passed
            self._gates = np.log(gates / (1 - gates)).astype(np.float32)
        self._limit = np.float32(verifier.limit)
        self._share = np.float32(verifier.weight)
        self._rest = np.float32(1 - verifier.weight)
        # kept, so that a step in which nothing is asked allocates nothing
        self._passed = np.empty(labels, np.bool_)
        self._second = np.empty(labels, np.float32)
        self.asked = 0

    def reset(self) -> None:
        """Forget the past: as if there had been endless silence."""
        self._ring.reset()

    def state(self) -> Arrays:
        """Return what the next results depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        return joined(ring=self._ring.state()) | counts(asked=self.asked)

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        ring = saved.part("ring")
        self._ring.restore(ring)
        ring.check("next", ring.count("next") % self._every == 0)
        self.asked = saved.count("asked")

    def verify(self) -> Float32:
        """Hear the latest frames again.

        Returns
        -------
        float32 (labels,)
            The verifier's logits.
        """
        logits: Float32 = self._network.step(self._ring.latest)[0]
        return logits

    def push(self, frames: Float32, logits: Float32) -> Float32:
        """Take a step: its frames, and what the first network made of them.

        Parameters
        ----------
        frames : float32 (frames, bands)
            What the first network took.
        logits : float32 (output frames, labels)
            What it gave; changed in place.

        Returns
        -------
        float32 (output frames, labels)
            The logits of both networks together.
        """
        passed, second = self._passed, self._second
        for number, first in enumerate(logits):
            self._ring.push(frames[number * self._every : (number + 1) * self._every])
            np.greater_equal(first, self._gates, out=passed)
            second.fill(-self._limit)
            if np.logical_or.reduce(passed):
                self.asked += 1
                np.copyto(second, self.verify(), where=passed)
                np.minimum(np.maximum(second, -self._limit, out=second), self._limit, out=second)
            np.multiply(second, self._share, out=second)
            np.multiply(first, self._rest, out=first)
            np.add(first, second, out=first)
        return logits


class VerifiedNetwork(StreamingNetwork):
    """The two networks of a model file, run step by step.

    The verifier is opened together with the first network: what does not fit is said at the start,
    the memory is taken once, and no detection waits for a network to be loaded.

    Parameters
    ----------
    model : ModelFile
        A checked model file with a verifier.
    threads : int
        Threads of each interpreter.

    Attributes
    ----------
    second : SecondStage
        The verifier.

    Raises
    ------
    ModelError
        If an interpreter refuses a network, or its tensors do not match the metadata.
    """

    def __init__(self, model: ModelFile, threads: int = 1) -> None:
        super().__init__(model, threads)
        self.second = SecondStage(model, self.frames // self.columns, threads)

    def reset(self) -> None:
        """Forget the past: as if there had been endless silence."""
        super().reset()
        self.second.reset()

    def stream_state(self) -> Arrays:
        """Return what the next step depends on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        return super().stream_state() | joined(second=self.second.state())

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `stream_state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        super().restore(saved)
        self.second.restore(saved.part("second"))

    def step(self, frames: Float32) -> Float32:
        """Take one step.

        Parameters
        ----------
        frames : float32 (frames, bands)
            The front-end frames of one step.

        Returns
        -------
        float32 (output frames, labels)
            Logits of both networks together.
        """
        return self.second.push(frames, super().step(frames))


def open_network(model: ModelFile, threads: int = 1) -> StreamingNetwork:
    """Open what gives the logits of a model: its network, with the verifier where there is one.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    threads : int
        Threads of each interpreter.

    Returns
    -------
    StreamingNetwork
        At time 0 of a stream.

    Raises
    ------
    ModelError
        If an interpreter refuses a network, or its tensors do not match the metadata.
    """
    if model.metadata.verifier is None:
        return StreamingNetwork(model, threads)
    return VerifiedNetwork(model, threads)
