"""``kws train --task sounds``: finds the recordings, trains, says what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kws.intervals import share_interval

from ..augmentation.recipe import read_recipe
from ..data.dataset import find_parts, labels_of
from ..data.splits import hold_out
from ..data.training_files import TrainingFiles
from ..evaluation.results import ClipResult
from ..networks.weights import find_yamnet
from ..networks.yamnet_file import read_yamnet
from ..sounds.defaults import SoundOptions
from ..spreading.workers import Workers
from ..tensorflow_loading import import_tensorflow
from .evaluate import class_lines
from .train_config import SoundConfig
from .train_files import Clips, Trained, find_sounds, split_clips, write_trained


def run_sounds(config: SoundConfig) -> Trained:
    """Train a model for sounds and write it.

    Parameters
    ----------
    config : SoundConfig
        What the user decided.

    Returns
    -------
    Trained

    Raises
    ------
    KwsError
        If recordings or weights cannot be used.
    """
    clips = split_clips(config) if config.fold_column is None else _folded(config)
    files = TrainingFiles(*clips, *find_sounds(config, clips[0]))
    augmentation = read_recipe(config.recipe)
    yamnet = find_yamnet(config.yamnet)
    read_yamnet(yamnet)  # a foreign file is refused before TensorFlow is loaded
    import_tensorflow()
    from ..sounds.train import train

    with Workers(config.jobs, config.ray) as workers:
        result = train(
            files,
            yamnet,
            augmentation,
            SoundOptions(
                tap=config.tap,
                copies=config.copies,
                folds=config.fold_column,
                precision=config.precision,
                seed=config.seed,
            ),
            workers,
        )
    write_trained(config, result.content, result.skipped)
    lines = ["validation clips, by the model file:"]
    folds: list[dict[str, Any]] = []
    if config.fold_column is not None:
        folds = _folds(result.judged.results, config.fold_column)
        lines = _fold_lines(folds, config.fold_column)
    lines += class_lines(result.judged)
    if result.held_out is not None:
        report = result.held_out
        lines.append(
            f"\naccuracy on held-out speakers: {report.accuracy:.1%} of {report.clips} clips"
        )
    lines.append(
        f"\nthe model file gives the label of its network in float to {result.same} of "
        f"{result.compared} clips"
    )
    figures = {
        **result.judged.to_dict(),
        "folds": folds,
        "held_out": None if result.held_out is None else result.held_out.summary(),
        "same_label_as_in_float": result.same,
        "compared_with_float": result.compared,
    }
    return Trained(lines, figures, result.skipped)


def _folded(config: SoundConfig) -> Clips:
    """Find the clips, all of them to train; and those held out."""
    data, test = find_parts([config.data, config.test_data], config.keywords, config.speaker_rule)
    labels_of([*data, *test])
    training, held_out = hold_out(data, config.hold_out)
    return training, [], held_out + test


def _folds(results: Sequence[ClipResult], column: str) -> list[dict[str, Any]]:
    """Return the accuracy of each fold, each judged by a network that was not trained on it."""
    folds: dict[str, list[bool]] = {}
    for result in results:
        folds.setdefault(result.clip.columns[column], []).append(result.right)
    return [
        {
            "fold": fold,
            "accuracy": sum(right) / len(right),
            "interval": list(share_interval(sum(right), len(right))),
            "clips": len(right),
        }
        for fold, right in sorted(folds.items(), key=lambda item: (len(item[0]), item[0]))
    ]


def _fold_lines(folds: Sequence[dict[str, Any]], column: str) -> list[str]:
    """Return the table of the folds, and their mean."""
    lines = [
        f"{column}  accuracy  95 % interval   clips (none judged by a model that saw its fold)"
    ]
    for fold in folds:
        low, high = fold["interval"]
        interval = f"{100 * low:.1f} to {100 * high:.1f} %"
        lines.append(
            f"{fold['fold']:{len(column)}}  {fold['accuracy']:8.1%}  {interval:>14}  "
            f"{fold['clips']:5}"
        )
    mean = sum(fold["accuracy"] for fold in folds) / len(folds)
    return [*lines, f"mean over folds {mean:.1%}\n"]
