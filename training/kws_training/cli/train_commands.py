"""``kws train --task commands``: finds the recordings, trains, says what came of it."""

from __future__ import annotations

from ..augmentation.recipe import read_recipe
from ..commands.defaults import CommandOptions
from ..commands.extractor import read_weights
from ..data.training_files import TrainingFiles
from ..spreading.workers import Workers
from ..tensorflow_loading import import_tensorflow
from ..tracking import Track, untracked
from .train_config import CommandConfig
from .train_files import Trained, find_sounds, split_clips, write_trained


def run_commands(config: CommandConfig, track: Track = untracked) -> Trained:
    """Train a model for commands and write it.

    Parameters
    ----------
    config : CommandConfig
        What the user decided.
    track : callable
        Told the losses.

    Returns
    -------
    Trained

    Raises
    ------
    KwsError
        If recordings or networks cannot be used.
    """
    clips = split_clips(config)
    files = TrainingFiles(*clips, *find_sounds(config, clips[0]))
    augmentation = read_recipe(config.recipe)
    # foreign files are refused before TensorFlow is loaded
    weights = read_weights(config.extractor, config.yamnet, config.speech_embedding, config.base)
    import_tensorflow()
    from ..commands.train import train

    with Workers(config.jobs, config.ray) as workers:
        result = train(
            files,
            weights,
            augmentation,
            CommandOptions(
                extractor=config.extractor,
                tap=config.tap,
                copies=config.copies,
                validation=config.validation,
                hold_out=config.hold_out,
                split=config.split,
                epochs=config.epochs,
                learning_curve=config.learning_curve,
                precision=config.precision,
                seed=config.seed,
            ),
            workers,
            track,
        )
    write_trained(config, result.content, result.skipped)
    lines = []
    for report, who in ((result.validation, "validation"), (result.held_out, "held-out")):
        if report is not None:
            lines.append(
                f"accuracy on {who} speakers: {report.accuracy:.1%} of {report.clips} clips"
            )
    figures = {
        "validation": result.validation.summary(),
        "held_out": None if result.held_out is None else result.held_out.summary(),
    }
    return Trained(lines, figures, result.skipped)
