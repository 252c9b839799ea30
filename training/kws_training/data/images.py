"""Words as log-mel images: one second of a word in the word base's front end, as bytes.

An image takes 4 kB, so that tens of thousands fit into memory, and everything that augmentation
does to it (see `spectra`) works without the waveform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int16, UInt8
from kws.errors import KwsError
from kws.frontend import WORDS, log_mel
from kws.metadata import SILENCE
from kws.pcm import to_float32

from .clips import around_word
from .manifest import SPLITS
from .recordings import ClipSet
from .stored import StoredArraysError, read_arrays

#: Samples per second.
RATE = WORDS.sample_rate
#: Frames of one second.
CLIP_FRAMES = 98
#: ln(power) from one grey level to the next.
GREY = (WORDS.ceiling - WORDS.floor) / 255
#: Bytes of the largest features file that is read: half a million images.
MOST_BYTES = 2 * 10**9


def to_frames(images: UInt8) -> Float32:
    """Turn grey levels into log-mel frames.

    Parameters
    ----------
    images : uint8 (..., bands)
        Grey levels.

    Returns
    -------
    float32 (..., bands)
        ln(power) of each band.
    """
    return (images.astype(np.float32) * GREY + WORDS.floor).astype(np.float32)


def to_images(frames: Float32) -> UInt8:
    """Turn log-mel frames into grey levels: a byte per band.

    Parameters
    ----------
    frames : float32 (..., bands)
        ln(power) of each band.

    Returns
    -------
    uint8 (..., bands)
        0 at the front end's floor, 255 at its ceiling.
    """
    levels = np.clip(np.rint((frames - WORDS.floor) / GREY), 0, 255)
    return np.asarray(levels, np.uint8)


def in_silence(clips: Float32, length: int) -> Float32:
    """Put clips into the middle of digital silence.

    Parameters
    ----------
    clips : float32 (n, time, bands)
        ln(power) of each clip.
    length : int
        Frames of the result, at least those of a clip.

    Returns
    -------
    float32 (n, length, 1, bands)
        The clips with frames at the front end's floor around them.
    """
    frames = np.full((len(clips), length, 1, WORDS.bands), WORDS.floor, np.float32)
    first = (length - clips.shape[1]) // 2
    frames[:, first : first + clips.shape[1], 0] = clips
    return frames


@dataclass(frozen=True)
class WordImages:
    """Labelled images of words.

    Attributes
    ----------
    images : uint8 (n, 98, 40)
        The grey levels.
    words : str (n,)
        What each image says.
    speakers : str (n,)
        Who says it.
    sets : str (n,)
        What a data set's own list says: "train", "validation", "test", or "" where there is none.
    """

    images: UInt8
    words: npt.NDArray[np.str_]
    speakers: npt.NDArray[np.str_]
    sets: npt.NDArray[np.str_]

    @classmethod
    def none(cls) -> WordImages:
        """Return no images."""
        texts = np.zeros(0, np.str_)
        return cls(np.zeros((0, CLIP_FRAMES, WORDS.bands), np.uint8), texts, texts, texts)

    def where(self, kept: npt.NDArray[np.bool_]) -> WordImages:
        """Choose some of the images.

        Parameters
        ----------
        kept : bool (n,)
            True for those that are kept.

        Returns
        -------
        WordImages
            The kept images, in the same order.
        """
        return WordImages(self.images[kept], self.words[kept], self.speakers[kept], self.sets[kept])

    def __add__(self, other: WordImages) -> WordImages:
        return WordImages(
            np.concatenate([self.images, other.images]),
            np.concatenate([self.words, other.words]),
            np.concatenate([self.speakers, other.speakers]),
            np.concatenate([self.sets, other.sets]),
        )


def read_images(path: Path) -> WordImages:
    """Read a features file: images of words that were made elsewhere.

    The file is a ``.npz`` of ``x`` (n, 98, 40) uint8, ``label`` (n,) and ``speaker`` (n,). A
    further array ``set`` (n,) may say which images train, validate and test, as `SPLITS` has it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    WordImages
        Its images.

    Raises
    ------
    KwsError
        If the file cannot be read or holds something else.
    """
    try:
        arrays = read_arrays(path, ("x", "label", "speaker"), MOST_BYTES, optional=("set",))
    except StoredArraysError as error:
        raise KwsError(f"{path}: no log-mel images of words ({error})") from None
    images, given = arrays["x"], [arrays["label"], arrays["speaker"]]
    given.append(arrays.get("set", np.full(images.shape[:1], "")))
    if images.ndim != 3 or images.shape[1:] != (CLIP_FRAMES, WORDS.bands):
        raise KwsError(f"{path}: images of {images.shape[1:]!s:.60}, wanted (98, 40)")
    fits = all(column.shape == images.shape[:1] for column in given)
    if images.dtype != np.uint8 or not fits:
        raise KwsError(f"{path}: x must be bytes, with a label and a speaker for each image")
    try:
        words, speakers, sets = (column.astype(np.str_) for column in given)
    except (ValueError, TypeError):  # bytes that are no ASCII, records
        raise KwsError(f"{path}: label, speaker and set must be texts") from None
    for name in set(sets.tolist()) - {"", *SPLITS}:
        raise KwsError(f"{path}: set must be training, validation or test, not {name!r:.40}")
    sets = np.array([SPLITS.get(name, "") for name in sets.tolist()], np.str_)
    return WordImages(images, words, speakers, sets)


def second_of(audio: Int16) -> Float32:
    """Return one second of a recording: cut around the word, or padded with silence.

    Parameters
    ----------
    audio : int16 (n,)
        The recording at 16 kHz.

    Returns
    -------
    float32 (16000,)
        Samples in -1 .. 1, the word in the middle.
    """
    samples = to_float32(around_word(audio)[:RATE])
    before = (RATE - len(samples)) // 2
    return np.pad(samples, (before, RATE - len(samples) - before))


def image_of(samples: Float32) -> UInt8:
    """Compute the image of audio.

    Parameters
    ----------
    samples : float32 (n,)
        Samples at 16 kHz in -1 .. 1.

    Returns
    -------
    uint8 (frames, 40)
        Grey levels; 98 frames for a second.
    """
    return to_images(log_mel(samples, WORDS))


def recorded_images(part: ClipSet) -> WordImages:
    """Compute the images of recordings; those of the label ``_silence_`` are left out.

    Parameters
    ----------
    part : ClipSet
        The recordings.

    Returns
    -------
    WordImages
        One image for each recording.
    """
    rows = [number for number, clip in enumerate(part.clips) if clip.label != SILENCE]
    images = [image_of(second_of(part.audio[number])) for number in rows]
    return WordImages(
        np.stack(images) if images else np.empty((0, CLIP_FRAMES, WORDS.bands), np.uint8),
        np.array([part.clips[number].label for number in rows], np.str_),
        np.array([part.clips[number].speaker for number in rows], np.str_),
        np.array(
            [SPLITS.get(part.clips[n].columns.get("split", "").lower(), "") for n in rows], np.str_
        ),
    )


def noise_frames(noise: Sequence[Float32], part: ClipSet) -> Float32:
    """Compute frames of all recorded noise, as one piece.

    Parameters
    ----------
    noise : sequence of float32 (n,)
        Recordings of noise at 16 kHz.
    part : ClipSet
        Recordings, of which those with the label ``_silence_`` are noise too.

    Returns
    -------
    float32 (frames, bands)
        ln(power), one recording after the other.
    """
    silence: list[Int16] = [
        audio for clip, audio in zip(part.clips, part.audio, strict=True) if clip.label == SILENCE
    ]
    pieces = [*noise, *(to_float32(audio) for audio in silence)]
    return np.concatenate([log_mel(piece, WORDS) for piece in pieces])
