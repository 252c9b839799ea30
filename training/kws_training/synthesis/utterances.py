"""Synthesized speech: texts said by the text-to-speech engines that are installed.

Synthetic voices are few and alike; they widen what a network has heard, and never stand in for
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

from .engine import Engine, Style

#: Speaker of a synthesized text, before its engine and voice.
SYNTHETIC = "synthetic "
#: Words that are asked for before the first is used: what has been said takes memory.
AT_ONCE = 256
#: Rates are rounded to multiples of this, half a percent at most: a filter for any two rates is as
#: long as what they do not share, and takes longer to make than a word to say.
STEP = 160
#: Sound this far below the loudest, in dB, is trimmed from the ends.
TRIM = 35


@dataclass(frozen=True)
class Utterance:
    """A text to be said.

    Attributes
    ----------
    text : str
    engine : Engine
    voice : str
    style : Style
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
        """Say it: float32 (n,) at 16 kHz, trimmed, its peak at half of full scale.

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
    """
    rng = np.random.default_rng(seed)
    pairs = [(engine, voice) for engine in engines for voice in engine.voices]
    weights = np.array([len(engine.voices) ** -0.5 for engine, _ in pairs])
    weights /= weights.sum()
    utterances = []
    for word in words:
        for number in rng.choice(len(pairs), count, p=weights):
            style = Style(*(float(np.exp(rng.uniform(-width, width))) for width in (0.25, 0.3)))
            utterances.append(Utterance(word, *pairs[number], style))
    return utterances


def say_all(utterances: Sequence[Utterance]) -> Iterator[Float32 | KwsError]:
    """Say them all, two at a time, in order; what fails is given as its error."""

    def say(utterance: Utterance) -> Float32 | KwsError:
        try:
            return utterance.samples()
        except KwsError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(utterances), AT_ONCE):
            yield from pool.map(say, utterances[start : start + AT_ONCE])


def common_words() -> list[str]:
    """Return the words that `pretrain` has synthesized: a random draw from the CMU dictionary."""
    return resources.files(__package__).joinpath("words.txt").read_text().split()
