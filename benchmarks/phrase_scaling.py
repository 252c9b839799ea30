"""Where typed phrases fire by themselves: fits the constants of `kws.typed.scaling`.

    python benchmarks/phrase_scaling.py --background DIR… [--model FILE] [--phrases 60] [--seed 0]
        [--json FILE]

Phrases of one to four words that the dictionary has, drawn at random, are followed through speech
in which hardly any of them is said. Each gives the score per phoneme above which so many peaks per
hour lie, for `RATES`. A line through all of them, the score against ln(rate) and one over the
number of phonemes, is what makes a threshold mean the same for every phrase.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from support.arguments import whole_number_between
from support.origin import origin
from support.script import check_json, status_of

from kws.arrays import Float32
from kws.audio import load_audio
from kws.bench.machine import read_machine
from kws.bench.result import write_result
from kws.console import note, quiet
from kws.errors import AudioError, KwsError
from kws.folders import recordings_below
from kws.frontend import log_mel
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork
from kws.packaged import PHONEMES, find_model
from kws.phonemes.dictionary import dictionary
from kws.phonemes.pronunciations import pronounce_phrase
from kws.phonemes.symbols import PHONEME_TASK
from kws.phonemes.viterbi import log_posteriors
from kws.typed.matching import PhraseScores
from kws.typed.scaling import RATE

#: Peaks per hour at which the score of a phrase is read.
RATES = (1.0, 2.0, 4.0, 8.0, 16.0)
#: Output frames from one peak of a phrase to the next, at least: a second.
APART = 50
#: Seconds of digital silence behind each recording: what it holds has been heard then.
ENDING = 0.5
#: Letters of a word, at least: shorter ones are said too often.
SHORTEST = 4


@dataclass(frozen=True)
class Scaling:
    """The line that was fitted.

    Attributes
    ----------
    slope : float
        ln(rate) falls by so much per unit of score per phoneme, of one phrase.
    centre, per_length : float
        At `kws.typed.scaling.RATE` a phrase of n phonemes has the score ``centre +
        per_length / n``.
    spread : float
        Standard deviation of the scores around the line.
    phrases : int
    hours : float
        Of speech.
    """

    slope: float
    centre: float
    per_length: float
    spread: float
    phrases: int
    hours: float


def random_phrases(count: int, seed: int) -> list[str]:
    """Draw phrases of one to four words of the dictionary."""
    rng = np.random.default_rng(seed)
    words = [word for word in dictionary() if len(word) >= SHORTEST and word.isalpha()]
    return [" ".join(rng.choice(words, 1 + number % 4, replace=False)) for number in range(count)]


def peaks(scores: Float32) -> list[float]:
    """Return the highest scores of a recording, at least `APART` frames from each other."""
    left = scores.copy()
    found = []
    while left.size and (best := int(left.argmax())) >= 0 and left[best] > -np.inf:
        found.append(float(left[best]))
        left[max(0, best - APART) : best + APART + 1] = -np.inf
    return found


def follow(model: ModelFile, phrases: Sequence[str], folders: Sequence[Path]) -> Any:
    """Return the phonemes of each phrase, its peaks from the highest on, and the hours."""
    front_end = model.metadata.front_end
    with quiet():
        network = StreamingNetwork(model)
    scores = PhraseScores(tuple(map(pronounce_phrase, phrases)), "the phrases")
    silence = scores.state
    found: list[list[float]] = [[] for _ in phrases]
    seconds = 0.0
    for path in [one for folder in folders for one in recordings_below(folder)]:
        try:
            samples = load_audio(path, front_end.sample_rate)
        except AudioError as error:
            note(f"left out: {error}")
            continue
        seconds += len(samples) / front_end.sample_rate
        ending = np.zeros(round(ENDING * front_end.sample_rate), np.float32)
        frames = log_mel(np.concatenate([samples, ending]), front_end)
        network.reset()
        scores.state = silence
        given = []
        for first in range(0, len(frames) - network.frames + 1, network.frames):
            for frame in log_posteriors(network.step(frames[first : first + network.frames])):
                scores.push(frame)
                given.append(scores.totals / scores.lengths)
        for own, column in zip(found, np.array(given).reshape(-1, len(phrases)).T, strict=True):
            own += peaks(column)
    if not seconds:
        raise KwsError("no recording could be read: name folders of speech with --background")
    return scores.lengths, [np.sort(own)[::-1] for own in found], seconds / 3600


def fit(lengths: Float32, found: Sequence[npt.NDArray[Any]], hours: float) -> Scaling:
    """Fit the score: ``centre + per_length / length - ln(rate / RATE) / slope``.

    The score and not the rate is what is fitted, since phrases differ in the score and not in the
    rates at which it is read.
    """
    rows, scores = [], []
    for length, own in zip(lengths, found, strict=True):
        for rate in RATES:
            number = round(rate * hours) - 1
            if 0 <= number < len(own):
                rows.append((1.0, 1 / length, -math.log((number + 1) / hours / RATE)))
                scores.append(float(own[number]))
    if len(rows) < 3 * len(RATES):
        raise KwsError(f"{hours:.2f} h of speech are too few: give an hour or more")
    (centre, per_length, step), *_ = np.linalg.lstsq(np.array(rows), np.array(scores), rcond=None)
    spread = float(np.std(np.array(scores) - np.array(rows) @ (centre, per_length, step)))
    return Scaling(
        1 / float(step), float(centre), float(per_length), spread, len(found), float(hours)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script; returns the exit status."""
    summary, usage = (__doc__ or "").split("\n\n")[:2]
    parser = argparse.ArgumentParser(
        description=summary, usage=" ".join(usage.split()).replace("python ", "")
    )
    parser.add_argument("--background", type=Path, nargs="+", required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--phrases", type=whole_number_between(4, 400), default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    return status_of("phrase_scaling", lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    check_json(options.json, KwsError)
    model = find_model(options.model, PHONEMES)
    if model.metadata.task != PHONEME_TASK:
        raise KwsError(f"{model.path}: is no model of phonemes")
    phrases = random_phrases(options.phrases, options.seed)
    scaling = fit(*follow(model, phrases, options.background))
    times = math.exp(scaling.slope * scaling.spread)
    print(
        f"SLOPE = {scaling.slope:.2f}\nCENTRE = {scaling.centre:.3f}\n"
        f"PER_LENGTH = {scaling.per_length:.3f}\n"
        f"{scaling.phrases} phrases over {scaling.hours:.2f} h of speech; scores are "
        f"{scaling.spread:.2f} around the line (one standard deviation), so that a phrase fires "
        f"{times:.1f} times as often as its threshold promises, or that much less"
    )
    if options.json is not None:
        values = {"scaling": asdict(scaling), "machine": asdict(read_machine()), **origin()}
        write_result(options.json, values)
    return 0


if __name__ == "__main__":
    sys.exit(main())
