"""How often an enrolled phrase is found, how often a part of it, and how often other speech.

    python benchmarks/enrolled.py --data FOLDER --negatives FOLDER… [--words 2] [--takes 3]
        [--judged 2] [--phrases 10] [--pause 0.03 0.12] [--set test] [--seed 0] [--json FILE]

FOLDER has a sub-folder of recordings for each word, by many speakers. Of each speaker with enough
recordings (`--takes` and `--judged` together, of as many words as a phrase has) up to `--phrases`
phrases are made of different words in a row, with pauses of a random length (`--pause`). Words are
cut out of their recordings, and no recording is both enrolled and judged. Each phrase is enrolled
as by `kws enroll`; phrases that it refuses are named. The model hears, each on its own: the phrase;
its last word alone; its first word alone; its first half, to the sample; its last word after
another word of the speaker; its words the other way round. `--words 1` judges the phrase alone.

False accepts are detections in the recordings of `--negatives`, half a second apart, by every
phrase at the threshold in its file. Also stated is what is missed at the lowest threshold with at
most `--rate` false accepts per hour (0.5), chosen for each phrase on these very hours: to compare
bases and ways of matching, not as a promise.

Speakers and negatives are in two halves by a hash of their names (`--set`): nothing may be chosen
on the half `test`. Intervals take recordings for independent.

Ctrl-C leaves no result.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from support.arguments import number_between, whole_number_between
from support.origin import origin
from support.script import check_json, status_of
from support.voices import RATE, Word, add_set, in_set, read_words

from kws.arrays import Float32
from kws.audio import load_audio
from kws.bench.machine import read_machine
from kws.bench.result import write_result
from kws.calibration.scores import Track, trace, trace_blocks, track
from kws.enrolment.enroll import EnrollError, Positive, base_model, enroll, positive_of
from kws.errors import AudioError, KwsError
from kws.intervals import rate_interval, share_interval
from kws.metadata import DetectorDefaults
from kws.modelfile import ModelFile
from kws.spotter import KeywordSpotter
from kws_training.data.dataset import Skipped
from kws_training.data.splits import share_of
from kws_training.data.unlabelled import find_recordings
from kws_training.progress import bar

#: Standard deviation of the noise under all that is said, 80 dB below full scale.
NOISE = 1e-4
#: Seconds around a phrase that is recorded, and around what is judged.
AROUND = 0.7
#: Seconds between two recordings of other speech.
BETWEEN = 0.5
#: Phrases that hear the negatives at once: their scores are in memory.
AT_ONCE = 50
#: Thresholds that are tried for a rate of false accepts, in logits, from high to low.
LOGITS = np.arange(8.0, -8.0, -0.1)
#: What is judged of each phrase.
FULL, LAST, FIRST, HALF = "full", "last word alone", "first word alone", "first half"
OTHER, SWAPPED = "another word first", "words the other way round"


@dataclass(frozen=True)
class Phrase:
    """A phrase of one speaker: what is enrolled, and what is judged.

    Attributes
    ----------
    speaker : str
    words : tuple of str
    takes : tuple of Positive
        The recordings that are enrolled.
    heard : dict of str to list of float32 (n,)
        What is judged, by what it is.
    """

    speaker: str
    words: tuple[str, ...]
    takes: tuple[Positive, ...]
    heard: dict[str, list[Float32]] = field(repr=False)


@dataclass(frozen=True)
class Judged:
    """What became of one phrase.

    Attributes
    ----------
    phrase : Phrase
    scores : dict of str to list of float
        Highest score of everything that was judged.
    threshold : float
        In the file.
    false_accepts : int
        At that threshold.
    chosen_threshold : float or None
        The lowest with at most the rate of false accepts that was asked for.
    """

    phrase: Phrase
    scores: dict[str, list[float]]
    threshold: float
    false_accepts: int
    chosen_threshold: float | None


def make_phrases(
    words: dict[str, list[Word]], options: argparse.Namespace
) -> tuple[list[Phrase], list[str]]:
    """Make the phrases of all speakers; returns also why some of them are left out."""
    by_speaker: dict[str, dict[str, list[Float32]]] = {}
    for label in sorted(words):
        for word in words[label]:
            by_speaker.setdefault(word.speaker, {}).setdefault(label, []).append(word.samples)
    phrases, refused = [], []
    needed = options.takes + options.judged
    for speaker in sorted(by_speaker):
        said = by_speaker[speaker]
        able = [label for label in sorted(said) if len(said[label]) >= needed]
        rng = np.random.default_rng([options.seed, int(share_of(speaker) * 2**32)])
        made: set[tuple[str, ...]] = set()
        for _ in range(options.phrases if len(able) >= options.words else 0):
            chosen = tuple(map(str, rng.choice(able, options.words, replace=False)))
            if chosen in made:
                continue
            made.add(chosen)
            try:
                phrases.append(_make(speaker, chosen, said, options, rng))
            except AudioError as error:
                refused.append(f"{' '.join(chosen)} by {speaker}: {error}")
    return phrases, refused


def _make(
    speaker: str,
    words: tuple[str, ...],
    said: dict[str, list[Float32]],
    options: argparse.Namespace,
    rng: np.random.Generator,
) -> Phrase:
    order = {word: rng.permutation(len(said[word])) for word in words}
    others = [label for label in sorted(said) if label not in words]

    def take(number: int) -> list[Float32]:
        return [said[word][order[word][number]] for word in words]

    def join(parts: Sequence[Float32]) -> Float32:
        pieces = [parts[0]]
        for part in parts[1:]:
            pieces += [np.zeros(round(rng.uniform(*options.pause) * RATE), np.float32), part]
        return np.concatenate(pieces)

    takes = tuple(
        positive_of(f"take {number}", _recorded(join(take(number)), rng), RATE)
        for number in range(options.takes)
    )
    heard: dict[str, list[Float32]] = {FULL: []}
    for number in range(options.takes, options.takes + options.judged):
        parts = take(number)
        full = join(parts)
        kinds = {FULL: full}
        if len(words) > 1:
            kinds |= {LAST: parts[-1], FIRST: parts[0], HALF: full[: len(full) // 2]}
            kinds[SWAPPED] = join(parts[::-1])
            if others:
                other = said[others[int(rng.integers(len(others)))]]
                kinds[OTHER] = join([other[int(rng.integers(len(other)))], parts[-1]])
        for kind, samples in kinds.items():
            heard.setdefault(kind, []).append(_recorded(samples, rng))
    return Phrase(speaker, words, takes, heard)


def _recorded(samples: Float32, rng: np.random.Generator) -> Float32:
    """Return sound as a microphone records it: with quiet around it, and faint noise."""
    quiet = np.zeros(round(AROUND * RATE), np.float32)
    return _with_noise(np.concatenate([quiet, samples, quiet]), rng)


def _with_noise(samples: Float32, rng: np.random.Generator) -> Float32:
    noisy = samples + rng.normal(0, NOISE, len(samples))
    return np.clip(noisy, -1, 1).astype(np.float32)


def read_negatives(
    folders: Sequence[Path], chosen: str, skipped: list[Skipped]
) -> tuple[list[Float32], float]:
    """Read other speech; returns the recordings with quiet after each, and their seconds."""
    rng = np.random.default_rng(0)
    found, seconds = [], 0.0
    paths = [path for path in find_recordings(folders) if in_set(path.name, chosen)]
    for number in bar(iter(range(len(paths))), len(paths), "reading other speech"):
        try:
            samples = load_audio(paths[number], RATE)
        except AudioError as error:
            skipped.append(Skipped.because(paths[number], error))
            continue
        quiet = np.zeros(round(BETWEEN * RATE), np.float32)
        found.append(_with_noise(np.concatenate([samples, quiet]), rng))
        seconds += len(samples) / RATE
    return found, seconds


def judge(
    phrases: Sequence[Phrase], negatives: Sequence[Float32], options: argparse.Namespace
) -> tuple[list[Judged], list[str]]:
    """Enroll some phrases, and let them hear what is judged and other speech.

    Returns also why some of them are refused.
    """
    base = base_model()
    enrolled, scores, refused = [], [], []
    for phrase in phrases:
        try:
            model = enroll(base, {"phrase": phrase.takes}).model
        except EnrollError as error:
            refused.append(f"{' '.join(phrase.words)} by {phrase.speaker}: {error}")
            continue
        enrolled.append(phrase)
        spotter = KeywordSpotter(model, sample_rate=RATE)
        scores.append(
            {
                kind: [
                    float(_track(model, trace(spotter, one), "phrase").smoothed.max())
                    for one in streams
                ]
                for kind, streams in phrase.heard.items()
            }
        )
    if not enrolled:
        return [], refused
    names = [str(number) for number in range(len(enrolled))]
    together = enroll(base, {n: p.takes for n, p in zip(names, enrolled, strict=True)}).model
    heard = trace_blocks(KeywordSpotter(together, sample_rate=RATE), negatives)
    most = options.rate * sum(map(len, negatives)) / RATE / 3600
    judged = []
    for phrase, name, own in zip(enrolled, names, scores, strict=True):
        silent = _track(together, heard, name)
        threshold = _defaults(together).thresholds[name]
        judged.append(Judged(phrase, own, threshold, silent.count(threshold), lowest(silent, most)))
    return judged, refused


def lowest(silent: Track, most: float) -> float | None:
    """Return the lowest threshold with at most so many events, as have all that are higher."""
    chosen = None
    thresholds = [float(one) for one in 1 / (1 + np.exp(-LOGITS))]
    for threshold, events in zip(thresholds, silent.falling(thresholds), strict=True):
        if len(events) > most:
            break
        chosen = threshold
    return chosen


def _defaults(model: ModelFile) -> DetectorDefaults:
    defaults = model.metadata.detector
    if not isinstance(defaults, DetectorDefaults):
        raise KwsError(f"{model.path}: has no detector of words")
    return defaults


def _track(model: ModelFile, heard: Any, label: str) -> Track:
    return track(heard, model.metadata.labels, _defaults(model), label)


def summary(judged: Sequence[Judged], hours: float, rate: float) -> dict[str, Any]:
    """Return the counts of all phrases together, as plain JSON values."""
    found: dict[str, Any] = {}
    for kind in dict.fromkeys(kind for one in judged for kind in one.scores):
        rows = [(score, one.threshold) for one in judged for score in one.scores.get(kind, [])]
        count = sum(score >= threshold for score, threshold in rows)
        found[kind] = {
            "detected": count,
            "of": len(rows),
            "share": count / len(rows),
            "share_interval": list(share_interval(count, len(rows))),
        }
    total = sum(one.false_accepts for one in judged)
    missed = [
        one.chosen_threshold is None or score < one.chosen_threshold
        for one in judged
        for score in one.scores[FULL]
    ]
    return {
        "phrases": len(judged),
        "speakers": len({one.phrase.speaker for one in judged}),
        "heard": found,
        "hours_each": hours,
        "false_accepts": total,
        "false_accepts_per_hour": total / (hours * len(judged)),
        # hours are the same for all phrases: the interval is that of as many hours of one kind
        "false_accepts_per_hour_interval": list(rate_interval(total, hours * len(judged))),
        "false_accepts_of_the_worst_phrase": max(one.false_accepts for one in judged),
        "at_rate": rate,
        "missed_at_rate": sum(missed),
        "missed_at_rate_of": len(missed),
        "missed_at_rate_interval": list(share_interval(sum(missed), len(missed))),
    }


def print_summary(found: dict[str, Any], chosen: str) -> None:
    """Print the counts of all phrases together."""
    print(f"{found['phrases']} phrases by {found['speakers']} speakers, set {chosen}")
    for kind, one in found["heard"].items():
        print(
            f"  {kind:26} {one['detected']:4} of {one['of']:4} detected, "
            f"{100 * one['share']:5.1f} % "
            f"({_range(one['share_interval'], 100, 1)} %)"
        )
    print(
        f"  false accepts: {found['false_accepts']} in {found['hours_each']:.2f} h for each "
        f"phrase, {found['false_accepts_per_hour']:.3f} per hour "
        f"({_range(found['false_accepts_per_hour_interval'], 1, 3)}), of the worst phrase "
        f"{found['false_accepts_of_the_worst_phrase']}"
    )
    missed, of = found["missed_at_rate"], found["missed_at_rate_of"]
    print(
        f"  at {found['at_rate']:g} per hour, chosen on these hours: {missed} of {of} missed, "
        f"{100 * missed / of:.1f} % ({_range(found['missed_at_rate_interval'], 100, 1)} %)"
    )


def _range(interval: Sequence[float], scale: float, digits: int) -> str:
    low, high = (scale * bound for bound in interval)
    return f"{low:.{digits}f} to {high:.{digits}f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="words by speakers")
    add(
        "--negatives",
        type=Path,
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="hours of other speech",
    )
    add("--words", type=whole_number_between(1, 6), default=2, help="of a phrase (2)")
    add("--takes", type=whole_number_between(3, 100), default=3, help="that are enrolled (3)")
    add(
        "--judged",
        type=whole_number_between(1, 100),
        default=2,
        help="further recordings of each phrase (2)",
    )
    add(
        "--phrases",
        type=whole_number_between(1, 100),
        default=10,
        help="of a speaker, at most (10)",
    )
    add(
        "--pause",
        type=number_between(0, 0.4, "seconds"),
        nargs=2,
        default=[0.03, 0.12],
        metavar="SECONDS",
        help="between two words, from the first to the second (0.03 0.12)",
    )
    add("--rate", type=number_between(0, 100), default=0.5, help="false accepts per hour (0.5)")
    add_set(parser)
    add(
        "--seed",
        type=whole_number_between(0, 10**6),
        default=0,
        help="of words, pauses and takes (0)",
    )
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    return parser


def run(options: argparse.Namespace) -> int:
    """Judge all phrases, print and write; returns the exit status."""
    check_json(options.json, KwsError)
    if options.pause[0] > options.pause[1]:
        raise KwsError(f"--pause {options.pause[0]:g} {options.pause[1]:g}: give the shorter first")
    words, skipped = read_words(options.data, None, options.set, options.seed)
    phrases, refused = make_phrases(words, options)
    if not phrases:
        raise KwsError(
            f"{options.data[0]}: nobody in the set {options.set!r} has {options.takes} + "
            f"{options.judged} recordings of {options.words} words: give fewer --takes or --judged"
        )
    negatives, seconds = read_negatives(options.negatives, options.set, skipped)
    if not negatives:
        raise KwsError(f"{options.negatives[0]}: no recordings in the set {options.set!r}")
    judged: list[Judged] = []
    parts = range(0, len(phrases), AT_ONCE)
    for at in bar(iter(parts), len(parts), "phrases, fifty at a time"):
        part = phrases[at : at + AT_ONCE]
        done, left_out = judge(part, negatives, options)
        judged += done
        refused += left_out
    if not judged:
        raise KwsError(f"no phrase can be enrolled: {refused[0]}")
    found = summary(judged, seconds / 3600, options.rate)
    print_summary(found, options.set)
    for reason in refused:
        print(f"left out: {reason}")
    for skip in skipped:
        print(f"skipped: {skip.path}: {skip.reason}")
    if options.json is not None:
        write_result(
            options.json,
            {
                **origin(),
                "machine": asdict(read_machine()),
                "setting": {
                    name: getattr(options, name)
                    for name in ("words", "takes", "judged", "phrases", "pause", "set", "seed")
                },
                **found,
                "each": [
                    {
                        "speaker": one.phrase.speaker,
                        "words": list(one.phrase.words),
                        "scores": one.scores,
                        "threshold": one.threshold,
                        "false_accepts": one.false_accepts,
                    }
                    for one in judged
                ],
                "left_out": refused,
                "skipped": [{"file": str(s.path), "reason": s.reason} for s in skipped],
            },
        )
    return 0


def main() -> int:
    """Judge and print; returns the exit status."""
    options = _parser().parse_args()
    return status_of("enrolled", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
