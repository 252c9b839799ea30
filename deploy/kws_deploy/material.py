"""What a student learns from: log-mel images with labels, and recordings with a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.frontend import WORDS
from kws.modelfile import UNKNOWN
from kws.spotter import KeywordSpotter
from kws_training.augmentation.augment import Augmentation, augment
from kws_training.data.dataset import hold_out_speakers
from kws_training.data.images import CLIP_FRAMES, RATE, WordImages, image_of, second_of, to_frames
from kws_training.data.recordings import Part
from kws_training.progress import Progress

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """Clips of one second in the students' front end.

    Attributes
    ----------
    images : uint8 (n, 98, 40)
        Log-mel frames; 0 is the front end's floor and 255 its ceiling.
    targets : float32 (n, labels)
        What each clip is: one label, or a share of the teacher's posteriors too.
    labels : int64 (n,)
        The label, for sampling.
    """

    images: npt.NDArray[np.uint8]
    targets: Float32
    labels: npt.NDArray[np.int64]

    def frames(self, rows: npt.NDArray[np.int64]) -> Float32:
        """Return log-mel frames in the front end's units."""
        return to_frames(self.images[rows])


def join(parts: Sequence[Material]) -> Material:
    """Return all the material as one."""
    return Material(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def labelled(
    words: WordImages, labels: tuple[str, ...], hold_out: float, left_out: set[str]
) -> Material:
    """Take images with their labels; words that are no label become ``_unknown_``.

    Speakers that are held out, and those in ``left_out``, are left out.
    """
    out = left_out | hold_out_speakers(words.speakers.tolist(), hold_out)
    words = words.where(np.array([speaker not in out for speaker in words.speakers.tolist()]))
    numbers = np.array(
        [labels.index(word if word in labels else UNKNOWN) for word in words.words.tolist()]
    )
    return Material(words.images, np.eye(len(labels), dtype=np.float32)[numbers], numbers)


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
        images[row] = image_of(samples)
        label = part.clips[number].label
        numbers[row] = labels.index(label)
        judged = teacher.classify(samples).scores
        targets[row] = (1 - share) * np.array([judged[name] for name in labels])
        targets[row, numbers[row]] += share
    return Material(images, targets, numbers)
