"""Texts said by the text-to-speech engines that are installed.

Synthetic voices are few and alike. They widen what a network is trained on, and never stand in for
people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np

from kws.arrays import Float32
from kws.errors import KwsError
from kws.frontend import WORDS
from kws.resample import resample

from ..spreading.workers import ALONE, Workers
from .engine import Engine, Style

#: Largest change of a voice's speed either way, as a natural logarithm.
SPEED = 0.25
#: Largest change of a voice's pitch either way, as a natural logarithm.
PITCH = 0.3
#: Speaker of a synthesized text, before its engine and voice.
SYNTHETIC = "synthetic "
#: Utterances that are under way at once: what has been said and not used yet takes memory.
AT_ONCE = 256
#: Utterances that go to a worker together.
AT_A_WORKER = 4
#: Sample rates in Hz are rounded to multiples of this, which changes them by half a percent.
#: A resampling filter is as long as what two rates do not share; for arbitrary rates it would take
#: longer to make than a word to say.
STEP = 160
#: Decibels below the loudest sound; what is quieter is trimmed from the ends.
TRIM = 35


class _Nobody:
    """Stands for an engine on the way to a worker that has it."""

    name = ""
    voices: tuple[str, ...] = ()
    natural = False

    def speak(self, text: str, voice: str, style: Style) -> tuple[Float32, int]:
        """Say nothing."""
        raise NotImplementedError


_NOBODY = _Nobody()


@dataclass(frozen=True)
class Utterance:
    """A text to be said.

    Attributes
    ----------
    text : str
        What is said.
    engine : Engine
        Who says it.
    voice : str
        One of the engine's voices.
    style : Style
        How it is said.
    """

    text: str
    engine: Engine
    voice: str
    style: Style

    @property
    def speaker(self) -> str:
        """Who speaks, as data sets name speakers: `SYNTHETIC`, the engine and the voice."""
        return f"{SYNTHETIC}{self.engine.name} {self.voice}"

    def samples(self) -> Float32:
        """Say the text.

        Returns
        -------
        float32 (n,)
            The audio at 16 kHz, trimmed, its peak at half of full scale.

        Raises
        ------
        KwsError
            If the engine fails or says nothing.
        """
        # formants: played faster than it was said, which was slower by as much
        style = replace(self.style, speed=self.style.speed / self.style.formants)
        spoken, rate = self.engine.speak(self.text, self.voice, style)
        if not len(spoken) or not np.isfinite(spoken).all():
            raise KwsError(f"{self.engine.name} says nothing for {self.text!r:.60}")
        if self.style.formants != 1.0:
            rate = round(rate * self.style.formants / STEP) * STEP
        spoken = resample(spoken, rate, WORDS.sample_rate)
        power = np.convolve(np.square(spoken), np.full(160, 1 / 160, np.float32), mode="same")
        loud = np.flatnonzero(power > power.max(initial=0.0) * 10 ** (-TRIM / 10))
        if len(loud) < 160:
            raise KwsError(f"{self.engine.name} says nothing for {self.text!r:.60}")
        margin = WORDS.sample_rate // 40
        spoken = spoken[max(0, loud[0] - margin) : loud[-1] + margin]
        return np.asarray(spoken * (0.5 / np.abs(spoken).max()), np.float32)


def plan(words: Iterable[str], count: int, engines: Sequence[Engine], seed: int) -> list[Utterance]:
    """Decide who says each word, how fast and how high: ``count`` times each.

    The voices of the engines are drawn with weights: an engine counts by the root of the number
    of its voices, so that the few natural ones are heard as well as the many formant ones.

    Parameters
    ----------
    words : iterable of str
        The words.
    count : int
        How often each is said.
    engines : sequence of Engine
        The engines, at least one if there are words.
    seed : int
        Of who says what, and how.

    Returns
    -------
    list of Utterance
        Word by word.
    """
    rng = np.random.default_rng(seed)
    pairs = [(engine, voice) for engine in engines for voice in engine.voices]
    weights = np.array([len(engine.voices) ** -0.5 for engine, _ in pairs])
    weights /= weights.sum()
    utterances = []
    for word in words:
        for number in rng.choice(len(pairs), count, p=weights):
            speed = float(np.exp(rng.uniform(-SPEED, SPEED)))
            pitch = float(np.exp(rng.uniform(-PITCH, PITCH)))
            engine, voice = pairs[number]
            utterances.append(Utterance(word, engine, voice, Style(speed, pitch)))
    return utterances


@dataclass(frozen=True)
class _Say:
    """The task of a worker: says utterances by the engines that were sent with it, once each."""

    engines: tuple[Engine, ...]

    def __call__(self, one: tuple[int, Utterance]) -> Float32 | KwsError:
        number, utterance = one
        return _said(replace(utterance, engine=self.engines[number]))


def _said(utterance: Utterance) -> Float32 | KwsError:
    try:
        return utterance.samples()
    except KwsError as error:
        return error


def say_all(
    utterances: Sequence[Utterance], workers: Workers = ALONE
) -> Iterator[Float32 | KwsError]:
    """Say utterances: two at a time in this process, or one at a time in each worker.

    Parameters
    ----------
    utterances : sequence of Utterance
        What is said.
    workers : Workers
        Who says it.

    Yields
    ------
    float32 (n,) or KwsError
        In the same order the audio of each, or why there is none.
    """
    if not workers.alone:
        engines = list({id(one.engine): one.engine for one in utterances}.values())
        numbers = {id(engine): number for number, engine in enumerate(engines)}
        # what is sent for each utterance is all but its engine
        items = ((numbers[id(one.engine)], replace(one, engine=_NOBODY)) for one in utterances)
        yield from workers.spread(_Say(tuple(engines)), items, at_once=AT_A_WORKER)
        return
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(utterances), AT_ONCE):
            yield from pool.map(_said, utterances[start : start + AT_ONCE])


def common_words() -> list[str]:
    """Read the words that `kws pretrain` synthesizes: a random draw from the CMU dictionary.

    Returns
    -------
    list of str
        The words in lower case.
    """
    return resources.files(__package__).joinpath("words.txt").read_text().split()
