"""Trains the word base on every labelled word there is: images, recordings, synthesized words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kws.frontend import WORDS
from kws.metadata import DetectorDefaults, keywords_of
from kws.modelfile import ModelFile

from ..augmentation.spectra import WindowMaker
from ..data.checkpoint import Checkpoint
from ..fitting.loop import set_seed
from ..networks.word_base import SHAPE_KEY, Base
from ..publishing import publish
from .calibration import calibration_streams
from .data import WordBaseData, WordBaseSources, prepare
from .defaults import HEAVY, LONGEST_WORD, REFRACTORY, SMOOTHING, WordBaseOptions
from .fit import FittedWordBase, fit


@dataclass(frozen=True)
class TrainedWordBase:
    """A word base.

    Attributes
    ----------
    model : ModelFile
        The model file.
    accuracy : float
        Share of the validation images that its float network names rightly, all labels.
    images : int
        Number of validation images.
    """

    model: ModelFile
    accuracy: float
    images: int


def train(
    sources: WordBaseSources,
    options: WordBaseOptions,
    checkpoints: Path,
    start: Base | None = None,
) -> TrainedWordBase:
    """Train a word base and make its model file.

    Parameters
    ----------
    sources : WordBaseSources
        Words and noise.
    options : WordBaseOptions
        What the user decides.
    checkpoints : Path
        Folder in which the state after each epoch is kept, so that a run that was interrupted
        goes on.
    start : Base, optional
        A word base to go on from, in its shape.

    Raises
    ------
    DataError
        If there are too few words for labels, or too many.
    """
    set_seed(options.seed)
    data = prepare(sources, options)
    digest = _digest(data, options, start)
    checkpoint = Checkpoint(checkpoints / f"{digest[:16]}.npz")
    fitted = fit(data, options, start, checkpoint)
    model = _model_file(fitted, data, options, _provenance(data, options, start, digest))
    checkpoint.remove()
    return TrainedWordBase(model, fitted.accuracy, len(data.validation.images))


def _digest(data: WordBaseData, options: WordBaseOptions, start: Base | None) -> str:
    """Return a digest of all that a training depends on."""
    # what is known of phonemes depends on what is installed
    phonemes = None if data.spelled is None else (data.spelled.signs, data.spelled.phonemes)
    origin = None if start is None else start.digest
    shape = options.shape if start is None else start.shape
    taught = None if data.taught is None else data.taught.digest
    settings = (
        *(data.labels, asdict(shape), asdict(options.fit)),
        *(options.seed, origin, phonemes, taught),
    )
    return data.training.digest(data.noise, settings)


def _provenance(
    data: WordBaseData, options: WordBaseOptions, start: Base | None, digest: str
) -> dict[str, Any]:
    """Return what the model file says of its making."""
    return {
        SHAPE_KEY: asdict(options.shape if start is None else start.shape),
        "recipe": asdict(options.fit),
        "seed": options.seed,
        "left_out": sorted(options.left_out),
        "start_sha256": None if start is None else start.digest,
        "images": {"people": data.training.people, "synthesized": data.training.synthesized},
        "speakers": data.speakers,
        "taught_hours": 0.0 if data.taught is None else round(data.taught.hours, 2),
        "data_sha256": digest,
    }


def _model_file(
    fitted: FittedWordBase,
    data: WordBaseData,
    options: WordBaseOptions,
    provenance: dict[str, Any],
) -> ModelFile:
    """Convert a trained base to int8, with thresholds of 0.5."""
    maker = WindowMaker(data.noise, WORDS.floor, WORDS.ceiling, HEAVY)
    return publish(
        fitted.step,
        "int8",
        calibration_streams(maker, data.training.images, options.seed),
        task="commands",
        labels=data.labels,
        front_end=WORDS,
        detector=DetectorDefaults(
            smoothing=SMOOTHING,
            refractory=REFRACTORY,
            longest=LONGEST_WORD,
            thresholds=dict.fromkeys(keywords_of(data.labels), 0.5),
        ),
        provenance=provenance,
        name="the trained word base",
    )
