"""Wake words over the Wyoming protocol, which Home Assistant and its satellites speak."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from ..console import note
from ..errors import AudioError, KwsError
from .events import ProtocolError, read_event
from .patience import patiently
from .samples import parse_format
from .service import Service
from .session import Heard, Session
from .wyoming_info import describe_offer

if TYPE_CHECKING:
    from wyoming.event import Event, Eventable

#: Wake words that a client may name at once.
MOST_NAMES = 1000


class WyomingServer:
    """Serves the clients that connect.

    Parameters
    ----------
    service : Service
        The models, and what clients may do.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client until it goes: nothing that it sends is felt by others.

        Parameters
        ----------
        reader, writer : asyncio.StreamReader, asyncio.StreamWriter
            Its connection, as ``asyncio.start_server`` gives it.
        """
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        connection = _Connection(self._service, reader, writer)
        try:
            with self._service.places.place():
                await connection.run()
        except KwsError as error:
            await connection.refuse(error)
        except (OSError, TimeoutError):  # it has gone, or takes nothing
            pass
        except asyncio.CancelledError:  # the server stops: asyncio would call it an error
            pass
        except Exception as error:
            note(f"kws: {connection.peer}: unexpected {type(error).__name__}: {error!s:.200}")
        finally:
            connection.close()

    async def stop(self) -> None:
        """Let all clients go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Connection:
    """A client, and the session that is under way."""

    def __init__(
        self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._service, self._reader, self._writer = service, reader, writer
        address = writer.get_extra_info("peername")
        self.peer = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "a client"
        self._names: list[str] | None = None
        self._context: dict[str, Any] | None = None
        self._end()

    def _end(self) -> None:
        """Forget the session."""
        self._session: Session | None = None
        self._format: dict[str, Any] = {}
        self._begun = self._detected = self._refused = False
        self._origin: int | None = None  # milliseconds at the first sample

    async def run(self) -> None:
        """Answer messages until the client goes."""
        limits = self._service.limits
        while True:
            try:
                reading = read_event(self._reader, limits.message_bytes)
                event = await patiently(reading, limits.idle_seconds)
            except TimeoutError:
                raise ProtocolError(f"nothing came for {limits.idle_seconds:g} s") from None
            if event is None:
                return
            await self._handle(event)

    async def refuse(self, error: KwsError) -> None:
        """Say why the connection ends."""
        note(f"kws: {self.peer}: {error}")
        with contextlib.suppress(OSError, TimeoutError):
            await self._send_error(error)

    def close(self) -> None:
        """End the session and the connection; what is still to be sent has a while."""
        self._drop_session()
        self._writer.close()
        transport = self._writer.transport

        def abort() -> None:
            if transport.get_write_buffer_size():
                transport.abort()

        if transport.get_write_buffer_size():
            # else a client that reads nothing would keep it open for as long as it likes, beside
            # the places that are counted
            loop = asyncio.get_running_loop()
            loop.call_later(self._service.limits.write_seconds, abort)

    async def _handle(self, event: Event) -> None:
        if event.type == "audio-chunk":
            await self._hear(event)
        elif event.type == "audio-start":
            self._drop_session()
            self._begun, self._format = True, event.data
            self._origin = _milliseconds(event.data.get("timestamp"))
        elif event.type == "audio-stop":
            await self._stop()
        elif event.type == "detect":
            await self._choose(event.data)
        elif event.type == "describe":
            await self._send(describe_offer(await self._service.offer()))
        elif event.type == "ping":
            await self._pong(event.data.get("text"))
        # a client of a later version may say more: it is to be ignored

    async def _choose(self, data: dict[str, Any]) -> None:
        """Take the wake words of the sessions to come."""
        names, context = data.get("names"), data.get("context")
        if names is not None and not (
            isinstance(names, list)
            and len(names) <= MOST_NAMES
            and all(isinstance(name, str) for name in names)
        ):
            await self._send_error(
                KwsError(f"names must be a list of at most {MOST_NAMES} texts, or null for all")
            )
            return
        self._names = names or None
        self._context = context if isinstance(context, dict) else None

    async def _hear(self, event: Event) -> None:
        """Take a chunk of audio; what cannot be heard is said once, until the next session."""
        if self._refused:
            return
        self._begun = True
        try:
            data = {**self._format, **event.data}
            if self._session is None:
                self._session = await self._open(data)
            elif parse_format(data) != self._session.format:
                raise AudioError("the audio changed its format: send audio-start before")
            await self._send_heard(self._session.push(event.payload or b""))
        except (OSError, TimeoutError):
            raise
        except KwsError as error:
            note(f"kws: {self.peer}: {error}")
            self._refused = True
            await self._send_error(error)

    async def _open(self, data: dict[str, Any]) -> Session:
        """Open a session for the wake words that the client has named."""
        sample_format = parse_format(data)
        if self._origin is None:
            self._origin = _milliseconds(data.get("timestamp"))
        choices, unknown = (await self._service.offer()).choose(self._names)
        if unknown:
            note(f"kws: {self.peer}: no wake word {unknown[0]!r:.100} here: it is ignored")
        if not choices:
            raise KwsError(
                "none of the wake words is here: ask with describe for those that are"
                if self._names
                else "there is no model: put one into the folder that is served"
            )
        return await Session.start(self._service.pool, choices, sample_format)

    async def _stop(self) -> None:
        """End the session at the end of the audio."""
        from wyoming.wake import NotDetected

        if not self._begun:
            return
        if self._session is not None and not self._refused:
            await self._send_heard(self._session.finish())
        if not self._detected:
            await self._send(NotDetected(context=self._context))
        self._drop_session()

    async def _send_heard(self, found: AsyncIterator[Heard]) -> None:
        from wyoming.wake import Detection

        async for heard in found:
            self._detected = True
            timestamp = (self._origin or 0) + round(1000 * heard.detection.end)
            await self._send(Detection(heard.name, timestamp, context=self._context))

    async def _pong(self, text: Any) -> None:
        from wyoming.ping import Pong

        await self._send(Pong(text=text if isinstance(text, str) else None))

    async def _send_error(self, error: KwsError) -> None:
        from wyoming.error import Error

        await self._send(Error(text=str(error), code=type(error).__name__))

    async def _send(self, message: Eventable) -> None:
        """Send a message; a client that does not take it is let go, and nobody waits for it."""
        from wyoming.event import async_write_event

        if self._writer.is_closing():  # asyncio of Python 3.13.0 does not look
            raise ConnectionResetError("the client has gone")
        async with asyncio.timeout(self._service.limits.write_seconds):
            await async_write_event(message.event(), self._writer)

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
        self._end()


def _milliseconds(value: Any) -> int | None:
    """Return a time that a client states, if it is one."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 53:
        return None
    return value
