"""The recordings that wake words are trained and tested on: phrases, negatives and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws.arrays import Float32, UInt8
from kws.calibration.hours import LONGEST_PAUSE, in_long_runs
from kws.console import note
from kws.errors import KwsError
from kws.frontend import WORDS

from ..augmentation.microphones import MicrophoneProfiles
from ..augmentation.noise import babble_frames
from ..augmentation.spectra import coloured_frames
from ..cache import cache_folder
from ..data.dataset import Clip, DataError, Skipped
from ..data.digest import digest_of
from ..data.frames import FrameSet, read_frames
from ..data.images import image_of, to_frames
from ..data.shards import PARTS, ShardSet
from ..data.splits import part_of_negative, share_of
from ..spreading.workers import ALONE, Workers
from ..synthesis.engine import Engine
from ..synthesis.engines import chosen
from ..synthesis.phrases import synthesized_phrase
from .defaults import WakeWordOptions
from .kinds import hours_by_kind, kinds_of
from .phrases import LONGEST, PhraseClip, PhraseSet, find_phrase
from .shard_pool import POOL_HOURS, ShardPool

#: Recordings of a phrase from which some are kept apart, to state misses on.
MIN_CLIPS_TO_HOLD_OUT = 20
#: Recordings by people from which synthesized ones are drawn less often than theirs.
PEOPLE_BEFORE_SYNTHESIZED = 8
#: Seconds of noise of random colour where no recordings of noise are given.
NOISE_SECONDS = 60


@dataclass(frozen=True)
class WakeWordRecordings:
    """A wake word, and the files in which people say it.

    Attributes
    ----------
    keyword : str
        The phrase as it is written.
    clips : sequence of Clip
        The files; none if the phrase is synthesized only.
    """

    keyword: str
    clips: Sequence[Clip]


@dataclass(frozen=True)
class WakeWordSources:
    """The files that wake words are trained from.

    Attributes
    ----------
    wake_words : sequence of WakeWordRecordings
        Each phrase with its files.
    negatives : sequence of Clip
        Recordings of anything without the phrases.
    noise : sequence of Clip
        Recordings of background noise.
    shards : sequence of ShardSet
        Further negatives, which do not fit into memory.
    """

    wake_words: Sequence[WakeWordRecordings]
    negatives: Sequence[Clip]
    noise: Sequence[Clip]
    shards: Sequence[ShardSet] = ()


@dataclass(frozen=True)
class WakeWordClips:
    """A wake word, and where it is in its recordings.

    Attributes
    ----------
    keyword : str
        The phrase as it is written.
    people : list of (Clip, PhraseClip)
        Recordings of people, to train with.
    synthesized : list of PhraseClip
        Synthesized recordings, to train with.
    held_out : list of Clip
        Recordings of other people, to state misses on.
    other_synthesized : list of PhraseClip
        Synthesized speech that is not the phrase, to train with.
    """

    keyword: str
    people: list[tuple[Clip, PhraseClip]]
    synthesized: list[PhraseClip]
    held_out: list[Clip]
    other_synthesized: list[PhraseClip]


@dataclass(frozen=True)
class WakeWordData:
    """All recordings, by what they are for.

    Attributes
    ----------
    wake_words : list of WakeWordClips
        Each phrase with its recordings.
    training : FrameSet
        Negatives to train with.
    development : FrameSet
        Negatives that help to choose thresholds.
    test : FrameSet
        Negatives on which false accepts are stated.
    noise : FrameSet
        Recordings of noise.
    skipped : list of Skipped
        Recordings that could not be used.
    sha256 : str
        Digest of all that was read.
    engines : tuple of str
        The text-to-speech engines that said the phrases and other things.
    pool : ShardPool or None
        Further negatives, of which some were drawn into the three parts.
    """

    wake_words: list[WakeWordClips]
    training: FrameSet
    development: FrameSet
    test: FrameSet
    noise: FrameSet
    skipped: list[Skipped]
    sha256: str
    engines: tuple[str, ...]
    pool: ShardPool | None = None

    @property
    def keywords(self) -> tuple[str, ...]:
        """The phrases as they are written, in the order of the model's labels."""
        return tuple(one.keyword for one in self.wake_words)

    @property
    def clips(self) -> list[Clip]:
        """All recordings, whatever they are for."""
        phrases = [
            clip
            for one in self.wake_words
            for clip in (*(clip for clip, _ in one.people), *one.held_out)
        ]
        sets = (self.training, self.development, self.test, self.noise)
        return [*phrases, *(clip for part in sets for clip in part.clips)]

    @property
    def negatives(self) -> list[UInt8]:
        """Frames (frames, bands) of the negatives to train with, noise included."""
        return [*self.training.images, *self.noise.images]

    @property
    def hours(self) -> float:
        """Hours of negatives to train with, those in shards included."""
        return self.training.hours if self.pool is None else self.pool.hours("training")

    @property
    def hours_by_kind(self) -> dict[str, float]:
        """Hours of each kind of negatives to train with."""
        hours = [len(image) * WORDS.hop_seconds / 3600 for image in self.training.images]
        return hours_by_kind(kinds_of(self.training.clips, hours), hours)

    def phrases(self) -> PhraseSet:
        """Return the recordings of all phrases, to train with.

        The more people say a phrase, the less often its synthesized recordings are drawn.
        """
        groups: list[tuple[int, Sequence[PhraseClip], float]] = []
        for number, one in enumerate(self.wake_words):
            weight = min(1.0, PEOPLE_BEFORE_SYNTHESIZED / max(1, len(one.people)))
            groups.append((number, [clip for _, clip in one.people], 1.0))
            groups.append((number, one.synthesized, weight))
        return PhraseSet.of(groups)

    def other_phrases(self) -> PhraseSet | None:
        """Return synthesized speech that is no phrase, or None if there is none."""
        groups = [
            (-1, one.other_synthesized, 1.0) for one in self.wake_words if one.other_synthesized
        ]
        return PhraseSet.of(groups) if groups else None

    def profiles(self) -> MicrophoneProfiles | None:
        """Return the microphone profiles of the negatives; None if they are silent."""
        return MicrophoneProfiles.of(self.training.images)

    def noise_bank(self, babble: float, seed: int) -> Float32:
        """Return frames of noise: recorded, or of random colour if there is none; and babble.

        Parameters
        ----------
        babble : float
            Share of the frames that is many people talking at once, 0 .. 1, below 1.
        seed : int
            Seed of the noise of random colour, and of who talks.

        Returns
        -------
        float32 (frames, bands)
            ln(power).
        """
        rng = np.random.default_rng(seed)
        if self.noise.images:
            noise = np.concatenate([to_frames(image) for image in self.noise.images])
        else:
            second = round(1 / WORDS.hop_seconds)
            noise = np.concatenate(coloured_frames(rng, NOISE_SECONDS, second, WORDS.bands))
        length = round(len(noise) * babble / (1 - babble))
        return np.concatenate([noise, babble_frames(rng, self.training.images, length)])


def prepare(
    sources: WakeWordSources, options: WakeWordOptions, workers: Workers = ALONE
) -> WakeWordData:
    """Read recordings, find the phrases in them, and decide what each is for.

    Parameters
    ----------
    sources : WakeWordSources
        The files.
    options : WakeWordOptions
        How much is synthesized, and how much is kept apart.
    workers : Workers
        Who reads and speaks.

    Returns
    -------
    WakeWordData
        Recordings of people and negatives are split by speaker.

    Raises
    ------
    DataError
        If a phrase has no recordings that can be used, or there are no negatives.
    KwsError
        If phrases are to be synthesized, and no engine is installed that speaks the language.
    """
    engines = _engines(options)
    cache = cache_folder("frames")
    heard = [read_frames(one.clips, cache, one.keyword, workers) for one in sources.wake_words]
    others = read_frames(sources.negatives, cache, "negatives", workers)
    sounds = read_frames(sources.noise, cache, "noise", workers)
    skipped = [skip for part in (*heard, others, sounds) for skip in part.skipped]
    others, left_out = _without(others, heard)
    if left_out:
        note(f"{left_out} of the negatives are among the positives: left out")
    pool = ShardPool(sources.shards, _keywords(sources)) if sources.shards else None
    if pool is not None:
        others = others + pool.draw("training", options.seed)
        others = others + pool.draw("development", options.seed, POOL_HOURS / 2)
    others, repeats = _heard_once(others)
    skipped += repeats
    wake_words = []
    for one, part in zip(sources.wake_words, heard, strict=True):
        found, unused = _find(part)
        long = [clip.path for clip, phrase in found if phrase.last - phrase.first + 1 >= LONGEST]
        if long:
            note(
                f"{one.keyword}: {len(long)} recordings have more than "
                f"{LONGEST * WORDS.hop_seconds:g} s of sound, such as {long[0]}: only the end is "
                "learned; cut out the phrase, or give its start and end in manifest.csv"
            )
        skipped += unused
        speakers = _held_out_speakers([clip for clip, _ in found], options.hold_out)
        phrases, other_phrases = _synthesize(one.keyword, options, engines, workers)
        clips = WakeWordClips(
            one.keyword,
            [(clip, phrase) for clip, phrase in found if clip.speaker not in speakers],
            phrases,
            [clip for clip, _ in found if clip.speaker in speakers],
            other_phrases,
        )
        note(
            f"{one.keyword}: {len(clips.people)} recordings and {len(phrases)} synthesized "
            f"to train, {len(clips.held_out)} recordings to state misses on"
        )
        if not clips.people and not phrases:
            raise DataError(
                f"{one.keyword}: no recording to train with: give --positives, or install "
                "espeak-ng and --synthesize some"
            )
        wake_words.append(clips)
    training, development, test = _split_negatives(others)
    if not training.images:
        raise DataError("no negatives to train with: give --negatives with more recordings")
    note(
        f"{training.hours:.2f} h of negatives to train, {development.hours:.2f} h to choose "
        f"thresholds, {test.hours:.2f} h to state false accepts on; {len(skipped)} skipped"
    )
    if pool is not None:
        note(
            f"of the negatives are drawn from {pool.hours('training'):.1f} h of shards; each round "
            f"draws {POOL_HOURS:g} h more, and {pool.hours('test'):.1f} h are kept apart"
        )
    sha256 = _digest([*heard, others, sounds], [one.sha256 for one in sources.shards])
    names = tuple(engine.name for engine in engines)
    return WakeWordData(
        wake_words, training, development, test, sounds, skipped, sha256, names, pool
    )


def _keywords(sources: WakeWordSources) -> tuple[str, ...]:
    return tuple(one.keyword for one in sources.wake_words)


def _find(heard: FrameSet) -> tuple[list[tuple[Clip, PhraseClip]], list[Skipped]]:
    """Find the phrase in each recording; return those without one as skipped."""
    found, unused = [], []
    for clip, image in zip(heard.clips, heard.images, strict=True):
        phrase = find_phrase(image, clip.columns)
        if phrase is None:
            unused.append(Skipped(clip.path, "less than a tenth of a second is spoken"))
        else:
            found.append((clip, phrase))
    return found, unused


def _held_out_speakers(clips: Sequence[Clip], share: float) -> set[str]:
    """Choose speakers with about a share of the recordings; none if there are few."""
    speakers = sorted({clip.speaker for clip in clips}, key=share_of)
    if len(clips) < MIN_CLIPS_TO_HOLD_OUT or len(speakers) < 2 or share == 0:
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


def _without(negatives: FrameSet, positives: Sequence[FrameSet]) -> tuple[FrameSet, int]:
    """Leave out negatives that are recordings of a phrase."""
    known = {image.tobytes() for heard in positives for image in heard.images}
    rows = [n for n, image in enumerate(negatives.images) if image.tobytes() not in known]
    return negatives.where(rows), len(negatives.images) - len(rows)


def _heard_once(negatives: FrameSet) -> tuple[FrameSet, list[Skipped]]:
    """Leave out negatives that are there already, and long digital silence: neither is an hour."""
    first: dict[bytes, int] = {}
    repeats: list[Skipped] = []
    rows, images = [], []
    longest = round(LONGEST_PAUSE / WORDS.hop_seconds)
    for number, image in enumerate(negatives.images):
        of = first.setdefault(image.tobytes(), number)
        if of != number:
            reason = f"is the same recording as {negatives.clips[of].path}: it counts once"
            repeats.append(Skipped(negatives.clips[number].path, reason))
            continue
        sound = np.asarray(image.any(axis=1))
        kept = sound | ~in_long_runs(sound, longest)
        rows.append(number)
        images.append(image if kept.all() else image[kept])
    chosen = negatives.where(rows)
    return FrameSet(chosen.clips, images, chosen.skipped), repeats


def _split_negatives(negatives: FrameSet) -> tuple[FrameSet, FrameSet, FrameSet]:
    """Split negatives by speaker: to train, to choose thresholds, to state false accepts on."""
    parts = [part_of_negative(clip.speaker) for clip in negatives.clips]
    training, development, test = (
        negatives.where([n for n, its in enumerate(parts) if its == part]) for part in PARTS
    )
    return training, development, test


def _engines(options: WakeWordOptions) -> list[Engine]:
    """Return what synthesizes phrases; said before the work, not after it, if there is nothing."""
    if options.synthesized == 0:
        return []
    try:
        return chosen(None, options.language)
    except KwsError as error:
        raise KwsError(
            f"{error}; or --synthesize 0: recordings alone, and more false accepts on other speech"
        ) from None


def _synthesize(
    keyword: str, options: WakeWordOptions, engines: Sequence[Engine], workers: Workers
) -> tuple[list[PhraseClip], list[PhraseClip]]:
    """Synthesize a phrase, and other things: clips of both."""
    count = options.synthesized
    if count == 0:
        return [], []
    cache = cache_folder("phrases")
    made = synthesized_phrase(
        keyword,
        count,
        count,
        engines,
        options.seed,
        cache,
        options.language,
        options.crossings,
        workers,
    )
    groups = []
    for group in (made.positives, made.negatives):
        found = [find_phrase(image_of(one.samples), {}) for one in group]
        groups.append([one for one in found if one is not None])
    return groups[0], groups[1]


def _digest(parts: Sequence[FrameSet], shards: Sequence[str]) -> str:
    """Return a digest of everything that was read, in order, and of what there is in shards."""
    images = [image for part in parts for image in part.images]
    pieces = (piece for image in images for piece in (np.int64(len(image)), image))
    return digest_of(*pieces, *shards)
