"""The verbs of the training side: train, evaluate."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from kws.cli import Verb
from kws.errors import KwsError

from .dataset import SPEAKER_RULE
from .progress import silence


def _share(text: str) -> float:
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


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name recordings."""
    parser.add_argument(
        "--data", type=Path, nargs="+", action="extend", required=True, metavar="DIR",
        help="folders with one sub-folder per keyword, and _unknown_ and _silence_",
    )  # fmt: skip
    parser.add_argument(
        "--speaker-rule", default=SPEAKER_RULE, metavar="REGEX",
        help="its first group, found in the file name, is the speaker; every file that it does "
        "not fit is a speaker of its own",
    )  # fmt: skip


def add_negatives(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names speech without any keyword."""
    parser.add_argument(
        "--negatives", type=Path, nargs="+", action="extend", default=[], metavar="DIR",
        help="folders of speech without any keyword: half of the recordings train, half are "
        "listened to when thresholds are chosen and stated",
    )  # fmt: skip


def check_output(path: Path) -> None:
    """Find out before the work, not after it, that a file cannot be written.

    Raises
    ------
    KwsError
        If its folder does not exist or cannot be written to.
    """
    if path.is_dir():
        raise KwsError(f"{path}: is a folder: name the file to write")
    if not path.parent.is_dir():
        raise KwsError(f"{path.parent}: no such folder: make it, or name another output")
    if not os.access(path.parent, os.W_OK):
        raise KwsError(f"{path.parent}: cannot be written to: name another output")


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
    add_data(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--keywords", type=_names, metavar="A,B,…",
        help="words to keep apart, every other one becomes _unknown_; all words if left out",
    )  # fmt: skip
    parser.add_argument(
        "--yamnet", type=Path, metavar="FILE",
        help="YAMNet's weights; else KWS_YAMNET, the cache, or a download",
    )  # fmt: skip
    parser.add_argument("--tap", type=int, default=6, help="YAMNet's layer under the head, 1 to 14")
    parser.add_argument(
        "--noise", type=Path, nargs="+", action="extend", default=[], metavar="DIR",
        help="folders of background noise, besides _background_noise_ in the data",
    )  # fmt: skip
    add_negatives(parser)
    parser.add_argument(
        "--copies", type=int, default=6, metavar="N",
        help="windows made from each clip: one as recorded, the others augmented",
    )  # fmt: skip
    parser.add_argument(
        "--validation", type=_share, default=0.1, metavar="SHARE",
        help="of the speakers, to stop training and choose thresholds",
    )  # fmt: skip
    parser.add_argument(
        "--hold-out", type=_share, default=0.0, metavar="SHARE",
        help="of the speakers, kept out of everything, for the figures in the end",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, default=9, help="at most; fewer are quicker")
    parser.add_argument("--precision", choices=("int8", "float32"), default="int8")
    parser.add_argument("--seed", type=seed, default=0)


def _run_train(options: argparse.Namespace) -> int:
    from kws.modelfile import parse_model, write_model

    from .dataset import find_background, find_clips, find_recordings, labels_of
    from .weights import find_yamnet
    from .yamnet_file import read_yamnet

    check_output(options.output)
    if not 1 <= options.tap <= 14:
        raise KwsError(f"--tap {options.tap}: YAMNet has layers 1 to 14")
    for name in ("copies", "epochs"):
        if getattr(options, name) < 1:
            raise KwsError(f"--{name} {getattr(options, name)}: must be at least 1")
    clips = find_clips(options.data, options.keywords, options.speaker_rule)
    for keyword in options.keywords or ():
        if all(clip.label != keyword for clip in clips):
            raise KwsError(f"{keyword}: no recordings in {', '.join(map(str, options.data))}")
    labels_of(clips)
    noise = find_recordings(options.noise) + find_background(options.data)
    negatives = find_recordings(options.negatives)
    yamnet = find_yamnet(options.yamnet)
    read_yamnet(yamnet)  # a foreign file is refused before TensorFlow is loaded
    import_tensorflow()
    from .progress import say
    from .train import Options, train

    result = train(
        clips, yamnet, noise, negatives,
        Options(
            tap=options.tap, copies=options.copies, validation=options.validation,
            hold_out=options.hold_out, epochs=options.epochs, precision=options.precision,
            seed=options.seed,
        ),
    )  # fmt: skip
    model = parse_model(result.content, str(options.output))
    write_model(options.output, model.network, model.metadata)
    for skip in result.skipped:
        say(f"skipped: {skip.path}: {skip.reason}")
    for report, who in ((result.validation, "validation"), (result.held_out, "held-out")):
        if report is not None:
            print(f"accuracy on {who} speakers: {report.accuracy:.1%} of {report.clips} clips")
    size = options.output.stat().st_size
    print(f"wrote {options.output} ({size / 1000:.0f} kB, {options.precision})")
    return 0


def _configure_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL")
    add_data(parser)
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")


def _run_evaluate(options: argparse.Namespace) -> int:
    from kws.modelfile import read_model

    from .dataset import DataError, find_clips
    from .evaluate import judge_clips, open_model
    from .features import read_clips
    from .progress import bar

    spotter = open_model(read_model(options.model))
    found = find_clips(options.data, spotter.keywords, options.speaker_rule)
    clips, audio, skipped = read_clips(found, bar)
    if not clips:
        raise DataError(f"none of the {len(found)} recordings could be read: {skipped[0].reason}")
    report = judge_clips(spotter, clips, audio, skipped, bar)
    if options.json:
        print(json.dumps(report.to_dict(), indent=1))
        return 0
    width = max(len(figures.label) for figures in report.classes)
    print(f"accuracy {report.accuracy:.1%} of {report.clips} clips\n")
    header = " ".join(f"{figures.label[:6]:>6}" for figures in report.classes)
    print(f"{'':{width}}  precision  recall  clips   taken for: {header}")
    for figures, row in zip(report.classes, report.confusion, strict=True):
        cells = " ".join(f"{n or '.':>6}" for n in row)
        print(
            f"{figures.label:{width}}  {figures.precision:9.1%}  {figures.recall:6.1%}  "
            f"{figures.clips:5}              {cells}"
        )
    for skip in report.skipped:
        print(f"skipped: {skip.path}: {skip.reason}")
    return 0


TRAIN = Verb(
    "train", "train a model from recordings",
    "kws train --data recordings --output model.tflite", _configure_train, _run_train,
)  # fmt: skip
EVALUATE = Verb(
    "evaluate", "say how good a model is",
    "kws evaluate model.tflite --data recordings", _configure_evaluate, _run_evaluate,
)  # fmt: skip
