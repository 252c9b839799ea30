"""A mix of negatives: so many hours of each kind of speech, music and noise, in one folder."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.console import note
from kws.errors import KwsError

from . import sources
from .download import locked, new_folder
from .fetching import (
    NOTE,
    FetchError,
    bytes_left,
    check_room,
    fetch_data,
    in_bytes,
    is_fetched,
    time_of,
)
from .manifest import MANIFEST, Row, read_manifest
from .prepare import write_rows
from .sources import Part, Source

#: Folder of the mix, and what `kws data fetch` calls it.
NEGATIVES = "negatives"
#: Most hours of one part, and of what is imported for one.
MOST_HOURS = 1000.0
#: Columns of the mix's manifest.
COLUMNS = ("path", "label", "speaker", "seconds", "kind", "source", "licence", "text")


class MixError(KwsError):
    """A mix that cannot be made."""


@dataclass(frozen=True)
class MixPlan:
    """What a mix takes, and what it costs to fetch.

    Attributes
    ----------
    hours : dict of str to float
        Wanted of each part, by its name.
    parts : dict of str to Part
        The parts by name.
    fetched : tuple of Source
        Data sets that must be fetched first.
    download : int
        Bytes that are still to be downloaded.
    unpacked : int
        Bytes that are unpacked, at most.
    room : int
        Bytes of disk that are needed at once, at most: an archive is deleted when it is unpacked.
    """

    hours: dict[str, float]
    parts: dict[str, Part]
    fetched: tuple[Source, ...]
    download: int
    unpacked: int
    room: int


@dataclass(frozen=True)
class MixedKind:
    """What became of a kind.

    Attributes
    ----------
    kind : str
        Its folder.
    recordings : int
    hours : float
    speakers : int
    """

    kind: str
    recordings: int
    hours: float
    speakers: int


@dataclass(frozen=True)
class _Taken:
    """A recording that the mix takes."""

    path: Path
    part: Part
    row: Row
    seconds: float


def parse_mix(text: str) -> dict[str, float]:
    """Read what ``--mix`` says.

    Parameters
    ----------
    text : str
        NAME=HOURS, with commas between.

    Returns
    -------
    dict of str to float
        Hours of each part.

    Raises
    ------
    MixError
        If a name is none of `sources.PARTS`, comes twice, or has no sensible hours.
    """
    names = [part.name for part in sources.PARTS]
    hours: dict[str, float] = {}
    for item in text.split(","):
        name, equals, number = (field.strip() for field in item.partition("="))
        if name not in names:
            raise MixError(f"--mix {name!r:.60}: no such part, there are {', '.join(names)}")
        if name in hours:
            raise MixError(f"--mix {name}: is there twice")
        try:
            value = float(number) if equals else float("nan")
        except ValueError:
            value = float("nan")
        if not 0 < value <= MOST_HOURS:
            raise MixError(f"--mix {item!r:.60}: must be NAME=HOURS, of 0 to {MOST_HOURS:g} hours")
        hours[name] = value
    return hours


def plan_mix(hours: Mapping[str, float], folder: Path) -> MixPlan:
    """Say what a mix needs: nothing is downloaded.

    Parameters
    ----------
    hours : mapping of str to float
        Hours of each part, as `parse_mix` reads them.
    folder : Path
        Where the data sets are, or will be, each in its own folder.

    Returns
    -------
    MixPlan

    Raises
    ------
    MixError
        If a data set that only the user can bring is not there.
    """
    parts = {part.name: part for part in sources.PARTS if part.name in hours}
    known = {source.name: source for source in sources.SOURCES}
    needed: dict[str, Source] = {}
    for part in parts.values():
        place = folder / part.source
        if part.source not in known:
            if not (place / MANIFEST).is_file():
                raise MixError(
                    f"{place}: is not there: `kws data import {part.source} ARCHIVE` makes it from "
                    "your archive"
                )
        elif not is_fetched(place, known[part.source]):
            needed[part.source] = known[part.source]
    downloads = [bytes_left(source, folder) for source in needed.values()]
    unpacked = sum(source.bounds.size for source in needed.values())
    return MixPlan(
        hours=dict(hours),
        parts=parts,
        fetched=tuple(needed.values()),
        download=sum(downloads),
        unpacked=unpacked,
        room=unpacked + max(downloads, default=0),
    )


def plan_lines(plan: MixPlan, folder: Path) -> list[str]:
    """Say a plan to a person.

    Parameters
    ----------
    plan : MixPlan
        The plan.
    folder : Path
        Where the mix goes.

    Returns
    -------
    list of str
        A line for each part, what is downloaded, and how long it takes.
    """
    licences = {source.name: source.licence for source in sources.SOURCES}
    width = max(map(len, plan.hours))
    lines = [f"{folder / NEGATIVES}: {sum(plan.hours.values()):g} hours"]
    for name, wanted in plan.hours.items():
        part = plan.parts[name]
        of = f" of {part.hours:g}" if part.hours is not None else ""
        licence = licences.get(part.source, "as you brought it")
        lines.append(f"  {name:{width}}  {wanted:g} hours{of}, kind {part.kind}. {licence}")
    if not plan.fetched:
        return [*lines, "nothing is downloaded: all of it is there"]
    names = ", ".join(source.name for source in plan.fetched)
    lines.append(
        f"downloads {in_bytes(plan.download)} ({names}), takes at most {in_bytes(plan.room)} of "
        f"the disk; {in_bytes(plan.unpacked)} at most stay"
    )
    lines.append(f"takes {time_of(plan.download, plan.unpacked)}")
    return lines


def fetch_mix(plan: MixPlan, folder: Path, seed: int) -> Path:
    """Fetch the data sets of a mix, and link its recordings into one folder by kinds.

    Interrupted, it goes on with the data sets that are not there yet; the mix's folder appears only
    when it is complete.

    Parameters
    ----------
    plan : MixPlan
        As `plan_mix` makes it.
    folder : Path
        Where the data sets' folders and the mix's go; made if it is not there.
    seed : int
        Of the choice of recordings.

    Returns
    -------
    Path
        The mix's folder: a folder for each kind, and `MANIFEST`.

    Raises
    ------
    FetchError
        If there is no room, a data set cannot be fetched, or something else is in the way.
    MixError
        If a data set holds no recordings of a part.
    OSError
        If the folder cannot be written.
    """
    goal = folder / NEGATIVES
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f".{NEGATIVES}.lock"):
        if goal.exists():
            if is_mixed(goal, plan.hours, seed):
                return goal
            raise FetchError(
                f"{goal}: is there, but is not what would be fetched: move it, or name another "
                "--output"
            )
        check_room(plan.room, folder)
        for source in plan.fetched:
            fetch_data(source, folder)
        taken: list[_Taken] = []
        for name, wanted in plan.hours.items():
            taken += _choose(plan.parts[name], folder, wanted, seed)
        with new_folder(folder / f".{NEGATIVES}.mixing") as part:
            _write(part, taken)
            (part / NOTE).write_text(_note(plan.hours, seed), encoding="utf-8")
            part.rename(goal)
    return goal


def is_mixed(goal: Path, hours: Mapping[str, float], seed: int) -> bool:
    """Tell whether a folder is a mix, from its note.

    Parameters
    ----------
    goal : Path
        The folder, which may not exist.
    hours : mapping of str to float
        Hours of each part.
    seed : int
        Of the choice.

    Returns
    -------
    bool
    """
    try:
        return (goal / NOTE).read_text(encoding="utf-8") == _note(hours, seed)
    except (OSError, UnicodeDecodeError):
        return False


def mixed_kinds(goal: Path) -> list[MixedKind]:
    """Count what is in a mix.

    Parameters
    ----------
    goal : Path
        The mix's folder.

    Returns
    -------
    list of MixedKind
        The kinds in the order of the alphabet.

    Raises
    ------
    ManifestError
        If its manifest cannot be read.
    """
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in read_manifest(goal / MANIFEST).rows.values():
        rows[row.columns["kind"]].append(row)
    return [
        MixedKind(
            kind,
            len(ones),
            sum(float(one.columns["seconds"]) for one in ones) / 3600,
            len({one.speaker for one in ones}),
        )
        for kind, ones in sorted(rows.items())
    ]


def take_hours(
    rows: Iterable[Row], hours: float, seed: int, seconds_of: Callable[[Row], float | None]
) -> list[tuple[Row, float]]:
    """Choose recordings of so many hours, of as many speakers as there are.

    Parameters
    ----------
    rows : iterable of Row
        The recordings; one without a speaker is a speaker of its own.
    hours : float
        Wanted; less if there is no more.
    seed : int
        Of the order: every speaker has a turn before one has another.
    seconds_of : callable
        Told a row, returns its recording's length; None for one that cannot be used.

    Returns
    -------
    list of (Row, float)
        What is taken, with the seconds of each.
    """
    ordered = sorted(rows, key=lambda row: row.path)
    order = np.random.default_rng(seed).permutation(len(ordered))
    turns: defaultdict[str, int] = defaultdict(int)
    keyed = []
    for place, number in enumerate(order):
        row = ordered[number]
        speaker = row.speaker or row.path
        keyed.append((turns[speaker], place, row))
        turns[speaker] += 1
    taken: list[tuple[Row, float]] = []
    left = hours * 3600
    for _, _, row in sorted(keyed, key=lambda one: one[:2]):
        if left <= 0:
            break
        seconds = seconds_of(row)
        if seconds is not None:
            taken.append((row, seconds))
            left -= seconds
    return taken


def length_of(path: Path) -> float | None:
    """Return the length of a recording from its header.

    Parameters
    ----------
    path : Path
        The recording.

    Returns
    -------
    float or None
        Seconds; None if it cannot be read, or is empty.
    """
    import soundfile

    try:
        return float(soundfile.info(str(path)).duration) or None
    except (OSError, RuntimeError):  # soundfile's errors are RuntimeErrors
        return None


def _choose(part: Part, folder: Path, hours: float, seed: int) -> list[_Taken]:
    """Choose the recordings of a part."""
    place = folder / part.source
    inside = f"{part.inside}/" if part.inside else ""
    rows = [
        row for row in read_manifest(place / MANIFEST).rows.values() if row.path.startswith(inside)
    ]
    unread = 0

    def seconds_of(row: Row) -> float | None:
        nonlocal unread
        seconds = length_of(place / row.path)
        unread += seconds is None
        return seconds

    chosen = take_hours(rows, hours, seed, seconds_of)
    if not chosen:
        raise MixError(f"{place}: no recordings of {part.name} in it: delete it, and fetch it anew")
    if unread:
        note(f"{part.name}: {unread} recordings cannot be read: left out")
    got = sum(seconds for _, seconds in chosen) / 3600
    if got < hours:
        note(f"{part.name}: {got:.1f} hours, there are no more")
    return [_Taken(place / row.path, part, row, seconds) for row, seconds in chosen]


def _write(goal: Path, taken: Sequence[_Taken]) -> None:
    """Link the recordings into a folder, and write the manifest."""
    licences = {source.name: source.licence for source in sources.SOURCES}
    rows = []
    for one in taken:
        path = f"{one.part.kind}/{one.part.source}/{one.row.path}"
        (goal / path).parent.mkdir(parents=True, exist_ok=True)
        _link(one.path, goal / path)
        columns = one.row.columns
        # speakers of two data sets are two people, whatever their names
        speaker = f"{one.part.source} {one.row.speaker or one.row.path}"
        licence = columns.get("licence", licences.get(one.part.source, ""))
        seconds = f"{one.seconds:.2f}"
        text = columns.get("text", "")
        fields = (seconds, one.part.kind, one.part.source, licence, text)
        rows.append((path, one.row.label, speaker, *fields))
    write_rows(goal / MANIFEST, COLUMNS, rows)


def _link(path: Path, goal: Path) -> None:
    """Give a recording a second name; copy it where the file system has no such links."""
    try:
        os.link(path, goal)
    except OSError:
        shutil.copyfile(path, goal)


def _note(hours: Mapping[str, float], seed: int) -> str:
    """Return what is written beside the recordings; equal for equal mixes."""
    parts = "\n".join(f"{name}={value:g}" for name, value in hours.items())
    return (
        f"A mix of negatives, by seed {seed}. Hours of each part:\n{parts}\n"
        f"Licences are in {MANIFEST}. The recordings are links to those of the data sets beside "
        "this folder, which can be deleted.\n"
    )
