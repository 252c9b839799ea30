"""Tap columns of augmented recordings, computed once, kept in a memory-mapped file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio import load_audio
from kws.errors import AudioError, KwsError
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
#: Windows of made-up silence, relative to the others.
SILENCE_SHARE = 0.06
#: Share of the augmented windows in which the word is shown in part.
CUT = 0.15
#: Seconds; a word must fit into the receptive field of the head on tap 6, 147 frames.
LONGEST_WORD = 1.4
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


def around_word(audio: Audio) -> Audio:
    """Cut a recording of more than a second down to a second with its word in the middle.

    A word longer than that keeps `LONGEST_WORD` seconds from its beginning.
    """
    second = YAMNET.sample_rate
    if len(audio) <= second:
        return audio
    first, last = word_span(audio.astype(np.float32) / 32768)
    length = min(max(second, last - first), int(LONGEST_WORD * second))
    start = first if last - first >= length else (first + last - length) // 2
    start = min(max(0, start), len(audio) - length)
    return audio[start : start + length]


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
        # silence has no word to cut around: every copy is another piece of it
        self.audio = [
            one if clip.label == SILENCE else around_word(one)
            for clip, one in zip(clips, audio, strict=True)
        ]
        self.labels = labels
        self.shape = shape
        self.noise = noise
        self.seed = seed

    def window(
        self, number: int, copy: int, augmentation: Augmentation | None
    ) -> tuple[Float32, npt.NDArray[np.int64]]:
        """Make the window of one copy of one clip; the same arguments give the same window."""
        rng = np.random.default_rng((self.seed, number, copy))
        shape, length = self.shape, YAMNET.samples(self.shape.frames)
        samples = self.audio[number].astype(np.float32) / 32768
        if self.clips[number].label == SILENCE and len(samples) > length:
            begin = rng.integers(len(samples) - length)
            samples = samples[begin : begin + length]
        # all of the clip is seen by every result; at times, by some only, so that the network
        # learns what a word looks like that has not ended or has begun to leave
        cut = copy > 0 and rng.random() < CUT
        starts = (
            (shape.frames - shape.receptive_field) * YAMNET.hop,
            max(0, shape.receptive_field * YAMNET.hop - len(samples)),
        )
        placed = augment(rng, samples, length, starts, self.noise, augmentation)
        window, start = placed.window, placed.start
        if cut:
            slide = int(rng.uniform(-1, 1) * 0.7 * shape.receptive_field) * YAMNET.hop
            window = np.roll(window, slide)
            if slide > 0:
                window[:slide] = 0
            elif slide < 0:
                window[slide:] = 0
            start += slide
        first, last = (round(at * placed.stretch) for at in word_span(samples))
        return window, window_targets(
            shape,
            np.array([(start + first) // YAMNET.hop]),
            np.array([(start + last) // YAMNET.hop]),
            np.array([self.labels.index(self.clips[number].label)]),
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

    Raises
    ------
    KwsError
        If there is no room for the file.
    """
    shape = source.shape
    plan = (
        plan_copies(source.clips, copies)
        if copies > 1
        else [(number, 0) for number in range(len(source.clips))]
    )
    total = len(plan) + round(SILENCE_SHARE * len(plan))
    model = whole_model(trunk, shape.frames, trunk.shape)
    out_shape = (total, *model.output_shape[1:])
    front_end = LogMel(YAMNET, block=shape.frames)
    try:
        memory = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=out_shape)
        with path.open("r+b") as file:  # a full disk is an error now, not a crash later
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        raise KwsError(
            f"{path.parent}: no room for {np.prod(out_shape) / 1e9:.1f} GB of features "
            f"({error.strerror}): set TMPDIR to a larger folder, or ask for fewer --copies"
        ) from None
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
