"""``kws train --task sounds``: finds the recordings, trains, prints the figures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from kws.errors import KwsError
from kws.intervals import share_interval

from ..augmentation.recipe import read_recipe
from ..data.dataset import Clip, find_parts, labels_of
from ..data.splits import hold_out
from ..evaluation.results import ClipResult
from ..networks.weights import find_yamnet
from ..networks.yamnet_file import read_yamnet
from ..sounds.defaults import COPIES, TAP
from ..tensorflow_loading import import_tensorflow
from .evaluate import print_classes
from .train_files import find_sounds, print_written, write_trained

Clips = tuple[list[Clip], list[Clip], list[Clip]]


def run_sounds(options: argparse.Namespace, split_clips: Callable[[], Clips]) -> int:
    """Train a model for sounds as the arguments of ``kws train`` say.

    Parameters
    ----------
    options : argparse.Namespace
    split_clips : callable
        Finds the clips to train, to validate and held out, where there are no folds.
    """
    for name in ("base", "learning_curve", "epochs"):
        if getattr(options, name):
            raise KwsError(f"--{name.replace('_', '-')}: is not for --task sounds: leave it out")
    if options.extractor == "words":
        raise KwsError("--extractor words: sounds are heard by yamnet: leave it out")
    clips = split_clips() if options.folds is None else _folded(options)
    noise, negatives, rooms = find_sounds(options, clips[0])
    augmentation = read_recipe(options.recipe)
    yamnet = find_yamnet(options.yamnet)
    read_yamnet(yamnet)  # a foreign file is refused before TensorFlow is loaded
    import_tensorflow()
    from ..sounds.train import SoundOptions, train_sounds

    result = train_sounds(
        clips,
        yamnet,
        noise,
        negatives,
        rooms,
        augmentation,
        SoundOptions(
            tap=options.tap or TAP,
            copies=options.copies or COPIES,
            folds=options.folds,
            precision=options.precision,
            seed=options.seed,
        ),
    )
    write_trained(options, result.content, result.skipped)
    if options.folds is not None:
        _print_folds(result.judged.results, options.folds)
    else:
        print("validation clips, by the model file:")
    print_classes(result.judged)
    if result.held_out is not None:
        report = result.held_out
        print(f"\naccuracy on held-out speakers: {report.accuracy:.1%} of {report.clips} clips")
    print(
        f"\nthe model file gives the label of its network in float to {result.same} of "
        f"{result.compared} clips"
    )
    print_written(options)
    return 0


def _folded(options: argparse.Namespace) -> Clips:
    """Find the clips, all of them to train; and those held out."""
    if options.split is not None or options.validation_data:
        raise KwsError("--folds says who validates: leave out --split and --validation-data")
    data, test = find_parts(
        [options.data, options.test_data], options.keywords, options.speaker_rule
    )
    labels_of([*data, *test])
    training, held_out = hold_out(data, options.hold_out)
    return training, [], held_out + test


def _print_folds(results: Sequence[ClipResult], column: str) -> None:
    """Print the accuracy of each fold, each judged by a network that was not trained on it."""
    folds: dict[str, list[bool]] = {}
    for result in results:
        folds.setdefault(result.clip.columns[column], []).append(result.right)
    print(f"{column}  accuracy  95 % interval   clips (none judged by a model that saw its fold)")
    for fold, right in sorted(folds.items(), key=lambda item: (len(item[0]), item[0])):
        low, high = share_interval(sum(right), len(right))
        interval = f"{100 * low:.1f} to {100 * high:.1f} %"
        print(
            f"{fold:{len(column)}}  {sum(right) / len(right):8.1%}  {interval:>14}  {len(right):5}"
        )
    mean = sum(sum(right) / len(right) for right in folds.values()) / len(folds)
    print(f"mean over folds {mean:.1%}\n")
