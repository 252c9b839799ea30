"""What `kws train --task wake-words` takes and prints."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from kws.cli.arguments import add_old_spelling, per_hour
from kws.console import note
from kws.errors import KwsError
from kws.metadata import OperatingPoint, is_label, keywords_of

from ..data.dataset import DataError
from ..data.shards import is_shards, open_shards
from ..data.spelling import plain
from ..data.unlabelled import find_speech, without_keywords
from ..networks.word_base import read_base
from ..spreading.workers import Workers
from ..tensorflow_loading import import_tensorflow
from ..tracking import Track, untracked
from ..wake_words.defaults import VERIFIERS, WakeWordOptions
from ..wake_words.recipe import BOUNDS, read_settings
from .train_config import WakeWordConfig
from .train_files import Trained, write_trained

#: Boards that run wake words by ESPHome's micro_wake_word.
BOARDS = ("esp32-s3",)
#: More phrases than this do not fit beside each other into a batch.
MOST_PHRASES = 20


def add_wake_words(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that only wake words take.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of `kws train`.
    """
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
        "--phrases",
        type=Path,
        metavar="FILE.yaml",
        help="a list of phrases: a model for each in the folder --output, shared negatives, one "
        "report; what is trained already stays (docs/cluster.md)",
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
        metavar="N",
        help="times that text to speech says each phrase, and as often other things "
        f"({WakeWordConfig.synthesize} if left out; 0 for none; needs an engine such as espeak-ng)",
    )
    group.add_argument(
        "--language",
        metavar="CODE",
        help="of the phrases, for text to speech, as espeak-ng names it: en, de, fr, …; "
        f"{WakeWordConfig.language} if left out",
    )
    group.add_argument(
        "--crossings",
        type=float,
        metavar="SHARE",
        help="of the other things that text to speech says, those that are short sentences in "
        "which the phrase nearly comes about across words, 0 to 1 "
        f"({WakeWordConfig.crossings:g} if left out)",
    )
    group.add_argument(
        "--rare-voices",
        action="store_true",
        help="draw recordings of the phrase the more often, the rarer the way is in which it is "
        "said",
    )
    group.add_argument(
        "--false-accepts-per-hour",
        type=per_hour,
        metavar="RATE",
        help="what the thresholds in the file are chosen for "
        f"({WakeWordConfig.false_accepts_per_hour} if left out)",
    )
    group.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help=f"training steps of each network, fewer are quicker; {WakeWordConfig.steps} if left "
        "out",
    )
    ensemble = group.add_argument(
        "--ensemble",
        type=int,
        metavar="N",
        help="networks that are trained; the model learns from their mean "
        f"({WakeWordConfig.ensemble} if left out; 1 takes a third of the time, and misses more)",
    )
    add_old_spelling(group, "--members", ensemble)
    group.add_argument(
        "--frozen-base",
        action="store_true",
        help="train the head alone and leave the word base as it is: a device then runs the base "
        "once for all such models, which miss more than those with a base of their own",
    )
    group.add_argument(
        "--verifier",
        choices=VERIFIERS,
        help="keep a second network in the model file, which hears the latest seconds again where "
        "the first is nearly sure: elder, the ensemble from which that learned",
    )
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        dest="settings",
        help=f"change the recipe: {', '.join(BOUNDS)}; kws tune says which numbers pay",
    )
    group.add_argument(
        "--board",
        choices=BOARDS,
        help="train a student for this board too, on the front end of microWakeWord, and write "
        "what ESPHome loads into a folder beside --output",
    )


def run_wake_words(config: WakeWordConfig, track: Track = untracked) -> Trained:
    """Train a model of wake words and write it.

    Parameters
    ----------
    config : WakeWordConfig
        What the user decided.
    track : callable
        Told the losses.

    Returns
    -------
    Trained

    Raises
    ------
    KwsError
        If phrases, recordings or the word base cannot be used.
    """
    keywords = _keywords(config.wake_words)
    said = [
        find_speech(folders) if folders else []
        for folders in folders_of(keywords, config.positives)
    ]
    shards = [open_shards(folder) for folder in config.negatives if is_shards(folder)]
    folders = [folder for folder in config.negatives if not is_shards(folder)]
    negatives, with_phrase = without_keywords(find_speech(folders), keywords)
    noise = find_speech(config.noise) if config.noise else []
    read_base(config.base)  # a foreign file is refused before TensorFlow is loaded
    import_tensorflow()
    from ..wake_words.data import WakeWordRecordings, WakeWordSources
    from ..wake_words.train import train

    if with_phrase:
        note(f"{with_phrase} of the negatives say a phrase, by folder or manifest: left out")
    wake_words = [
        WakeWordRecordings(keyword, clips) for keyword, clips in zip(keywords, said, strict=True)
    ]
    with Workers(config.jobs, config.ray) as workers:
        result = train(
            WakeWordSources(wake_words, negatives, noise, shards),
            config.base,
            options_of(config),
            workers,
            track,
        )
    model = write_trained(config, result.content, result.skipped)
    thresholds = model.metadata.detector.thresholds
    lines = [f"{keyword}: threshold {one:.4g}" for keyword, one in thresholds.items()]
    figures = {
        "thresholds": dict(thresholds),
        "operating_points": [asdict(point) for point in result.points],
    }
    return Trained([*lines, *point_lines(result.points)], figures, result.skipped)


def options_of(config: WakeWordConfig) -> WakeWordOptions:
    """Return how wake words are trained.

    Parameters
    ----------
    config : WakeWordConfig
        What the user decided.
    """
    return WakeWordOptions(
        synthesized=config.synthesize,
        language=config.language,
        crossings=config.crossings,
        rare_voices=config.rare_voices,
        hold_out=config.hold_out,
        false_accepts_per_hour=config.false_accepts_per_hour,
        steps=config.steps,
        ensemble=config.ensemble,
        frozen_base=config.frozen_base,
        learning_curve=config.learning_curve,
        verifier=config.verifier,
        precision=config.precision,
        seed=config.seed,
        recipe=read_settings(config.settings),
    )


def _keywords(texts: Sequence[str]) -> list[str]:
    keywords = [" ".join(text.split()) for text in texts]
    for keyword in keywords:
        if not is_label(keyword) or keywords_of((keyword,)) != (keyword,):
            raise KwsError(
                f"--wake-word {keyword!r:.100}: must be 1 to 100 printable characters, and not "
                "in underscores"
            )
    if len({plain(one) for one in keywords}) < len(keywords) or len(keywords) > MOST_PHRASES:
        raise KwsError(f"--wake-word: at most {MOST_PHRASES} different phrases")
    return keywords


def folders_of(keywords: Sequence[str], groups: Sequence[Sequence[Path]]) -> list[list[Path]]:
    """Say which folders hold the recordings of each phrase.

    Parameters
    ----------
    keywords : sequence of str
        The phrases.
    groups : sequence of sequence of Path
        One for each phrase; or one for all, whose folders have a sub-folder for each.

    Returns
    -------
    list of list of Path
        The folders of each phrase, in the order of the phrases.

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


def point_lines(points: Sequence[OperatingPoint]) -> list[str]:
    """Return what thresholds gave on recordings that nothing was trained on, as lines for people.

    Parameters
    ----------
    points : sequence of OperatingPoint
        None where too few negatives were there.
    """
    if not points:
        return ["no operating points: too few negatives to keep some apart from training"]
    lines = [
        f"on {points[0].hours:.2f} h of other speakers without the phrase and recordings of "
        "speakers kept apart (95 % intervals):"
    ]
    for point in points:
        low, high = point.false_accepts_per_hour_interval
        least, most = point.miss_rate_interval
        misses = "misses not measured, as no recordings were kept apart"
        if point.miss_rate is not None:
            misses = (
                f"misses {point.miss_rate:.0%} of {point.recordings} ({least:.0%} to {most:.0%})"
            )
        lines.append(
            f"  {point.keyword}: threshold {point.threshold:.4g}: "
            f"{point.false_accepts_per_hour:.2f} false accepts per hour ({low:.2f} to {high:.2f}), "
            f"{misses}"
        )
    return lines
