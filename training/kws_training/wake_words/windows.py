"""Makes the training windows of wake words: windows with a phrase, and windows without."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kws.arrays import Float32, Float64, Int64, UInt8
from kws.frontend import WORDS

from ..augmentation.channels import send
from ..augmentation.microphones import MicrophoneProfiles
from ..augmentation.spectra import SpectralAugmentation, WindowMaker
from ..augmentation.windows import WindowShape
from ..data.images import to_frames, to_images
from .negatives import NegativeStream
from .phrases import MARGIN, PhraseSet
from .recipe import WakeWordRecipe

#: How windows are augmented: levels and noise as in docs/experiments/wake_words.md.
AUGMENTATION = SpectralAugmentation(
    stretch=0.18,
    warp=0.15,
    gain=(-35.0, 12.0),
    equalisation=5.0,
    snr=(-3.0, 30.0),
    noise=0.75,
    neighbours=0.0,
    reverberation=0.4,
    masks=0.3,
)
#: How the windows of later rounds are augmented: with more noise (docs/experiments/wake_words.md).
NOISIER = replace(AUGMENTATION, snr=(-5.0, 25.0), noise=0.85)


@dataclass(frozen=True)
class WakeWindow(WindowShape):
    """Shape of a training window."""

    @property
    def ends(self) -> Int64:
        """Frames of the window that each result has seen: int64 (results,)."""
        return self.receptive_field + self.stride * np.arange(self.results)


@dataclass(frozen=True)
class WindowCounts:
    """How many windows of each kind are in a batch.

    Attributes
    ----------
    positives : int
        Windows with a phrase.
    speech : int
        Windows of the stream of negatives.
    parts : int
        Windows with a part of a phrase.
    synthesized : int
        Windows with synthesized speech that is no phrase, if there is any.
    mined : int
        Windows on which the model fired by mistake; windows of speech until there are any.
    quiet : int
        Windows of noise and digital silence.
    """

    positives: int = 20
    speech: int = 18
    parts: int = 5
    synthesized: int = 4
    mined: int = 18
    quiet: int = 5


@dataclass(frozen=True)
class WakeBatch:
    """The windows of a training step.

    Attributes
    ----------
    frames : float32 (n, frames, 1, bands)
        ln(power) of the front end.
    phrase : int64 (n,)
        Number of the phrase that is said in each window, -1 for none.
    due : float32 (n, results)
        1 for the results in which the phrase may be detected, 0 for the others.
    """

    frames: Float32
    phrase: Int64
    due: Float32


#: Frames from the end of a phrase to the first result in which it may be detected: 40 ms before.
EARLIEST = -4
#: Frames from the end of a phrase to the last result in which it may be detected: 0.4 s after.
LATEST = 40
#: Smallest and largest share of a phrase that is a negative: a part of it is no phrase.
PART = (0.2, 0.65)
#: Shares of the negatives that are varied (and disturbed), and that are disturbed: a negative stays
#: one at another tempo and by another vocal tract. The others stay as they are when it is tested.
VARIED = 0.5
DISTURBED = 0.75
#: Frames of a stream that are disturbed alike before it is mined: half a minute.
MINED_PIECE = 3000
#: Share of the windows with a phrase or a part of one around which other speech is heard; around
#: the others is digital silence.
SPEECH_AROUND = 0.5
#: Share of them in which someone else goes on talking, more quietly.
SPEECH_BEHIND = 0.15
#: Decibels by which that other speech is quieter, at least and at most.
BEHIND_DB = (5, 25)


class WakeWindowMaker:
    """Makes batches of training windows.

    Parameters
    ----------
    maker : WindowMaker
        Augments frames.
    phrases : PhraseSet
        Recordings of what is to be detected.
    others : PhraseSet or None
        Synthesized speech that is no phrase.
    window : WakeWindow
        Shape of a window.
    counts : WindowCounts
        How many windows of each kind are in a batch.
    profiles : MicrophoneProfiles or None
        Microphones whose profile windows get, with a phrase or without.
    recipe : WakeWordRecipe
        How many windows are changed in a way.
    """

    def __init__(
        self,
        maker: WindowMaker,
        phrases: PhraseSet,
        others: PhraseSet | None,
        window: WakeWindow,
        counts: WindowCounts,
        profiles: MicrophoneProfiles | None,
        recipe: WakeWordRecipe,
    ) -> None:
        self._maker = maker
        self._phrases = phrases
        self._others = others
        self._window = window
        self._counts = counts
        self._profiles = profiles
        self._recipe = recipe

    def batch(self, rng: np.random.Generator, stream: NegativeStream, mined: UInt8) -> WakeBatch:
        """Make a batch.

        Parameters
        ----------
        rng : numpy.random.Generator
            What is drawn.
        stream : NegativeStream
            The negatives.
        mined : uint8 (n, frames, bands)
            Windows on which the model fired by mistake, at least as long as a window.

        Returns
        -------
        WakeBatch
            Windows with phrases first.
        """
        counts, length = self._counts, self._window.frames
        positives, phrase, end = self._whole(rng, stream, self._phrases, counts.positives)
        speech = counts.speech + (0 if len(mined) else counts.mined)
        windows = [positives, self._parts(rng, stream), to_frames(stream.draw(rng, speech, length))]
        if self._others is not None:
            windows.append(self._whole(rng, stream, self._others, counts.synthesized)[0])
        if len(mined):
            rows = rng.integers(0, len(mined), counts.mined)
            shift = rng.integers(0, mined.shape[1] - length + 1, counts.mined)
            at = shift[:, None] + np.arange(length)
            windows.append(to_frames(mined[rows[:, None], at]))
        heard = np.concatenate(windows)
        fate = rng.random(len(heard))
        # phrases were varied before they were placed, and all of them are disturbed
        fate[: len(positives)] = (VARIED + DISTURBED) / 2
        self._disturb(rng, heard, fate)
        quiet = self._maker.silence(rng, counts.quiet, length)
        frames = np.concatenate([heard, quiet])[:, :, None]
        number = np.full(len(frames), -1, np.int64)
        number[: len(phrase)] = phrase
        after = self._window.ends[None] - end[:, None]
        due = np.zeros((len(frames), self._window.results), np.float32)
        due[: len(phrase)] = (after >= EARLIEST) & (after <= LATEST)
        return WakeBatch(frames, number, due)

    def disturbed(self, rng: np.random.Generator, stream: NegativeStream) -> NegativeStream:
        """Return a stream of negatives of which a share is disturbed as training windows are.

        Half a minute each is as it is, or at another tempo, by other voices, in noise, through
        other microphones. What is mined in it is what a network fires on in noise.

        Parameters
        ----------
        rng : numpy.random.Generator
            What is drawn.
        stream : NegativeStream
            The negatives.
        """
        images = stream.images.copy()
        for start in range(0, len(images), MINED_PIECE):
            if rng.random() < self._recipe.mined_disturbed:
                piece = to_frames(images[None, start : start + MINED_PIECE])
                self._disturb(rng, piece, rng.uniform(0, DISTURBED, 1))
                images[start : start + MINED_PIECE] = to_images(piece[0])
        return NegativeStream(images)

    def _disturb(self, rng: np.random.Generator, heard: Float32, fate: Float64) -> None:
        """Vary, disturb or leave windows, in place: by a number of each, below 1."""
        varied = np.flatnonzero(fate < VARIED)
        heard[varied], _ = self._maker.vary(rng, heard[varied])
        disturbed = np.flatnonzero(fate < DISTURBED)
        if self._profiles is not None:
            changed = disturbed[rng.random(len(disturbed)) < self._recipe.microphones]
            heard[changed] = self._profiles.apply(rng, heard[changed])
        heard[disturbed] = self._maker.disturb(rng, heard[disturbed])
        sent = disturbed[rng.random(len(disturbed)) < self._recipe.channels]
        heard[sent] = send(rng, heard[sent], WORDS)

    def _whole(
        self, rng: np.random.Generator, stream: NegativeStream, phrases: PhraseSet, count: int
    ) -> tuple[Float32, Int64, Int64]:
        """Return windows with a phrase each, its number, and the frame after its end."""
        window = self._window
        rows, clips, first, last = self._varied(rng, phrases, count)
        # at least one result is due, with room for two
        latest = window.frames - window.stride
        end = rng.integers(window.receptive_field - window.stride, latest + 1, count)
        before, after = rng.integers(0, MARGIN, (2, count))
        frames = self._place(rng, stream, clips, (first, last), (before, after), end)
        return frames, phrases.numbers[rows], end

    def _varied(
        self, rng: np.random.Generator, phrases: PhraseSet, count: int
    ) -> tuple[Int64, Float32, Int64, Int64]:
        """Draw recordings and vary them: number, frames, first and last frame of each phrase."""
        rows = phrases.draw(rng, count)
        clips, tempo = self._maker.vary(rng, to_frames(phrases.images[rows]))
        first = (phrases.first[rows] / tempo).astype(np.int64)
        last = (phrases.last[rows] / tempo).astype(np.int64)
        return rows, clips, first, np.minimum(last, clips.shape[1] - 1)

    def _parts(self, rng: np.random.Generator, stream: NegativeStream) -> Float32:
        """Return windows with the beginning or the end of a phrase."""
        window, count = self._window, self._counts.parts
        _, clips, first, last = self._varied(rng, self._phrases, count)
        kept = ((last - first) * rng.uniform(*PART, count)).astype(np.int64)
        front = rng.random(count) < 0.5
        end = rng.integers(window.receptive_field // 2, window.frames + 1, count)
        # of the side that is cut nothing else may be kept
        before, after = rng.integers(0, MARGIN, (2, count))
        before[~front], after[front] = 0, 0
        first, last = np.where(front, first, last - kept), np.where(front, first + kept, last)
        return self._place(rng, stream, clips, (first, last), (before, after), end)

    def _place(
        self,
        rng: np.random.Generator,
        stream: NegativeStream,
        clips: Float32,
        stretch: tuple[Int64, Int64],
        margins: tuple[Int64, Int64],
        end: Int64,
    ) -> Float32:
        """Put stretches of recordings into windows, each so that it ends before a frame.

        Around a stretch is what the recording itself has there, within margins; beyond, digital
        silence or the speech of the stream of negatives.
        """
        count, length = len(clips), self._window.frames
        first, last = stretch
        before, after = margins
        offset = end - 1 - last
        at = np.arange(length) - offset[:, None]
        own = (at >= np.maximum(first - before, 0)[:, None]) & (
            at <= np.minimum(last + after, clips.shape[1] - 1)[:, None]
        )
        around = np.full_like(clips[:, :1], self._maker.floor).repeat(length, 1)
        spoken = rng.random(count) < SPEECH_AROUND
        around[spoken] = to_frames(stream.draw(rng, int(spoken.sum()), length))
        rows = np.arange(count)[:, None]
        placed = np.where(own[..., None], clips[rows, np.clip(at, 0, clips.shape[1] - 1)], around)
        # someone else goes on talking, more quietly
        behind = np.flatnonzero(rng.random(count) < SPEECH_BEHIND)
        if len(behind):
            other = to_frames(stream.draw(rng, len(behind), length))
            level = np.percentile(placed[behind].max(2), 90, axis=1) - np.percentile(
                other.max(2), 90, axis=1
            )
            down = rng.uniform(*BEHIND_DB, len(behind)) * np.log(10) / 10
            other = other + (level - down)[:, None, None].astype(np.float32)
            placed[behind] = np.logaddexp(placed[behind], other)
        return placed.astype(np.float32)
