"""The wake-word benchmark of Picovoice: misses at one false accept per 10 hours, in noise at 10 dB.

    python benchmarks/wake_word.py --positives AUDIO --speech LIBRISPEECH --noise DEMAND
        --models computer=computer.tflite "smart mirror=mirror.tflite"
        [--engines pocketsphinx --venvs FOLDER] [--hours 24] [--json FILE]

AUDIO is the folder `audio/` of Picovoice/wake-word-benchmark, or any with a sub-folder of
recordings for each word; LIBRISPEECH the folder `test-clean`; DEMAND the folder of its places.
`mixture.py` says how they become one stream for each word. Every engine hears the same stream. A
recording is missed if no event comes until half a second after it; every other event is a false
accept. The thresholds are read off the very stream, as the benchmark does it: the lowest with at
most the rate asked for (without its interpolation between two thresholds). What a model does at the
threshold in its file, which was not chosen on these recordings, is printed too.

kws models give a score for every moment, from which the events of every threshold follow exactly;
so do microWakeWord and openWakeWord, which have models of `alexa` alone. PocketSphinx takes any
phrase but gives events: it hears the stream anew for each threshold that is tried, about five,
0.04 s of CPU time for each second and threshold.

Ctrl-C keeps the words that are done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from support.arguments import name_and_value, number_between
from support.environments import ADAPTERS, ENGINES, EngineError
from support.listeners import (
    POCKETSPHINX,
    TARGETS,
    Engine,
    find_python,
    hear_model,
    hear_pocketsphinx,
    hear_scores,
    keyword_of,
    points_of,
)
from support.mixture import (
    WORDS,
    Measured,
    Mixture,
    Setting,
    find_background,
    find_noise,
    find_phrases,
)
from support.origin import origin
from support.script import check_json, status_of

from kws.bench.machine import read_machine
from kws.bench.result import write_result
from kws.errors import KwsError
from kws.intervals import share_interval
from kws.packaged import find_model
from kws_training.augmentation.snr import defined, definition
from kws_training.cli.arguments import add_snr_reference
from kws_training.data.spelling import plain
from kws_training.evaluation.detection_results import Point
from kws_training.progress import bar

#: Engines that give scores, or events at a threshold.
OTHERS = [name for name in ENGINES if name not in ("kws", "yamnet", "porcupine")]
#: Seconds that an engine may take for a stream.
LONGEST = 48 * 3600.0


@dataclass(frozen=True)
class Word:
    """What became of one word.

    Attributes
    ----------
    word : str
    measured : Measured
    points : dict of str to tuple of Point
        By the engine's name.
    about : dict of str to dict
        Digest or version of each engine.
    failed : dict of str to str
        Why an engine is left out.
    """

    word: str
    measured: Measured
    points: dict[str, tuple[Point, ...]]
    about: dict[str, dict[str, str]]
    failed: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        measured = self.measured
        return {
            "recordings": len(measured.said),
            "hours": measured.hours,
            "speech_hours": measured.speech_seconds / 3600,
            "distinct_speech_hours": measured.distinct_seconds / 3600,
            "heard_most_often": measured.most_often,
            "engines": {
                name: {**self.about[name], "operating_points": [one.to_dict() for one in points]}
                for name, points in self.points.items()
            },
            "failed": self.failed,
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in measured.skipped],
        }


def run_word(
    word: str,
    phrases: Sequence[Path],
    options: argparse.Namespace,
    noise: Sequence[Path],
    pythons: dict[str, Path],
) -> Word:
    """Mix the stream of a word, and let every engine hear it."""
    speech = find_background(options.speech, word)
    mixture = Mixture(phrases, speech, noise, setting_of(options))
    measured = mixture.measure(lambda numbers, total, _: bar(numbers, total, f"{word}: mixing"))
    hear: list[tuple[str, Callable[[], Engine]]] = []
    if word in options.models:
        hear.append(("kws", lambda: hear_model(options.models[word], word, mixture)))
    for name, python in pythons.items():
        hear.append((name, partial(_hear, name, python, word, mixture)))
    points, about, failed = {}, {}, {}
    for name, start in hear:
        try:
            engine = start()
            points[name] = points_of(engine, measured, word)
            about[name] = engine.about
        except KwsError as error:
            failed[name] = str(error)
    return Word(word, measured, points, about, failed)


def _hear(name: str, python: Path, word: str, mixture: Mixture) -> Engine:
    if name == POCKETSPHINX:
        return hear_pocketsphinx(python, word, mixture)
    adapter = ENGINES[name]
    if adapter.phrases is not None and word not in adapter.phrases:
        raise EngineError(f"no model for {word!r}")
    return hear_scores(name, python, ADAPTERS / adapter.script, word, mixture, LONGEST)


def setting_of(options: argparse.Namespace) -> Setting:
    """Return how the audio is mixed."""
    return Setting(
        options.hours, options.snr, options.speech_share, options.seed, options.snr_reference
    )


def means(words: Sequence[Word]) -> list[dict[str, Any]]:
    """Return the mean of the words' misses at each rate, for each engine.

    The benchmark's figure is the mean of the words; the interval is that of all recordings
    together, as if they were of one word.
    """
    found = []
    for name in dict.fromkeys(name for word in words for name in word.points):
        rows = [word.points[name] for word in words if name in word.points]
        for target in TARGETS:
            at = [point for row in rows for point in row if point.target == target]
            misses, recordings = sum(p.misses for p in at), sum(p.recordings for p in at)
            found.append(
                {
                    "engine": name,
                    "target": target,
                    "words": [p.keyword for p in at],
                    "miss_rate": float(np.mean([p.miss_rate for p in at])),
                    "misses": misses,
                    "recordings": recordings,
                    "miss_rate_interval": list(share_interval(misses, recordings)),
                    "supported": all(p.supported for p in at),
                    "kept": all(_kept(p) for p in at),
                }
            )
    return found


def _kept(point: Point) -> bool:
    return point.target is None or point.false_accepts <= point.target * point.hours + 1e-9


def print_word(word: Word) -> None:
    """Print what became of one word."""
    measured = word.measured
    speech, distinct = measured.speech_seconds / 3600, measured.distinct_seconds / 3600
    print(
        f"\n{word.word}: {len(measured.said)} recordings in {measured.hours:.2f} h, of which "
        f"speech {speech:.2f} h ({distinct:.2f} h of it for the first time)"
    )
    print(
        f"  {'engine':16}{'at':>10}  missed  95 % interval   false accepts/h  95 % interval   "
        "threshold"
    )
    short = gave = False
    for name, points in word.points.items():
        for point in points:
            short, gave = short or not point.supported, gave or not _kept(point)
            mark = ("" if point.supported else "*") + ("" if _kept(point) else "+")
            at = "its own" if point.target is None else f"{point.target:.3g}/h{mark}"
            print(
                f"  {name:16}{at:>10}  {100 * point.miss_rate:5.1f} %  "
                f"{_range(point.miss_rate_interval, 100, 1) + ' %':15}  "
                f"{point.false_accepts_per_hour:13.2f}  "
                f"{_range(point.false_accepts_per_hour_interval, 1, 2):14}  {point.threshold:9.6g}"
            )
    if short:
        print(
            f"  *: {measured.hours:.2f} h are too short for one false accept at this rate, which "
            f"takes {1 / TARGETS[0]:g} h for {TARGETS[0]:g}: misses without any. The lowest rate "
            f"that they show is {1 / measured.hours:.3g}/h."
        )
    if gave:
        print("  +: even the strictest threshold gives more than that")
    if measured.most_often > 1:
        print(
            f"  there is less speech than the hours need: a recording comes up to "
            f"{measured.most_often} times, so the intervals are too narrow"
        )
    for name, reason in word.failed.items():
        print(f"  left out: {name}: {reason}")
    for skip in measured.skipped:
        print(f"  skipped: {skip.path}: {skip.reason}")


def print_means(words: Sequence[Word]) -> None:
    """Print the means over the words."""
    print()
    for row in means(words):
        print(
            f"mean of {len(row['words'])}  {row['engine']:16}{row['target']:>5g}/h"
            f"{'' if row['supported'] else '*'}{'' if row['kept'] else '+'}  "
            f"{100 * row['miss_rate']:5.1f} % missed ({row['misses']} of {row['recordings']}: "
            f"{_range(row['miss_rate_interval'], 100, 1)} %)"
        )
    missing = [word for word in WORDS if word not in {one.word for one in words}]
    if missing:
        print(f"not the benchmark's mean, which is of six words: {', '.join(missing)} missing")


def _range(interval: Sequence[float], scale: float, digits: int) -> str:
    low, high = (scale * bound for bound in interval)
    return f"{low:.{digits}f} to {high:.{digits}f}"


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, 0 or above")
    return int(text)


def _model(text: str) -> tuple[str, Path]:
    form = "WORD=FILE, as computer=computer.tflite"
    word, path = name_and_value(text, form)
    if not plain(word):
        raise argparse.ArgumentTypeError(f"{text!r}: give {form}")
    return plain(word), Path(path)


def _engines(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in OTHERS:
            raise argparse.ArgumentTypeError(f"{name!r}: there is {', '.join(OTHERS)}")
    return list(dict.fromkeys(names))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--positives",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="a sub-folder of recordings for each word",
    )
    add(
        "--speech",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="hours of speech: LibriSpeech's test-clean",
    )
    add("--noise", type=Path, nargs="+", required=True, metavar="DIR", help="DEMAND, or other")
    add("--models", type=_model, nargs="+", default=[], metavar="WORD=FILE", help="model files")
    add(
        "--engines",
        type=_engines,
        default=[],
        metavar="A,B",
        help=f"judged too, on the words that they know: of {', '.join(OTHERS)}",
    )
    add(
        "--venvs",
        type=Path,
        metavar="FOLDER",
        help="of the engines' virtual environments, as for engines.py",
    )
    add(
        "--words",
        nargs="+",
        metavar="WORD",
        help="those to judge; else those of --models, with --engines all",
    )
    add(
        "--hours", type=number_between(0.01, 1000), default=24.0, help="of audio for each word (24)"
    )
    add("--snr", type=number_between(-20, 100), default=10.0, metavar="DB", help="(10)")
    add_snr_reference(parser, default="peak")
    add(
        "--speech-share",
        type=number_between(0, 1),
        default=0.2,
        metavar="SHARE",
        help="of the utterances that are heard; in place of others is silence (0.2)",
    )
    add("--seed", type=_seed, default=0, help="another one mixes otherwise (0)")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    return parser


def choose(options: argparse.Namespace) -> dict[str, list[Path]]:
    """Return the recordings of the words that are judged.

    Raises
    ------
    KwsError
        If there is nothing to judge, or a word has no recordings.
    """
    if not options.models and not options.engines:
        raise KwsError("nothing to judge: give --models WORD=FILE, or --engines pocketsphinx")
    found = find_phrases(options.positives)
    if options.words:
        words = [plain(word) for word in options.words]
    else:
        words = sorted(found) if options.engines else list(options.models)
    for word in [*words, *options.models]:
        if word not in found:
            raise KwsError(
                f"{options.positives[0]}: no folder of recordings of {word!r}: there are "
                f"{', '.join(found)[:200]}"
            )
    for word, path in options.models.items():
        keyword_of(find_model(path), word)  # said before the hours, not after them
    words = [word for word in words if options.engines or word in options.models]
    if not words:
        raise KwsError("none of the --words has a model: give --models WORD=FILE for one")
    return {word: found[word] for word in words}


def run(options: argparse.Namespace) -> int:
    """Judge all words, print and write; returns the exit status."""
    if len(dict(options.models)) != len(options.models):
        raise KwsError("two models for one word: judge one after the other")
    options.models = dict(options.models)
    check_json(options.json, KwsError)
    chosen = choose(options)
    noise = find_noise(options.noise)
    pythons = find_pythons(options)
    done: list[Word] = []
    stopped = failed = False
    try:
        for word, phrases in chosen.items():
            try:
                done.append(run_word(word, phrases, options, noise, pythons))
            except KwsError as error:
                failed = True
                print(f"wake_word: {word}: {error}", file=sys.stderr)
                continue
            failed |= not done[-1].points
            print_word(done[-1])
            sys.stdout.flush()
    except KeyboardInterrupt:
        stopped = True
        kept = ": the words that are done count" if done else ""
        print(f"wake_word: stopped{kept}", file=sys.stderr)
    if any(word.points for word in done):
        print_means(done)
        print(f"SNR {options.snr:g} dB: {defined(options.snr_reference)}")
        if options.json is not None:
            write_result(options.json, result_of(done, options, stopped))
    return 130 if stopped else 2 if failed else 0


def find_pythons(options: argparse.Namespace) -> dict[str, Path]:
    """Return the Python of each of the other engines; those that have none are named.

    Raises
    ------
    KwsError
        If nothing is left to judge.
    """
    pythons = {}
    for name in options.engines:
        try:
            pythons[name] = find_python(name, options.venvs)
        except EngineError as error:
            if not options.models and name == options.engines[-1] and not pythons:
                raise
            print(f"left out: {error}", file=sys.stderr)
    return pythons


def result_of(words: Sequence[Word], options: argparse.Namespace, stopped: bool) -> dict[str, Any]:
    """Return all results as plain JSON values."""
    return {
        **origin(),
        "machine": asdict(read_machine()),
        "setting": asdict(setting_of(options)),
        **definition(options.snr_reference),
        "interrupted": stopped,
        "words": {word.word: word.to_dict() for word in words},
        "means": means(words),
    }


def main() -> int:
    """Judge and print; returns the exit status."""
    options = _parser().parse_args()
    return status_of("wake_word", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
