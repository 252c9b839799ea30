"""A folder of synthesized recordings, which can be continued after the work was stopped.

The name of a file tells what is in it (text, voice and style, as a digest), so that a file that is
there need not be made again.
"""

from __future__ import annotations

import csv
import os
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.errors import KwsError
from kws.files import whole_file
from kws.frontend import WORDS
from kws.metadata import UNKNOWN
from kws.pcm import to_int16
from kws.wav import write_wav

from ..data.digest import digest_of
from ..data.manifest import MANIFEST
from ..progress import Progress
from ..spreading.workers import ALONE, Workers
from .utterances import Utterance, say_all

#: Columns of the manifest.
COLUMNS = ("path", "label", "speaker", "text", "engine", "voice", "kind")
#: Folder of the recordings of the phrase.
POSITIVES = "positives"
#: Folder of the recordings of what sounds like it.
NEGATIVES = "negatives"
#: What the manifest has in its column ``kind`` for recordings of the phrase.
POSITIVE = "positive"
#: Seconds in the longest recording: an engine that says more has gone wrong.
LONGEST = 20
#: Bytes of the header of the WAV files that are written here.
HEADER = 44


@dataclass(frozen=True)
class Entry:
    """One recording of the folder.

    Attributes
    ----------
    path : str
        Relative to the folder.
    label : str
        The phrase, or ``_unknown_``.
    kind : str
        "positive", or how the negative was made (see `confusables.Confusable`).
    utterance : Utterance
        What is said, by whom and how.
    """

    path: str
    label: str
    kind: str
    utterance: Utterance

    @property
    def row(self) -> tuple[str, ...]:
        """The row of the manifest."""
        engine, voice = self.utterance.engine.name, self.utterance.voice
        speaker = self.utterance.speaker
        return self.path, self.label, speaker, self.utterance.text, engine, voice, self.kind


@dataclass(frozen=True)
class Filled:
    """What a folder has now.

    Attributes
    ----------
    entries : list of Entry
        The recordings that are there.
    made : int
        How many of them are new.
    failed : list of KwsError
        Why the others are not there.
    """

    entries: list[Entry]
    made: int
    failed: list[KwsError]


def entries_of(
    phrase: str,
    positives: Sequence[Utterance],
    negatives: Sequence[Utterance],
    kinds: Sequence[str],
) -> list[Entry]:
    """Decide what goes into a folder, and where.

    Parameters
    ----------
    phrase : str
        The phrase: label of the positives.
    positives : sequence of Utterance
        Who says the phrase, and how.
    negatives : sequence of Utterance
        Who says something else, and how.
    kinds : sequence of str
        How each negative was made.

    Returns
    -------
    list of Entry
        The positives first.
    """
    entries = [
        Entry(_path(POSITIVES, number, one), phrase, POSITIVE, one)
        for number, one in enumerate(positives)
    ]
    for number, (one, kind) in enumerate(zip(negatives, kinds, strict=True)):
        entries.append(Entry(_path(NEGATIVES, number, one), UNKNOWN, kind, one))
    return entries


def _path(folder: str, number: int, one: Utterance) -> str:
    made_of = repr((one.text, one.engine.name, one.voice, one.style))
    digest = digest_of(made_of)[:8]
    voice = re.sub(r"[^A-Za-z0-9+._-]+", "-", f"{one.engine.name}_{one.voice}")[:60]
    return f"{folder}/{number:05d}_{voice}_{digest}.wav"


def check_folder(folder: Path, entries: Sequence[Entry]) -> None:
    """Find out before the work that a folder cannot be made, or holds something else.

    Parameters
    ----------
    folder : Path
        The folder; it may not exist yet.
    entries : sequence of Entry
        What goes into it.

    Raises
    ------
    KwsError
        If there is a file of this name, no folder above it, no right to write, or a recording that
        would not be made: training on the folder would take it for one of these.
    """
    if folder.exists() and not folder.is_dir():
        raise KwsError(f"{folder}: is a file: name a folder for the recordings")
    above = folder.resolve().parent
    if not above.is_dir():
        raise KwsError(f"{above}: no such folder: make it, or name another --output")
    if not os.access(folder if folder.exists() else above, os.W_OK):
        raise KwsError(f"{folder}: cannot be written to: name another --output")
    ours = {entry.path for entry in entries}
    for part in (POSITIVES, NEGATIVES):
        for path in sorted((folder / part).glob("*")):
            if not path.name.startswith(".") and f"{part}/{path.name}" not in ours:
                raise KwsError(
                    f"{path}: is not among what these arguments make: name another --output, or "
                    "remove the folder"
                )


def fill(
    folder: Path, entries: Sequence[Entry], progress: Progress, workers: Workers = ALONE
) -> Filled:
    """Synthesize what is not in the folder yet, and write the manifest of all that is.

    When it is stopped, it leaves whole recordings and their manifest. The next call goes on from
    there.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    entries : sequence of Entry
        What goes into the folder.
    progress : callable
        Shows how many new recordings are made.
    workers : Workers
        Who says them.

    Returns
    -------
    Filled
        What the folder has now.

    Raises
    ------
    KwsError
        If nothing could be said.
    OSError
        If the folder cannot be written.
    """
    for part in (POSITIVES, NEGATIVES):
        (folder / part).mkdir(parents=True, exist_ok=True)
    there = {entry.path for entry in entries if _is_whole(folder / entry.path)}
    missing = [entry for entry in entries if entry.path not in there]
    failed: list[KwsError] = []
    said = say_all([entry.utterance for entry in missing], workers)
    try:
        for number in progress(iter(range(len(missing))), len(missing), "synthesizing"):
            samples = next(said)
            if not isinstance(samples, KwsError) and len(samples) > LONGEST * WORDS.sample_rate:
                one = missing[number].utterance
                samples = KwsError(
                    f"{one.engine.name} says {one.text!r:.60} for more than {LONGEST} s"
                )
            if isinstance(samples, KwsError):
                failed.append(samples)
                continue
            with whole_file(folder / missing[number].path) as file:
                write_wav(file, to_int16(samples, nearest=True), WORDS.sample_rate)
            there.add(missing[number].path)
    finally:
        held = [entry for entry in entries if entry.path in there]
        _write_manifest(folder / MANIFEST, held)
    if not held:
        raise KwsError(f"nothing could be synthesized: {failed[0]}")
    return Filled(held, len(missing) - len(failed), failed)


def _is_whole(path: Path) -> bool:
    """Tell whether a recording is there and not damaged."""
    try:
        with wave.open(str(path)) as file:
            shape = file.getparams()[:3]
            size = HEADER + 2 * file.getnframes()
            right = tuple(shape) == (1, 2, WORDS.sample_rate) and file.getnframes() > 0
            return bool(right and path.stat().st_size == size)
    except (OSError, EOFError, wave.Error):
        return False


def _write_manifest(path: Path, entries: Sequence[Entry]) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(entry.row for entry in entries)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
