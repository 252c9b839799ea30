"""The verb train: a model from recordings, for commands, sounds or wake words."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from kws.cli.arguments import BASE_HELP, add_old_spelling, add_output, names
from kws.cli.verb import Verb
from kws.modelfile import read_model

from ..commands.defaults import PARTS
from ..tracking import Tracker
from .arguments import (
    add_data,
    add_negatives,
    add_recipe,
    add_speech_embedding,
    add_workers,
    seed,
    share,
    workers_of,
)
from .train_board import run_for_board
from .train_commands import run_commands
from .train_config import TASKS, CommandConfig, SoundConfig, WakeWordConfig, config_of
from .train_phrases import run_phrases
from .train_sounds import run_sounds
from .train_wake_words import add_wake_words, run_wake_words


def _configure_train(parser: argparse.ArgumentParser) -> None:
    add_data(parser, required=False)
    add_output(parser)
    parser.add_argument(
        "--task",
        choices=tuple(TASKS),
        help="commands: words, of which a clip has one (if left out); sounds: environmental "
        "sounds that begin and end, clips of 1 to 10 seconds; wake-words: phrases, each detected "
        "by itself (if left out, where --wake-word is given)",
    )
    fold_column = parser.add_argument(
        "--fold-column",
        metavar="COLUMN",
        help="for sounds: judge the clips fold by fold over this column of manifest.csv, then "
        "train on all of them",
    )
    add_old_spelling(parser, "--folds", fold_column)
    parser.add_argument(
        "--keywords",
        type=names,
        metavar="A,B,…",
        help="words to keep apart, every other one becomes _unknown_; all words if left out",
    )
    parser.add_argument(
        "--extractor",
        choices=tuple(PARTS),
        help="for commands: the frozen networks under the head: tapped YAMNet, the word base, or "
        "both; or Google's speech embedding, alone or with the word base; "
        f"{CommandConfig.extractor} if left out",
    )
    parser.add_argument(
        "--base",
        type=Path,
        metavar="FILE",
        help=BASE_HELP,
    )
    parser.add_argument(
        "--yamnet",
        type=Path,
        metavar="FILE",
        help="YAMNet's weights; else KWS_YAMNET, the cache, or a download",
    )
    add_speech_embedding(parser)
    parser.add_argument(
        "--tap",
        type=int,
        metavar="N",
        help=f"YAMNet's layer under the head, 1 to 14; {CommandConfig.tap} for commands, "
        f"{SoundConfig.tap} for sounds if left out",
    )
    parser.add_argument(
        "--noise",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of background noise, besides _background_noise_ in the data",
    )
    add_negatives(parser)
    add_recipe(parser, None, CommandConfig.recipe)
    parser.add_argument(
        "--copies",
        type=int,
        metavar="N",
        help="windows made from each clip: one as recorded, the others augmented; "
        f"{CommandConfig.copies} for commands, {SoundConfig.copies} for sounds if left out",
    )
    parser.add_argument(
        "--validation",
        type=share,
        metavar="SHARE",
        help="of the speakers, to stop training and choose thresholds; "
        f"{CommandConfig.validation} if left out",
    )
    parser.add_argument(
        "--hold-out",
        type=share,
        metavar="SHARE",
        help="of the speakers, kept out of everything, for the figures in the end; none for "
        f"commands and sounds, {WakeWordConfig.hold_out} for wake words if left out",
    )
    parser.add_argument(
        "--split",
        metavar="COLUMN",
        help="column of manifest.csv that says train, validation or test, in place of these "
        "shares; 'split' for the official lists of Speech Commands",
    )
    for name, use in (("validation", "to validate"), ("test", "to hold out")):
        parser.add_argument(
            f"--{name}-data",
            type=Path,
            nargs="+",
            action="extend",
            default=[],
            metavar="DIR",
            help=f"recordings {use}, in place of a share of those in --data",
        )
    parser.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="for commands: passes over the recordings, at most; fewer are quicker; "
        f"{CommandConfig.epochs} if left out",
    )
    parser.add_argument(
        "--learning-curve",
        action="store_true",
        help="also train on 1/8, 1/4 and 1/2 of the speakers, to see how many are enough",
    )
    parser.add_argument(
        "--precision",
        choices=("int8", "float32"),
        help=f"number format of the network; {CommandConfig.precision} if left out",
    )
    parser.add_argument("--seed", type=seed, help="of all that is random; 0 if left out")
    add_workers(parser)
    parser.add_argument(
        "--tensorboard",
        type=Path,
        metavar="DIR",
        help="tell TensorBoard the settings, losses and figures in this folder; MLflow is told "
        "where it is installed and MLFLOW_TRACKING_URI says where (docs/cluster.md)",
    )
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
    add_wake_words(parser)


def _run_train(options: argparse.Namespace) -> int:
    if options.phrases is not None:
        with workers_of(options) as workers:
            return run_phrases(options, workers)
    config = config_of(options)
    with Tracker(options.tensorboard, config.output.stem) as tracker:
        match config:
            case WakeWordConfig(board=None):
                trained = run_wake_words(config, tracker.track)
            case WakeWordConfig():
                trained = run_for_board(config)
            case SoundConfig():
                trained = run_sounds(config)
            case CommandConfig():
                trained = run_commands(config, tracker.track)
            case _:
                raise AssertionError(config)  # config_of makes no other
        provenance = read_model(config.output).metadata.provenance
        tracker.tell({"command": asdict(config), "model": provenance}, trained.figures)
    size = config.output.stat().st_size
    if options.json:
        figures = {
            "model": str(config.output),
            "bytes": size,
            "precision": config.precision,
            **trained.figures,
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in trained.skipped],
        }
        print(json.dumps(figures, indent=1))
    else:
        print("\n".join(trained.lines))
        print(f"wrote {config.output} ({size / 1000:.0f} kB, {config.precision})")
    return 0


TRAIN = Verb(
    "train",
    "train a model from recordings",
    "kws train --data recordings --output model.tflite",
    _configure_train,
    _run_train,
)
