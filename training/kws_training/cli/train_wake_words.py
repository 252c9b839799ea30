"""What `kws train --wake-word` takes and prints."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from kws.cli.arguments import per_hour
from kws.errors import KwsError
from kws.metadata import OperatingPoint, is_label, keywords_of

from ..data.dataset import Clip, DataError
from ..data.spelling import plain
from ..data.unlabelled import find_speech

#: What ``kws train --wake-word`` takes where nothing is said.
SYNTHESIZED, STEPS, MEMBERS, HOLD_OUT, RATE = 300, 1000, 2, 0.1, 0.5
#: More phrases than this do not fit beside each other into a batch.
MOST_PHRASES = 20


def add_wake_words(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of wake words."""
    group = parser.add_argument_group(
        "wake words", "phrases, each detected by itself, from a few recordings or none"
    )
    group.add_argument(
        "--wake-word",
        action="append",
        metavar="PHRASE",
        dest="wake_words",
        help="the phrase as it is written: 'hey device'; again for each further phrase",
    )
    group.add_argument(
        "--positives",
        type=Path,
        nargs="+",
        action="append",
        default=[],
        metavar="DIR",
        help="folders of recordings of the phrase; of several phrases once after each "
        "--wake-word, or one folder with a sub-folder for each",
    )
    group.add_argument(
        "--synthesize",
        type=int,
        default=SYNTHESIZED,
        metavar="N",
        help="times that text to speech says each phrase, and as often other things "
        f"({SYNTHESIZED} if left out; 0 for none; needs an engine such as espeak-ng)",
    )
    group.add_argument(
        "--language",
        default="en",
        metavar="CODE",
        help="of the phrases, for text to speech: en if left out, de, fr, … as espeak-ng has them",
    )
    group.add_argument(
        "--false-accepts-per-hour",
        type=per_hour,
        default=RATE,
        metavar="RATE",
        help=f"what the thresholds in the file are chosen for ({RATE} if left out)",
    )
    group.add_argument(
        "--steps",
        type=int,
        default=STEPS,
        metavar="N",
        help=f"training steps of each network ({STEPS} if left out); fewer are quicker",
    )
    group.add_argument(
        "--members",
        type=int,
        default=MEMBERS,
        metavar="N",
        help="networks that are trained; the model learns from their mean "
        f"({MEMBERS} if left out; 1 takes a third of the time, and misses more)",
    )


def run_wake_words(options: argparse.Namespace) -> int:
    """Train wake words as the options say."""
    from ..networks.word_base import read_base
    from ..tensorflow_loading import import_tensorflow
    from .train_files import print_written, write_trained

    keywords = _keywords(options.wake_words)
    for name, least in (("synthesize", 0), ("steps", 10), ("members", 1)):
        if getattr(options, name) < least:
            raise KwsError(f"--{name} {getattr(options, name)}: must be at least {least}")
    said = [
        find_speech(folders) if folders else []
        for folders in folders_of(keywords, options.positives)
    ]
    if not options.negatives:
        raise KwsError("--negatives: give folders of recordings without the phrase")
    negatives, with_phrase = without_phrases(find_speech(options.negatives), keywords)
    noise = find_speech(options.noise) if options.noise else []
    read_base(options.base)  # a foreign file is refused before TensorFlow is loaded
    import_tensorflow()
    from kws.console import note

    from ..wake_words.data import Phrase, gather
    from ..wake_words.train import Options, train_wake_words

    if with_phrase:
        note(f"{with_phrase} of the negatives say a phrase, by folder or manifest: left out")
    material = gather(
        [Phrase(keyword, clips) for keyword, clips in zip(keywords, said, strict=True)],
        negatives,
        noise,
        options.synthesize,
        options.language,
        options.hold_out,
        options.seed,
    )
    result = train_wake_words(
        material,
        options.base,
        Options(
            false_accepts_per_hour=options.false_accepts_per_hour,
            steps=options.steps,
            members=options.members,
            learning_curve=options.learning_curve,
            precision=options.precision,
            seed=options.seed,
        ),
    )
    model = write_trained(options, result.content, result.skipped)
    for keyword, threshold in model.metadata.detector.thresholds.items():
        print(f"{keyword}: threshold {threshold:.4g}")
    _print_points(result.points)
    print_written(options)
    return 0


def _keywords(texts: Sequence[str]) -> list[str]:
    keywords = [" ".join(text.split()) for text in texts]
    for keyword in keywords:
        if not is_label(keyword) or keywords_of((keyword,)) != (keyword,):
            raise KwsError(
                f"--wake-word {keyword!r:.100}: must be 1 to 100 printable characters, and not "
                "in underscores"
            )
    if len(set(keywords)) < len(keywords) or len(keywords) > MOST_PHRASES:
        raise KwsError(f"--wake-word: at most {MOST_PHRASES} different phrases")
    return keywords


def folders_of(keywords: Sequence[str], groups: Sequence[Sequence[Path]]) -> list[list[Path]]:
    """Say which folders hold the recordings of each phrase.

    Parameters
    ----------
    keywords : sequence of str
    groups : sequence of sequence of Path
        One for each phrase; or one for all, whose folders have a sub-folder for each.

    Raises
    ------
    KwsError
        If it cannot be told.
    """
    if not groups:
        return [[] for _ in keywords]
    if len(keywords) == 1:
        return [[_own(folder, keywords[0]) or folder for group in groups for folder in group]]
    if len(groups) == len(keywords):
        return [
            [_own(folder, keyword) or folder for folder in group]
            for keyword, group in zip(keywords, groups, strict=True)
        ]
    if len(groups) > 1:
        raise KwsError(
            f"--positives is given {len(groups)} times for {len(keywords)} phrases: give it once "
            "after each --wake-word, or one folder with a sub-folder for each phrase"
        )
    found = []
    for keyword in keywords:
        own = [inside for folder in groups[0] if (inside := _own(folder, keyword))]
        if not own:
            raise DataError(
                f"{groups[0][0]}: no sub-folder {plain(keyword).replace(' ', '_')} with "
                f"recordings of {keyword!r}: make one, or give --positives after each --wake-word"
            )
        found.append(own)
    return found


def _own(folder: Path, keyword: str) -> Path | None:
    """Return the sub-folder of a phrase, if there is one."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder: give one with recordings of {keyword!r}")
    for path in sorted(folder.iterdir()):
        if path.is_dir() and plain(path.name) == plain(keyword):
            return path
    return None


def without_phrases(clips: Sequence[Clip], keywords: Sequence[str]) -> tuple[list[Clip], int]:
    """Leave out recordings that say a phrase, as their folder or their manifest tells.

    Returns
    -------
    kept : list of Clip
    left_out : int
    """
    kept = []
    for clip in clips:
        texts = (plain(clip.path.parent.name), plain(clip.columns.get("label", "")))
        if not any(f" {plain(keyword)} " in f" {text} " for keyword in keywords for text in texts):
            kept.append(clip)
    return kept, len(clips) - len(kept)


def _print_points(points: Sequence[OperatingPoint]) -> None:
    """Print what thresholds gave on recordings that nothing was trained on."""
    if not points:
        print("no operating points: too few negatives to keep some apart from training")
        return
    print(
        f"on {points[0].hours:.2f} h of other speakers without the phrase and recordings of "
        "speakers kept apart (95 % intervals):"
    )
    for point in points:
        low, high = point.false_accepts_per_hour_interval
        least, most = point.miss_rate_interval
        misses = "misses not measured, as no recordings were kept apart"
        if point.miss_rate is not None:
            misses = (
                f"misses {point.miss_rate:.0%} of {point.recordings} ({least:.0%} to {most:.0%})"
            )
        print(
            f"  {point.keyword}: threshold {point.threshold:.4g}: "
            f"{point.false_accepts_per_hour:.2f} false accepts per hour ({low:.2f} to {high:.2f}), "
            f"{misses}"
        )
