"""Makes the windows that a wake word is learned from: the phrase, and all that it is not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kws.arrays import Float32, Int64, UInt8

from ..augmentation.microphones import MicrophoneProfiles
from ..augmentation.spectra import SpectralAugmentation, WindowMaker
from ..augmentation.windows import WindowShape
from ..data.images import to_frames
from .negatives import Tape
from .phrases import MARGIN, Phrases

#: What is done to windows: levels and noise as in EXPERIMENTS.md ("Wake words").
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
#: What is done to the windows of later rounds: more noise (EXPERIMENTS.md).
NOISIER = replace(AUGMENTATION, snr=(-5.0, 25.0), noise=0.85)


@dataclass(frozen=True)
class WakeWindow(WindowShape):
    """The window of an example."""

    @property
    def ends(self) -> Int64:
        """Frames of the window that each result has heard: (results,)."""
        return self.receptive_field + self.stride * np.arange(self.results)


@dataclass(frozen=True)
class Shares:
    """How many windows of each kind are in a batch.

    Attributes
    ----------
    positives : int
    speech : int
        Of the negatives' tape.
    parts : int
        Parts of the phrase.
    machines : int
        What machines say that is no phrase, if there is any.
    mined : int
        What the model fired on; speech until there is any.
    quiet : int
        Noise and silence.
    """

    positives: int = 20
    speech: int = 18
    parts: int = 5
    machines: int = 4
    mined: int = 18
    quiet: int = 5


@dataclass(frozen=True)
class WakeBatch:
    """What one step learns from.

    Attributes
    ----------
    frames : float32 (n, frames, 1, bands)
        ln(power).
    phrase : int64 (n,)
        Number of the phrase that is said, -1 for none.
    due : float32 (n, results)
        1 for results that may say so, 0 for the others.
    """

    frames: Float32
    phrase: Int64
    due: Float32


#: A result may tell a phrase that ended so many frames before what it has heard, at least and at
#: most: 40 ms before the end, and 0.4 s after it.
EARLIEST, LATEST = -4, 40
#: Shares of a phrase that are no phrase: parts of it are negatives.
PART = (0.2, 0.65)
#: Share of the windows that sound as if the microphone of a real recording had heard them.
PROFILE_SHARE = 0.5


class WakeWindowMaker:
    """Makes batches.

    Parameters
    ----------
    maker : WindowMaker
        Augments frames.
    phrases : Phrases
        What is to be detected.
    others : Phrases or None
        What machines say that is no phrase.
    window : WakeWindow
    shares : Shares
    profiles : MicrophoneProfiles or None
        By which windows are heard, phrases and others alike.
    """

    def __init__(
        self,
        maker: WindowMaker,
        phrases: Phrases,
        others: Phrases | None,
        window: WakeWindow,
        shares: Shares,
        profiles: MicrophoneProfiles | None,
    ) -> None:
        self._maker = maker
        self._phrases = phrases
        self._others = others
        self._window = window
        self._shares = shares
        self._profiles = profiles

    def batch(self, rng: np.random.Generator, tape: Tape, mined: UInt8) -> WakeBatch:
        """Make a batch.

        Parameters
        ----------
        rng : numpy.random.Generator
        tape : Tape
            Of the negatives.
        mined : uint8 (n, frames, bands)
            Windows that the model fired on, as long as a window at least.
        """
        shares, length = self._shares, self._window.frames
        said, phrase, end = self._whole(rng, tape, self._phrases, shares.positives)
        speech = shares.speech + (0 if len(mined) else shares.mined)
        windows = [said, self._parts(rng, tape), to_frames(tape.draw(rng, speech, length))]
        if self._others is not None:
            windows.append(self._whole(rng, tape, self._others, shares.machines)[0])
        if len(mined):
            rows = rng.integers(0, len(mined), shares.mined)
            shift = rng.integers(0, mined.shape[1] - length + 1, shares.mined)
            at = shift[:, None] + np.arange(length)
            windows.append(to_frames(mined[rows[:, None], at]))
        heard = np.concatenate(windows)
        # what is no phrase may be said faster or by another vocal tract too, but stays nothing;
        # a quarter of it stays as it will be heard when it is judged
        fate = rng.random(len(heard))
        fate[: len(said)] = 0.3
        varied = np.flatnonzero(fate >= 0.5)
        heard[varied], _ = self._maker.vary(rng, heard[varied])
        disturbed = np.flatnonzero(fate >= 0.25)
        if self._profiles is not None:
            lent = disturbed[rng.random(len(disturbed)) < PROFILE_SHARE]
            heard[lent] = self._profiles.apply(rng, heard[lent])
        heard[disturbed] = self._maker.disturb(rng, heard[disturbed])
        quiet = self._maker.silence(rng, shares.quiet, length)
        frames = np.concatenate([heard, quiet])[:, :, None]
        number = np.full(len(frames), -1, np.int64)
        number[: len(phrase)] = phrase
        after = self._window.ends[None] - end[:, None]
        due = np.zeros((len(frames), self._window.results), np.float32)
        due[: len(phrase)] = (after >= EARLIEST) & (after <= LATEST)
        return WakeBatch(frames, number, due)

    def _whole(
        self, rng: np.random.Generator, tape: Tape, phrases: Phrases, count: int
    ) -> tuple[Float32, Int64, Int64]:
        """Return windows with a phrase each, its number, and the frame after its end."""
        window = self._window
        rows, clips, first, last = self._said(rng, phrases, count)
        # at least one result is due, with room for two
        latest = window.frames - window.stride
        end = rng.integers(window.receptive_field - window.stride, latest + 1, count)
        before, after = rng.integers(0, MARGIN, (2, count))
        frames = self._place(rng, tape, clips, (first, last), (before, after), end)
        return frames, phrases.numbers[rows], end

    def _said(
        self, rng: np.random.Generator, phrases: Phrases, count: int
    ) -> tuple[Int64, Float32, Int64, Int64]:
        """Draw recordings and vary them: rows, clips, first and last frame."""
        rows = phrases.draw(rng, count)
        clips, tempo = self._maker.vary(rng, to_frames(phrases.images[rows]))
        first = (phrases.first[rows] / tempo).astype(np.int64)
        last = (phrases.last[rows] / tempo).astype(np.int64)
        return rows, clips, first, np.minimum(last, clips.shape[1] - 1)

    def _parts(self, rng: np.random.Generator, tape: Tape) -> Float32:
        """Return windows with the beginning or the end of a phrase."""
        window, count = self._window, self._shares.parts
        _, clips, first, last = self._said(rng, self._phrases, count)
        kept = ((last - first) * rng.uniform(*PART, count)).astype(np.int64)
        front = rng.random(count) < 0.5
        end = rng.integers(window.receptive_field // 2, window.frames + 1, count)
        # of the side that is cut nothing else may be kept
        before, after = rng.integers(0, MARGIN, (2, count))
        before[~front], after[front] = 0, 0
        first, last = np.where(front, first, last - kept), np.where(front, first + kept, last)
        return self._place(rng, tape, clips, (first, last), (before, after), end)

    def _place(
        self,
        rng: np.random.Generator,
        tape: Tape,
        clips: Float32,
        stretch: tuple[Int64, Int64],
        margins: tuple[Int64, Int64],
        end: Int64,
    ) -> Float32:
        """Put stretches of clips into windows so that they end before a frame.

        Around them is what the recording itself has there, within margins, then silence or speech.
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
        spoken = rng.random(count) < 0.5
        around[spoken] = to_frames(tape.draw(rng, int(spoken.sum()), length))
        rows = np.arange(count)[:, None]
        placed = np.where(own[..., None], clips[rows, np.clip(at, 0, clips.shape[1] - 1)], around)
        # someone else goes on talking, more quietly
        behind = np.flatnonzero(rng.random(count) < 0.15)
        if len(behind):
            other = to_frames(tape.draw(rng, len(behind), length))
            level = np.percentile(placed[behind].max(2), 90, axis=1) - np.percentile(
                other.max(2), 90, axis=1
            )
            down = rng.uniform(5, 25, len(behind)) * np.log(10) / 10
            other = other + (level - down)[:, None, None].astype(np.float32)
            placed[behind] = np.logaddexp(placed[behind], other)
        return placed.astype(np.float32)
