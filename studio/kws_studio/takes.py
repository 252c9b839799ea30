"""Recordings that come from a page: judged, made 16 kHz mono, and put on a shelf."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

from kws.audio import read_recording, stream_audio
from kws.enrolment.record import RATE, Take
from kws.errors import AudioError
from kws.files import whole_file
from kws.pcm import to_int16

from .project import JUDGE, OTHER, Project

#: Seconds of a recording of the phrase, at most.
LONGEST_TAKE = 30.0
#: Seconds of speech without the phrase in one file, at most: four hours are 460 MB.
LONGEST_SPEECH = 4 * 3600.0
#: Seconds from which speech without the phrase is cut in halves: one trains, the other judges.
HALVED = 60.0


@dataclass(frozen=True)
class Kept:
    """What became of a recording.

    Attributes
    ----------
    names : tuple of str
        Names of the files that were written; empty if it was not kept.
    about : str
        What was heard, in one line.
    problems : tuple of str
        What is wrong with it, each with what to do.
    """

    names: tuple[str, ...]
    about: str
    problems: tuple[str, ...] = ()


def keep_take(
    project: Project, path: Path, shelf: str, speaker: str | None = None, *, strict: bool = True
) -> Kept:
    """Judge a recording of the phrase, and keep it if it is good.

    Parameters
    ----------
    project : Project
        Where it goes.
    path : Path
        What came: any recording that `kws.audio.read_recording` reads.
    shelf : str
        One of `kws_studio.project.SPOKEN`.
    speaker : str, optional
        Who speaks.
    strict : bool
        Whether what is not good stays out; else it is kept, and its problems are told.

    Returns
    -------
    Kept
        With its problems.

    Raises
    ------
    AudioError
        If it is no recording, is too long, or nothing but digital silence.
    RecordError
        If it cannot be written.
    """
    recording = read_recording(path, LONGEST_TAKE)
    if not recording.samples.any():
        raise AudioError(
            f"{path.name}: is nothing but digital silence: is the microphone switched off?"
        )
    take = Take.of(recording.samples, recording.sample_rate)
    if take.problems and strict:
        return Kept((), take.describe(), take.problems)
    saved = project.save(take, shelf, speaker)
    return Kept((saved.name,), take.describe(), take.problems)


def keep_speech(project: Project, path: Path, name: str) -> Kept:
    """Keep speech without the phrase: half of it trains, half of it judges.

    A recording of a minute or more is cut in halves; of shorter ones every second one judges.

    Parameters
    ----------
    project : Project
        Where it goes.
    path : Path
        What came.
    name : str
        What it is called.

    Returns
    -------
    Kept
        The files.

    Raises
    ------
    AudioError
        If it is no recording, or is too long.
    """
    total = sum(len(block) for block in stream_audio(path, RATE, LONGEST_SPEECH))
    seconds = total / RATE
    stem = Path(name).stem
    about = f"{seconds:.0f} s of speech without the phrase"
    if seconds >= HALVED:
        ends = [(OTHER, total // 2), (JUDGE, total)]
    else:
        fewer = len(project.recordings(JUDGE)) <= len(project.recordings(OTHER))
        ends = [(JUDGE if fewer else OTHER, total)]
    names, at = [], 0
    blocks = stream_audio(path, RATE, LONGEST_SPEECH)
    rest = next(blocks)
    for shelf, end in ends:
        target = project.new_name(shelf, stem)
        with whole_file(target) as stream, wave.open(stream, "wb") as writer:
            writer.setparams((1, 2, RATE, 0, "NONE", ""))
            while at < end:
                if not len(rest):
                    rest = next(blocks)
                part = rest[: end - at]
                writer.writeframes(to_int16(part, nearest=True).astype("<i2").tobytes())
                rest = rest[len(part) :]
                at += len(part)
        names.append(target.name)
    return Kept(tuple(names), about)


def trim(project: Project, shelf: str, name: str, start: float, end: float) -> Path:
    """Cut a recording; the whole one goes to what was thrown out.

    Parameters
    ----------
    project : Project
        Where it is.
    shelf, name : str
        Which one.
    start, end : float
        Seconds that stay.

    Returns
    -------
    Path
        The shorter recording, under the same name.

    Raises
    ------
    AudioError
        If nothing would be left.
    ProjectError
        If there is no such recording, or it may not be changed.
    """
    path = project.find(shelf, name)
    recording = read_recording(path, LONGEST_TAKE)
    rate = recording.sample_rate
    first, last = max(0, round(start * rate)), min(len(recording.samples), round(end * rate))
    if last - first < rate // 10:
        raise AudioError(f"{name}: less than 0.1 s would be left: choose a longer part")
    project.move(shelf, name, "thrown")
    target = path.with_suffix(".wav")
    with whole_file(target) as stream, wave.open(stream, "wb") as writer:
        writer.setparams((1, 2, rate, 0, "NONE", ""))
        part = to_int16(recording.samples[first:last], nearest=True)
        writer.writeframes(part.astype("<i2").tobytes())
    return target
