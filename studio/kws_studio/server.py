"""The studio's server: pages, what they ask, and who may ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from importlib import resources
from importlib.util import find_spec
from typing import TYPE_CHECKING

from kws.console import note
from kws.errors import KwsError

from .access import INVITED, Access
from .handling import WORKSPACE, Handlers
from .invitation_handlers import InvitationHandlers
from .job_handlers import JobHandlers, job_rows
from .model_handlers import ModelHandlers, model_rows
from .recording_handlers import RecordingHandlers
from .replies import MOST_BODY, TooLargeError, answer
from .workspace import Workspace, Workspaces

if TYPE_CHECKING:
    from aiohttp import web

    _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Types of the files of the pages, by suffix.
_TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html"}
#: Where a visitor of a Space is known by.
VISITOR = "kws_visitor"
#: Scripts, styles and sounds come from here alone, so that the pages work without a network.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' "
    "data:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors {frames}"
)
#: Pages that may show a Space within theirs.
HUB = "https://huggingface.co https://*.hf.space"


class StudioServer:
    """Answers requests.

    Parameters
    ----------
    workspaces : Workspaces
        The projects.
    access : Access
        Who may ask.
    threads : Executor
        For slow work.
    addresses : list of str
        Where other machines reach this; empty where they do not.
    """

    def __init__(
        self, workspaces: Workspaces, access: Access, threads: Executor, addresses: list[str]
    ) -> None:
        self._workspaces, self._access, self._threads = workspaces, access, threads
        self._addresses = addresses
        folder = resources.files(__package__).joinpath("pages")
        self._pages = {
            one.name: one.read_text("utf-8")
            for one in folder.iterdir()
            if one.name.rpartition(".")[2] in _TYPES
        }
        self._policy = POLICY.format(frames=HUB if workspaces.visitors else "'none'")

    def application(self) -> web.Application:
        """Return the application that aiohttp runs."""
        from aiohttp import web

        async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        application = web.Application(
            middlewares=[web.middleware(guard)], client_max_size=MOST_BODY
        )
        groups: list[Handlers] = [
            RecordingHandlers(self._threads),
            JobHandlers(self._threads, self._workspaces),
            ModelHandlers(self._threads),
            InvitationHandlers(
                self._threads, self._addresses, self._pages["invited.html"], self._access.token
            ),
        ]
        application.add_routes(
            [
                web.get("/", self._show_page),
                web.get("/pages/{name}", self._show_file),
                web.get("/api/state", self._state),
                *(route for group in groups for route in group.routes()),
            ]
        )
        return application

    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Refuse strangers, and say in JSON what is wrong with a request."""
        from aiohttp import web

        refused = self._access.allows_request(request.headers)
        if refused is not None:
            return self._finish(answer({"error": refused}, 403))
        given = request.query.get("token")
        if given is not None and self._access.token is not None and self._access.allows(given):
            # out of the address: it would stay in the browser's history
            moved = web.Response(status=303, headers={"Location": request.path})
            moved.set_cookie(self._access.cookie, given, httponly=True, samesite="Strict", path="/")
            return self._finish(moved)
        open_to_all = request.path.startswith((INVITED, "/pages/"))
        if not open_to_all and not self._access.allows(request.cookies.get(self._access.cookie)):
            return self._finish(_asks_for_token(request))
        visitor, workspace = await self._workspace(request)
        WORKSPACE.set(workspace)
        response: web.StreamResponse
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = answer({"error": error.reason}, error.status)
        except TooLargeError as error:
            response = answer({"error": str(error)}, 413)
        except KwsError as error:
            response = answer({"error": self._shown(str(error), workspace)}, 400)
        except TimeoutError:
            response = answer({"error": "nothing came for a minute"}, 408)
        except ConnectionError:  # the page has gone
            raise
        except Exception as error:
            note(f"kws: {request.path}: unexpected {type(error).__name__}: {error!s:.200}")
            response = answer({"error": "something unexpected went wrong: see the terminal"}, 500)
        if visitor and not response.prepared and request.cookies.get(VISITOR) != visitor:
            # within the Hub's page it is a third party's cookie, which must be secure
            secure = request.headers.get("X-Forwarded-Proto") == "https"
            same = "None" if secure else "Lax"
            response.set_cookie(
                VISITOR, visitor, httponly=True, samesite=same, secure=secure, path="/"
            )
        return self._finish(response)

    async def _workspace(self, request: web.Request) -> tuple[str, Workspace]:
        loop = asyncio.get_running_loop()
        cookie = request.cookies.get(VISITOR)
        return await loop.run_in_executor(self._threads, self._workspaces.of, cookie)

    def _shown(self, message: str, workspace: Workspace) -> str:
        """Return a message for the page: a visitor does not care where the folder lies."""
        return message.replace(f"{workspace.project.root}/", "")

    def _finish(self, response: web.StreamResponse) -> web.StreamResponse:
        if not response.prepared:
            response.headers["Content-Security-Policy"] = self._policy
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    async def _show_page(self, _: web.Request) -> web.StreamResponse:
        from aiohttp import web

        return web.Response(text=self._pages["index.html"], content_type="text/html")

    async def _show_file(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        name = request.match_info["name"]
        if name not in self._pages:
            raise web.HTTPNotFound(reason=f"no page {name!r:.60}")
        kind = _TYPES[name.rpartition(".")[2]]
        headers = {"Cache-Control": "no-cache"}
        return web.Response(text=self._pages[name], content_type=kind, headers=headers)

    async def _state(self, request: web.Request) -> web.Response:
        """Return all that the page shows first."""
        workspace = WORKSPACE.get()

        def state() -> dict[str, object]:
            return {
                "project": workspace.project.summary(),
                "jobs": job_rows(workspace),
                "models": model_rows(workspace.project),
                "visitors": self._workspaces.visitors,
                "reachable": bool(self._addresses),
                # an export to WebAssembly takes half a minute of a machine that visitors share
                "compiler": find_spec("ziglang") is not None and not self._workspaces.visitors,
            }

        loop = asyncio.get_running_loop()
        return answer(await loop.run_in_executor(self._threads, state))


def _asks_for_token(request: web.Request) -> web.StreamResponse:
    from aiohttp import web

    text = "This studio asks for a token: open the whole address that kws studio printed."
    if request.path == "/":
        return web.Response(text=text, status=401, content_type="text/plain")
    return answer({"error": text}, 401)
