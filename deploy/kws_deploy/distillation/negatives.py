"""Running speech and tones in which a student must find no keyword: every frame of them counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.arrays import Float32, Int64, UInt8
from kws.frontend import WORDS
from kws.pcm import to_float32
from kws_training.augmentation.spectra import WindowMaker, word_extent
from kws_training.augmentation.windows import WindowShape
from kws_training.data.images import image_of, to_frames
from kws_training.data.recordings import NEGATIVE, ClipSet
from kws_training.networks.streaming import Network, whole_model
from kws_training.wake_words.mining import mine, mined_frames
from kws_training.wake_words.negatives import NegativeStream, vary_negatives
from kws_training.wake_words.windows import WakeWindow

from .examples import StudentData

#: Share of the windows that are those on which the student fires most.
MINED_SHARE = 0.5
#: Windows that are mined before each epoch, at most.
MAX_MINED = 1000
#: Words without a keyword that are chained in an epoch, at most: an hour.
MAX_CHAINED = 8000
#: Words of a chain.
CHAIN_WORDS = 40
#: Frames that are left before and after a chained word, at most.
CHAIN_MARGIN = 4
#: Clips whose words are looked for at once.
CLIPS_AT_ONCE = 1000
#: Frames that the student hears at once when windows are mined: a minute.
LISTENER_FRAMES = 6000
#: Pieces of the stream that go through the student together.
LISTENER_BATCH = 4


def hours_of(recordings: Sequence[UInt8]) -> float:
    """Return the length of recordings in hours.

    Parameters
    ----------
    recordings : sequence of uint8 (frames, bands)
        Grey levels of each.
    """
    return sum(map(len, recordings)) * WORDS.hop_seconds / 3600


def whole_recordings(part: ClipSet) -> list[UInt8]:
    """Return images of recordings that were cut into pieces, whole again.

    Parameters
    ----------
    part : ClipSet
        The pieces of each recording, one after the other.
    """
    pieces: dict[str, list[int]] = {}
    for number, clip in enumerate(part.clips):
        pieces.setdefault(str(clip.path), []).append(number)
    images = (
        image_of(to_float32(np.concatenate([part.audio[number] for number in numbers])))
        for numbers in pieces.values()
    )
    return [image for image in images if len(image)]


def chain_words(rng: np.random.Generator, data: StudentData, label: int) -> list[UInt8]:
    """Join words of many voices to rows of words, as if they were said without a pause.

    Parameters
    ----------
    rng : numpy.random.Generator
        Which words, in which order.
    data : StudentData
        The clips.
    label : int
        Label of the words that are joined; other clips are left out.

    Returns
    -------
    list of uint8 (frames, bands)
        Grey levels of each row.
    """
    rows = np.flatnonzero((data.labels == label) & (data.words != NEGATIVE))
    rows = rng.permutation(rows)[:MAX_CHAINED]
    words: list[UInt8] = []
    for start in range(0, len(rows), CLIPS_AT_ONCE):
        some = rows[start : start + CLIPS_AT_ONCE]
        first, last = word_extent(data.frames(some))
        margins = rng.integers(0, CHAIN_MARGIN + 1, (2, len(some)))
        for row, begin, end in zip(some, first - margins[0], last + 1 + margins[1], strict=True):
            words.append(data.images[row, max(0, begin) : end])
    return [
        np.concatenate(words[start : start + CHAIN_WORDS])
        for start in range(0, len(words), CHAIN_WORDS)
    ]


class NegativeWindows:
    """Draws training windows of what is no keyword: any of them, and the hardest.

    Parameters
    ----------
    recordings : sequence of uint8 (frames, bands)
        Grey levels of each recording.
    maker : WindowMaker
        Varies voices, and disturbs windows.
    shape : WindowShape
        Of the training windows.
    seed : int
        Of the order of the recordings, and of how their voices are varied.
    """

    def __init__(
        self, recordings: Sequence[UInt8], maker: WindowMaker, shape: WindowShape, seed: int
    ) -> None:
        varied = vary_negatives(recordings, maker, seed)
        self._stream = NegativeStream.join(varied, seed)
        self._maker = maker
        self._shape = WakeWindow(shape.receptive_field, shape.stride, shape.results)
        self._mined = np.empty((0, mined_frames(self._shape), WORDS.bands), np.uint8)

    def mine(self, network: Network, keywords: Int64) -> None:
        """Look for the windows on which a network fires most.

        Parameters
        ----------
        network : callable
            ``network(x, time)``, with its present weights.
        keywords : int64 (n,)
            Labels that are keywords.
        """
        logits = listen(network, self._stream.images, self._shape)
        others = np.delete(logits, keywords, axis=1)
        margin = logits[:, keywords].max(axis=1) - others.max(axis=1)
        self._mined, _ = mine(margin[:, None], self._stream, self._shape, MAX_MINED)

    def draw(self, rng: np.random.Generator, count: int) -> Float32:
        """Draw windows, disturbed as those of words are.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of all that is random.
        count : int
            Number of windows.

        Returns
        -------
        float32 (count, frames, bands)
            ln(power).
        """
        length = self._shape.frames
        hard = round(count * MINED_SHARE) if len(self._mined) else 0
        windows = [self._stream.draw(rng, count - hard, length)]
        if hard:
            longer = self._mined[rng.integers(0, len(self._mined), hard)]
            begin = rng.integers(0, longer.shape[1] - length + 1, hard)
            rows = np.arange(hard)[:, None]
            windows.append(longer[rows, begin[:, None] + np.arange(length)])
        return self._maker.disturb(rng, to_frames(np.concatenate(windows)))


def listen(network: Network, images: UInt8, shape: WindowShape) -> Float32:
    """Return the logits of a stream.

    Parameters
    ----------
    network : callable
        ``network(x, time)``.
    images : uint8 (frames, bands)
        Grey levels.
    shape : WindowShape
        Its receptive field and its stride.

    Returns
    -------
    float32 (output frames, labels)
        One output frame per stride.
    """
    before = shape.receptive_field - shape.stride
    size = LISTENER_FRAMES // shape.stride * shape.stride
    model = whole_model(network, size + before, (1, images.shape[1]))
    count = -(-len(images) // size)
    padded = np.pad(images, ((before, count * size - len(images)), (0, 0)))
    logits = []
    for first in range(0, count, LISTENER_BATCH):
        starts = np.arange(first, min(first + LISTENER_BATCH, count)) * size
        frames = to_frames(padded[starts[:, None] + np.arange(size + before)])
        logits.append(np.concatenate(list(np.asarray(model(frames[:, :, None], training=False)))))
    return np.concatenate(logits)[: len(images) // shape.stride]
