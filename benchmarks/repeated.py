"""Whether a keyword that is said again is detected again, and one that is said once is one.

    python benchmarks/repeated.py MODEL… --data FOLDER [--gaps 0.75 0.5] [--times 20]
        [--speakers 40] [--drawn 2] [--set test] [--seed 0] [--json FILE]

FOLDER has a sub-folder of recordings for each keyword, by many speakers. Each word is cut out of
its recording. Stated are, for each keyword and gap between the end of a word and the beginning of
the next, over faint noise:

- **one voice**: one recording said `--times` times, for as many speakers as `--speakers` says, of
  those whose word the model detects when it is said once: what is lost is lost to the repetition;
- **many voices**: recordings of different speakers in a row, each once, and how many of the same
  recordings are detected when each is said alone;
- **once**: how often a word that is said once is more than one detection, as it is and drawn out
  to `--drawn` seconds at its own pitch (by librosa).

Speakers are in two halves by a hash of their names (`--set`): nothing may be chosen on the half
`test`. Intervals take recordings for independent.

Ctrl-C keeps the keywords that are done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.arguments import number_between, whole_number_between
from support.origin import origin
from support.script import check_json, status_of
from support.voices import RATE, Word, add_set, read_words

from kws.arrays import Float32
from kws.bench.machine import read_machine
from kws.bench.result import write_result
from kws.errors import KwsError
from kws.intervals import share_interval
from kws.packaged import find_model
from kws.spotter import KeywordSpotter

#: Standard deviation of the noise under all words, 80 dB below full scale.
NOISE = 1e-4
#: Seconds before the first word and after the last one.
AROUND = 1.5


@dataclass(frozen=True)
class Series:
    """A keyword said many times with one gap between.

    Attributes
    ----------
    gap : float
        Seconds from the end of a word to the beginning of the next.
    counts : tuple of int
        Detections of the keyword in each row of one voice.
    times : int
        How often each row has the keyword.
    mixed : int
        Detections among ``alone`` recordings of many voices in rows.
    mixed_of : int
        Those recordings.
    """

    gap: float
    counts: tuple[int, ...]
    times: int
    mixed: int
    mixed_of: int

    @property
    def mean(self) -> float:
        """Detections in a row of one voice, of ``times``, none counted beyond them."""
        return float(np.mean(np.minimum(self.counts, self.times))) if self.counts else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the series as plain JSON values."""
        found, of = int(np.minimum(self.counts, self.times).sum()), self.times * len(self.counts)
        return {
            **asdict(self),
            "mean": self.mean,
            "too_many": sum(max(0, count - self.times) for count in self.counts),
            "share_interval": list(share_interval(found, of)) if of else None,
            "mixed_interval": list(share_interval(self.mixed, self.mixed_of)),
        }


@dataclass(frozen=True)
class Once:
    """Words that are said once.

    Attributes
    ----------
    detected, twice, recordings : int
        Recordings with a detection of the keyword, those with more than one, and all.
    """

    detected: int
    twice: int
    recordings: int

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        return {
            **asdict(self),
            "twice_interval": list(share_interval(self.twice, self.recordings)),
        }


@dataclass(frozen=True)
class Keyword:
    """What became of one keyword.

    Attributes
    ----------
    keyword : str
    speakers : int
        Whose recordings were heard.
    series : tuple of Series
        One for each gap.
    once, drawn : Once
        Words as they are, and drawn out.
    """

    keyword: str
    speakers: int
    series: tuple[Series, ...]
    once: Once
    drawn: Once

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return {
            "keyword": self.keyword,
            "speakers": self.speakers,
            "series": [one.to_dict() for one in self.series],
            "once": self.once.to_dict(),
            "drawn": self.drawn.to_dict(),
        }


def count(spotter: KeywordSpotter, keyword: str, words: Sequence[Float32], gap: float) -> int:
    """Return how often a keyword is detected in words with a gap after each."""
    around, quiet = np.zeros(round(AROUND * RATE)), np.zeros(round(gap * RATE))
    stream = np.concatenate([around, *[part for word in words for part in (word, quiet)], around])
    stream += np.random.default_rng(0).normal(0, NOISE, len(stream))
    spotter.reset()
    found = spotter.process(stream.astype(np.float32)) + spotter.flush()
    return sum(one.keyword == keyword for one in found)


def drawn_out(samples: Float32, seconds: float) -> Float32:
    """Return a word that takes so long, at its own pitch; one that is longer stays as it is."""
    import librosa

    rate = len(samples) / (seconds * RATE)
    if rate >= 1:
        return samples
    return np.asarray(librosa.effects.time_stretch(samples, rate=rate, n_fft=512), np.float32)


def judge(
    spotter: KeywordSpotter, keyword: str, words: Sequence[Word], options: argparse.Namespace
) -> Keyword:
    """Judge one keyword.

    Parameters
    ----------
    spotter : KeywordSpotter
        At 16 kHz.
    keyword : str
        Of the model.
    words : sequence of Word
        Recordings of it.
    options : Namespace
        The script's arguments.
    """
    alone = [count(spotter, keyword, [word.samples], 0.0) for word in words]
    chosen: dict[str, Float32] = {}
    for word, found in zip(words, alone, strict=True):
        if found == 1 and len(chosen) < options.speakers:
            chosen.setdefault(word.speaker, word.samples)
    times = options.times
    rows = [words[at : at + times] for at in range(0, len(words) - times + 1, times)] or [words]
    heard = sum(map(len, rows))
    series = []
    for gap in options.gaps:
        counts = [count(spotter, keyword, [word] * times, gap) for word in chosen.values()]
        mixed = sum(
            min(len(row), count(spotter, keyword, [word.samples for word in row], gap))
            for row in rows
        )
        series.append(Series(gap, tuple(counts), times, mixed, heard))
    long = [
        count(spotter, keyword, [drawn_out(word.samples, options.drawn)], 0.0) for word in words
    ]
    return Keyword(
        keyword,
        len({word.speaker for word in words}),
        tuple(series),
        _once(alone),
        _once(long),
    )


def _once(counts: Sequence[int]) -> Once:
    return Once(sum(c > 0 for c in counts), sum(c > 1 for c in counts), len(counts))


def print_model(name: str, results: Sequence[Keyword], times: int) -> None:
    """Print what became of the keywords of one model."""
    print(f"{name}: of {times}, mean over the voices (least); many voices, of 100; once; drawn out")
    for one in results:
        parts = [
            f"{s.gap:g} s {s.mean:4.1f} ({min(s.counts, default=0)}) of {len(s.counts)} voices, "
            f"many {100 * s.mixed / s.mixed_of:3.0f}"
            for s in one.series
        ]
        once, drawn = one.once, one.drawn
        alone = 100 * once.detected / once.recordings
        print(
            f"  {one.keyword:10} {'; '.join(parts)}; alone {alone:3.0f} of 100, twice "
            f"{once.twice} of {once.recordings}; drawn out {drawn.detected} found, twice "
            f"{drawn.twice}",
            flush=True,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("models", nargs="+", metavar="MODEL", help="model files, or the package's by name")
    add("--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="words by speakers")
    add(
        "--gaps",
        type=number_between(0.05, 10, "seconds"),
        nargs="+",
        default=[0.75, 0.5],
        metavar="SECONDS",
        help="between two words (0.75 0.5)",
    )
    add(
        "--times",
        type=whole_number_between(1, 1000),
        default=20,
        help="a word is said in a row (20)",
    )
    add(
        "--speakers",
        type=whole_number_between(1, 1000),
        default=40,
        help="of one voice in a row, at most (40)",
    )
    add(
        "--drawn",
        type=number_between(0.1, 10, "seconds"),
        default=2.0,
        metavar="SECONDS",
        help="that a word is drawn out to (2)",
    )
    add_set(parser)
    add("--seed", type=int, default=0, help="of the order of the recordings (0)")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    return parser


def run(options: argparse.Namespace) -> int:
    """Judge all models, print and write; returns the exit status."""
    check_json(options.json, KwsError)
    models = [find_model(path) for path in options.models]
    keywords = list(dict.fromkeys(k for model in models for k in model.metadata.keywords))
    words, skipped = read_words(options.data, keywords, options.set, options.seed)
    if not words:
        raise KwsError(
            f"{options.data[0]}: no recordings of {', '.join(keywords)[:200]} in the set "
            f"{options.set!r}: give a folder with a sub-folder for each keyword"
        )
    results: dict[str, list[Keyword]] = {}
    stopped = False
    try:
        for path, model in zip(options.models, models, strict=True):
            spotter = KeywordSpotter(model, sample_rate=RATE)
            done = results.setdefault(path, [])
            for keyword in spotter.keywords:
                if keyword in words:
                    done.append(judge(spotter, keyword, words[keyword], options))
            print_model(path, done, options.times)
    except KeyboardInterrupt:
        stopped = True
        print("repeated: stopped: the keywords that are done count", file=sys.stderr)
    for skip in skipped:
        print(f"skipped: {skip.path}: {skip.reason}")
    if options.json is not None:
        write_result(
            options.json,
            {
                **origin(),
                "machine": asdict(read_machine()),
                "set": options.set,
                "seed": options.seed,
                "drawn_seconds": options.drawn,
                "interrupted": stopped,
                "models": {name: [one.to_dict() for one in done] for name, done in results.items()},
                "skipped": [{"file": str(s.path), "reason": s.reason} for s in skipped],
            },
        )
    return 130 if stopped else 0


def main() -> int:
    """Judge and print; returns the exit status."""
    options = _parser().parse_args()
    return status_of("repeated", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
