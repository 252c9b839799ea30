"""Whether a keyword is heard where it nearly comes about across words, and nobody says it.

    python benchmarks/crossings.py MODEL… [--keywords A,B] [--count 100] [--engines festival,hibari]
        [--seed 1] [--json FILE]

For each keyword of a model text to speech says short sentences of frequent words: `--count` that
nearly have the keyword in them across words (`kws_training.synthesis.crossings`), and as many of
random words, by the same voices in the same styles. Stated is how many of each wake the detector up
at the threshold in the model file.

Sentences are other ones than those that `kws train` and `kws synthesize` say with their usual seed,
0. Voices that a model was not trained on are named by `--engines`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.arguments import whole_number_between
from support.origin import origin
from support.script import check_json, status_of

from kws.arrays import Float32
from kws.bench.machine import read_machine
from kws.bench.result import write_result
from kws.cli.arguments import names
from kws.errors import KwsError
from kws.intervals import share_interval
from kws.packaged import find_model
from kws.phonemes.text import words_of
from kws.phonemes.vocabulary import frequent_words
from kws.spotter import KeywordSpotter
from kws_training.cli.arguments import seed
from kws_training.progress import bar
from kws_training.synthesis.casting import cast
from kws_training.synthesis.crossings import find_crossings
from kws_training.synthesis.engine import Engine
from kws_training.synthesis.engines import chosen
from kws_training.synthesis.utterances import say_all

RATE = 16000
#: Seconds of faint noise before and after a sentence, and its standard deviation, 80 dB below full
#: scale.
AROUND = 1.5
NOISE = 1e-4


@dataclass(frozen=True)
class Woken:
    """How many sentences of a kind wake the detector up.

    Attributes
    ----------
    events : int
        Sentences in which the keyword was detected.
    texts : tuple of str
        These sentences.
    sentences : int
        All that were said.
    """

    events: int
    texts: tuple[str, ...]
    sentences: int

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {**asdict(self), "interval": list(share_interval(self.events, self.sentences))}

    def __str__(self) -> str:
        """Return the share with its exact 95 % interval."""
        low, high = share_interval(self.events, self.sentences)
        share = 100 * self.events / self.sentences
        return f"{share:5.1f} % ({100 * low:.1f} to {100 * high:.1f}) of {self.sentences}"


def random_sentences(count: int, lengths: Sequence[int], random_seed: int) -> list[str]:
    """Make sentences of random frequent words, as long as others.

    Parameters
    ----------
    count : int
        How many are made.
    lengths : sequence of int
        Words of each; they come in turn.
    random_seed : int
        Of the words.
    """
    rng = np.random.default_rng(random_seed)
    words = np.array(frequent_words())
    return [" ".join(rng.choice(words, lengths[n % len(lengths)])) for n in range(count)]


def say(
    texts: Sequence[str], engines: Sequence[Engine], random_seed: int, what: str
) -> list[tuple[str, Float32]]:
    """Say texts once each; those that an engine fails at are left out.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    engines : sequence of Engine
        Who says them.
    random_seed : int
        Of who says which, and how.
    what : str
        For the progress bar.

    Returns
    -------
    list of (str, float32 (n,))
        Each text with its audio at 16 kHz.
    """
    said = say_all(cast(texts, len(texts), engines, random_seed))
    spoken = [(texts[n], next(said)) for n in bar(iter(range(len(texts))), len(texts), what)]
    return [(text, audio) for text, audio in spoken if not isinstance(audio, KwsError)]


def count_woken(
    spotter: KeywordSpotter, keyword: str, spoken: Sequence[tuple[str, Float32]]
) -> Woken:
    """Count the sentences in which a keyword is detected.

    Parameters
    ----------
    spotter : KeywordSpotter
        The model.
    keyword : str
        The keyword.
    spoken : sequence of (str, float32 (n,))
        Sentences without it.
    """
    woken = []
    rng = np.random.default_rng(0)
    around = round(AROUND * RATE)
    for text, audio in spoken:
        spotter.reset()
        samples = np.pad(audio, around) + rng.normal(0, NOISE, len(audio) + 2 * around)
        found = spotter.process(samples.astype(np.float32))
        if any(one.keyword == keyword for one in found):
            woken.append(text)
    return Woken(len(woken), tuple(woken), len(spoken))


def run(options: argparse.Namespace) -> int:
    """Judge all models, print and write; returns the exit status."""
    check_json(options.json, KwsError)
    engines = chosen(options.engines)
    models = {path: find_model(path) for path in options.models}
    spoken: dict[str, tuple[list[tuple[str, Float32]], ...]] = {}
    results: dict[str, dict[str, Any]] = {}
    for path, model in models.items():
        spotter = KeywordSpotter(model, sample_rate=RATE)
        results[path] = {}
        for keyword in options.keywords or spotter.keywords:
            if keyword not in spotter.keywords:
                continue
            if keyword not in spoken:
                across = find_crossings(words_of(keyword), options.count, options.seed)
                if not across:
                    print(f"{keyword}: too few sounds to come about across words: not judged")
                    spoken[keyword] = ()
                    continue
                lengths = [len(text.split()) for text in across]
                others = random_sentences(len(across), lengths, options.seed)
                spoken[keyword] = tuple(
                    say(texts, engines, options.seed, keyword) for texts in (across, others)
                )
            if not spoken[keyword]:
                continue
            across_words, random_words = (
                count_woken(spotter, keyword, each) for each in spoken[keyword]
            )
            results[path][keyword] = {
                "threshold": model.metadata.detector.thresholds[keyword],
                "across_words": across_words.to_dict(),
                "random_words": random_words.to_dict(),
            }
            print(f"{path}: {keyword}: across words {across_words}, random words {random_words}")
            sys.stdout.flush()
    if not any(results.values()):
        raise KwsError("nothing was judged: no model has a keyword that comes about across words")
    if options.json is not None:
        write_result(
            options.json,
            {
                **origin(),
                "machine": asdict(read_machine()),
                "engines": {engine.name: list(engine.voices) for engine in engines},
                "seed": options.seed,
                "models": results,
            },
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("models", nargs="+", metavar="MODEL", help="model files, or names of those in the package")
    add(
        "--keywords",
        type=names,
        metavar="A,B",
        help="those to judge; all of each model if left out",
    )
    add(
        "--count",
        type=whole_number_between(1, 10_000),
        default=100,
        help="sentences of each kind and keyword (100)",
    )
    add(
        "--engines",
        type=names,
        metavar="A,B",
        help="text-to-speech engines; all that are installed if left out",
    )
    add("--seed", type=seed, default=1, help="of the sentences and of who says them (1)")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    return parser


def main() -> int:
    """Judge and print; returns the exit status."""
    options = _parser().parse_args()
    return status_of("crossings", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
