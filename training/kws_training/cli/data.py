"""The verb data: list the public data sets, fetch one, and write recordings in another layout."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import json
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError

from ..data.download import Download, DownloadError, fetch, is_right, locked, part_of, size_of
from ..data.sources import Source
from ..data.unpack import unpack
from .arguments import add_data

#: A place that has the archives under their names, tried before the official ones.
MIRROR = "KWS_DATA_MIRROR"

#: Written into each data set's folder: what it is, whose, and from where.
NOTE = "SOURCE.txt"


class FetchError(KwsError):
    """A data set that cannot be fetched."""


def fetch_data(source: Source, folder: Path) -> Path:
    """Download a data set, unpack it and write what the readers need.

    Interrupted, it goes on with the download where it was; the data set's folder appears only
    when it is complete.

    Parameters
    ----------
    source : Source
        The data set.
    folder : Path
        Where the data set's own folder goes; made if it is not there.

    Returns
    -------
    Path
        The data set's folder.

    Raises
    ------
    FetchError
        If there is no room, no mirror gives the file, or something else is in the way.
    UnpackError, ManifestError
        If the archive holds something else than expected.
    OSError
        If the folder cannot be written.
    """
    goal = folder / source.name
    archive = _with_mirror(source)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f".{source.name}.lock"):
        if goal.exists():
            if _is_that(goal, source):
                return goal
            raise FetchError(
                f"{goal}: is there, but is not what would be fetched: move it, or name another "
                "--output"
            )
        _check_room(archive, source.bounds.size, folder)
        try:
            packed = fetch(archive, folder)
        except DownloadError as error:
            raise FetchError(
                f"{error}, or get {source.archive.mirrors[0]} elsewhere and put it at "
                f"{folder / archive.name}"
            ) from error
        except OSError as error:
            raise _no_room(error, folder) or error from None
        part = folder / f".{source.name}.unpacking"
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        try:
            part.mkdir()
            _unpack(source, packed, part)
            if source.prepare is not None:
                source.prepare(part)
            (part / NOTE).write_text(_note(source), encoding="utf-8")
            part.rename(goal)
        except OSError as error:
            raise _no_room(error, folder) or error from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
        packed.unlink()
    return goal


def _with_mirror(source: Source) -> Download:
    """Return the archive with the user's mirror, if there is one, before the others."""
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return source.archive
    if not mirror.startswith(("http://", "https://")):
        raise FetchError(
            f"{MIRROR}={mirror}: must be an address that begins with https:// or http://"
        )
    own = f"{mirror.rstrip('/')}/{source.archive.name}"
    return dataclasses.replace(source.archive, mirrors=(own, *source.archive.mirrors))


def _check_room(archive: Download, unpacked: int, folder: Path) -> None:
    """Refuse to begin what the disk cannot hold."""
    held = (
        archive.size
        if is_right(folder / archive.name, archive)
        else size_of(part_of(archive, folder))
    )
    needed = max(0, archive.size - held) + unpacked
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise FetchError(
            f"{folder}: {_bytes(needed)} are needed to download and unpack, {_bytes(free)} are "
            "free: make room, or name another --output"
        )


def _no_room(error: OSError, folder: Path) -> FetchError | None:
    """Say it in other words if the disk is full."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FetchError(
            f"{folder}: the disk is full: make room and fetch again, the download is kept"
        )
    return None


def _unpack(source: Source, packed: Path, part: Path) -> None:
    from tqdm import tqdm

    with tqdm(desc="unpacking", unit="B", unit_scale=True, disable=None, leave=False) as bar:
        result = unpack(packed, part, source.bounds, source.root, source.keep, bar.update)
    if result.links:
        note(f"{source.name}: {result.links} links and devices in the archive were left out")


def _note(source: Source) -> str:
    """Return what is written beside the recordings; equal for equal contents."""
    algorithm, digest = source.archive.digest
    return (
        f"{source.title}\n{source.page}\nLicence: {source.licence}\n"
        f"From: {source.archive.mirrors[0]}\n{algorithm} of the archive: {digest}\n"
    )


def _is_that(goal: Path, source: Source) -> bool:
    """Tell whether a folder is the data set, from the digest in its note."""
    try:
        with (goal / NOTE).open("rb") as file:
            return source.archive.digest[1].encode() in file.read(10_000)
    except OSError:
        return False


def _bytes(number: int) -> str:
    return f"{number / 10**9:.1f} GB" if number >= 10**9 else f"{number / 10**6:.1f} MB"


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="list|fetch|export", required=True, help="what to do"
    )
    listing = actions.add_parser("list", help="what there is", description="what there is")
    listing.add_argument("--json", action="store_true", help="as one JSON object")
    fetching = actions.add_parser(
        "fetch",
        help="download and unpack one",
        description="download and unpack one",
        epilog=f"{MIRROR}=https://… names a place that has the archives, tried before the "
        "official ones; the digests stay the same",
    )
    fetching.add_argument("name", metavar="NAME", help="as `kws data list` says")
    fetching.add_argument(
        "--output",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="where the data set's folder goes (default: data)",
    )
    exporting = actions.add_parser(
        "export",
        help="write labelled recordings in the layout of another tool",
        description="write labelled recordings in the layout of another tool",
    )
    exporting.add_argument(
        "--to",
        choices=("audiofolder",),
        required=True,
        help="audiofolder: a folder that Hugging Face's datasets and its Hub read",
    )
    add_data(exporting)
    exporting.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="the folder to make"
    )
    for action in (listing, fetching, exporting):
        # after the action too; the command line looks for it among all arguments
        action.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show where an error came from",
        )


def _run(options: argparse.Namespace) -> int:
    if options.action == "export":
        return _export(options.data, options.speaker_rule, options.output)
    return _list(options.json) if options.action == "list" else _fetch(options.name, options.output)


def _list(as_json: bool) -> int:
    from ..data import sources

    if as_json:
        rows = [
            {
                "name": one.name,
                "title": one.title,
                "purpose": one.purpose,
                "page": one.page,
                "licence": one.licence,
                "bytes": one.archive.size,
                "url": one.archive.mirrors[0],
                "digest": ":".join(one.archive.digest),
            }
            for one in sources.SOURCES
        ]
        print(json.dumps({"sources": rows}, indent=1, ensure_ascii=False))
        return 0
    width = max(len(one.name) for one in sources.SOURCES)
    for one in sources.SOURCES:
        print(f"{one.name:{width}}  {_bytes(one.archive.size):>8}  {one.purpose}")
        print(f"{'':{width}}            {one.title}. Licence: {one.licence}")
    return 0


def _fetch(name: str, folder: Path) -> int:
    from ..data import sources

    source = next((one for one in sources.SOURCES if one.name == name), None)
    if source is None:
        names = ", ".join(one.name for one in sources.SOURCES)
        raise FetchError(f"{name}: no such data set: there are {names}")
    goal = folder / source.name
    if _is_that(goal, source):
        print(f"{goal} is there already")
    else:
        note(f"{source.title}: {source.page}")
        note(f"licence: {source.licence}")
        fetch_data(source, folder)
        print(f"{goal} is complete")
    print(f"use it:  {source.next.format(folder=shlex.quote(str(goal)))}")
    return 0


def _export(folders: Sequence[Path], speaker_rule: str | None, output: Path) -> int:
    from ..data.audiofolder import NewClip, write_audiofolder
    from ..data.dataset import find_clips
    from ..data.manifest import SPLITS

    clips = [
        NewClip(
            clip.path,
            clip.label,
            "" if clip.alone else clip.speaker,
            SPLITS.get(clip.columns.get("split", "").strip().lower(), "train"),
            clip.columns,
        )
        for clip in find_clips(folders, None, speaker_rule)
    ]
    if not output.absolute().parent.is_dir():
        raise KwsError(f"{output.parent}: no such folder: make it, or name another with --output")
    for split, count in write_audiofolder(clips, output).items():
        print(f"{output / split}: {count} recordings")
    return 0


DATA = Verb(
    "data",
    "list and fetch public data sets; write recordings in another layout",
    "kws data fetch speech-commands",
    _configure,
    _run,
)
