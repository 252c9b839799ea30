"""The link for others, who may record and nothing else; and the code that a phone reads."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from kws.errors import KwsError

from .access import INVITED
from .handling import Handlers
from .project import LEARN, ProjectError
from .replies import MOST_TAKE, answer, incoming, read_body
from .takes import keep_take

if TYPE_CHECKING:
    from aiohttp import web

#: Recordings that a project takes by its link, at most: nobody who is invited fills the disk.
MOST_INVITED = 2000


class InvitationHandlers(Handlers):
    """Answers what is asked about the link, and those who follow it.

    Parameters
    ----------
    threads : Executor
        See `Handlers`.
    addresses : sequence of str
        Where this studio is reached from other machines; empty where it is not.
    page : str
        The page of those who are invited.
    token : str or None
        What lets a phone in.
    """

    def __init__(self, threads: Any, addresses: list[str], page: str, token: str | None) -> None:
        super().__init__(threads)
        self._addresses, self._page, self._token = addresses, page, token

    def routes(self) -> list[web.RouteDef]:
        """Return what is answered, and by whom."""
        from aiohttp import web

        return [
            web.get("/api/invitation", self._show),
            web.post("/api/invitation", self._open),
            web.delete("/api/invitation", self._close),
            web.get("/api/phone", self._phone),
            web.get(f"{INVITED}{{code}}", self._invited),
            web.get(f"{INVITED}{{code}}/about", self._about),
            web.post(f"{INVITED}{{code}}/take", self._take),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        return answer(self._values(self.workspace(request).invitation.code))

    async def _open(self, request: web.Request) -> web.Response:
        if not self._addresses:
            raise ProjectError(
                "no other machine can reach this studio: start it with kws studio --host 0.0.0.0"
            )
        return answer(self._values(self.workspace(request).invitation.open()))

    async def _close(self, request: web.Request) -> web.Response:
        self.workspace(request).invitation.close()
        return answer(self._values(None))

    async def _phone(self, _: web.Request) -> web.Response:
        """Return the whole address, as the code that a phone reads."""
        if not self._addresses:
            raise ProjectError(
                "no phone can reach this studio: start it with kws studio --host 0.0.0.0"
            )
        link = f"{self._addresses[0]}/?token={self._token}"
        return answer({"link": link, "qr": qr_svg(link)})

    def _values(self, code: str | None) -> dict[str, Any]:
        reachable = bool(self._addresses)
        if code is None or not reachable:
            return {"reachable": reachable, "link": None, "qr": None}
        link = f"{self._addresses[0]}{INVITED}{code}"
        return {"reachable": True, "link": link, "qr": qr_svg(link)}

    async def _invited(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        self._check(request)
        return web.Response(text=self._page, content_type="text/html")

    async def _about(self, request: web.Request) -> web.Response:
        self._check(request)
        settings = self.workspace(request).project.settings()
        return answer({"phrase": settings.phrase, "licence": settings.licence})

    async def _take(self, request: web.Request) -> web.Response:
        self._check(request)
        project = self.workspace(request).project
        if len(project.recordings(LEARN)) >= MOST_INVITED:
            raise ProjectError("there are enough recordings: thank you")
        if request.query.get("consent") != "1":
            raise ProjectError("tick first that the recordings may be used")
        speaker = request.query.get("speaker", "").strip() or "guest"
        with incoming(project.root, "recording.wav") as path:
            await read_body(request, path, MOST_TAKE)
            kept = await self.aside(keep_take, project, path, LEARN, speaker)
        return answer({"kept": bool(kept.names), "about": kept.about, "problems": kept.problems})

    def _check(self, request: web.Request) -> None:
        from aiohttp import web

        if not self.workspace(request).invitation.is_right(request.match_info["code"]):
            raise web.HTTPNotFound(reason="this invitation is over: ask for another link")


def qr_svg(text: str) -> str:
    """Return a code that a phone's camera reads, as SVG.

    Parameters
    ----------
    text : str
        An address.

    Raises
    ------
    KwsError
        If it is too long.
    """
    import segno

    try:
        code = segno.make(text, error="m", micro=False)
    except ValueError as error:
        raise KwsError(f"{text!r:.60}: no code can be made of it ({error})") from None
    stream = io.BytesIO()
    code.save(stream, kind="svg", scale=4, border=4, xmldecl=False, svgns=True, light="#fff")
    return stream.getvalue().decode()
