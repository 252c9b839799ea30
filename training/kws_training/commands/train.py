"""Trains commands: folders of recordings in, one streaming model file out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kws.arrays import Int16
from kws.console import note
from kws.frontend import YAMNET
from kws.metadata import DetectorDefaults, keywords_of
from kws.modelfile import pack, parse_model
from kws.pcm import to_float32

from ..augmentation.augment import Augmentation
from ..augmentation.windows import WindowShape
from ..cache import cache_folder
from ..data.clips import word_span
from ..data.dataset import Skipped
from ..data.recordings import ClipSet
from ..data.training_files import TrainingFiles
from ..evaluation.evaluate import judge_clips, open_model
from ..evaluation.operating import with_thresholds
from ..evaluation.results import ClipReport
from ..fitting.loop import set_seed
from ..networks.extractors import Extractor
from ..networks.head import ConvolutionalHead, HeadShape
from ..networks.streaming import StepModel, Time, step_model
from ..progress import bar
from ..publishing import publish
from ..spreading.workers import ALONE, Workers
from ..tracking import Track, untracked
from . import features
from .calibration import calibration_streams
from .curve import curve_point, learning_curve
from .data import CommandData, prepare
from .defaults import REFRACTORY, RESULTS, SMOOTHING, STEP_FRAMES, CommandOptions
from .extractor import ExtractorWeights, open_extractor
from .features import WindowSource
from .fit import Epoch, FitConfig, fit

#: Seconds of the longest word that the detector expects, at least and at most.
LONGEST_WORD = (0.6, 2.0)


@dataclass(frozen=True)
class TrainedCommands:
    """A trained model of commands.

    Attributes
    ----------
    content : bytes
        The model file.
    validation : ClipReport
        What the model file gives through the runtime on the validation speakers.
    held_out : ClipReport or None
        The same on the speakers held out; None if there are none.
    skipped : tuple of Skipped
        Recordings that could not be used.
    """

    content: bytes
    validation: ClipReport
    held_out: ClipReport | None
    skipped: tuple[Skipped, ...]


def train(
    files: TrainingFiles,
    weights: ExtractorWeights,
    augmentation: Augmentation,
    options: CommandOptions,
    workers: Workers = ALONE,
    track: Track = untracked,
) -> TrainedCommands:
    """Train a head on a frozen extractor and make the streaming model file.

    Parameters
    ----------
    files : TrainingFiles
        The recordings; no speaker is for two things.
    weights : ExtractorWeights
        The frozen networks under the head.
    augmentation : Augmentation
        What may happen to a recording.
    options : CommandOptions
        What the user decides.
    workers : Workers
        Who reads recordings, and makes windows of them; one process trains.
    track : callable
        Told the losses and the accuracy of each epoch.

    Raises
    ------
    DataError
        If there is one class only, too few speakers, or nothing could be read.
    """
    set_seed(options.seed)
    data = prepare(files, augmentation, options.seed, workers)
    extractor = open_extractor(weights, options.tap, data.training.audio)
    head = ConvolutionalHead(len(data.labels), extractor, HeadShape())
    step = _step(head, extractor)
    source, checks = (
        _window_source(part, data, step, extractor, options.seed)
        for part in (data.training, data.validation)
    )
    examples, validation = (
        features.compute(
            one, extractor, copies, augmentation, cache_folder("features"), bar, workers
        )
        for one, copies in ((source, options.copies), (checks, 1))
    )
    config = FitConfig(epochs=options.epochs)
    curve = []
    if options.learning_curve:
        curve = learning_curve(extractor, examples, validation, source, config)
    epochs: list[Epoch] = []

    def report(epoch: Epoch) -> None:
        epochs.append(epoch)
        _report(epoch)
        track("loss", epoch.number, epoch.loss)
        track("validation/loss", epoch.number, epoch.validation_loss)
        track("validation/accuracy", epoch.number, epoch.validation_accuracy)

    fit(head, examples, validation, len(data.labels), config, options.seed, report)
    if options.learning_curve:
        curve.append(curve_point(len(source.clips), validation, epochs))
    provenance = {
        "extractor": extractor.name,
        "extractor_digest": extractor.digest,
        "options": asdict(options),
        "recipe": asdict(config),
        "augmentation": augmentation.to_dict(),
        "data_sha256": data.sha256,
        "clips": list(data.clips),
        **({"learning_curve": curve} if curve else {}),
    }
    content = _model_file(step, extractor, source, data, options, provenance)
    spotter = open_model(parse_model(content, "the trained model"))
    reports = [
        judge_clips(spotter, part.clips, part.audio, part.skipped, bar) if part.clips else None
        for part in (data.validation, data.held_out)
    ]
    assert reports[0] is not None  # every keyword has validation clips
    return TrainedCommands(content, reports[0], reports[1], data.skipped)


def _step(head: ConvolutionalHead, extractor: Extractor) -> StepModel:
    """Return the streaming form of a head on its extractor."""

    def network(x: Any, time: Time) -> Any:
        return head.on(extractor, x, time)

    return step_model(network, max(STEP_FRAMES, head.stride), extractor.shape)


def _window_source(
    part: ClipSet, data: CommandData, step: StepModel, extractor: Extractor, seed: int
) -> WindowSource:
    """Return what makes training windows of clips."""
    shape = WindowShape(step.result_field, step.stride, RESULTS)
    return WindowSource(
        part.clips,
        part.audio,
        data.labels,
        shape,
        data.noise,
        data.responses,
        extractor.front_end,
        seed,
    )


def _model_file(
    step: StepModel,
    extractor: Extractor,
    source: WindowSource,
    data: CommandData,
    options: CommandOptions,
    provenance: dict[str, Any],
) -> bytes:
    """Convert a trained network, and choose and state its thresholds."""
    model = publish(
        step,
        options.precision,
        calibration_streams(source),
        task="commands",
        labels=data.labels,
        front_end=extractor.front_end,
        detector=DetectorDefaults(
            smoothing=SMOOTHING,
            refractory=REFRACTORY,
            longest=_longest_word(data),
            thresholds=dict.fromkeys(keywords_of(data.labels), 0.5),
        ),
        provenance=provenance,
    )
    content = pack(model.network, model.metadata)
    return with_thresholds(content, data.validation, data.negatives, options.seed)


def _longest_word(data: CommandData) -> float:
    """Return the seconds that nearly no keyword is longer than."""
    keywords = keywords_of(data.labels)
    seconds = [
        _seconds(audio)
        for clip, audio in zip(data.training.clips, data.training.audio, strict=True)
        if clip.label in keywords
    ]
    shortest, longest = LONGEST_WORD
    return min(longest, max(shortest, 1.2 * float(np.percentile(seconds, 95))))


def _seconds(audio: Int16) -> float:
    """Return the length of the word in a clip."""
    first, last = word_span(to_float32(audio))
    return (last - first) / YAMNET.sample_rate


def _report(epoch: Epoch) -> None:
    """Print what an epoch gave."""
    note(
        f"epoch {epoch.number:2}/{epoch.of}: loss {epoch.loss:.3f}, validation loss "
        f"{epoch.validation_loss:.3f}, accuracy {epoch.validation_accuracy:.1%}"
    )
