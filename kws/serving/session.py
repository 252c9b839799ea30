"""One stream of audio through the models that a client listens with.

The steps run in the event loop, not in threads: a step of 80 ms of audio takes a fraction of a
millisecond, most of it in Python, so that threads would only wait for each other. After each piece
and each model the other clients have their turn.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

from ..detections import Detection
from ..spotter import KeywordSpotter
from .catalog import Choice, ServedModel
from .samples import SampleFormat, SampleStream

#: Spotters that are kept for the next clients: each takes about a megabyte, and to make one some
#: milliseconds.
MOST_KEPT = 16


class SpotterPool:
    """Makes spotters, and keeps some that are no longer used.

    Parameters
    ----------
    loader : Executor
        Of one thread: makes spotters beside the event loop.
    """

    def __init__(self, loader: Executor) -> None:
        self._loader = loader
        self._kept: list[tuple[ServedModel, KeywordSpotter]] = []  # the latest is the last

    async def take(self, model: ServedModel, rate: int) -> KeywordSpotter:
        """Return a spotter at time 0.

        Parameters
        ----------
        model : ServedModel
            Its model.
        rate : int
            Sample rate of the audio, in Hz.

        Returns
        -------
        KeywordSpotter

        Raises
        ------
        KwsError
            If the model cannot be opened so.
        """
        for place, (kept, spotter) in enumerate(self._kept):
            if kept is model and spotter.sample_rate == rate:
                del self._kept[place]
                spotter.reset()
                return spotter
        make = partial(KeywordSpotter, model.file, rate)
        return await asyncio.get_running_loop().run_in_executor(self._loader, make)

    def give_back(self, model: ServedModel, spotter: KeywordSpotter) -> None:
        """Keep a spotter for the next client that needs the same; the oldest one goes.

        Parameters
        ----------
        model : ServedModel
            Its model.
        spotter : KeywordSpotter
            The spotter, which nobody uses any more.
        """
        self._kept.append((model, spotter))
        del self._kept[:-MOST_KEPT]


@dataclass(frozen=True)
class Heard:
    """A detection under the name that the client knows.

    Attributes
    ----------
    name : str
        What the client calls the keyword.
    detection : Detection
        Its times are counted from the first sample of the session.
    """

    name: str
    detection: Detection


@dataclass
class _Listener:
    """A spotter that a session has taken, and when each keyword was detected last."""

    choice: Choice
    spotter: KeywordSpotter
    ends: dict[str, float] = field(default_factory=dict)

    def heard(self, detections: list[Detection]) -> list[Heard]:
        """Return the detections that the client wants to hear of."""
        found = []
        for detection in detections:
            keyword = detection.keyword
            wait = self.choice.model.refractory.get(keyword)
            if wait is not None:  # may be longer than that of the detector
                if detection.end < self.ends.get(keyword, -math.inf) + wait:
                    continue
                self.ends[keyword] = detection.end
            if keyword in self.choice.names:
                found.append(Heard(self.choice.names[keyword], detection))
        return found


class Session:
    """A stream of audio, from its first sample to its end.

    Parameters
    ----------
    pool : SpotterPool
        Where the spotters come from, and go back to.
    sample_format : SampleFormat
        Of the audio.
    """

    def __init__(self, pool: SpotterPool, sample_format: SampleFormat) -> None:
        self.format = sample_format
        self._pool = pool
        self._samples = SampleStream(sample_format)
        self._listeners: list[_Listener] = []

    @classmethod
    async def start(
        cls, pool: SpotterPool, choices: Sequence[Choice], sample_format: SampleFormat
    ) -> Session:
        """Start a session.

        Parameters
        ----------
        pool : SpotterPool
            Where the spotters come from.
        choices : sequence of Choice
            What is listened for.
        sample_format : SampleFormat
            Of the audio.

        Returns
        -------
        Session
            At time 0.

        Raises
        ------
        KwsError
            If a model cannot be opened so.
        """
        session = cls(pool, sample_format)
        try:
            for choice in choices:
                spotter = await pool.take(choice.model, sample_format.rate)
                session._listeners.append(_Listener(choice, spotter))
        except BaseException:
            session.close()
            raise
        return session

    async def push(self, data: bytes) -> AsyncIterator[Heard]:
        """Take audio and yield the detections that it completes, as soon as each is.

        Parameters
        ----------
        data : bytes
            Samples in the session's format, cut anywhere.

        Yields
        ------
        Heard
        """
        for piece in self._samples.push(data):
            for listener in self._listeners:
                for heard in listener.heard(listener.spotter.process(piece)):
                    yield heard
                await asyncio.sleep(0)

    async def finish(self) -> AsyncIterator[Heard]:
        """End the stream and yield what was still to be detected.

        Yields
        ------
        Heard
        """
        rest = self._samples.flush()
        for listener in self._listeners:
            ends: list[Callable[[], list[Detection]]] = [
                partial(listener.spotter.process, rest),
                listener.spotter.flush,
            ]
            for end in ends:
                for heard in listener.heard(end()):
                    yield heard
                await asyncio.sleep(0)

    def close(self) -> None:
        """Give the spotters back; a session can be closed twice."""
        for listener in self._listeners:
            self._pool.give_back(listener.choice.model, listener.spotter)
        self._listeners = []
