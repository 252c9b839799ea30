"""Models: listed, tried with the microphone, taken away."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws.detections import detection_values
from kws.errors import KwsError
from kws.metadata import DetectorDefaults
from kws.modelfile import read_model
from kws.resample import HIGHEST_RATE, LOWEST_RATE
from kws.serving.hosting import close_reason
from kws.serving.samples import SampleFormat, SampleStream

from .handling import Handlers
from .live import Listener
from .plans import FORMS, forms_of
from .project import Project, ProjectError
from .replies import RequestError, answer

if TYPE_CHECKING:
    from aiohttp import web

#: Files of the web export that the page runs, with their types.
_WEB_FILES = {
    "kws.js": "text/javascript",
    "kws-worklet.js": "text/javascript",
    "kws.wasm": "application/wasm",
}
#: Seconds on which nothing comes after which a microphone is let go.
IDLE = 60.0
#: Bytes of audio in one message, at most.
MOST_MESSAGE = 1 << 20
#: Bytes of an export that is put into a ZIP file, at most.
MOST_EXPORT = 100_000_000


class ModelHandlers(Handlers):
    """Answers what is asked about models."""

    def routes(self) -> list[web.RouteDef]:
        """Return what is answered, and by whom."""
        from aiohttp import web

        return [
            web.get("/api/models", self._list),
            web.get("/api/listen", self._listen),
            web.get("/try/{model}/{made}/{file}", self._web_file),
            web.get("/api/take/model/{model}", self._take_model),
            web.get("/api/take/export/{model}/{form}", self._take_export),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        project = self.workspace(request).project
        return answer({"models": await self.aside(model_rows, project)})

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        """Hear a microphone over a WebSocket: 16-bit mono samples in, scores and detections out."""
        from aiohttp import WSCloseCode, WSMsgType, web

        socket = web.WebSocketResponse(max_msg_size=MOST_MESSAGE, compress=False)
        if not socket.can_prepare(request):
            raise RequestError("/api/listen is a WebSocket")
        query = request.query
        rate = _number(query.get("rate", "16000"), LOWEST_RATE, HIGHEST_RATE)
        given = query.get("threshold")
        threshold = None if given is None else _number(given, 0.0, 1.0)
        path = self.workspace(request).project.model(query.get("model", ""))
        listener = await self.aside(_listener, path, round(rate), threshold)
        samples = SampleStream(SampleFormat(round(rate), 2, 1))
        await socket.prepare(request)
        try:
            while True:
                message = await socket.receive(timeout=IDLE)
                if message.type is not WSMsgType.BINARY:
                    break
                for piece in samples.push(message.data):
                    # beside the loop: else a page that sends much keeps all others waiting
                    heard = await self.aside(listener.push, piece)
                    found = [detection_values(one, "-") for one in heard.detections]
                    await socket.send_str(json.dumps({"score": heard.score, "found": found}))
            await socket.close()
        except TimeoutError:
            await socket.close(message=b"nothing came")
        except KwsError as error:
            await socket.close(code=WSCloseCode.INTERNAL_ERROR, message=close_reason(error))
        except OSError:  # it has gone
            pass
        return socket

    async def _web_file(self, request: web.Request) -> web.StreamResponse:
        """Give a file of a model's web export, which runs in the page."""
        from aiohttp import web

        project, info = self.workspace(request).project, request.match_info
        model, name = project.model(info["model"]), info["file"]
        path = project.root / "exports" / model.stem / "web" / name
        there = name in _WEB_FILES and path.is_file() and _is_inside(project, path)
        if not there or "web" not in _exports(project, model):
            raise web.HTTPNotFound(reason="not exported to the browser yet")
        headers = {"Content-Type": _WEB_FILES[name], "Cache-Control": "no-cache"}
        return web.FileResponse(path, headers=headers)

    async def _take_model(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        path = self.workspace(request).project.model(request.match_info["model"])
        return web.FileResponse(path, headers=_attached(path.name))

    async def _take_export(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        project, info = self.workspace(request).project, request.match_info
        model, form = project.model(info["model"]), info["form"]
        content = await self.aside(_zipped, project, model, form)
        headers = _attached(f"{model.stem}_{form}.zip")
        return web.Response(body=content, content_type="application/zip", headers=headers)


def model_rows(project: Project) -> list[dict[str, Any]]:
    """Return the models of a project, the latest first.

    Parameters
    ----------
    project : Project
        Whose models.
    """
    rows: list[dict[str, Any]] = []
    for path in project.models():
        try:
            metadata = read_model(path).metadata
        except KwsError as error:
            rows.append({"name": path.name, "error": str(error).replace(str(path), path.name)})
            continue
        detector = metadata.detector
        words = isinstance(detector, DetectorDefaults)
        rows.append(
            {
                "name": path.name,
                "stem": path.stem,
                "bytes": path.stat().st_size,
                "made": path.stat().st_mtime,
                "keywords": list(metadata.keywords),
                "thresholds": detector.thresholds if isinstance(detector, DetectorDefaults) else {},
                "enrolled": metadata.enrolled,
                "usable": words,
                "forms": forms_of(metadata),
                "exports": _exports(project, path),
            }
        )
    return rows


def _exports(project: Project, model: Path) -> list[str]:
    """Return the exports of a model as it is now: those of before another threshold are none."""
    return sorted(form for form in FORMS if _exported(project, model, form))


def _export(project: Project, model: Path, form: str) -> Path:
    return project.root / "exports" / model.stem / form


def _exported(project: Project, model: Path, form: str) -> list[Path]:
    """Return the files of an export that are of the model as it is now, by name."""
    folder = _export(project, model, form)
    if not _is_inside(project, folder):
        return []
    try:
        made = model.stat().st_mtime_ns
        return [
            path
            for path in sorted(folder.rglob("*"))
            # what begins with a dot is not complete
            if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
            if path.stat().st_mtime_ns >= made
        ]
    except FileNotFoundError:  # it is being replaced
        return []


def _listener(path: Path, rate: int, threshold: float | None) -> Listener:
    return Listener(read_model(path), rate, threshold)


def _number(text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise RequestError(f"{text!r:.40}: give a number from {least:g} to {most:g}")
    return value


def _is_inside(project: Project, path: Path) -> bool:
    return path.resolve().is_relative_to(project.root)


def _attached(name: str) -> dict[str, str]:
    from urllib.parse import quote

    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}


def _zipped(project: Project, model: Path, form: str) -> bytes:
    """Return an export as a ZIP file."""
    files = _exported(project, model, form) if form in FORMS else []
    if not files:
        raise ProjectError(f"{model.stem} was not exported to {form!r:.40} yet")
    folder = _export(project, model, form)
    if sum(one.stat().st_size for one in files) > MOST_EXPORT:
        raise ProjectError(f"{folder}: is too large for a page: copy it from the disk")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, f"{model.stem}_{form}/{path.relative_to(folder).as_posix()}")
    return stream.getvalue()
