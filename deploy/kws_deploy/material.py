"""What a student learns from: log-mel images with labels, and recordings with a teacher."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.frontend import WORDS, log_mel
from kws.modelfile import SILENCE, UNKNOWN
from kws.spotter import KeywordSpotter
from kws_training.augment import Augmentation, augment
from kws_training.dataset import hold_out_speakers
from kws_training.features import Audio, around_word
from kws_training.progress import Progress
from kws_training.recordings import Part

from .distill import CLIP_FRAMES, Material, to_images

Float32 = npt.NDArray[np.float32]

RATE = WORDS.sample_rate


def read_images(
    path: Path, labels: tuple[str, ...], hold_out: float, left_out: set[str]
) -> Material:
    """Read labelled log-mel images: a ``.npz`` of x (n, 98, 40) uint8, label and speaker.

    Words that are no label become ``_unknown_``; speakers that are held out, and those
    in ``left_out``, are left out.

    Raises
    ------
    KwsError
        If the file cannot be read or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            images, words, speakers = archive["x"], archive["label"], archive["speaker"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise KwsError(f"{path}: no log-mel images of words ({error})") from None
    if images.ndim != 3 or images.shape[1:] != (CLIP_FRAMES, WORDS.bands):
        raise KwsError(f"{path}: images of {images.shape[1:]}, wanted (98, 40)")
    out = left_out | hold_out_speakers(speakers.tolist(), hold_out)
    kept = np.array([speaker not in out for speaker in speakers])
    numbers = np.array([labels.index(word if word in labels else UNKNOWN) for word in words[kept]])
    return Material(images[kept], np.eye(len(labels), dtype=np.float32)[numbers], numbers)


def second_of(audio: Audio) -> Float32:
    """Return one second of a recording: cut around the word, or padded with silence."""
    samples = around_word(audio)[:RATE].astype(np.float32) / 32768
    before = (RATE - len(samples)) // 2
    return np.pad(samples, (before, RATE - len(samples) - before))


def clip_frames(samples: Float32) -> Float32:
    """Return the students' frames of a second of audio: (98, 40)."""
    return log_mel(samples, WORDS)


def taught(
    part: Part,
    teacher: KeywordSpotter,
    copies: int,
    share: float,
    noise: Sequence[Float32],
    seed: int,
    progress: Progress,
) -> Material:
    """Let the teacher judge recordings; teacher and student get the same augmented audio.

    Parameters
    ----------
    part : Part
        Recordings with labels.
    teacher : KeywordSpotter
    copies : int
        Copies of each recording, the first as recorded.
    share : float
        Of the target that is the label; the rest is the teacher's posteriors.
    noise : sequence of float32 arrays
    seed : int
    progress : callable
    """
    labels = teacher.metadata.labels
    count = len(part.clips) * copies
    images = np.empty((count, CLIP_FRAMES, WORDS.bands), np.uint8)
    targets = np.empty((count, len(labels)), np.float32)
    numbers = np.empty(count, np.int64)
    for row in progress(iter(range(count)), count, "teacher"):
        copy, number = divmod(row, len(part.clips))
        rng = np.random.default_rng((seed, copy, number))
        samples = second_of(part.audio[number])
        if copy:
            samples = augment(rng, samples, RATE, (0, RATE // 10), noise, Augmentation()).window
        images[row] = to_images(clip_frames(samples))
        label = part.clips[number].label
        numbers[row] = labels.index(label)
        judged = teacher.classify(samples).scores
        targets[row] = (1 - share) * np.array([judged[name] for name in labels])
        targets[row, numbers[row]] += share
    return Material(images, targets, numbers)


def noise_frames(noise: Sequence[Float32], part: Part) -> Float32:
    """Return the students' frames of all recorded noise, silence clips included, as one piece."""
    silence: list[Audio] = [
        audio for clip, audio in zip(part.clips, part.audio, strict=True) if clip.label == SILENCE
    ]
    pieces = [*noise, *(audio.astype(np.float32) / 32768 for audio in silence)]
    return np.concatenate([log_mel(piece, WORDS) for piece in pieces])
