"""Recordings in memory, by what they are for: words, noise, speech without keywords."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import Float32, Int16
from kws.audio import load_audio
from kws.calibration.hours import HoursCounter, without_silence
from kws.errors import AudioError
from kws.frontend import YAMNET
from kws.metadata import SILENCE, UNKNOWN
from kws.pcm import to_int16

from ..progress import bar
from ..spreading.workers import ALONE, Workers
from .clips import read_clips
from .dataset import Clip, Skipped
from .digest import digest_of
from .splits import share_of

#: Samples in a piece of negative speech: a second, the length of most clips of words.
PIECE = YAMNET.sample_rate
#: What is said in a piece of a recording without keywords: nobody knows.
NEGATIVE = "negatives"
#: Share of the recordings of negative speech that are trained on.
TRAINING_SHARE = 0.5
#: Share of those that are trained on or that thresholds are chosen on; the rest is the test set.
DEVELOPMENT_SHARE = 0.75


@dataclass(frozen=True)
class ClipSet:
    """Clips of some speakers, read.

    Attributes
    ----------
    clips : list of Clip
        The clips that were read.
    audio : list of int16 (n,)
        The samples of each clip at 16 kHz.
    skipped : list of Skipped
        Recordings that could not be used, and why.
    """

    clips: list[Clip]
    audio: list[Int16]
    skipped: list[Skipped]

    @classmethod
    def read(cls, clips: Sequence[Clip], workers: Workers = ALONE) -> ClipSet:
        """Read clips. Those that cannot be used, or hold nothing but zeros, are skipped.

        Parameters
        ----------
        clips : sequence of Clip
            The clips to read.
        workers : Workers
            Who reads them.

        Returns
        -------
        ClipSet
            The clips that could be used, in the same order.
        """
        found = cls(*read_clips(clips, bar, workers))
        silent = {
            n
            for n, clip in enumerate(found.clips)
            if clip.label != SILENCE and not found.audio[n].any()
        }
        rows = [n for n in range(len(found.clips)) if n not in silent]
        reason = "is nothing but digital silence: record it again"
        return cls(
            [found.clips[n] for n in rows],
            [found.audio[n] for n in rows],
            found.skipped + [Skipped(found.clips[n].path, reason) for n in sorted(silent)],
        )

    def without(self, reasons: Sequence[str]) -> ClipSet:
        """Leave clips out.

        Parameters
        ----------
        reasons : sequence of str
            Why each clip is left out; empty for those that stay.

        Returns
        -------
        ClipSet
            The clips that stay; the others are skipped.
        """
        rows = [n for n, reason in enumerate(reasons) if not reason]
        left_out = [
            Skipped(clip.path, reason)
            for clip, reason in zip(self.clips, reasons, strict=True)
            if reason
        ]
        return ClipSet(
            [self.clips[n] for n in rows],
            [self.audio[n] for n in rows],
            self.skipped + left_out,
        )

    def __add__(self, other: ClipSet) -> ClipSet:
        return ClipSet(
            self.clips + other.clips, self.audio + other.audio, self.skipped + other.skipped
        )


def repeated(
    clips: Sequence[Clip], audio: Sequence[Int16], sides: Sequence[str] | None = None
) -> list[str]:
    """Find recordings that are there more than once, under two labels or on two sides of a split.

    Recordings of ``_silence_`` may be alike.

    Parameters
    ----------
    clips : sequence of Clip
        The recordings.
    audio : sequence of int16 (n,)
        The samples of each.
    sides : sequence of str, optional
        What each clip is for. On one side a recording may be there more than once. Without it
        each counts once.

    Returns
    -------
    list of str
        Of each clip why it must be left out; empty for the others. Under two labels none of them
        stays, as nobody knows which is right; on two sides the first stays.
    """
    digests = [digest_of(samples) for samples in audio]
    first: dict[str, int] = {}
    other_label: dict[str, int] = {}
    for number, (clip, digest) in enumerate(zip(clips, digests, strict=True)):
        if clip.label == SILENCE:
            continue
        if clips[first.setdefault(digest, number)].label != clip.label:
            other_label.setdefault(digest, number)
    reasons = []
    for number, (clip, digest) in enumerate(zip(clips, digests, strict=True)):
        of = first.get(digest, number)
        if clip.label == SILENCE:
            reasons.append("")
        elif digest in other_label:
            other = clips[of] if clips[of].label != clip.label else clips[other_label[digest]]
            reasons.append(
                f"is the same recording as {other.path}, but of {clip.label!r} and not of "
                f"{other.label!r}: keep it under the label that is right"
            )
        elif of == number or (sides is not None and sides[of] == sides[number]):
            reasons.append("")
        elif sides is None:
            reasons.append(f"is the same recording as {clips[of].path}: it counts once")
        else:
            reasons.append(
                f"is the same recording as {clips[of].path}, which is for {sides[of]}: it cannot "
                f"be for {sides[number]} too"
            )
    return reasons


def without_repeated(parts: Mapping[str, ClipSet]) -> list[ClipSet]:
    """Leave out recordings that are in an earlier part too, or under two labels.

    Parameters
    ----------
    parts : mapping of str to ClipSet
        The clips of each part, by what they are for.

    Returns
    -------
    list of ClipSet
        The parts without them; they are skipped.
    """
    clips = [clip for part in parts.values() for clip in part.clips]
    audio = [samples for part in parts.values() for samples in part.audio]
    sides = [name for name, part in parts.items() for _ in part.clips]
    reasons = iter(repeated(clips, audio, sides))
    return [part.without([next(reasons) for _ in part.clips]) for part in parts.values()]


def digest_of_clips(sets: Sequence[ClipSet], noise: Sequence[Float32] = ()) -> str:
    """Return a digest of all that was read, in order: what provenance says of the data.

    Parameters
    ----------
    sets : sequence of ClipSet
        Of their clips, the labels and the samples count.
    noise : sequence of float32 (n,)
        Recordings of noise.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    pieces: list[object] = [*noise]
    for one in sets:
        for clip, audio in zip(one.clips, one.audio, strict=True):
            pieces += [f"{clip.label}\0", audio]
    return digest_of(*pieces)


def read_noise(paths: Sequence[Path]) -> tuple[list[Float32], list[Skipped]]:
    """Read recordings of noise. Those that cannot be used are listed, and the work goes on.

    Digital silence of more than a second is cut out: a piece of it would leave a clip clean.

    Parameters
    ----------
    paths : sequence of Path
        The recordings.

    Returns
    -------
    noise : list of float32 (n,)
        The samples of each recording at 16 kHz.
    skipped : list of Skipped
        Recordings that could not be used, and why.
    """
    noise, skipped = [], []
    for path in paths:
        try:
            samples = load_audio(path, YAMNET.sample_rate)
        except AudioError as error:
            skipped.append(Skipped.because(path, error))
            continue
        sound = without_silence(samples, YAMNET.sample_rate)
        if sound.any():
            noise.append(sound)
        else:
            skipped.append(Skipped(path, "is nothing but digital silence, which is no noise"))
    return noise, skipped


def read_speech(
    paths: Sequence[Path], what: str, skipped: list[Skipped]
) -> Iterator[tuple[Path, Int16]]:
    """Read recordings at 16 kHz, one after the other, each second of audio once.

    What an earlier recording has too, and digital silence of more than a second, is left out
    (`kws.calibration.hours`).

    Parameters
    ----------
    paths : sequence of Path
        The recordings.
    what : str
        What is read, for the progress bar.
    skipped : list of Skipped
        Recordings that cannot be used are added to it.

    Yields
    ------
    path : Path
        A recording that could be read.
    audio : int16 (n,)
        Its samples at 16 kHz.
    """
    hours = HoursCounter(YAMNET.sample_rate)
    for number in bar(iter(range(len(paths))), len(paths), what):
        path = paths[number]
        try:
            audio = load_audio(path, YAMNET.sample_rate)
        except AudioError as error:
            skipped.append(Skipped.because(path, error))
            continue
        parts = [part.samples for part in hours.unheard([audio])]
        if not parts:
            skipped.append(Skipped(path, "was heard before: it counts once"))
            continue
        new = parts[0] if len(parts) == 1 else np.concatenate(parts)
        sound = without_silence(new, YAMNET.sample_rate)
        if not sound.any():
            skipped.append(Skipped(path, "is nothing but digital silence: record it again"))
            continue
        yield path, to_int16(sound)


def seconds_of(audio: Int16) -> list[Int16]:
    """Cut a recording into pieces of a second.

    Parameters
    ----------
    audio : int16 (n,)
        Samples at 16 kHz.

    Returns
    -------
    list of int16 (m,)
        `PIECE` samples each. The last one may be shorter; below half a second it is left out.
    """
    return [audio[start : start + PIECE] for start in range(0, len(audio) - PIECE // 2, PIECE)]


@dataclass(frozen=True)
class Negatives:
    """Speech without any keyword, by what it is for. Each recording is in one part only.

    Attributes
    ----------
    training : ClipSet
        Half of the recordings, in pieces of a second, trained on as ``_unknown_``.
    development : ClipSet
        A quarter, whole recordings: thresholds are chosen on them.
    test : ClipSet
        A quarter, whole recordings: what the thresholds give is stated on them.
    skipped : list of Skipped
        Recordings that could not be used, and why.
    """

    training: ClipSet
    development: ClipSet
    test: ClipSet
    skipped: list[Skipped]

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Negatives:
        """Read recordings of speech. Those that cannot be used are skipped.

        Parameters
        ----------
        paths : sequence of Path
            The recordings. The name of a file decides which part it is in.

        Returns
        -------
        Negatives
            The recordings that could be used.
        """
        training, development, test = (ClipSet([], [], []) for _ in range(3))
        skipped: list[Skipped] = []
        for path, audio in read_speech(paths, "negatives", skipped):
            clip = Clip(path, UNKNOWN, NEGATIVE, str(path))
            share = share_of(path.name)
            if share < TRAINING_SHARE:
                part, pieces = training, seconds_of(audio)
            else:
                part, pieces = (development if share < DEVELOPMENT_SHARE else test), [audio]
            part.clips.extend([clip] * len(pieces))
            part.audio.extend(pieces)
        return cls(training, development, test, skipped)
