"""Keywords over HTTP: a page to try them, a WebSocket for a stream, a request for a recording."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..console import note
from ..detections import detection_values
from ..errors import AudioError, KwsError
from ..name_list import names
from ..resample import HIGHEST_RATE, LOWEST_RATE
from .catalog import Choice
from .hosting import STOP_SECONDS, close_reason
from .limits import NoPlaceError
from .origins import OriginRules
from .patience import patiently, stood_still
from .samples import SampleFormat
from .service import Service
from .session import Heard, Session
from .wav_upload import HEADER_BYTES, WavStart, read_wav_start

if TYPE_CHECKING:
    from aiohttp import web

    _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Bytes of a recording that is sent whole, at most: an hour and a half of 16-bit mono at 16 kHz.
MOST_BODY = 200_000_000
#: Seconds between the questions whether a WebSocket's client is still there.
HEARTBEAT_SECONDS = 30.0
#: Connections for each client that is served: a browser opens some beside that of the audio.
CONNECTIONS_PER_CLIENT = 4
#: What a client sends as a text to have the stream ended and its last detections.
END = "end"


class HttpServer:
    """Answers requests.

    Parameters
    ----------
    service : Service
        The models, and what clients may do.
    rules : OriginRules
        Which pages may ask.
    """

    def __init__(self, service: Service, rules: OriginRules) -> None:
        self._service, self._limits, self._rules = service, service.limits, rules
        self._page = resources.files(__package__).joinpath("page.html").read_text("utf-8")
        self._policy = _content_policy(self._page)
        self._sockets: set[web.WebSocketResponse] = set()
        #: Connections on which nothing was asked yet, and what drops them.
        self._silent: dict[web.RequestHandler, asyncio.TimerHandle] = {}

    def application(self) -> web.Application:
        """Return the application that aiohttp runs."""
        from aiohttp import web

        async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        application = web.Application(middlewares=[web.middleware(guard)])
        application.router.add_get("/", self._show_page)
        application.router.add_get("/models", self._list_models)
        application.router.add_get("/listen", self._listen)
        application.router.add_post("/spot", self._spot)
        return application

    def connection_factory(self, server: web.Server) -> Callable[[], Any]:
        """Return what makes connections: not too many, and none on which nothing is asked.

        Parameters
        ----------
        server : aiohttp.web.Server
            That of the runner of the application.

        Returns
        -------
        callable
            Makes a protocol for each connection.
        """
        most = CONNECTIONS_PER_CLIENT * self._limits.clients

        def wait_for(protocol: web.RequestHandler, *, again: bool) -> None:
            loop, seconds = asyncio.get_running_loop(), self._limits.idle_seconds
            due = loop.time() + seconds
            self._silent[protocol] = loop.call_later(seconds, drop, protocol, due, again)

        def drop(protocol: web.RequestHandler, due: float, again: bool) -> None:
            if self._silent.pop(protocol, None) is None or protocol.transport is None:
                return
            if again and stood_still(due):
                wait_for(protocol, again=False)
            else:
                protocol.transport.abort()

        def make() -> Any:
            if len(server.connections) >= most:
                return _Refusal()
            if len(self._silent) > 2 * most:  # most of them have gone without a word
                for gone in [one for one in self._silent if one.transport is None]:
                    self._silent.pop(gone).cancel()
            protocol = server()
            wait_for(protocol, again=True)
            return protocol

        return make

    async def stop(self) -> None:
        """Close all WebSockets."""
        from aiohttp import WSCloseCode

        async def close(socket: web.WebSocketResponse) -> None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops")

        await asyncio.gather(*map(close, self._sockets))

    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Refuse strangers' pages, and say in JSON what is wrong with a request."""
        from aiohttp import web

        timer = self._silent.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if not self._rules.allows_host(host):
            return _refusal(
                403, f"host {host!r:.100} is not this machine: ask by its number or name"
            )
        if not self._rules.allows_origin(origin, host):
            return _refusal(
                403,
                f"pages of {origin!r:.100} may not use this server: start it with --allow-origin",
            )
        response: web.StreamResponse
        try:
            if request.method == "OPTIONS" and self._rules.is_named(origin):
                response = web.Response(status=204)
            else:
                response = await handler(request)
        except web.HTTPException as error:
            response = _refusal(error.status, error.reason)
        except KwsError as error:
            response = _refusal(503 if isinstance(error, NoPlaceError) else 400, str(error))
        except TimeoutError:
            response = _refusal(408, f"nothing came for {self._limits.idle_seconds:g} s")
        except OSError:  # the client has gone
            raise
        except Exception as error:
            note(f"kws: {request.remote}: unexpected {type(error).__name__}: {error!s:.200}")
            response = _refusal(500, "something unexpected went wrong: see the server's messages")
        if not response.prepared and origin is not None and self._rules.is_named(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Vary"] = "Origin"
        return response

    async def _show_page(self, _: web.Request) -> web.StreamResponse:
        from aiohttp import web

        headers = {"Content-Security-Policy": self._policy, "X-Content-Type-Options": "nosniff"}
        return web.Response(text=self._page, content_type="text/html", headers=headers)

    async def _list_models(self, _: web.Request) -> web.StreamResponse:
        from aiohttp import web

        models = [
            {
                "name": model.name,
                "task": model.file.metadata.task,
                "keywords": [*model.keywords],
                "thresholds": model.file.metadata.detector.thresholds,
                "sample_rate": model.file.metadata.front_end.sample_rate,
                "version": model.version,
            }
            for model in (await self._service.offer()).models
        ]
        return web.json_response({"models": models})

    async def _choice(self, request: web.Request) -> Choice:
        """Return what a request listens for."""
        keywords = request.query.get("keywords")
        return (await self._service.offer()).choose_model(
            request.query.get("model"), None if keywords is None else names(keywords)
        )

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        """Take PCM over a WebSocket, and send a detection as soon as there is one."""
        from aiohttp import WSCloseCode, WSMsgType, web

        if not web.WebSocketResponse().can_prepare(request):
            raise AudioError("/listen is a WebSocket: connect with ws://")
        sample_format = SampleFormat(_rate(request.query.get("rate", "16000")), 2, 1)
        choice = await self._choice(request)
        with self._service.places.place():
            session = await Session.start(self._service.pool, [choice], sample_format)
            socket = web.WebSocketResponse(
                max_msg_size=self._limits.message_bytes,
                heartbeat=HEARTBEAT_SECONDS,
                compress=False,  # little is gained on audio, and a bomb can be in it
            )
            try:
                await socket.prepare(request)
                self._sockets.add(socket)
                while True:
                    message = await patiently(socket.receive(), self._limits.idle_seconds)
                    if message.type is WSMsgType.BINARY:
                        await self._send(socket, session.push(message.data))
                    elif message.type is WSMsgType.TEXT and message.data == END:
                        await self._send(socket, session.finish())
                        break
                    elif message.type is not WSMsgType.TEXT:  # closed, or an error
                        break
                await socket.close()
            except TimeoutError:
                await socket.close(message=b"nothing came")
            except KwsError as error:
                await socket.close(code=WSCloseCode.INTERNAL_ERROR, message=close_reason(error))
            except OSError:  # it has gone
                pass
            finally:
                self._sockets.discard(socket)
                session.close()
        return socket

    async def _send(self, socket: web.WebSocketResponse, found: AsyncIterator[Heard]) -> None:
        async for heard in found:
            async with asyncio.timeout(self._limits.write_seconds):
                await socket.send_str(json.dumps(detection_values(heard.detection, "-")))

    async def _spot(self, request: web.Request) -> web.StreamResponse:
        """Take a recording, and answer with its detections."""
        from aiohttp import web

        if (request.content_length or 0) > MOST_BODY:
            raise web.HTTPRequestEntityTooLarge(MOST_BODY, request.content_length or 0)
        choice = await self._choice(request)
        with self._service.places.place():
            found = [
                detection_values(heard.detection, "-")
                async for heard in self._spot_body(request, choice)
            ]
        return web.json_response({"model": choice.model.name, "detections": found})

    async def _spot_body(self, request: web.Request, choice: Choice) -> AsyncIterator[Heard]:
        """Yield the detections in a WAV file as it comes; memory does not grow with it."""
        blocks = self._blocks(request)
        start, block = await _start_of(blocks)
        left = MOST_BODY if start.size is None else start.size
        session = await Session.start(self._service.pool, [choice], start.format)
        try:
            while True:  # the header may come alone: then the first block is empty
                async for heard in session.push(block[:left]):
                    yield heard
                left -= min(left, len(block))
                block = await anext(blocks, b"")
                if not block:
                    break
            async for heard in session.finish():
                yield heard
        finally:
            session.close()

    async def _blocks(self, request: web.Request) -> AsyncIterator[bytes]:
        """Yield the body of a request, within the limits."""
        from aiohttp import web

        taken = 0
        while True:
            block = await patiently(request.content.readany(), self._limits.idle_seconds)
            if not block:
                return
            taken += len(block)
            if taken > MOST_BODY:
                raise web.HTTPRequestEntityTooLarge(MOST_BODY, taken)
            yield block


async def _start_of(blocks: AsyncIterator[bytes]) -> tuple[WavStart, bytes]:
    """Return what the beginning of a WAV file says, and the first samples."""
    head = bytearray()
    look = 12
    start: WavStart | None = None
    while start is None:
        block = await anext(blocks, b"")
        head += block
        if block and len(head) < look:
            continue
        look = 2 * len(head)  # not at every byte, where they come one by one
        start = read_wav_start(bytes(head), whole=not block or len(head) >= HEADER_BYTES)
    return start, bytes(head[start.begin :])


class _Refusal(asyncio.Protocol):
    """A connection too many: it is closed as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


def _refusal(status: int, reason: str) -> web.Response:
    from aiohttp import web

    return web.json_response({"error": reason}, status=status)


def _rate(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10:
        rate = int(text)
        if LOWEST_RATE <= rate <= HIGHEST_RATE:
            return rate
    raise AudioError(f"rate {text!r:.40}: give a whole number from {LOWEST_RATE} to {HIGHEST_RATE}")


def _content_policy(page: str) -> str:
    """Return a policy by which the page's own script and style work, and no others."""

    def digests(tag: str) -> str:
        inside = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        hashes = (base64.b64encode(hashlib.sha256(one.encode()).digest()) for one in inside)
        return " ".join(f"'sha256-{digest.decode()}'" for digest in hashes)

    return (
        f"default-src 'none'; script-src {digests('script')} blob:; style-src {digests('style')}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
