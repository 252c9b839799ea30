"""Features of augmented recordings: computed once, kept by content in memory-mapped files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int16, Int64, UInt8
from kws.frontend import (
    YAMNET,
    JoinedConfig,
    JoinedLogMel,
    LogMel,
    LogMelFrontEnd,
    open_front_end,
)
from kws.metadata import SILENCE
from kws.micro_frontend import MicroFrontEnd
from kws.pcm import to_float32

from ..augmentation.augment import Augmentation, augment, perturb
from ..augmentation.background import noise_piece
from ..augmentation.windows import WindowShape, window_targets
from ..data.clips import around_word, word_span
from ..data.dataset import Clip
from ..data.digest import digest_of
from ..data.recordings import NEGATIVE
from ..fitting.store import Store
from ..networks.extractors import Extractor
from ..networks.streaming import Whole
from ..progress import Progress
from ..spreading.workers import ALONE, Workers

#: Changes with anything here that changes the features of the same recordings.
VERSION = 3
#: Windows that go through the extractor together.
BATCH = 64
#: Windows of made-up silence, relative to the others.
SILENCE_SHARE = 0.06
#: Share of the augmented windows that hold only a part of the word.
CUT_SHARE = 0.15


@dataclass(frozen=True)
class Examples:
    """Windows of a stream as features, with the target of each result.

    Attributes
    ----------
    features : tuple of uint8 (n, time, frequency, channels)
        What each branch of the extractor gives; multiply by its scale, and add its floor.
        Memory-mapped.
    scales : tuple of float
        Value of a step of each branch's features.
    floors : tuple of float
        Smallest value of each branch's features.
    targets : int64 (n, results)
        Index of the label of each result; -1 where the word is neither in nor out.
    clips : int64 (n,)
        Number of the clip in each window; -1 for made-up silence.
    """

    features: tuple[UInt8, ...]
    scales: tuple[float, ...]
    floors: tuple[float, ...]
    targets: Int64
    clips: Int64

    def __len__(self) -> int:
        return len(self.targets)

    def where(self, kept: npt.NDArray[np.bool_]) -> Examples:
        """Return some of the windows, copied into memory.

        Parameters
        ----------
        kept : bool (n,)
            Which windows.
        """
        return Examples(
            tuple(features[kept] for features in self.features),
            self.scales,
            self.floors,
            self.targets[kept],
            self.clips[kept],
        )

    def rows(self, rows: Int64 | slice) -> list[Float32]:
        """Return the features of some windows, of each branch.

        Parameters
        ----------
        rows : int64 (m,) or slice
            Which windows.

        Returns
        -------
        list of float32 (m, time, frequency, channels)
        """
        return [
            features[rows].astype(np.float32) * np.float32(scale) + np.float32(floor)
            for features, scale, floor in zip(self.features, self.scales, self.floors, strict=True)
        ]


class WindowSource:
    """Makes windows of a stream from recordings.

    Parameters
    ----------
    clips : sequence of Clip
        The recordings.
    audio : sequence of int16 (samples,)
        Their samples, 16 kHz.
    labels : tuple of str
        The labels, silence and unknown first.
    shape : WindowShape
        Shape of a window.
    noise : sequence of float32 arrays
        Recorded noise, 16 kHz.
    responses : sequence of float32 arrays
        Impulse responses of rooms, 16 kHz.
    front_end : LogMelConfig or JoinedConfig
        What makes frames of a window.
    seed : int
        Seed of all that is drawn.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        audio: Sequence[Int16],
        labels: tuple[str, ...],
        shape: WindowShape,
        noise: Sequence[Float32],
        responses: Sequence[Float32],
        front_end: LogMelFrontEnd,
        seed: int,
    ) -> None:
        self.clips = clips
        # silence and running speech have no word to cut around: every copy is another piece
        self.audio = [
            one if clip.label == SILENCE or clip.word == NEGATIVE else around_word(one)
            for clip, one in zip(clips, audio, strict=True)
        ]
        self.labels = labels
        self.shape = shape
        self.noise = noise
        self.responses = responses
        self.front_end = front_end
        self.seed = seed

    def window(
        self, number: int, copy: int, augmentation: Augmentation | None
    ) -> tuple[Float32, Int64]:
        """Make the window of one copy of one clip; the same arguments give the same window.

        Parameters
        ----------
        number : int
            Number of the clip.
        copy : int
            Number of the copy; 0 is the clip as recorded.
        augmentation : Augmentation or None
            What may happen to it; None for nothing.

        Returns
        -------
        window : float32 (samples,)
            The window, 16 kHz.
        targets : int64 (results,)
            Index of the label of each result; -1 where the word is neither in nor out.
        """
        rng = np.random.default_rng((self.seed, number, copy))
        shape, length = self.shape, self.front_end.samples(self.shape.frames)
        samples = to_float32(self.audio[number])
        clip = self.clips[number]
        running = clip.word == NEGATIVE and len(samples) > length
        if running or (clip.label == SILENCE and len(samples) > length):
            begin = rng.integers(len(samples) - length)
            samples = samples[begin : begin + length]
        # all of the clip is seen by every result; at times, by some only, so that the network
        # learns what a word looks like that has not ended or has begun to leave
        cut = copy > 0 and rng.random() < CUT_SHARE and not running
        starts = (
            (shape.frames - shape.receptive_field) * YAMNET.hop,
            max(0, shape.receptive_field * YAMNET.hop - len(samples)),
        )
        placed = augment(rng, samples, length, starts, self.noise, augmentation, self.responses)
        window, start = placed.window, placed.start
        if cut:
            slide = int(rng.uniform(-1, 1) * 0.7 * shape.receptive_field) * YAMNET.hop
            window = np.roll(window, slide)
            if slide > 0:
                window[:slide] = 0
            elif slide < 0:
                window[slide:] = 0
            start += slide
        if running:  # no word to be in or out
            return window, np.full(shape.results, self.labels.index(clip.label))
        first, last = (round(at * placed.stretch) for at in word_span(samples))
        return window, window_targets(
            shape,
            np.array([(start + first) // YAMNET.hop]),
            np.array([(start + last) // YAMNET.hop]),
            np.array([self.labels.index(clip.label)]),
            self.labels,
        )[0]

    def silence(self, number: int) -> tuple[Float32, Int64]:
        """Make a window without any word: noise at some level, rarely digital silence.

        Parameters
        ----------
        number : int
            Number of the window: its seed.

        Returns
        -------
        window : float32 (samples,)
            The window, 16 kHz.
        targets : int64 (results,)
            Silence, for each result.
        """
        rng = np.random.default_rng((self.seed, number, 10**6))
        window = noise_piece(rng, self.noise, self.front_end.samples(self.shape.frames))
        power = float(np.sqrt(np.mean(np.square(window)))) + 1e-9
        level = 10 ** rng.uniform(-4.5, -0.2) * float(rng.random() > 0.05)
        targets = np.full(self.shape.results, self.labels.index(SILENCE))
        return (window * np.float32(level / power)).astype(np.float32), targets


def plan_copies(clips: Sequence[Clip], copies: int) -> list[tuple[int, int]]:
    """Decide how many windows each clip gives: (clip, copy) of each window.

    Words that were recorded rarely give more, by the square root of their share, up to four times
    ``copies``; on average a clip gives ``copies``. The first copy of a clip is as recorded.

    Parameters
    ----------
    clips : sequence of Clip
        The recordings.
    copies : int
        Windows per clip, on average.
    """
    counts = Counter(clip.word for clip in clips)
    wanted = {word: count**-0.5 for word, count in counts.items()}
    scale = copies * len(clips) / sum(wanted[clip.word] for clip in clips)
    plan = []
    for number, clip in enumerate(clips):
        most = max(1, min(4 * copies, round(scale * wanted[clip.word])))
        plan += [(number, copy) for copy in range(most)]
    return plan


def compute(
    source: WindowSource,
    extractor: Extractor,
    copies: int,
    augmentation: Augmentation,
    cache: Path,
    progress: Progress,
    workers: Workers = ALONE,
) -> Examples:
    """Run the extractor over windows of every clip, or find what an earlier run has made.

    Parameters
    ----------
    source : WindowSource
        Makes the windows.
    extractor : Extractor
        The frozen network.
    copies : int
        Windows per clip, on average; the first is as recorded, the others are augmented.
    augmentation : Augmentation
        What may happen to a recording.
    cache : Path
        Folder of the memory-mapped files. Their name is a digest of all that they depend on; a
        run that was interrupted goes on where it was.
    progress : callable
        Shows how far the work is.
    workers : Workers
        Who makes windows and their frames; the extractor runs in this process.

    Raises
    ------
    KwsError
        If there is no room for the files.
    """
    import keras

    shape = source.shape
    plan = (
        plan_copies(source.clips, copies)
        if copies > 1
        else [(number, 0) for number in range(len(source.clips))]
    )
    total = len(plan) + round(SILENCE_SHARE * len(plan))
    x = keras.Input((shape.frames, *extractor.shape))
    model = keras.Model(
        x, [extractor.output_frames(n, x, Whole()) for n in range(len(extractor.branches))]
    )
    floors = [branch.floor for branch in extractor.branches]
    store = Store(
        cache,
        _digest(source, extractor, copies, augmentation),
        [(total, *output.shape[1:]) for output in model.outputs],
        (total, shape.results),
        floors,
    )
    batches = -(-total // BATCH)
    made_frames = workers.spread(
        FrameMaker(source, augmentation, plan, total), range(store.done, batches)
    )
    for batch in progress(iter(range(store.done, batches)), batches - store.done, "features"):
        numbers = range(batch * BATCH, min((batch + 1) * BATCH, total))
        frames, targets = next(made_frames)
        outputs = model(frames.reshape(len(frames), shape.frames, *extractor.shape), training=False)
        made = [np.asarray(output) for output in keras.tree.flatten(outputs)]
        if not store.scales:  # features without a known bound may turn out half as large again
            store.scales = [
                ((branch.ceiling or 1.5 * float(values.max()) or 1.0) - branch.floor) / 255
                for branch, values in zip(extractor.branches, made, strict=True)
            ]
        store.write(batch, numbers, made, targets)
    clips = np.full(total, -1)
    clips[: len(plan)] = [clip for clip, _ in plan]
    bytes_, scales, targets_ = store.finish()
    return Examples(bytes_, scales, tuple(floors), targets_, clips)


@dataclass(frozen=True)
class FrameMaker:
    """The task of a worker: the frames of a batch of windows, and their targets.

    Attributes
    ----------
    source : WindowSource
        Makes the windows.
    augmentation : Augmentation
        What may happen to a recording.
    plan : list of (int, int)
        Clip and copy of each window.
    total : int
        Number of windows, those of silence included.
    """

    source: WindowSource
    augmentation: Augmentation
    plan: list[tuple[int, int]]
    total: int

    @cached_property
    def front_end(self) -> LogMel | JoinedLogMel | MicroFrontEnd:
        """What makes frames of a window."""
        return open_front_end(self.source.front_end, self.source.shape.frames)

    def __call__(self, batch: int) -> tuple[Float32, Int64]:
        """Make the frames of a batch: float32 (n, frames, bands), and int64 (n, results)."""
        source, front_end, shape = self.source, self.front_end, self.source.shape
        numbers = range(batch * BATCH, min((batch + 1) * BATCH, self.total))
        frames = np.empty((len(numbers), shape.frames, source.front_end.bands), np.float32)
        targets = np.empty((len(numbers), shape.results), np.int64)
        changed = np.zeros(len(numbers), np.bool_)
        for row, number in enumerate(numbers):
            if number < len(self.plan):
                clip, copy = self.plan[number]
                changed[row] = copy > 0
                augmentation = self.augmentation if copy else None
                window, targets[row] = source.window(clip, copy, augmentation)
            else:
                window, targets[row] = source.silence(number)
            front_end.reset()
            frames[row] = front_end.push(window)
        if changed.any():
            seed = (source.seed, batch)
            frames[changed] = _perturb(seed, frames[changed], source.front_end, self.augmentation)
        return frames, targets


def _perturb(
    seed: tuple[int, int],
    frames: Float32,
    front_end: LogMelFrontEnd,
    augmentation: Augmentation,
) -> Float32:
    """Change frames as other voices would; parts that are side by side in the same way."""
    parts = front_end.parts if isinstance(front_end, JoinedConfig) else (front_end,)
    out, first = [], 0
    for part in parts:
        piece = frames[..., first : first + part.bands]
        out.append(perturb(np.random.default_rng(seed), piece, part, augmentation))
        first += part.bands
    return np.concatenate(out, axis=-1)


def _digest(
    source: WindowSource, extractor: Extractor, copies: int, augmentation: Augmentation
) -> str:
    """Return a digest of everything that the features depend on."""
    import soundfile
    import soxr

    settings = (
        VERSION,
        extractor.digest,
        extractor.front_end,
        copies,
        augmentation.digest(),
        source.shape,
        source.labels,
        source.seed,
        len(source.noise),
        len(source.responses),
        np.__version__,
        soxr.__version__,
        soundfile.__version__,
    )
    pieces: list[object] = []
    for piece in (*source.noise, *source.responses):
        pieces += [len(piece), piece]
    for clip, audio in zip(source.clips, source.audio, strict=True):
        pieces += [(clip.label, clip.word, len(audio)), audio]
    return digest_of(settings, *pieces)
