"""Trains the phoneme network on words of people and sentences by text to speech."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.frontend import WORDS
from kws.modelfile import ModelFile
from kws.phonemes.symbols import OUTPUTS, PHONEME_TASK

from ..augmentation.noise import NoisyWindowMaker
from ..data.checkpoint import Checkpoint
from ..data.digest import digest_of
from ..fitting.loop import set_seed
from ..networks.phoneme_network import SHAPE_KEY, PhonemeBase
from ..publishing import publish
from .data import PhonemeData
from .defaults import AUGMENTATION, PhonemeOptions
from .fit import fit
from .windows import PhonemeWindows

#: Streams by which int8 is scaled.
STREAMS = 24


@dataclass(frozen=True)
class TrainedPhonemes:
    """A phoneme network.

    Attributes
    ----------
    model : ModelFile
        The model file.
    errors : float
        Phoneme error rate of its float network on words of other people and other sentences; nan
        if there are none.
    """

    model: ModelFile
    errors: float


def train(
    data: PhonemeData,
    options: PhonemeOptions,
    checkpoints: Path,
    start: PhonemeBase | None = None,
) -> TrainedPhonemes:
    """Train a phoneme network and make its model file.

    Parameters
    ----------
    data : PhonemeData
        Speech and noise.
    options : PhonemeOptions
        How it is trained.
    checkpoints : Path
        Folder in which the state after each epoch is kept, so that a run that was interrupted
        goes on.
    start : PhonemeBase, optional
        A network to go on from, in its shape.
    """
    set_seed(options.seed)
    origin = None if start is None else start.digest
    shape = options.shape if start is None else start.shape
    digest = digest_of((options, origin), data.digest)
    checkpoint = Checkpoint(checkpoints / f"phonemes-{digest[:16]}.npz")
    fitted = fit(data, options, checkpoint, start)
    model = publish(
        fitted.step,
        "int8",
        calibration_streams(data, options, shape.receptive_field),
        task=PHONEME_TASK,
        labels=OUTPUTS,
        front_end=WORDS,
        detector=None,
        provenance={
            SHAPE_KEY: asdict(shape),
            "recipe": asdict(options.fit),
            "seed": options.seed,
            "start_sha256": origin,
            "words": len(data.training.words),
            "people": data.people,
            "sentences": len(data.training.sentences.images),
            "grammar_sha256": options.grammar,
            "synthesized_hours": round(data.training.sentences.hours, 2),
            "data_sha256": digest,
        },
        name="the trained phoneme network",
    )
    checkpoint.remove()
    return TrainedPhonemes(model, fitted.errors)


def calibration_streams(data: PhonemeData, options: PhonemeOptions, field: int) -> Float32:
    """Make representative streams: speech in noise, and the front end's extremes.

    Parameters
    ----------
    data : PhonemeData
        Speech and noise.
    options : PhonemeOptions
        The windows, and the seed.
    field : int
        Front-end frames that an output frame depends on.

    Returns
    -------
    float32 (streams, frames, bands)
        ln(power). The last two streams are digital silence, and the first one at full scale.
    """
    maker = NoisyWindowMaker(data.noise, WORDS.floor, WORDS.ceiling, AUGMENTATION)
    windows = PhonemeWindows(data.training, maker, data.microphones, field, options.fit)
    made = windows.batch(np.random.default_rng((options.seed, 3)), STREAMS).frames[:, :, 0]
    loudest = made[:1] + WORDS.ceiling - made[:1].max()
    return np.concatenate([made, np.full_like(made[:1], WORDS.floor), loudest])
