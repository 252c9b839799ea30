"""What wake words are trained and judged on: who says them, machines, and all that they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kws.arrays import Float32, UInt8
from kws.console import note
from kws.frontend import WORDS

from ..augmentation.microphones import MicrophoneProfiles
from ..augmentation.spectra import coloured_frames
from ..cache import cache_folder
from ..data.dataset import Clip, DataError, Skipped
from ..data.digest import digest_of
from ..data.frames import FrameSet, read_frames
from ..data.images import image_of, to_frames
from ..data.splits import share_of
from ..synthesis.engines import installed
from ..synthesis.phrases import synthesized_phrase
from .phrases import Phrases, Spoken, find_phrase

#: Recordings of a phrase from which some are kept to state misses on.
ENOUGH = 20
#: Share of the negatives' speakers that nothing is trained on: half of them help to choose
#: thresholds, half state what they give.
HELD_NEGATIVES = 0.15
#: Recordings by people from which machines are heard less often than people.
MANY = 8
#: Seconds of noise of random colour that stand in where no noise is given.
STAND_IN = 60


@dataclass(frozen=True)
class Phrase:
    """A wake word, and recordings of it."""

    keyword: str
    clips: Sequence[Clip]


@dataclass(frozen=True)
class Said:
    """A phrase, found in its recordings.

    Attributes
    ----------
    keyword : str
    people : list of (Clip, Spoken)
        Who says it, to train.
    machines : list of Spoken
        Text to speech, to train.
    held : list of Clip
        Of other people, to state misses on.
    others : list of Spoken
        Machines that say other things.
    """

    keyword: str
    people: list[tuple[Clip, Spoken]]
    machines: list[Spoken]
    held: list[Clip]
    others: list[Spoken]


@dataclass(frozen=True)
class Material:
    """All recordings, by what they are for.

    Attributes
    ----------
    said : list of Said
        The phrases.
    training, choosing, stating : FrameSet
        Negatives to train, to choose thresholds, and to state false accepts on.
    noise : FrameSet
    skipped : list of Skipped
        What could not be used.
    sha256 : str
        Digest of all that was read.
    """

    said: list[Said]
    training: FrameSet
    choosing: FrameSet
    stating: FrameSet
    noise: FrameSet
    skipped: list[Skipped]
    sha256: str

    @property
    def recordings(self) -> list[UInt8]:
        """Frames of all that is not to be detected, noise included, by people alone."""
        return [*self.training.images, *self.noise.images]

    def phrases(self) -> Phrases:
        """Return what is to be detected: machines less often, the more people there are."""
        groups: list[tuple[int, Sequence[Spoken], float]] = []
        for number, phrase in enumerate(self.said):
            weight = min(1.0, MANY / max(1, len(phrase.people)))
            groups.append((number, [spoken for _, spoken in phrase.people], 1.0))
            groups.append((number, phrase.machines, weight))
        return Phrases.of(groups)

    def others(self) -> Phrases | None:
        """Return what machines say that is no phrase."""
        groups = [(-1, phrase.others, 1.0) for phrase in self.said if phrase.others]
        return Phrases.of(groups) if groups else None

    def profiles(self) -> MicrophoneProfiles | None:
        """Return the microphone profiles of the negatives, where machines alone say the phrases.

        What people say comes through microphones of its own; where they say the phrases, lending
        others was no gain (EXPERIMENTS.md, "Microphones").
        """
        if any(phrase.people for phrase in self.said):
            return None
        return MicrophoneProfiles.of(self.training.images)

    def noise_bank(self, seed: int) -> Float32:
        """Return frames (frames, bands) of recorded noise, or of noise of random colour."""
        if self.noise.images:
            return np.concatenate([to_frames(image) for image in self.noise.images])
        rng = np.random.default_rng(seed)
        second = round(1 / WORDS.hop_seconds)
        return np.concatenate(coloured_frames(rng, STAND_IN, second, WORDS.bands))


def gather(
    phrases: Sequence[Phrase],
    negatives: Sequence[Clip],
    noise: Sequence[Clip],
    synthesized: int,
    language: str,
    hold_out: float,
    seed: int,
) -> Material:
    """Read recordings, find the phrases in them, and say who is for what.

    Parameters
    ----------
    phrases : sequence of Phrase
        Without any recordings, machines say them.
    negatives : sequence of Clip
        Anything without the phrases.
    noise : sequence of Clip
    synthesized : int
        Times that machines say each phrase, and as often other things.
    language : str
        Of the phrases, for machines: a code of espeak-ng's.
    hold_out : float
        Share of each phrase's recordings, by speaker, on which misses are stated.
    seed : int

    Raises
    ------
    DataError
        If a phrase has no recordings that can be used, or there are no negatives.
    """
    cache = cache_folder("frames")
    heard = [read_frames(phrase.clips, cache, phrase.keyword) for phrase in phrases]
    others, sounds = read_frames(negatives, cache, "negatives"), read_frames(noise, cache, "noise")
    skipped = [skip for part in (*heard, others, sounds) for skip in part.skipped]
    others, left_out = _without(others, heard)
    if left_out:
        note(f"{left_out} of the negatives are among the positives: left out")
    said = []
    for phrase, part in zip(phrases, heard, strict=True):
        found, unused = _find(part)
        skipped += unused
        speakers = _held_out([clip for clip, _ in found], hold_out)
        machines, others_said = _synthesize(phrase.keyword, synthesized, language, seed)
        said.append(
            Said(
                phrase.keyword,
                [(clip, spoken) for clip, spoken in found if clip.speaker not in speakers],
                machines,
                [clip for clip, _ in found if clip.speaker in speakers],
                others_said,
            )
        )
        note(
            f"{phrase.keyword}: {len(said[-1].people)} recordings and {len(machines)} synthesized "
            f"to train, {len(said[-1].held)} recordings to state misses on"
        )
        if not said[-1].people and not machines:
            raise DataError(
                f"{phrase.keyword}: no recording to train with: give --positives, or install "
                "espeak-ng and --synthesize some"
            )
    training, choosing, stating = _parts(others)
    if not training.images:
        raise DataError("no negatives to train with: give --negatives with more recordings")
    note(
        f"{training.hours:.2f} h of negatives to train, {choosing.hours:.2f} h to choose "
        f"thresholds, {stating.hours:.2f} h to state false accepts on; {len(skipped)} skipped"
    )
    sha256 = _digest([*heard, others, sounds])
    return Material(said, training, choosing, stating, sounds, skipped, sha256)


def _find(heard: FrameSet) -> tuple[list[tuple[Clip, Spoken]], list[Skipped]]:
    """Find the phrase in each recording; where there is none, say so."""
    found, unused = [], []
    for clip, image in zip(heard.clips, heard.images, strict=True):
        spoken = find_phrase(image, clip.columns)
        if spoken is None:
            unused.append(Skipped(clip.path, "less than a tenth of a second is spoken"))
        else:
            found.append((clip, spoken))
    return found, unused


def _held_out(clips: Sequence[Clip], share: float) -> set[str]:
    """Choose speakers with about a share of the recordings; none if there are few."""
    speakers = sorted({clip.speaker for clip in clips}, key=share_of)
    if len(clips) < ENOUGH or len(speakers) < 2 or share == 0:
        return set()
    wanted = max(1, round(share * len(clips)))
    chosen: set[str] = set()
    kept = 0
    for speaker in speakers:
        count = sum(clip.speaker == speaker for clip in clips)
        # most of the recordings train, however many a single speaker has
        if kept < wanted and kept + count <= max(wanted, len(clips) // 4):
            chosen.add(speaker)
            kept += count
    return chosen


def _without(negatives: FrameSet, said: Sequence[FrameSet]) -> tuple[FrameSet, int]:
    """Leave out negatives that are recordings of a phrase."""
    known = {image.tobytes() for heard in said for image in heard.images}
    rows = [n for n, image in enumerate(negatives.images) if image.tobytes() not in known]
    return negatives.where(rows), len(negatives.images) - len(rows)


def _parts(negatives: FrameSet) -> tuple[FrameSet, FrameSet, FrameSet]:
    """Split negatives by speaker: to train, to choose thresholds, to state what they give."""
    shares = [share_of("negatives " + clip.speaker) for clip in negatives.clips]
    bounds = (0.0, HELD_NEGATIVES / 2, HELD_NEGATIVES, 1.0)
    stating, choosing, training = (
        negatives.where([n for n, one in enumerate(shares) if low <= one < high])
        for low, high in pairwise(bounds)
    )
    return training, choosing, stating


def _synthesize(
    keyword: str, count: int, language: str, seed: int
) -> tuple[list[Spoken], list[Spoken]]:
    """Have machines say a phrase, and other things."""
    if count == 0:
        return [], []
    engines = installed(language)
    if not engines:
        note("no text-to-speech engine: no synthesized phrases (espeak-ng and flite are two)")
        return [], []
    cache = cache_folder("phrases")
    made = synthesized_phrase(keyword, count, count, engines, seed, cache, language)
    groups = []
    for group in (made.positives, made.negatives):
        found = [find_phrase(image_of(one.samples), {}) for one in group]
        groups.append([one for one in found if one is not None])
    return groups[0], groups[1]


def _digest(parts: Sequence[FrameSet]) -> str:
    """Return a digest of everything that was read, in order."""
    images = [image for part in parts for image in part.images]
    return digest_of(*(piece for image in images for piece in (np.int64(len(image)), image)))
