"""Streams as `kws evaluate` makes them, kept as frames of the front end, and heard by a model.

Decoding, noise and the front end take longer than a network. So a stream is made once, and kept by
the content of its recordings and by what was done to them; a model hears its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from kws.arrays import Float32, Float64
from kws.calibration.scores import Trace
from kws.console import quiet
from kws.frontend import WORDS, open_front_end
from kws.modelfile import ModelFile
from kws.posteriors import sigmoid
from kws.verification import open_network
from kws_training.cache import cache_folder
from kws_training.data.checkpoint import DAMAGED_ARCHIVE, write_arrays
from kws_training.data.digest import digest_of_files
from kws_training.evaluation.conditions import Condition
from kws_training.evaluation.continuous import StreamScores
from kws_training.progress import bar
from kws_training.wake_words.defaults import STRIDE

#: Seed of the streams' noise and gaps.
SEED = 0
#: Seconds of digital silence after a stream: longer than any network looks back.
ENDING = 3.0
#: Part of the cache's key. It goes up when the same recordings give other frames.
VERSION = 1
#: Hexadecimal digits of a digest in the name of a file of the cache.
NAME_DIGITS = 20


@dataclass(frozen=True)
class FrameStream:
    """A stream as a model hears it.

    Attributes
    ----------
    frames : float32 (frames, bands)
        Of the word base's front end.
    spans : float64 (recordings, 2)
        Of each recording of a keyword the times between which an event is a hit, in seconds;
        none in a stream without keywords.
    seconds : float
        Length of the recordings together.
    """

    frames: Float32
    spans: Float64
    seconds: float


class FrameRecorder:
    """Keeps the frames of a stream, in the place of the spotter that would hear it."""

    sample_rate = WORDS.sample_rate
    column_seconds = STRIDE * WORDS.hop_seconds
    metadata = SimpleNamespace(exclusive=False)
    verifications = None
    ending = np.zeros(round(ENDING * WORDS.sample_rate), np.float32)

    def __init__(self) -> None:
        self._log_mel = open_front_end(WORDS, STRIDE)
        self.frames: list[Float32] = []

    def reset(self) -> None:
        """Begin a stream; what was heard stays."""
        self._log_mel.reset()

    def process_posteriors(self, samples: Float32) -> Float32:
        """Keep the frames of samples, and say nothing of them."""
        self.frames.append(self._log_mel.push(samples).copy())
        return np.zeros((0, 1), np.float32)


def frame_stream(
    hear: Callable[..., StreamScores],
    recordings: Sequence[object],
    paths: Sequence[Path],
    condition: Condition,
    about: object,
) -> FrameStream:
    """Make a stream, or read it from the cache.

    Parameters
    ----------
    hear : callable
        `score_positives` or `score_negatives`.
    recordings : sequence
        What it takes.
    paths : sequence of Path
        The files that the stream depends on, those of the noise too.
    condition : Condition
        What is between the recordings and the microphone.
    about : object
        What else it depends on, such as the condition's numbers.
    """
    digest = digest_of_files((VERSION, hear.__name__, about, WORDS), paths)[:NAME_DIGITS]
    path = cache_folder("judged") / f"{digest}.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            return FrameStream(archive["frames"], archive["spans"], float(archive["seconds"]))
    except DAMAGED_ARCHIVE:
        pass
    recorder = FrameRecorder()
    heard = hear(recorder, recordings, condition, SEED, bar)
    spans = np.array([one.span for one in heard.positives]).reshape(-1, 2)
    stream = FrameStream(np.concatenate(recorder.frames), spans, heard.seconds)
    write_arrays(path, frames=stream.frames, spans=spans, seconds=np.float64(stream.seconds))
    return stream


def listen(model: ModelFile, stream: FrameStream) -> Trace:
    """Return a model's scores over a stream: those of the spotter that ships.

    Parameters
    ----------
    model : ModelFile
        A model of wake words.
    stream : FrameStream
        What it hears.
    """
    with quiet():
        network = open_network(model)
    network.reset()
    size = network.frames
    steps = [
        network.step(stream.frames[at : at + size]).copy()
        for at in range(0, len(stream.frames) - size + 1, size)
    ]
    seconds = size * WORDS.hop_seconds
    return Trace(sigmoid(np.concatenate(steps)), seconds, stream.seconds, exclusive=False)
