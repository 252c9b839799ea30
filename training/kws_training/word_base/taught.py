"""Speech that a teacher has heard clean, and a student hears in noise.

Google's speech embedding knows voices by the million, but does not hear through noise. So it hears
recordings as they are, and the word base learns to say what it said of them, from the same
recordings through other microphones, in rooms and in noise: distillation across conditions (J. Li
et al., "Large-scale domain adaptation via teacher-student learning", arXiv 1708.05466).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int16, UInt8
from kws.errors import KwsError
from kws.frontend import WORDS, log_mel
from kws.pcm import to_float32

from ..augmentation.microphones import RECORDINGS, MicrophoneProfiles
from ..augmentation.noise import NoisyWindowMaker
from ..augmentation.spectra import SpectralAugmentation
from ..data.checkpoint import write_arrays
from ..data.digest import digest_of
from ..data.images import image_of, to_frames
from ..data.stored import StoredArraysError, read_arrays
from ..networks.speech_embedding import FRAMES, FRONT_END, SIZE, STRIDE, SpeechEmbedding
from ..networks.speech_file import SpeechWeights
from ..networks.streaming import whole_model
from ..networks.word_base import FEATURE_STRIDE
from ..progress import bar

#: How what the student hears is changed. Its tempo stays, since the teacher says when, and its
#: voice, since the teacher says whose.
AUGMENTATION = SpectralAugmentation(
    stretch=0.0,
    warp=0.0,
    gain=(-30.0, 12.0),
    equalisation=6.0,
    snr=(-5.0, 25.0),
    noise=0.75,
    reverberation=0.4,
    masks=0.1,
)
#: Share of the windows that another microphone hears.
MICROPHONES = 0.5
#: Embeddings of a stretch of recordings in a row that the teacher hears at once: a minute.
STRETCH_EMBEDDINGS = 750
#: Frames of a stretch: those of its embeddings, filled up to whole strides.
STRETCH_FRAMES = -(-(FRAMES + (STRETCH_EMBEDDINGS - 1) * STRIDE) // STRIDE) * STRIDE
#: Recordings, at least: a teacher of fewer seconds teaches nothing.
FEWEST_SECONDS = 10
#: Smallest deviation of an embedding's number by which it is divided.
LEAST_DEVIATION = 1e-3
#: Bytes of the largest file of the cache that is read: some hundred hours.
MOST_BYTES = 4 * 10**9
#: Part of the cache's key. It goes up when the same recordings give other arrays.
VERSION = 1


@dataclass(frozen=True, eq=False)
class TaughtSpeech:
    """Recordings in a row, and what the teacher makes of them.

    Attributes
    ----------
    images : uint8 (8 n, 40)
        Grey levels of the word base's front end.
    embeddings : float16 (n, 96)
        Number n is of the 76 frames from frame 8 n on; the mean of each of its numbers is 0, the
        deviation 1.
    known : bool (n,)
        Whether the teacher heard all of these frames.
    profiles : MicrophoneProfiles or None
        Microphones of the recordings.
    digest : str
        Of the recordings and the teacher.
    """

    images: UInt8
    embeddings: npt.NDArray[np.float16]
    known: npt.NDArray[np.bool_]
    profiles: MicrophoneProfiles | None
    digest: str

    @property
    def hours(self) -> float:
        """Hours of recordings."""
        return len(self.images) * WORDS.hop_seconds / 3600


def taught_speech(
    recordings: Sequence[Int16], teacher: SpeechWeights, seed: int, cache: Path
) -> TaughtSpeech:
    """Let the teacher hear recordings in a row, or find what it said of them before.

    Parameters
    ----------
    recordings : sequence of int16 (samples,)
        Speech at 16 kHz, as clean as there is.
    teacher : SpeechWeights
        Google's speech embedding.
    seed : int
        Of the order of the recordings.
    cache : Path
        Folder that keeps what was said.

    Raises
    ------
    KwsError
        If there is hardly any speech, or the cache cannot be written.
    """
    seconds = sum(map(len, recordings)) / WORDS.sample_rate
    if seconds < FEWEST_SECONDS:
        raise KwsError(
            f"--teacher-data: {seconds:.1f} s of speech: give {FEWEST_SECONDS} s at least"
        )
    order = np.random.default_rng(seed).permutation(len(recordings))
    recordings = [recordings[number] for number in order]
    digest = digest_of((VERSION, teacher.digest, seed), *recordings)
    path = cache / f"taught-{digest[:16]}.npz"
    arrays = _read(path)
    if arrays is None:
        arrays = _heard(recordings, teacher)
        write_arrays(path, **arrays)
    profiles = None
    if len(arrays["speech"]):
        profiles = MicrophoneProfiles(arrays["speech"], arrays["background"])
    return TaughtSpeech(arrays["images"], arrays["embeddings"], arrays["known"], profiles, digest)


def _heard(recordings: Sequence[Int16], teacher: SpeechWeights) -> dict[str, npt.NDArray[Any]]:
    """Compute the arrays of `TaughtSpeech`."""
    model = whole_model(SpeechEmbedding(teacher), STRETCH_FRAMES, (FRONT_END.bands, 1))
    slots = STRETCH_FRAMES // STRIDE
    count = -(-sum(map(len, recordings)) // (STRETCH_FRAMES * WORDS.hop))
    images = np.empty((count, STRETCH_FRAMES, WORDS.bands), np.uint8)
    embeddings = np.zeros((count, slots, SIZE), np.float32)
    stretches = _stretches(recordings)
    for number in bar(iter(range(count)), count, "teacher"):
        samples = next(stretches)
        images[number] = image_of(samples)
        frames = log_mel(samples, FRONT_END)[None, :STRETCH_FRAMES, :, None]
        heard = np.asarray(model(frames, training=False))[0, :, 0]
        embeddings[number, : len(heard)] = heard
    known = np.zeros((count, slots), np.bool_)
    known[:, :STRETCH_EMBEDDINGS] = True
    said = embeddings[known]
    deviation = np.maximum(said.std(axis=0), LEAST_DEVIATION)
    embeddings = (embeddings - said.mean(axis=0)) / deviation
    few = recordings[:: max(1, -(-len(recordings) // RECORDINGS))]
    profiles = MicrophoneProfiles.of([image_of(to_float32(one)) for one in few])
    none = np.empty((0, WORDS.bands), np.float32)
    return {
        "images": images.reshape(-1, WORDS.bands),
        "embeddings": embeddings.reshape(-1, SIZE).astype(np.float16),
        "known": known.ravel(),
        "speech": none if profiles is None else profiles.speech,
        "background": none if profiles is None else profiles.background,
    }


def _stretches(recordings: Sequence[Int16]) -> Iterator[Float32]:
    """Cut recordings in a row into stretches; what the last one lacks comes from the beginning."""
    length, step = WORDS.samples(STRETCH_FRAMES), STRETCH_FRAMES * WORDS.hop
    held: list[Int16] = []
    while True:
        for one in recordings:
            held.append(one)
            if sum(map(len, held)) >= length:
                joined = np.concatenate(held)
                while len(joined) >= length:
                    yield to_float32(joined[:length])
                    joined = joined[step:]
                held = [joined]


def _read(path: Path) -> dict[str, npt.NDArray[Any]] | None:
    """Return what was kept; None if there is nothing that can be read."""
    try:
        names = ("images", "embeddings", "known", "speech", "background")
        arrays = read_arrays(path, names, MOST_BYTES)
    except StoredArraysError:
        return None
    if arrays["known"].ndim != 1:
        return None
    slots = len(arrays["known"])
    profiles = arrays["speech"].shape == arrays["background"].shape
    fits = arrays["images"].shape == (slots * STRIDE, WORDS.bands)
    fits = fits and profiles and arrays["images"].dtype == np.uint8
    return arrays if fits and arrays["embeddings"].shape == (slots, SIZE) else None


class TaughtWindows:
    """Makes windows of disturbed speech, with what the teacher said of it undisturbed.

    Parameters
    ----------
    speech : TaughtSpeech
        The recordings, at least as long as a window and two strides.
    noise : float32 (frames, bands)
        ln(power) of recorded noise.
    frames : int
        Number of frames of a window.
    field : int
        Frames that an output frame of the student has seen.

    Attributes
    ----------
    results : int
        Embeddings of a window: one for every second output frame of the student.
    """

    def __init__(self, speech: TaughtSpeech, noise: Float32, frames: int, field: int) -> None:
        self._speech = speech
        self._maker = NoisyWindowMaker(noise, WORDS.floor, WORDS.ceiling, AUGMENTATION)
        self._frames = frames
        self.results = (frames - field) // (2 * FEATURE_STRIDE) + 1
        # the first output frame ends where an embedding does
        self._offset = (FRAMES - field) % STRIDE
        self._first = (self._offset + field - FRAMES) // STRIDE

    def batch(self, rng: np.random.Generator, count: int) -> tuple[Float32, Float32, Float32]:
        """Make windows.

        Parameters
        ----------
        rng : numpy.random.Generator
            What is drawn.
        count : int
            Number of windows.

        Returns
        -------
        frames : float32 (count, frames, 1, bands)
            ln(power).
        embeddings : float32 (count, results, 96)
            What the teacher said.
        weights : float32 (count, results)
            1 where it said something, else 0.
        """
        speech = self._speech
        most = len(speech.known) - self._frames // STRIDE - 1
        starts = rng.integers(max(0, -self._first), most, count)[:, None]
        rows = STRIDE * starts + self._offset + np.arange(self._frames)
        frames = to_frames(speech.images[rows])
        if speech.profiles is not None:
            other = rng.random(count) < MICROPHONES
            if other.any():
                frames[other] = speech.profiles.apply(rng, frames[other])
        frames = self._maker.disturb(rng, frames)
        said = starts + self._first + np.arange(self.results)
        return (
            frames[:, :, None],
            speech.embeddings[said].astype(np.float32),
            speech.known[said].astype(np.float32),
        )


def embedding_loss(wanted: Any, found: Any, weights: Any) -> Any:
    """Return the mean squared error of embeddings: 1 for knowing nothing but their mean.

    Parameters
    ----------
    wanted, found : float32 (n, results, 96)
        Embeddings of the teacher and of the student.
    weights : float32 (n, results)
        How much each result counts.
    """
    import tensorflow as tf

    each = tf.reduce_mean(tf.square(wanted - found), axis=-1)
    return tf.reduce_sum(each * weights) / tf.maximum(tf.reduce_sum(weights), 1e-6)
