"""Tap columns of augmented recordings, computed once, kept in a memory-mapped file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio import load_audio
from kws.errors import AudioError
from kws.frontend import YAMNET, LogMel
from kws.modelfile import SILENCE

from .augment import Augmentation, augment, noise_piece, perturb
from .dataset import Clip, Skipped
from .extractor import YamnetTrunk
from .progress import Progress
from .streaming import whole_model
from .windows import WindowShape, window_targets

Float32 = npt.NDArray[np.float32]

Audio = npt.NDArray[np.int16]

#: Windows that go through the trunk together.
BATCH = 64
#: Share of the augmented windows in which the word is shown in part.
CUT = 0.15
#: Recordings longer than this are not clips of a word.
LONGEST_CLIP = 10.0


@dataclass(frozen=True)
class Examples:
    """Windows of a stream as tap columns, each column of results with its target.

    Attributes
    ----------
    columns : uint8 (n, time, frequency, channels)
        The tap's output; multiply by ``scale``. Memory-mapped.
    scale : float
    targets : int64 (n, results)
        Index of the label of each result; -1 where the word is neither in nor out.
    """

    columns: npt.NDArray[np.uint8]
    scale: float
    targets: npt.NDArray[np.int64]


def word_span(samples: Float32) -> tuple[int, int]:
    """Find where in a recording the word is, by its level in pieces of 10 ms.

    Returns
    -------
    first, last : int
        Samples between which the level is within 25 dB of its maximum or, in a noisy recording,
        above 0.3 of the way from its quiet tenth to its maximum.
    """
    pieces = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    if len(pieces) < 3:
        return 0, len(samples)
    level = 10 * np.log10(np.square(pieces).mean(axis=1) + 1e-9)
    level = np.convolve(level, np.ones(3) / 3, mode="same")
    top, quiet = level.max(), np.percentile(level, 10)
    loud = np.flatnonzero(level >= max(top - 25, quiet + 0.3 * (top - quiet)))
    return int(loud[0]) * 160, int(loud[-1] + 1) * 160


def read_clips(
    clips: Sequence[Clip], progress: Progress
) -> tuple[list[Clip], list[Audio], list[Skipped]]:
    """Read recordings at 16 kHz; those that cannot be used are listed, and the work goes on.

    Returns
    -------
    clips : list of Clip
        Those that were read.
    audio : list of int16 (n,)
    skipped : list of Skipped
    """
    good, audio, skipped = [], [], []
    for number in progress(iter(range(len(clips))), len(clips), "reading"):
        clip = clips[number]
        try:
            samples = load_audio(clip.path, YAMNET.sample_rate)
            if clip.label == SILENCE:
                samples = samples[: int(LONGEST_CLIP * YAMNET.sample_rate)]
            if len(samples) > LONGEST_CLIP * YAMNET.sample_rate:
                raise AudioError(f"{clip.path}: longer than {LONGEST_CLIP:g} s: cut it into words")
        except AudioError as error:
            skipped.append(Skipped.because(clip.path, error))
            continue
        good.append(clip)
        audio.append(to_int16(samples))
    return good, audio, skipped


def to_int16(samples: Float32) -> Audio:
    """Return samples as 16-bit integers: two bytes each, an hour is 115 MB."""
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)


class WindowSource:
    """Makes windows of a stream from recordings.

    Parameters
    ----------
    clips, audio
        As `read_clips` gives them.
    labels : tuple of str
    shape : WindowShape
    noise : sequence of float32 arrays
        Recorded noise, 16 kHz.
    seed : int
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        audio: Sequence[Audio],
        labels: tuple[str, ...],
        shape: WindowShape,
        noise: Sequence[Float32],
        seed: int,
    ) -> None:
        self.clips = clips
        self.audio = audio
        self.labels = labels
        self.shape = shape
        self.noise = noise
        self.seed = seed

    def window(
        self, number: int, copy: int, augmentation: Augmentation | None
    ) -> tuple[Float32, npt.NDArray[np.int64]]:
        """Make the window of one copy of one clip; the same arguments give the same window."""
        rng = np.random.default_rng((self.seed, number, copy))
        samples = self.audio[number].astype(np.float32) / 32768
        label = self.clips[number].label
        shape = self.shape
        length = YAMNET.samples(shape.frames)
        # all of the clip is seen by every result; at times, by some only, so that the network
        # learns what a word looks like that has not ended or has begun to leave
        latest = shape.receptive_field * YAMNET.hop - len(samples)
        cut = copy > 0 and rng.random() < CUT
        window, start = augment(rng, samples, length, max(0, latest), self.noise, augmentation)
        if cut:
            slide = int(rng.uniform(-1, 1) * 0.7 * shape.receptive_field) * YAMNET.hop
            window = np.roll(window, slide)
            if slide > 0:
                window[:slide] = 0
            else:
                window[slide:] = 0
            start += slide
        first, last = word_span(samples)
        return window, window_targets(
            shape,
            np.array([(start + first) // YAMNET.hop]),
            np.array([(start + last) // YAMNET.hop]),
            np.array([self.labels.index(label)]),
            self.labels,
        )[0]

    def silence(self, number: int) -> tuple[Float32, npt.NDArray[np.int64]]:
        """Make a window without any word: noise at some level, rarely digital silence."""
        rng = np.random.default_rng((self.seed, number, 10**6))
        window = noise_piece(rng, self.noise, YAMNET.samples(self.shape.frames))
        power = float(np.sqrt(np.mean(np.square(window)))) + 1e-9
        level = 10 ** rng.uniform(-4.5, -0.9) * float(rng.random() > 0.05)
        targets = np.full(self.shape.results, self.labels.index(SILENCE))
        return (window * np.float32(level / power)).astype(np.float32), targets


def plan_copies(clips: Sequence[Clip], copies: int) -> list[tuple[int, int]]:
    """Decide how many windows each clip gives: (clip, copy) of each window.

    Words that were recorded rarely give more, by the square root of their share, up to four times
    ``copies``; on average a clip gives ``copies``. The first copy of a clip is as recorded.
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
    trunk: YamnetTrunk,
    copies: int,
    augmentation: Augmentation,
    path: Path,
    progress: Progress,
    silence_share: float = 0.06,
) -> Examples:
    """Run the trunk over windows of every clip.

    Parameters
    ----------
    source : WindowSource
    trunk : YamnetTrunk
    copies : int
        Windows per clip, on average; the first is as recorded, the others are augmented.
    augmentation : Augmentation
    path : Path
        Of the memory-mapped file.
    progress : callable
    silence_share : float
        Windows of made-up silence, relative to the others.
    """
    shape = source.shape
    plan = (
        plan_copies(source.clips, copies)
        if copies > 1
        else [(number, 0) for number in range(len(source.clips))]
    )
    total = len(plan) + round(silence_share * len(plan))
    model = whole_model(trunk, shape.frames, trunk.shape)
    out_shape = (total, *model.output_shape[1:])
    front_end = LogMel(YAMNET, block=shape.frames)
    memory = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=out_shape)
    targets = np.empty((total, shape.results), np.int64)
    scale = 0.0
    for batch in progress(iter(range(-(-total // BATCH))), -(-total // BATCH), "features"):
        numbers = range(batch * BATCH, min((batch + 1) * BATCH, total))
        frames = np.empty((len(numbers), shape.frames, *trunk.shape), np.float32)
        changed = np.zeros(len(numbers), np.bool_)
        for row, number in enumerate(numbers):
            if number < len(plan):
                clip, copy = plan[number]
                changed[row] = copy > 0
                window, targets[number] = source.window(clip, copy, augmentation if copy else None)
            else:
                window, targets[number] = source.silence(number)
            front_end.reset()
            frames[row, :, :, 0] = front_end.push(window)
        if changed.any():
            rng = np.random.default_rng((source.seed, batch))
            frames[changed, :, :, 0] = perturb(
                rng, frames[changed, :, :, 0], YAMNET.offset, augmentation
            )
        columns = np.asarray(model(frames, training=False))
        if scale == 0.0:  # ReLU6 gives 6; a ReLU trunk has no bound, so leave room
            scale = 6.0 / 255 if trunk.bounded else 1.25 * float(columns.max()) / 255
        memory[numbers.start : numbers.stop] = np.clip(np.rint(columns / scale), 0, 255)
    return Examples(memory, scale, targets)
