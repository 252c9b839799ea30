"""Common Voice, from an archive that the user has downloaded: Mozilla gives it out by account."""

from __future__ import annotations

import heapq
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from kws.console import note
from kws.errors import KwsError
from kws.metadata import UNKNOWN

from .digest import digest_of
from .download import locked, new_folder
from .fetching import NOTE, FetchError
from .manifest import MANIFEST, Row, is_there
from .mixing import MOST_HOURS, length_of, take_hours
from .prepare import write_rows
from .unpack import Bounds, NothingWantedError, unpack

#: The data set's folder, and what `kws data import` calls it.
COMMON_VOICE = "common-voice"
#: Tables of clips in the order in which one is looked for: those that people have heard and found
#: right, in releases of all ages.
TABLES = ("validated.tsv", "clips.tsv", "train.tsv")
#: Folder of the clips, beside the tables.
CLIPS = "clips"
#: Licence of the clips.
LICENCE = "CC0-1.0"
#: Seconds that a clip is taken for until it is there: short, so that more clips are unpacked than
#: are needed, and the rest is deleted.
LEAST_MEAN = 3.0
#: Further clips that are unpacked: some may be damaged, or missing.
SPARE = 100
#: Most bytes of a clip: a minute of MP3 at 256 kbit/s.
MOST_CLIP = 2 << 20
#: Most members of an archive: the largest release has 2.6 million clips.
MOST_MEMBERS = 20_000_000
#: Most bytes of all tables of an archive.
MOST_TABLES = 8 << 30
#: Most bytes of a line of a table.
MOST_LINE = 1 << 16
#: Hexadecimal digits of a speaker's name: of the 128 of the archive enough to tell people apart.
SPEAKER_DIGITS = 16


class CommonVoiceError(KwsError):
    """An archive that is none of Common Voice's."""


class _Clip(NamedTuple):
    """A clip that may be taken."""

    path: str
    speaker: str
    text: str
    sex: str
    accent: str


def import_common_voice(given: Path, folder: Path, hours: float, seed: int) -> Path:
    """Take so many hours of an archive of Common Voice, of as many speakers as there are.

    Parameters
    ----------
    given : Path
        The ``.tar.gz`` or ``.zip`` of one language, or the folder that it was unpacked to.
    folder : Path
        Where the data set's own folder goes; made if it is not there.
    hours : float
        Wanted; less if there is no more.
    seed : int
        Of the choice.

    Returns
    -------
    Path
        The data set's folder: the clips as they are, in MP3, and `MANIFEST`.

    Raises
    ------
    CommonVoiceError
        If it is no archive of Common Voice.
    FetchError
        If something else is in the way.
    UnpackError
        If the archive is damaged, or would write outside its folder.
    OSError
        If the folder cannot be written.
    """
    if not 0 < hours <= MOST_HOURS:
        raise CommonVoiceError(
            f"--hours {hours:g}: must be more than 0, and {MOST_HOURS:g} at most"
        )
    if not given.exists():
        raise CommonVoiceError(f"{given}: no such archive or folder: check the path")
    goal = folder / COMMON_VOICE
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f".{COMMON_VOICE}.lock"):
        if goal.exists():
            raise FetchError(f"{goal}: is there already: move it, or name another --output")
        with new_folder(folder / f".{COMMON_VOICE}.unpacking") as part:
            made = part / "made"
            made.mkdir()
            clips = _clips_of(given, part, hours, seed)
            kept = _keep(clips, part, made, hours, seed)
            write_rows(made / MANIFEST, *_table(kept))
            (made / NOTE).write_text(_note(given, kept, seed), encoding="utf-8")
            made.rename(goal)
    return goal


def _clips_of(given: Path, part: Path, hours: float, seed: int) -> dict[str, _Clip]:
    """Choose clips of a table, and put them into ``part / CLIPS``; by the path in there."""
    tables = part / "tables"
    if given.is_dir():
        table = _first_table(given)
    else:
        tables.mkdir()
        bounds = Bounds(MOST_MEMBERS, MOST_TABLES)
        try:
            unpack(given, tables, bounds, keep=lambda path: path.name in TABLES)
        except NothingWantedError:
            raise _no_table(given) from None
        table = _first_table(tables)
    if table is None:
        raise _no_table(given)
    count = int(hours * 3600 / LEAST_MEAN) + SPARE
    chosen = {clip.path: clip for clip in _draw(table, count, seed)}
    if not chosen:
        raise CommonVoiceError(f"{table.name} of {given}: names no clips")
    (part / CLIPS).mkdir()
    if given.is_dir():
        for name in chosen:
            source = table.parent / CLIPS / name
            if is_there(source) and source.stat().st_size <= MOST_CLIP:
                shutil.copyfile(source, part / CLIPS / name)
    else:
        root = PurePosixPath(table.parent.relative_to(tables).as_posix(), CLIPS)
        bounds = Bounds(MOST_MEMBERS, len(chosen) * MOST_CLIP)
        unpack(
            given,
            part / CLIPS,
            bounds,
            root.as_posix(),
            keep=lambda path: path.as_posix() in chosen,
        )
    return chosen


def _no_table(given: Path) -> CommonVoiceError:
    return CommonVoiceError(
        f"{given}: no {', '.join(TABLES)} in it: give the archive of one language of Common Voice"
    )


def _first_table(folder: Path) -> Path | None:
    """Return the table that is looked for first; of several the first by name."""
    for name in TABLES:
        found = sorted([*folder.glob(name), *folder.glob(f"*/{name}"), *folder.glob(f"*/*/{name}")])
        if found:
            return found[0]
    return None


def _draw(table: Path, count: int, seed: int) -> list[_Clip]:
    """Draw clips, every speaker once before one comes again, with the memory of those alone."""
    turns: defaultdict[str, int] = defaultdict(int)

    def keyed() -> Iterator[tuple[int, str, _Clip]]:
        for clip in _read(table):
            turn = turns[clip.speaker]
            turns[clip.speaker] += 1
            yield turn, digest_of(f"{seed} {clip.path}".encode()), clip

    return [clip for _, _, clip in heapq.nsmallest(count, keyed(), key=lambda one: one[:2])]


def _read(table: Path) -> Iterator[_Clip]:
    """Read a table line by line: the largest has hundreds of megabytes."""
    with table.open("rb") as file:
        header = _fields(file.readline(MOST_LINE))
        columns = {name: number for number, name in enumerate(header)}
        for name in ("client_id", "path"):
            if name not in columns:
                raise CommonVoiceError(
                    f"{table.name}: no column {name!r} in {', '.join(header)!r:.200}"
                )

        def field(fields: list[str], *names: str) -> str:
            found = (columns[name] for name in names if name in columns)
            return next((fields[one] for one in found if one < len(fields)), "")

        while line := file.readline(MOST_LINE):
            fields = _fields(line)
            path = field(fields, "path")
            # releases of before 2020 leave the suffix out
            path = path if "." in path else f"{path}.mp3"
            if not path.endswith(".mp3") or "/" in path or "\\" in path or path.startswith("."):
                continue
            speaker = field(fields, "client_id")[:SPEAKER_DIGITS]
            text, sex = field(fields, "sentence"), field(fields, "gender", "sex")
            yield _Clip(path, speaker, text, sex, field(fields, "accents", "accent"))


def _fields(line: bytes) -> list[str]:
    """Return the fields of a line; quotation marks are part of the text."""
    return line.decode("utf-8", "replace").rstrip("\r\n").split("\t")


def _keep(
    clips: dict[str, _Clip], part: Path, made: Path, hours: float, seed: int
) -> list[tuple[_Clip, float]]:
    """Move so many hours of the unpacked clips into the folder that is made."""
    here = [clip for clip in clips.values() if is_there(part / CLIPS / clip.path)]
    rows = [Row(0, clip.path, UNKNOWN, clip.speaker, {}) for clip in here]
    taken = take_hours(rows, hours, seed, lambda row: length_of(part / CLIPS / row.path))
    if not taken:
        raise CommonVoiceError("none of the clips that its table names is in the archive")
    (made / CLIPS).mkdir()
    for row, _ in taken:
        (part / CLIPS / row.path).rename(made / CLIPS / row.path)
    got = sum(seconds for _, seconds in taken) / 3600
    if got < hours:
        note(f"{COMMON_VOICE}: {got:.2f} hours, there are no more")
    return [(clips[row.path], seconds) for row, seconds in taken]


def _table(kept: list[tuple[_Clip, float]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the head and the rows of the manifest."""
    header = ("path", "label", "speaker", "seconds", "sex", "accent", "licence", "text")
    rows: list[tuple[str, ...]] = [
        (
            f"{CLIPS}/{clip.path}",
            UNKNOWN,
            clip.speaker,
            f"{seconds:.2f}",
            clip.sex,
            clip.accent,
            LICENCE,
            clip.text,
        )
        for clip, seconds in kept
    ]
    return header, rows


def _note(given: Path, kept: list[tuple[_Clip, float]], seed: int) -> str:
    hours = sum(seconds for _, seconds in kept) / 3600
    return (
        f"Common Voice, {hours:.2f} hours of {given.name}, by seed {seed}\n"
        "https://commonvoice.mozilla.org/\n"
        f"Licence: {LICENCE}; Mozilla asks not to determine who the speakers are\n"
        "The archive's digest is not published, and was not checked\n"
    )
