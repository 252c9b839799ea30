"""The verb train, and the arguments that verbs of the training side share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kws.arguments import check_output
from kws.cli import Verb, names
from kws.errors import KwsError

from ..data.dataset import Clip, Skipped
from ..progress import silence
from .wake_command import HOLD_OUT, add_wake_words, run_wake_words

if TYPE_CHECKING:
    from kws.modelfile import ModelFile

#: What ``kws train`` takes where nothing is said; TensorFlow is not loaded to know it.
TAP, COPIES, EPOCHS = 6, 6, 5
SOUNDS_TAP, SOUNDS_COPIES = 11, 1


def share(text: str) -> float:
    """Parse a share of the speakers."""
    value = float(text)
    if not 0 <= value <= 0.9:
        raise argparse.ArgumentTypeError("must be 0 to 0.9")
    return value


def seed(text: str) -> int:
    """Parse a seed: 0 to 2**32 - 1, as numpy, TensorFlow and Python all take it."""
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError("must be 0 to 4294967295")
    return value


def add_data(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Add the arguments that name recordings."""
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        required=required,
        metavar="DIR",
        help="folders with one sub-folder per keyword, and _unknown_ and _silence_; or .csv files "
        "with the columns path and label",
    )
    add_speaker_rule(parser)


def add_speaker_rule(parser: argparse.ArgumentParser) -> None:
    """Add the argument that says who speaks."""
    parser.add_argument(
        "--speaker-rule",
        metavar="REGEX",
        help="its first group, found in the file name, is the speaker, and every file that it "
        "does not fit is a speaker of its own; without it, names such as anna_nohash_0.wav say "
        "who speaks, then manifest.csv",
    )


def add_negatives(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names speech without any keyword."""
    parser.add_argument(
        "--negatives",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of speech without any keyword: half of the recordings train, half are "
        "listened to when thresholds are chosen and stated",
    )


def add_recipe(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the arguments that say how recordings are augmented: a recipe, and recorded rooms."""
    parser.add_argument(
        "--recipe",
        default=default,
        metavar="NAME|FILE.toml",
        help="what may happen to a recording: light, heavy, telephone, or a file of your own",
    )
    parser.add_argument(
        "--rooms",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of recorded impulse responses, besides the simulated rooms",
    )


def import_tensorflow() -> None:
    """Import TensorFlow without its notes about the machine, which C++ prints on the way.

    Devices are for small models: a graphics card is left alone, so that a seed gives one model.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with silence():
        import tensorflow as tf

        tf.config.list_physical_devices()  # the last note comes when devices are looked for


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
        help="a word base that kws pretrain made; the one in the package if left out",
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
        help=f"YAMNet's layer under the head, 1 to 14; {TAP} for commands, {SOUNDS_TAP} for sounds "
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
        f"{COPIES} for commands, {SOUNDS_COPIES} for sounds if left out",
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


def _split_clips(options: argparse.Namespace) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """Find the clips to train, to validate and held out, as the options say who is which."""
    from kws.modelfile import SILENCE, UNKNOWN

    from ..data.dataset import by_column, check_apart, find_parts, hold_out, labels_of, split

    if options.split is not None and (options.validation_data or options.test_data):
        raise KwsError("--split says who validates: leave out --validation-data and --test-data")
    if options.hold_out and (options.split is not None or options.test_data):
        raise KwsError(
            "--hold-out: --split and --test-data say who is held out: leave one of them out"
        )
    data, validation, test = find_parts(
        [options.data, options.validation_data, options.test_data],
        options.keywords,
        options.speaker_rule,
    )
    labels_of([*data, *validation, *test])  # one class, or a name that cannot be a label
    if options.split is not None:
        training, validation, held_out = by_column(data, options.split)
    else:
        training, held_out = hold_out(data, options.hold_out or 0.0)
        held_out += test
    if not validation:
        training, validation = split(training, options.validation)
    check_apart({"training": training, "validation": validation, "test": held_out})
    known = {clip.label for clip in training}
    for clip in (*validation, *held_out):
        if clip.label not in known and clip.label not in (SILENCE, UNKNOWN):
            raise KwsError(f"{clip.path}: {clip.label} has no recordings to train with")
    return training, validation, held_out


def find_sounds(
    options: argparse.Namespace, training: Sequence[Clip]
) -> tuple[list[Path], list[Path], list[Path]]:
    """Find the recordings of noise, of negatives and of rooms.

    Raises
    ------
    KwsError
        If one of the keywords has no recordings, too.
    """
    from ..data.dataset import find_background, find_recordings

    for keyword in options.keywords or ():
        if all(clip.label != keyword for clip in training):
            raise KwsError(f"{keyword}: no recordings in {', '.join(map(str, options.data))}")
    noise = find_recordings(options.noise) + find_background(options.data)
    return noise, find_recordings(options.negatives), find_recordings(options.rooms)


def write_trained(
    options: argparse.Namespace, content: bytes, skipped: Sequence[Skipped]
) -> ModelFile:
    """Write the model file that was trained, and name the recordings that were skipped."""
    from kws.modelfile import parse_model, write_model

    from ..progress import say

    model = parse_model(content, str(options.output))
    write_model(options.output, model.network, model.metadata)
    for skip in skipped:
        say(f"skipped: {skip.path}: {skip.reason}")
    return model


def print_written(options: argparse.Namespace) -> None:
    """Print what was written, in the end."""
    size = options.output.stat().st_size
    print(f"wrote {options.output} ({size / 1000:.0f} kB, {options.precision})")


def _run_train(options: argparse.Namespace) -> int:
    from ..augmentation.recipe import read_recipe
    from ..networks.base import read_base
    from ..networks.weights import find_yamnet
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
        from .sounds_command import run_sounds

        return run_sounds(options, lambda: _split_clips(options))
    if options.folds is not None:
        raise KwsError("--folds: is for --task sounds: leave it out, or see --split")
    clips = _split_clips(options)
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
    from ..fitting.train import Options, train

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
