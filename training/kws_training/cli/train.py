"""The verb train, and the arguments that verbs of the training side share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kws.cli.arguments import BASE_HELP, check_output, names
from kws.cli.verb import Verb
from kws.errors import KwsError

from ..sounds.defaults import COPIES as SOUND_COPIES
from ..sounds.defaults import TAP as SOUND_TAP
from ..tensorflow_loading import import_tensorflow
from .arguments import add_data, add_negatives, add_recipe, seed, share
from .train_files import find_sounds, print_written, split_clips, write_trained
from .train_wake_words import HOLD_OUT, add_wake_words, run_wake_words

if TYPE_CHECKING:
    pass

#: What ``kws train`` takes where nothing is said; TensorFlow is not loaded to know it.
TAP, COPIES, EPOCHS = 6, 6, 5


def _configure_train(parser: argparse.ArgumentParser) -> None:
    add_data(parser, required=False)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--task",
        choices=("commands", "sounds"),
        default="commands",
        help="words, or environmental sounds that begin and end: clips of 1 to 10 seconds",
    )
    parser.add_argument(
        "--folds",
        metavar="COLUMN",
        help="for sounds: judge the clips fold by fold over this column of manifest.csv, then "
        "train on all of them",
    )
    parser.add_argument(
        "--keywords",
        type=names,
        metavar="A,B,…",
        help="words to keep apart, every other one becomes _unknown_; all words if left out",
    )
    parser.add_argument(
        "--extractor",
        choices=("yamnet", "words", "both"),
        default="both",
        help="the frozen network under the head: tapped YAMNet, the word base, or both",
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
    parser.add_argument(
        "--tap",
        type=int,
        metavar="N",
        help=f"YAMNet's layer under the head, 1 to 14; {TAP} for commands, {SOUND_TAP} for sounds "
        "if left out",
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
    add_recipe(parser, "light")
    parser.add_argument(
        "--copies",
        type=int,
        metavar="N",
        help="windows made from each clip: one as recorded, the others augmented; "
        f"{COPIES} for commands, {SOUND_COPIES} for sounds if left out",
    )
    parser.add_argument(
        "--validation",
        type=share,
        default=0.1,
        metavar="SHARE",
        help="of the speakers, to stop training and choose thresholds",
    )
    parser.add_argument(
        "--hold-out",
        type=share,
        metavar="SHARE",
        help="of the speakers, kept out of everything, for the figures in the end; none for "
        f"commands, {HOLD_OUT} for wake words if left out",
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
        help=f"at most; fewer are quicker; {EPOCHS} if left out",
    )
    parser.add_argument(
        "--learning-curve",
        action="store_true",
        help="also train on 1/8, 1/4 and 1/2 of the speakers, to see how many are enough",
    )
    parser.add_argument("--precision", choices=("int8", "float32"), default="int8")
    parser.add_argument("--seed", type=seed, default=0)
    add_wake_words(parser)


def _run_train(options: argparse.Namespace) -> int:
    from ..augmentation.recipe import read_recipe
    from ..networks.weights import find_yamnet
    from ..networks.word_base import read_base
    from ..networks.yamnet_file import read_yamnet

    check_output(options.output)
    if options.wake_words:
        if options.data:
            raise KwsError("--wake-word: give --positives and --negatives, not --data")
        if options.hold_out is None:
            options.hold_out = HOLD_OUT
        return run_wake_words(options)
    if options.positives:
        raise KwsError("--positives: which phrase do they say? Give --wake-word too")
    if not options.data:
        raise KwsError("--data: give folders of recordings, or --wake-word and --positives")
    if options.hold_out is None:
        options.hold_out = 0.0
    if options.tap is not None and not 1 <= options.tap <= 14:
        raise KwsError(f"--tap {options.tap}: YAMNet has layers 1 to 14")
    for name in ("copies", "epochs"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise KwsError(f"--{name} {value}: must be at least 1")
    if options.task == "sounds":
        from .train_sounds import run_sounds

        return run_sounds(options, lambda: split_clips(options))
    if options.folds is not None:
        raise KwsError("--folds: is for --task sounds: leave it out, or see --split")
    clips = split_clips(options)
    noise, negatives, rooms = find_sounds(options, clips[0])
    augmentation = read_recipe(options.recipe)
    # foreign files are refused before TensorFlow is loaded
    yamnet = None
    if options.extractor != "words":
        yamnet = find_yamnet(options.yamnet)
        read_yamnet(yamnet)
    if options.extractor != "yamnet":
        read_base(options.base)
    import_tensorflow()
    from ..commands.train import Options, train

    result = train(
        clips,
        yamnet,
        options.base,
        noise,
        negatives,
        rooms,
        augmentation,
        Options(
            extractor=options.extractor,
            tap=options.tap or TAP,
            copies=options.copies or COPIES,
            validation=options.validation,
            hold_out=options.hold_out,
            split=options.split,
            epochs=options.epochs or EPOCHS,
            learning_curve=options.learning_curve,
            precision=options.precision,
            seed=options.seed,
        ),
    )
    write_trained(options, result.content, result.skipped)
    for report, who in ((result.validation, "validation"), (result.held_out, "held-out")):
        if report is not None:
            print(f"accuracy on {who} speakers: {report.accuracy:.1%} of {report.clips} clips")
    print_written(options)
    return 0


TRAIN = Verb(
    "train",
    "train a model from recordings",
    "kws train --data recordings --output model.tflite",
    _configure_train,
    _run_train,
)
