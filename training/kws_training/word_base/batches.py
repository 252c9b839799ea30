"""Makes the batches that a word base learns from: words of people, synthesized words, silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int64

from ..augmentation.spectra import WindowMaker
from ..augmentation.windows import NEITHER, WindowShape, window_targets
from ..data.images import to_frames
from ..fitting.loop import Batch
from .data import TrainingWords
from .defaults import FitConfig

#: Index of the label of words without a label of their own.
UNKNOWN_INDEX = 1


class WordBatches:
    """Makes batches of words of people, synthesized words and silence, so many of each.

    Rare words are drawn more often: each word by the root of the number of its images.

    Parameters
    ----------
    words : TrainingWords
        Words to train on.
    labels : tuple of str
        The labels, silence and unknown first.
    window : WindowShape
        Shape of a training window.
    config : FitConfig
        How many windows of each kind are in a batch.

    Attributes
    ----------
    people : int
        Windows of words of people in a batch.
    """

    def __init__(
        self, words: TrainingWords, labels: tuple[str, ...], window: WindowShape, config: FitConfig
    ) -> None:
        self._words, self._labels, self._window = words, labels, window
        self._label_smoothing = config.label_smoothing
        self._silences = round(config.batch * config.silence)
        self._synthesized = round(config.batch * config.synthesized) if words.synthesized else 0
        self.people = config.batch - self._silences - self._synthesized

    def batches(self, rng: np.random.Generator, maker: WindowMaker) -> Iterator[Batch]:
        """Make batches without end.

        Parameters
        ----------
        rng : numpy.random.Generator
            What is drawn.
        maker : WindowMaker
            Augments frames.

        Yields
        ------
        Batch
            Targets are the labels, then all words there are.
        """
        words, window = self._words, self._window
        people, synthesized = np.flatnonzero(~words.synthetic), np.flatnonzero(words.synthetic)
        share = np.bincount(words.others[people] + 1)[words.others[people] + 1] ** -0.5
        share /= share.sum()
        while True:
            rows = rng.choice(people, self.people, p=share)
            if self._synthesized:
                rows = np.concatenate([rows, rng.choice(synthesized, self._synthesized)])
            beside = rng.permutation(rows)
            clips = maker.words(
                rng,
                to_frames(words.images[rows]),
                to_frames(words.images[beside]),
                window.frames,
                window.receptive_field - 2,
            )
            wanted, whole = self._targets(rows, clips.first, clips.last + 1)
            silence = np.zeros((self._silences, window.results), np.int64)
            wanted = np.concatenate([wanted, silence])
            others = np.broadcast_to(words.others[rows][:, None], whole.shape)
            others = np.concatenate([np.where(whole, others, -1), silence - 1])
            quiet = maker.silence(rng, self._silences, window.frames)
            yield Batch(
                np.concatenate([clips.frames, quiet])[:, :, None],
                [
                    one_hot(wanted, len(self._labels), self._label_smoothing),
                    one_hot(others, len(words.words), 0.0),
                ],
                [(wanted != NEITHER).astype(np.float32), (others >= 0).astype(np.float32)],
            )

    def _targets(
        self, rows: Int64, first: Int64, end: Int64
    ) -> tuple[Int64, npt.NDArray[np.bool_]]:
        """Return the label of each result, and whether it saw a whole word."""
        # a word that is unknown as a whole is another thing than a part of a word
        other = len(self._labels)
        label = self._words.labels[rows]
        label = np.where(label == UNKNOWN_INDEX, other, label)
        wanted = window_targets(self._window, first, end, label, (*self._labels, "other"))
        whole = wanted > UNKNOWN_INDEX
        return np.where(wanted == other, UNKNOWN_INDEX, wanted), whole


class Windows(Protocol):
    """Makes windows of another kind than words, with a target of their own."""

    def batch(self, rng: np.random.Generator, count: int) -> tuple[Float32, Any, Float32]:
        """Make so many windows: their frames, their targets, and how much each target counts."""


def beside_words(
    batches: Iterator[Batch], windows: Windows, rng: np.random.Generator, count: int
) -> Iterator[Batch]:
    """Put windows of another kind beside each batch of words.

    Parameters
    ----------
    batches : iterator of Batch
        Batches of words, perhaps with windows beside them.
    windows : Windows
        Makes the other windows.
    rng : numpy.random.Generator
        What is drawn.
    count : int
        Number of windows beside each batch.
    """
    for words in batches:
        frames, targets, weights = windows.batch(rng, count)
        before = words.inputs if isinstance(words.inputs, list) else [words.inputs]
        yield Batch([*before, frames], [*words.targets, targets], [*words.weights, weights])


def one_hot(indices: Int64, count: int, smoothing: float) -> Float32:
    """Return indices as one-hot vectors; those below 0 give a vector that nothing weighs.

    Parameters
    ----------
    indices : int64 (...)
        Indices below ``count``.
    count : int
        Length of a vector.
    smoothing : float
        Share of the probability that is spread over all entries.

    Returns
    -------
    float32 (..., count)
    """
    out = np.full((*indices.shape, count), smoothing / count, np.float32)
    np.put_along_axis(
        out, np.maximum(indices, 0)[..., None], np.float32(1 - smoothing + smoothing / count), -1
    )
    return out
