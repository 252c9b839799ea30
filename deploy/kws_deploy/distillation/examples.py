"""What students learn from: seconds of speech as log-mel images, with labels or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int64
from kws.frontend import WORDS
from kws.metadata import UNKNOWN
from kws.spotter import KeywordSpotter
from kws_training.augmentation.augment import Augmentation, augment
from kws_training.data.images import CLIP_FRAMES, RATE, WordImages, image_of, second_of, to_frames
from kws_training.data.recordings import ClipSet
from kws_training.data.splits import hold_out_speakers
from kws_training.progress import Progress

#: The label of a clip of which nobody knows what is said.
UNLABELLED = -1
#: Share of the windows that are such clips, where there are any.
UNLABELLED_SHARE = 0.15


@dataclass(frozen=True)
class StudentData:
    """Clips of one second in the students' front end.

    Attributes
    ----------
    images : uint8 (n, 98, 40)
        Log-mel frames; 0 is the front end's floor and 255 its ceiling.
    labels : int64 (n,)
        What is said: an index in the labels, or `UNLABELLED`.
    words : str (n,)
        The word that is said, of which several may have one label.
    teacher_posteriors : float32 (n, labels)
        Posteriors, softened: the mean of teachers who need the waveform; NaN where none did.
    teacher_count : int
        How many teachers these are.
    """

    images: npt.NDArray[np.uint8]
    labels: Int64
    words: npt.NDArray[np.str_]
    teacher_posteriors: Float32
    teacher_count: int = 0

    def frames(self, rows: Int64) -> Float32:
        """Return log-mel frames in the front end's units.

        Parameters
        ----------
        rows : int64 (n,)
            Numbers of clips.
        """
        return to_frames(self.images[rows])

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """How often each clip is drawn: labels and, within one, words by the root of their number.

        Between as often as they are (a rare word is hardly seen) and equally often (few
        recordings are learned by heart).
        """
        shares = np.zeros(len(self.labels))
        for label in np.unique(self.labels):
            rows = np.flatnonzero(self.labels == label)
            _, word, counts = np.unique(self.words[rows], return_inverse=True, return_counts=True)
            within = counts[word] ** -0.5
            shares[rows] = within / within.sum() * len(rows) ** 0.5
        free = self.labels == UNLABELLED
        for rows, share in ((free, UNLABELLED_SHARE), (~free, 1 - UNLABELLED_SHARE)):
            if rows.any():
                shares[rows] *= share / shares[rows].sum()
        return np.asarray(shares / shares.sum())


def join(parts: Sequence[StudentData]) -> StudentData:
    """Return the data of all parts as one.

    Parameters
    ----------
    parts : sequence of StudentData
        At least one.
    """
    return StudentData(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.words for part in parts]),
        np.concatenate([part.teacher_posteriors for part in parts]),
        max(part.teacher_count for part in parts),
    )


def labelled(
    words: WordImages, labels: tuple[str, ...], hold_out: float, left_out: set[str]
) -> StudentData:
    """Take images with their labels; words that are no label become ``_unknown_``.

    Speakers that are held out, those in ``left_out``, and those of a data set's own test list
    are left out.

    Parameters
    ----------
    words : WordImages
        Images, each with its word and speaker.
    labels : tuple of str
        The student's labels.
    hold_out : float
        Share of the speakers that is held out, 0 to 0.9.
    left_out : set of str
        Further speakers who are left out.
    """
    out = left_out | hold_out_speakers(words.speakers.tolist(), hold_out)
    kept = [speaker not in out for speaker in words.speakers.tolist()]
    words = words.where(np.array(kept, np.bool_) & (words.sets != "test"))
    numbers = np.array(
        [labels.index(word if word in labels else UNKNOWN) for word in words.words.tolist()],
        np.int64,
    )
    return StudentData(words.images, numbers, words.words, _no_posteriors(len(numbers), labels))


def recorded(part: ClipSet, labels: tuple[str, ...]) -> StudentData:
    """Take recordings with their labels, as they are.

    Parameters
    ----------
    part : ClipSet
        Recordings, each with one of the labels.
    labels : tuple of str
        The student's labels.
    """
    return StudentData(
        _images([image_of(second_of(audio)) for audio in part.audio]),
        np.array([labels.index(clip.label) for clip in part.clips], np.int64),
        np.array([clip.word for clip in part.clips], np.str_),
        _no_posteriors(len(part.clips), labels),
    )


def unlabelled(part: ClipSet, labels: tuple[str, ...]) -> StudentData:
    """Take pieces of speech of which nobody says what is in them: teachers will.

    Parameters
    ----------
    part : ClipSet
        Pieces of speech of one second.
    labels : tuple of str
        The student's labels.
    """
    return StudentData(
        _images([image_of(second_of(audio)) for audio in part.audio]),
        np.full(len(part.audio), UNLABELLED, np.int64),
        np.full(len(part.audio), "", np.str_),
        _no_posteriors(len(part.audio), labels),
    )


def taught(
    part: ClipSet,
    labels: tuple[str, ...],
    teachers: Sequence[KeywordSpotter],
    copies: int,
    temperature: float,
    noise: Sequence[Float32],
    seed: int,
    progress: Progress,
) -> StudentData:
    """Let teachers judge augmented recordings, of which the student gets the images.

    Parameters
    ----------
    part : ClipSet
        Recordings; of those without a label the label is none of ``labels``.
    labels : tuple of str
        The student's labels.
    teachers : sequence of KeywordSpotter
        With these labels in any order.
    copies : int
        Copies of each recording, the first as recorded.
    temperature : float
        By which the teachers' logits are divided.
    noise : sequence of float32 arrays
        Recordings of noise, 16 kHz, that augmentation mixes in.
    seed : int
        Seed of the augmentation.
    progress : callable
        Shows how far the work is: `kws_training.progress.bar`, or what does the same.
    """
    count = len(part.clips) * copies
    images = np.empty((count, CLIP_FRAMES, WORDS.bands), np.uint8)
    teacher_posteriors = np.empty((count, len(labels)), np.float32)
    for row in progress(iter(range(count)), count, "teacher"):
        copy, number = divmod(row, len(part.clips))
        rng = np.random.default_rng((seed, copy, number))
        samples = second_of(part.audio[number])
        if copy:
            samples = augment(rng, samples, RATE, (0, RATE // 10), noise, Augmentation()).window
        images[row] = image_of(samples)
        teacher_posteriors[row] = np.mean(
            [
                _softened(teacher.classify(samples).scores, labels, temperature)
                for teacher in teachers
            ],
            axis=0,
        )
    said = [clip.label for clip in part.clips] * copies
    numbers = [labels.index(label) if label in labels else UNLABELLED for label in said]
    words = np.array([clip.word for clip in part.clips] * copies, np.str_)
    return StudentData(
        images, np.array(numbers, np.int64), words, teacher_posteriors, len(teachers)
    )


def _softened(scores: dict[str, float], labels: tuple[str, ...], temperature: float) -> Float32:
    """Return posteriors as if their logits had been divided by the temperature."""
    powers = np.array([scores[label] for label in labels]) ** (1 / temperature)
    return np.asarray(powers / powers.sum(), np.float32)


def _images(images: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    return np.stack(images) if images else np.empty((0, CLIP_FRAMES, WORDS.bands), np.uint8)


def _no_posteriors(count: int, labels: tuple[str, ...]) -> Float32:
    return np.full((count, len(labels)), np.nan, np.float32)
