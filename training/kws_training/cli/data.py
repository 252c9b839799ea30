"""The verb data: public data sets, mixes of negatives, and recordings in another layout."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError

from .arguments import add_data, add_seed

#: Hours of Common Voice that are taken if nobody says how many.
COMMON_VOICE_HOURS = 20.0


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="list|fetch|import|export", required=True, help="what to do"
    )
    listing = actions.add_parser("list", help="what there is", description="what there is")
    listing.add_argument("--json", action="store_true", help="as one JSON object")
    fetching = actions.add_parser(
        "fetch",
        help="download and unpack one, or a mix of negatives",
        description="download and unpack a data set; `negatives` is a mix of several, by hours, in "
        "a folder for each kind of speech",
        epilog="KWS_DATA_MIRROR=https://… names a place that has the archives, tried before the "
        "official ones; the digests stay the same",
    )
    fetching.add_argument(
        "name", metavar="NAME", help="as `kws data list` says, or negatives: a mix of several"
    )
    fetching.add_argument(
        "--mix",
        metavar="NAME=HOURS,…",
        help="of negatives: hours of each part, as `kws data list` names them; its last line says "
        "what is taken if this is left out",
    )
    fetching.add_argument(
        "--yes", action="store_true", help="of negatives: begin without asking, as scripts must"
    )
    importing = actions.add_parser(
        "import",
        help="take hours of an archive of Common Voice that you have downloaded",
        description="take hours of an archive of Common Voice, which Mozilla gives out by account, "
        "as negatives: of as many speakers as there are",
    )
    importing.add_argument("name", choices=("common-voice",), help="what the archive is")
    importing.add_argument(
        "archive",
        type=Path,
        metavar="ARCHIVE",
        help="the .tar.gz of one language, or the folder that it was unpacked to",
    )
    importing.add_argument(
        "--hours",
        type=float,
        default=COMMON_VOICE_HOURS,
        metavar="H",
        help=f"how much is taken (default: {COMMON_VOICE_HOURS:g})",
    )
    for action in (fetching, importing):
        action.add_argument(
            "--output",
            type=Path,
            default=Path("data"),
            metavar="DIR",
            help="where the data set's folder goes (default: data)",
        )
        add_seed(action)
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
    for action in (listing, fetching, importing, exporting):
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
    if options.action == "list":
        return _list(options.json)
    if options.action == "import":
        return _import(options)
    from ..data.mixing import NEGATIVES

    if options.name == NEGATIVES:
        return _fetch_mix(options)
    for name, given in (("--mix", options.mix is not None), ("--yes", options.yes)):
        if given:
            raise KwsError(f"{name}: goes with `kws data fetch {NEGATIVES}` alone")
    return _fetch(options.name, options.output)


def _list(as_json: bool) -> int:
    from ..data import sources
    from ..data.fetching import in_bytes

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
        parts = [
            {"name": part.name, "source": part.source, "kind": part.kind, "hours": part.hours}
            for part in sources.PARTS
        ]
        listed = {"sources": rows, "parts": parts, "mix": sources.MIX}
        print(json.dumps(listed, indent=1, ensure_ascii=False))
        return 0
    width = max(len(one.name) for one in sources.SOURCES)
    for one in sources.SOURCES:
        print(f"{one.name:{width}}  {in_bytes(one.archive.size):>8}  {one.purpose}")
        print(f"{'':{width}}            {one.title}. Licence: {one.licence}")
    hours = (f" ({part.hours:g} hours)" if part.hours else "" for part in sources.PARTS)
    named = ", ".join(part.name + of for part, of in zip(sources.PARTS, hours, strict=True))
    print(f"\nA mix of negatives (`kws data fetch negatives`) has hours of {named}.")
    print(f"If nobody says which: {_mix_text(sources.MIX)}")
    return 0


def _mix_text(mix: Mapping[str, float]) -> str:
    return ",".join(f"{name}={hours:g}" for name, hours in mix.items())


def _fetch(name: str, folder: Path) -> int:
    from ..data import sources
    from ..data.fetching import (
        FetchError,
        bytes_left,
        drop_archive,
        fetch_data,
        in_bytes,
        is_fetched,
        time_of,
    )
    from ..data.mixing import NEGATIVES

    source = next((one for one in sources.SOURCES if one.name == name), None)
    if source is None:
        names = ", ".join(one.name for one in sources.SOURCES)
        raise FetchError(f"{name}: no such data set: there are {names}, and {NEGATIVES}")
    goal = folder / source.name
    if is_fetched(goal, source):
        drop_archive(source, folder)
        print(f"{goal} is there already")
    else:
        note(f"{source.title}: {source.page}")
        note(f"licence: {source.licence}")
        left = bytes_left(source, folder)
        note(f"downloads {in_bytes(left)}: {time_of(left, source.bounds.size)}")
        fetch_data(source, folder)
        print(f"{goal} is complete")
    print(f"use it:  {source.next.format(folder=shlex.quote(str(goal)))}")
    return 0


def _fetch_mix(options: argparse.Namespace) -> int:
    """Fetch a mix of negatives, after what it costs was said and agreed to."""
    from ..data import sources
    from ..data.mixing import (
        NEGATIVES,
        fetch_mix,
        is_mixed,
        mixed_kinds,
        parse_mix,
        plan_lines,
        plan_mix,
    )

    hours = sources.MIX if options.mix is None else parse_mix(options.mix)
    goal = options.output / NEGATIVES
    if is_mixed(goal, hours, options.seed):
        print(f"{goal} is there already")
    else:
        plan = plan_mix(hours, options.output)
        for line in plan_lines(plan, options.output):
            note(line)
        if not options.yes and not _agreed():
            note("nothing was downloaded")
            return 1
        fetch_mix(plan, options.output, options.seed)
        for kind in mixed_kinds(goal):
            print(
                f"{goal / kind.kind}: {kind.hours:.1f} hours, {kind.recordings} recordings, "
                f"{kind.speakers} speakers"
            )
    noise = goal / "noise"
    with_noise = f" --noise {shlex.quote(str(noise))}" if noise.is_dir() else ""
    folder = shlex.quote(str(goal))
    print(
        f"use it:  kws train --wake-word 'hey device' --negatives {folder}{with_noise} "
        "--output model.tflite"
    )
    print(f"judge:   kws evaluate model.tflite --positives DIR --negatives {folder} --by-kind")
    return 0


def _agreed() -> bool:
    """Ask whether to go on; without a terminal nobody can be asked."""
    if not sys.stdin.isatty():
        raise KwsError("nobody can be asked whether to begin: add --yes")
    print("begin? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _import(options: argparse.Namespace) -> int:
    from ..data.common_voice import import_common_voice
    from ..data.fetching import NOTE, in_bytes, time_to_unpack

    if options.archive.is_file():
        size = options.archive.stat().st_size
        reading = time_to_unpack(2 * size)
        note(f"{options.archive}: {in_bytes(size)} are read twice, in some {reading} (an estimate)")
    goal = import_common_voice(options.archive, options.output, options.hours, options.seed)
    print((goal / NOTE).read_text(encoding="utf-8").split("\n")[0])
    print(f"use it:  kws data fetch negatives --mix common-voice={options.hours:g}")
    folder = shlex.quote(str(goal))
    print(f"or:      kws train --wake-word 'hey device' --negatives {folder} --output model.tflite")
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
