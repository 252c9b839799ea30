"""Recordings: they come, are listed, heard, seen, moved and cut."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws.folders import AUDIO_SUFFIXES

from .findings import Finding, find_faults, find_unlike
from .handling import Handlers
from .pictures import picture_of
from .project import HELD, LEARN, MACHINE, SPOKEN, THROWN, ProjectError
from .replies import (
    MOST_BODY,
    MOST_TAKE,
    answer,
    incoming,
    number_of,
    read_body,
    read_json,
    text_of,
)
from .takes import Kept, keep_speech, keep_take, trim
from .workspace import Workspace

if TYPE_CHECKING:
    from aiohttp import web

#: Recordings on a page of the list.
PAGE = 24
#: Shelves whose recordings are looked at: the others hold hours.
_LOOKED_AT = (LEARN, HELD, MACHINE, THROWN)
#: Recordings that are looked at for one answer, besides those of the page: a thousand would keep
#: the page waiting, which asks again until all are.
LOOKS_AT_ONCE = 100
#: What sounds like the phrase is shown so many words of.
ALIKE_WORDS = 12


class RecordingHandlers(Handlers):
    """Answers what is asked about recordings."""

    def routes(self) -> list[web.RouteDef]:
        """Return what is answered, and by whom."""
        from aiohttp import web

        return [
            web.post("/api/phrase", self._set_phrase),
            web.get("/api/alike", self._alike),
            web.post("/api/recordings/{shelf}", self._take),
            web.get("/api/recordings/{shelf}", self._list),
            web.post("/api/unlike", self._find_unlike),
            web.post("/api/move", self._move),
            web.post("/api/trim", self._trim),
            web.get("/api/audio/{shelf}/{name}", self._audio),
            web.get("/api/picture/{shelf}/{name}", self._picture),
        ]

    async def _set_phrase(self, request: web.Request) -> web.Response:
        values = await read_json(request)
        given = {
            name: text_of(values, name)
            for name in ("phrase", "language", "licence")
            if name in values
        }
        workspace = self.workspace(request)
        workspace.project.change(**given)
        workspace.unlike.clear()
        return answer(workspace.project.summary())

    async def _alike(self, request: web.Request) -> web.Response:
        settings = self.workspace(request).project.settings()
        return answer({"words": await self.aside(_alike, settings.phrase, settings.language)})

    async def _take(self, request: web.Request) -> web.Response:
        shelf, query = request.match_info["shelf"], request.query
        project = self.workspace(request).project
        spoken = shelf in SPOKEN
        if not spoken and shelf != "speech":
            raise ProjectError(f"no recordings go to {shelf!r:.40}")
        project.shelf(LEARN)  # without a phrase nothing is kept
        name = query.get("name", "recording.wav")
        with incoming(project.root, name) as path:
            await read_body(request, path, MOST_TAKE if spoken else MOST_BODY)
            kept = await self.aside(_keep, project, path, shelf, query, name)
        return answer(_kept_values(kept))

    async def _list(self, request: web.Request) -> web.Response:
        page = request.query.get("page", "0")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 0
        worst = request.query.get("order") == "worst"
        shelf = request.match_info["shelf"]
        values = await self.aside(_listed, self.workspace(request), shelf, number, worst)
        return answer(values)

    async def _find_unlike(self, request: web.Request) -> web.Response:
        workspace = self.workspace(request)
        project = workspace.project
        paths = [path for shelf in SPOKEN for path in project.recordings(shelf)]
        workspace.unlike = await self.aside(find_unlike, paths, project.phrase)
        return answer({"unlike": len(workspace.unlike), "recordings": len(paths)})

    async def _move(self, request: web.Request) -> web.Response:
        values = await read_json(request)
        where = [text_of(values, name) for name in ("shelf", "name", "to")]
        workspace = self.workspace(request)
        path = await self.aside(workspace.project.move, *where)
        workspace.unlike.pop(where[1], None)
        return answer({"name": path.name})

    async def _trim(self, request: web.Request) -> web.Response:
        values = await read_json(request)
        span = number_of(values, "start"), number_of(values, "end")
        where = text_of(values, "shelf"), text_of(values, "name")
        workspace = self.workspace(request)
        path = await self.aside(trim, workspace.project, *where, *span)
        workspace.unlike.pop(where[1], None)
        return answer({"name": path.name})

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        path = self._found(request)
        kind = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg"}
        headers = {"Content-Type": kind.get(path.suffix.lower(), "application/octet-stream")}
        return web.FileResponse(path, headers={**headers, "Cache-Control": "no-store"})

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        path = self._found(request)
        cache = self.workspace(request).project.root / "pictures"
        content = await self.aside(picture_of, path, cache)
        # the page asks by the file's time, so that a picture never changes
        headers = {"Cache-Control": "private, max-age=86400"}
        return web.Response(body=content, content_type="image/png", headers=headers)

    def _found(self, request: web.Request) -> Path:
        from aiohttp import web

        try:
            info = request.match_info
            return self.workspace(request).project.find(info["shelf"], info["name"])
        except ProjectError as error:
            raise web.HTTPNotFound(reason=str(error)) from None


def _alike(phrase: str, language: str) -> list[str]:
    """Return words that sound like a phrase, the nearest first."""
    from kws_training.synthesis.confusables import find_confusables

    found = find_confusables(phrase, 4 * ALIKE_WORDS, 0, language, crossings=False)
    return [one.text for one in found if one.kind == "near"][:ALIKE_WORDS]


def _keep(project: Any, path: Path, shelf: str, query: Any, name: str) -> Kept:
    if path.suffix.lower() not in AUDIO_SUFFIXES and not _is_wav(path):
        raise ProjectError(f"{name!r:.80}: is no recording: give WAV, FLAC, OGG or MP3")
    if shelf == "speech":
        return keep_speech(project, path, name)
    strict = query.get("anyway") != "1"
    return keep_take(project, path, shelf, query.get("speaker") or None, strict=strict)


def _is_wav(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"RIFF"


def _kept_values(kept: Kept) -> dict[str, Any]:
    return {"names": kept.names, "about": kept.about, "problems": kept.problems}


def _listed(workspace: Workspace, shelf: str, number: int, worst: bool) -> dict[str, Any]:
    """Return a page of the recordings on a shelf, with what is wrong with them."""
    project = workspace.project
    paths = project.recordings(shelf)
    rows: dict[str, list[Finding]] = {}
    looks: dict[str, Any] = {}
    span = slice(number * PAGE, (number + 1) * PAGE)
    if shelf in _LOOKED_AT:
        page = {*paths[span]}  # by name, of which nobody waits for the others
        new = [path for path in paths if path not in page and not workspace.looks.knows(path)]
        later = {*new[LOOKS_AT_ONCE:]}
        looks = {path.name: workspace.looks.at(path) for path in paths if path not in later}
        rows = find_faults(looks)
        if shelf in SPOKEN:
            for name, finding in workspace.unlike.items():
                if name in looks:
                    rows.setdefault(name, []).append(finding)
    if worst:
        paths.sort(key=lambda one: -max((f.weight for f in rows.get(one.name, [])), default=0.0))
    shown = paths[span]
    return {
        "shelf": shelf,
        "count": len(paths),
        "page": number,
        "pages": max(1, -(-len(paths) // PAGE)),
        "with_findings": len(rows),
        "pending": len(paths) - len(looks) if shelf in _LOOKED_AT else 0,
        "recordings": [_row(path, looks.get(path.name), rows.get(path.name, [])) for path in shown],
    }


def _row(path: Path, look: Any, findings: list[Finding]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": path.name,
        "version": str(path.stat().st_mtime_ns),
        "findings": [{"kind": one.kind, "about": one.about} for one in findings],
    }
    if look is not None and not isinstance(look, str):
        values |= {
            "seconds": round(look.seconds, 2),
            "start": round(look.start, 2),
            "end": round(look.end, 2),
            "peak": round(look.peak, 1),
        }
    return values
