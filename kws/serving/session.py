"""One stream of audio through the models that a client listens with.

The steps run in the event loop, not in threads: a step of 80 ms of audio takes a fraction of a
millisecond, most of it in Python, so that threads would only wait for each other. After each piece
the other clients have their turn.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from ..detections import Detection
from ..group import SpotterGroup
from ..spotter import KeywordSpotter
from .catalog import Choice, ServedModel
from .samples import SampleFormat, SampleStream

#: Models of the spotters that are kept for the next clients, at most: each takes about a megabyte,
#: and to open one some milliseconds. The latest spotter is kept, however many it has.
MOST_KEPT = 16
#: What a session listens with: one model, or several that share what they have in common.
Spotter = KeywordSpotter | SpotterGroup


class SpotterPool:
    """Makes spotters, and keeps some that are no longer used.

    Parameters
    ----------
    loader : Executor
        Of one thread: makes spotters beside the event loop.
    """

    def __init__(self, loader: Executor) -> None:
        self._loader = loader
        self._kept: list[tuple[tuple[ServedModel, ...], Spotter]] = []  # the latest is the last

    async def take(self, models: tuple[ServedModel, ...], rate: int) -> Spotter:
        """Return a spotter at time 0.

        Parameters
        ----------
        models : tuple of ServedModel
            The models that it listens with, at least one.
        rate : int
            Sample rate of the audio, in Hz.

        Returns
        -------
        KeywordSpotter or SpotterGroup
            The latter for several models.

        Raises
        ------
        KwsError
            If a model cannot be opened so.
        """
        for place, (kept, spotter) in enumerate(self._kept):
            if kept == models and spotter.sample_rate == rate:
                del self._kept[place]
                spotter.reset()
                return spotter
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._loader, _make_spotter, models, rate)

    def give_back(self, models: tuple[ServedModel, ...], spotter: Spotter) -> None:
        """Keep a spotter for the next client that needs the same; the oldest ones go.

        Parameters
        ----------
        models : tuple of ServedModel
            Its models.
        spotter : KeywordSpotter or SpotterGroup
            The spotter, which nobody uses any more.
        """
        self._kept.append((models, spotter))
        while len(self._kept) > 1 and sum(len(kept) for kept, _ in self._kept) > MOST_KEPT:
            del self._kept[0]


def _make_spotter(models: tuple[ServedModel, ...], rate: int) -> Spotter:
    if len(models) == 1:
        return KeywordSpotter(models[0].file, rate)
    return SpotterGroup([model.file for model in models], rate)


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


class Session:
    """A stream of audio, from its first sample to its end; `start` makes one.

    Parameters
    ----------
    pool : SpotterPool
        Where the spotter goes back to.
    spotter : KeywordSpotter or SpotterGroup
        Of the models of the choices, at time 0.
    choices : sequence of Choice
        What is listened for.
    sample_format : SampleFormat
        Of the audio.
    """

    def __init__(
        self,
        pool: SpotterPool,
        spotter: Spotter,
        choices: Sequence[Choice],
        sample_format: SampleFormat,
    ) -> None:
        self.format = sample_format
        self._pool = pool
        self._spotter: Spotter | None = spotter
        self._samples = SampleStream(sample_format)
        self._choices = {choice.model.name: choice for choice in choices}
        self._ends: dict[tuple[str, str], float] = {}  # of the last detections, by model, keyword

    @classmethod
    async def start(
        cls, pool: SpotterPool, choices: Sequence[Choice], sample_format: SampleFormat
    ) -> Session:
        """Start a session.

        Parameters
        ----------
        pool : SpotterPool
            Where the spotter comes from.
        choices : sequence of Choice
            What is listened for: one of each model, at least one.
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
        models = tuple(choice.model for choice in choices)
        spotter = await pool.take(models, sample_format.rate)
        return cls(pool, spotter, choices, sample_format)

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
            if self._spotter is None:
                return
            for heard in self._heard(self._spotter.process(piece)):
                yield heard
            await asyncio.sleep(0)

    async def finish(self) -> AsyncIterator[Heard]:
        """End the stream and yield what was still to be detected.

        Yields
        ------
        Heard
        """
        if self._spotter is None:
            return
        rest = self._samples.flush()
        for heard in self._heard([*self._spotter.process(rest), *self._spotter.flush()]):
            yield heard

    def close(self) -> None:
        """Give the spotter back; a session can be closed twice."""
        if self._spotter is not None:
            models = tuple(choice.model for choice in self._choices.values())
            self._pool.give_back(models, self._spotter)
        self._spotter = None

    def _heard(self, detections: list[Detection]) -> list[Heard]:
        """Return the detections that the client wants to hear of."""
        found = []
        for detection in detections:
            # a spotter of one model does not name it
            choice = self._choices[detection.model or next(iter(self._choices))]
            keyword = detection.keyword
            wait = choice.model.refractory.get(keyword)
            if wait is not None:  # may be longer than that of the detector
                key = (choice.model.name, keyword)
                if detection.end < self._ends.get(key, -math.inf) + wait:
                    continue
                self._ends[key] = detection.end
            if keyword in choice.names:
                found.append(Heard(choice.names[keyword], detection))
        return found
