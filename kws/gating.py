"""Lets a network sleep while nothing sounds, as it is most of the day.

The front end always runs: it is cheap, and its frames tell what sounds. What they tell is compared
with a background that follows them slowly. While nothing rises above it, the network is not run,
and what it says in silence stands for it. When something does, the network first hears the frames
that it has missed, so that from then on it says what it would have said without sleep.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from .activity import LN_PER_DB
from .arrays import Float32
from .errors import ModelError
from .frontend import FrontEnd, parts_of
from .metadata import Metadata
from .micro_frontend import MicroConfig
from .state import Arrays, StateReader, counts, joined

#: Parts of the spectrum whose level is followed, and how many of them tell what sounds.
PARTS, LOUDEST = 8, 2
#: What the scores of a network depend on, in its receptive fields: where steps of several frames
#: end, states still hold a little of what lies before the field.
MEMORY = 2

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class ActivityConfig:
    """When something sounds.

    Attributes
    ----------
    above : float
        Decibels above the background, in the mean over the `LOUDEST` parts of the spectrum that are
        farthest above it, from which something sounds.
    hold : float
        Seconds after the latest sound for which it still counts, and at the beginning of a stream.
    rise : float
        Decibels per second by which the background may rise.
    fall : float
        Seconds in which it falls (time constant).
    """

    above: float = 6.0
    hold: float = 1.0
    rise: float = 3.0
    fall: float = 0.2


class Activity(Protocol):
    """Tells whether something sounds."""

    def reset(self) -> None:
        """Forget the past."""

    def push(self, frames: Float32) -> bool:
        """Take frames, and tell whether something sounds in them or did shortly before."""

    def state(self) -> Arrays:
        """Return what the next answer depends on, a copy (see `kws.state`)."""

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken."""


class SoundActivity:
    """Tells whether something sounds above the background, by the front end's frames alone.

    Parameters
    ----------
    front_end : LogMelConfig or JoinedConfig
        What makes the frames.
    config : ActivityConfig, optional
        When something sounds.

    Raises
    ------
    ModelError
        If the frames are those of microWakeWord, which take the background away themselves.
    """

    def __init__(self, front_end: FrontEnd, config: ActivityConfig | None = None) -> None:
        if any(isinstance(part, MicroConfig) for part in parts_of(front_end)):
            raise ModelError(
                "the model hears by microWakeWord's front end, which leaves no background to tell "
                "sounds by: leave out vad"
            )
        config = ActivityConfig() if config is None else config
        hop = front_end.hop_seconds
        # decibels are of power: the logarithm of a magnitude is half of that
        kinds = {getattr(part, "spectrum", "power") for part in parts_of(front_end)}
        decibel = LN_PER_DB / 2 if "magnitude" in kinds else LN_PER_DB
        self._above = config.above * decibel
        self._rise = config.rise * decibel * hop
        self._fall = hop / config.fall
        self._hold = round(config.hold / hop)
        edges = np.linspace(0, front_end.bands, min(PARTS, front_end.bands) + 1).astype(int)
        self._firsts, self._sizes = edges[:-1], np.diff(edges).astype(np.float32)
        self._background = np.zeros(len(self._firsts), np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the background is what is heard first."""
        self._begun = False
        self._left = 0

    def push(self, frames: Float32) -> bool:
        """Take frames.

        Parameters
        ----------
        frames : float32 (frames, bands)
            The front-end frames of one step.

        Returns
        -------
        bool
            Whether something sounds in them, or did at most ``hold`` seconds before.
        """
        power = np.add.reduceat(frames.mean(0), self._firsts) / self._sizes
        if not self._begun:
            self._begun, self._left = True, self._hold + len(frames)
            self._background[:] = power
        above = power - self._background
        loudest = np.partition(above, -LOUDEST)[-LOUDEST:] if len(above) > LOUDEST else above
        falls, rises = 1 - math.exp(-len(frames) * self._fall), len(frames) * self._rise
        self._background += np.where(above < 0, above * falls, np.minimum(above, rises))
        if float(loudest.mean()) > self._above:
            self._left = self._hold
        else:
            self._left = max(0, self._left - len(frames))
        return self._left > 0

    def state(self) -> Arrays:
        """Return what the next answer depends on, a copy (see `kws.state`)."""
        now = counts(begun=int(self._begun), left=self._left)
        return {"background": self._background.copy()} | now

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
        self._background = saved.array("background", self._background).copy()
        self._begun = bool(saved.count("begun", 1))
        self._left = saved.count("left", self._hold)


class Source(Protocol[T_co]):
    """A network that is run step by step."""

    frames: int

    def step(self, frames: Float32) -> T_co:
        """Take one step."""

    def reset(self) -> None:
        """Forget the past: as if there had been endless silence."""


class _Gate(Generic[T]):
    """A network that is only run while it is awake, with what it has missed."""

    def __init__(self, source: Source[T], silent: T, bands: int, memory: int) -> None:
        self._source, self._silent = source, silent
        steps = -(-memory // source.frames) + 1
        self._missed = np.zeros((steps, source.frames, bands), np.float32)
        self.reset()

    def reset(self) -> None:
        self._slept = 0  # steps since the network was run

    def step(self, frames: Float32, awake: bool) -> T:
        steps = len(self._missed)
        if not awake:
            self._missed[self._slept % steps] = frames
            self._slept += 1
            return self._silent
        if self._slept:
            if self._slept > steps:  # all that its scores depend on is in what it has missed
                self._source.reset()
            for number in range(max(0, self._slept - steps), self._slept):
                self._source.step(self._missed[number % steps])
            self._slept = 0
        return self._source.step(frames)

    def state(self) -> Arrays:
        return {"missed": self._missed.copy()} | counts(slept=self._slept)

    def restore(self, saved: StateReader) -> None:
        self._missed = saved.array("missed", self._missed).copy()
        self._slept = saved.count("slept")


class Sleepers(Generic[T]):
    """Networks of one front end that sleep and wake together; `sleepers` makes them.

    Their own states are their owner's to reset, to save and to restore.

    Parameters
    ----------
    activity : Activity
        Tells when they wake.
    gates : sequence of gates
        The networks, each with what it says in silence.
    """

    def __init__(self, activity: Activity, gates: Sequence[_Gate[T]]) -> None:
        self._activity, self._gates = activity, gates

    def reset(self) -> None:
        """Sleep, after endless silence."""
        self._activity.reset()
        for gate in self._gates:
            gate.reset()

    def step(self, frames: Float32) -> list[T]:
        """Take one step.

        Parameters
        ----------
        frames : float32 (frames, bands)
            The front-end frames of one step.

        Returns
        -------
        list of object
            What each network says, or would say in silence.
        """
        awake = self._activity.push(frames)
        return [gate.step(frames, awake) for gate in self._gates]

    def state(self) -> Arrays:
        """Return what the next step depends on besides the networks, a copy (see `kws.state`)."""
        gates = {str(number): gate.state() for number, gate in enumerate(self._gates)}
        return joined(activity=self._activity.state(), **gates)

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
        self._activity.restore(saved.part("activity"))
        for number, gate in enumerate(self._gates):
            gate.restore(saved.part(number))


def sleepers(
    vad: bool | Activity,
    front_end: FrontEnd,
    sources: Sequence[tuple[Source[T], Sequence[Metadata]]],
    copied: Callable[[T], T],
) -> Sleepers[T] | None:
    """Let networks sleep while nothing sounds; they are reset by it.

    Parameters
    ----------
    vad : bool or Activity
        What the user asked for: False for no sleep, True for `SoundActivity`, or one's own.
    front_end : FrontEnd
        What makes their frames.
    sources : sequence of (Source, sequence of Metadata)
        Each network, and the models that it is the network of.
    copied : callable
        Copies what a step gives, which the next step may write over.

    Returns
    -------
    Sleepers or None
        None if they never sleep.

    Raises
    ------
    ModelError
        If the front end leaves no background to tell sounds by.
    """
    if vad is False:
        return None
    activity = SoundActivity(front_end) if vad is True else vad
    gates = []
    for source, models in sources:
        silence = np.full((source.frames, front_end.bands), front_end.silence, np.float32)
        source.reset()
        silent = copied(source.step(silence))
        source.reset()
        memory = max(memory_frames(one) for one in models)
        gates.append(_Gate(source, silent, front_end.bands, memory))
    return Sleepers(activity, gates)


def memory_frames(metadata: Metadata) -> int:
    """Return how many front-end frames the scores of a model depend on.

    Parameters
    ----------
    metadata : Metadata
        Of the model.
    """
    frames = MEMORY * metadata.streaming.receptive_field
    if metadata.verifier is not None:
        frames += metadata.verifier.streaming.receptive_field
    return frames
