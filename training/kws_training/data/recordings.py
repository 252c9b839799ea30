"""Recordings in memory, by what they are for: words, noise, speech without keywords."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.arrays import Float32, Int16
from kws.audio import load_audio
from kws.errors import AudioError
from kws.frontend import YAMNET
from kws.metadata import SILENCE, UNKNOWN

from ..progress import bar
from .clips import read_clips, to_int16
from .dataset import Clip, Skipped, share_of

#: Samples in a piece of negative speech: a second, as most clips of words have.
PIECE = YAMNET.sample_rate


@dataclass(frozen=True)
class Part:
    """Clips of some speakers, read."""

    clips: list[Clip]
    audio: list[Int16]
    skipped: list[Skipped]

    @classmethod
    def read(cls, clips: Sequence[Clip]) -> Part:
        """Read clips; those that cannot be used are in ``skipped``."""
        part = cls(*read_clips(clips, bar))
        silent = {
            n for n, c in enumerate(part.clips) if c.label != SILENCE and not part.audio[n].any()
        }
        rows = [n for n in range(len(part.clips)) if n not in silent]
        reason = "is nothing but digital silence: record it again"
        return cls(
            [part.clips[n] for n in rows],
            [part.audio[n] for n in rows],
            part.skipped + [Skipped(part.clips[n].path, reason) for n in sorted(silent)],
        )

    def __add__(self, other: Part) -> Part:
        return Part(
            self.clips + other.clips, self.audio + other.audio, self.skipped + other.skipped
        )


def read_noise(paths: Sequence[Path]) -> tuple[list[Float32], list[Skipped]]:
    """Read recordings of noise at 16 kHz; those that cannot be used are listed."""
    noise, skipped = [], []
    for path in paths:
        try:
            noise.append(load_audio(path, YAMNET.sample_rate))
        except AudioError as error:
            skipped.append(Skipped.because(path, error))
    return noise, skipped


def read_speech(
    paths: Sequence[Path], what: str, skipped: list[Skipped]
) -> Iterator[tuple[Path, Int16]]:
    """Read recordings at 16 kHz, one after the other; those that cannot be used go on the list.

    Parameters
    ----------
    paths : sequence of Path
    what : str
        Names the work in the progress bar.
    skipped : list of Skipped
        Is added to.
    """
    for number in bar(iter(range(len(paths))), len(paths), what):
        path = paths[number]
        try:
            audio = to_int16(load_audio(path, YAMNET.sample_rate))
        except AudioError as error:
            skipped.append(Skipped.because(path, error))
            continue
        yield path, audio


def seconds_of(audio: Int16) -> list[Int16]:
    """Cut a recording into pieces of a second; a rest below half a second is left out."""
    return [audio[start : start + PIECE] for start in range(0, len(audio) - PIECE // 2, PIECE)]


@dataclass(frozen=True)
class Negatives:
    """Speech without any keyword, by what it is for; no recording is for two things.

    Attributes
    ----------
    training : Part
        Half of the recordings, in pieces of a second: more ``_unknown_``.
    choosing, stating : Part
        A quarter each, whole: to choose thresholds on, and to state what they give.
    skipped : list of Skipped
    """

    training: Part
    choosing: Part
    stating: Part
    skipped: list[Skipped]

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Negatives:
        """Read recordings of speech; those that cannot be used are listed."""
        parts = [Part([], [], []) for _ in range(3)]
        skipped: list[Skipped] = []
        for path, audio in read_speech(paths, "negatives", skipped):
            clip = Clip(path, UNKNOWN, "negatives", str(path))
            share = share_of(path.name)
            pieces = [audio] if share >= 0.5 else seconds_of(audio)
            part = parts[0 if share < 0.5 else 1 if share < 0.75 else 2]
            part.clips.extend([clip] * len(pieces))
            part.audio.extend(pieces)
        return cls(*parts, skipped)
