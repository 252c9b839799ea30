"""Samples from a microphone, through the optional package sounddevice (PortAudio)."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from .arrays import Float32
from .errors import AudioError
from .installing import install_extra

_LIST = "see the devices with `kws listen --list-devices`"

#: PortAudio's error number (portaudio.h) of a sample rate that the device does not have.
_INVALID_RATE = -9997
#: PortAudio's error number of a number of channels that the device does not have.
_INVALID_CHANNELS = -9998
#: PortAudio's error number of a device that another program uses, or that is gone.
_UNAVAILABLE = -9985


@dataclass(frozen=True)
class InputDevice:
    """A device that can record.

    Attributes
    ----------
    index : int
        Number of the device, as `Microphone` takes it.
    name : str
        Name of the device; a part of it will do for `Microphone`.
    sample_rate : int
        The device's own sample rate, in Hz.
    channels : int
        Number of input channels.
    default : bool
        Whether it is the one used when none is asked for.
    """

    index: int
    name: str
    sample_rate: int
    channels: int
    default: bool


def input_devices() -> list[InputDevice]:
    """Return the devices that can record; none is an empty list.

    Returns
    -------
    list of InputDevice
        In the order of their numbers.

    Raises
    ------
    AudioError
        If sounddevice or PortAudio is not installed, or PortAudio fails.
    """
    sounddevice = _sounddevice()
    try:
        default = int(sounddevice.query_devices(None, "input")["index"])
    except (sounddevice.PortAudioError, ValueError):
        default = -1
    try:
        found = list(sounddevice.query_devices())
    except sounddevice.PortAudioError as error:
        raise AudioError(f"sound devices cannot be listed: {_line(error)}") from None
    return [
        InputDevice(
            index=index,
            name=str(device["name"]),
            sample_rate=round(device["default_samplerate"]),
            channels=int(device["max_input_channels"]),
            default=index == default,
        )
        for index, device in enumerate(found)
        if device["max_input_channels"] > 0
    ]


def find_devices_anew() -> None:
    """Let PortAudio look for devices again, which it does only when it is started.

    No stream of PortAudio may be open: it would end.
    """
    sounddevice = _sounddevice()
    # there is no public name for it: https://github.com/spatialaudio/python-sounddevice/issues/16
    with contextlib.suppress(sounddevice.PortAudioError):
        sounddevice._terminate()
    with contextlib.suppress(sounddevice.PortAudioError):  # there will be no device then
        sounddevice._initialize()


class ChunkQueue:
    """Bounded queue between PortAudio's thread, which must never wait, and the reader.

    Parameters
    ----------
    chunks : int
        Number of chunks held; further ones are dropped and counted.

    Attributes
    ----------
    overflows : int
        How often sound was lost: chunks dropped because the queue was full, and losses that
        PortAudio reported.
    """

    def __init__(self, chunks: int) -> None:
        self.overflows = 0
        self._closed = False
        self._chunks = chunks
        # Bounded by the callback, the only one who puts chunks: so the end always finds room.
        self._queue: queue.SimpleQueue[Float32 | None] = queue.SimpleQueue()

    def callback(self, block: Float32, frames: int, time: object, status: Any) -> None:
        """Take a block from PortAudio (its signature): copy, and nothing else.

        Parameters
        ----------
        block : float32 (frames, channels)
            PortAudio's own memory, valid during the call; the first channel is taken.
        frames, time : int, object
            Not used.
        status : sounddevice.CallbackFlags
            ``input_overflow`` says that sound was lost before this block.
        """
        del frames, time
        if status.input_overflow:
            self.overflows += 1
        if self._closed:
            return
        if self._queue.qsize() >= self._chunks:
            self.overflows += 1
            return
        self._queue.put(block[:, 0].copy())

    def close(self) -> None:
        """End the stream: the reader gets what is held, then None; may be called again."""
        self._closed = True
        self._queue.put(None)

    def get(self, seconds: float) -> Float32 | None:
        """Return the next chunk, float32 (n,), or None at the end of the stream.

        Parameters
        ----------
        seconds : float
            Time to wait at most.

        Returns
        -------
        float32 (n,) or None
            The next chunk.

        Raises
        ------
        queue.Empty
            If none came for so many seconds.
        """
        if self._closed and self._queue.empty():
            return None
        return self._queue.get(timeout=seconds)


class Microphone:
    """Microphone as a context manager, and an iterator over chunks of sound.

    >>> with Microphone() as microphone:  # doctest: +SKIP
    ...     for chunk in microphone:
    ...         ...

    Chunks are float32 (n,), mono in -1 .. 1, at the device's own rate (PortAudio's conversions
    are poor: resample with `kws.resample.Resampler`). Of several channels the first is taken, as
    devices with a processed channel put it there. Iteration ends when the context is left.

    Parameters
    ----------
    device : int, str or None
        Number of the device, a part of its name, or None for the system's default.
    block_seconds : float
        Length of a chunk.
    queue_seconds : float
        Sound held for a slow reader; more is dropped and counted.

    Attributes
    ----------
    name : str
        Name of the device.
    sample_rate : int
        Samples per second.

    Raises
    ------
    AudioError
        If sounddevice or PortAudio is not installed, there is no such device, or (on entering
        the context) it cannot be opened.
    """

    #: Seconds without any sound after which the device is taken for dead.
    patience = 5.0

    def __init__(
        self,
        device: int | str | None = None,
        block_seconds: float = 0.08,
        queue_seconds: float = 4.0,
    ) -> None:
        self._sounddevice = _sounddevice()
        info = self._query(device)
        self._index = int(info["index"])
        self._channels = int(info["max_input_channels"])
        self.name = str(info["name"])
        self.sample_rate = round(info["default_samplerate"])
        self._block = max(1, round(block_seconds * self.sample_rate))
        self._length = max(1, round(queue_seconds / block_seconds))
        self._chunks = ChunkQueue(self._length)
        self._stream: Any = None

    @property
    def overflows(self) -> int:
        """How often sound was lost since the context was entered."""
        return self._chunks.overflows

    def __enter__(self) -> Self:
        self._chunks = ChunkQueue(self._length)
        error_type = self._sounddevice.PortAudioError
        try:
            try:
                self._stream = self._open(1)
            except error_type as error:
                # Bare hardware ("hw:") has all of its channels or none.
                if _code(error) != _INVALID_CHANNELS or self._channels == 1:
                    raise
                self._stream = self._open(self._channels)
            self._stream.start()
        except error_type as error:
            self._close()
            raise AudioError(self._why(error)) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def __iter__(self) -> Iterator[Float32]:
        return self

    def __next__(self) -> Float32:
        """Return the next chunk, float32 (n,), waiting for it.

        Raises
        ------
        AudioError
            If the device stops, as when it is unplugged.
        """
        if self._stream is None:
            raise StopIteration
        try:
            chunk = self._chunks.get(self.patience)
        except queue.Empty:
            chunk = None
        if chunk is not None:
            return chunk
        if self._stream is None:  # the context was left by another thread meanwhile
            raise StopIteration
        raise AudioError(f"microphone {self.name!r}: no more sound comes: is it unplugged?")

    def _query(self, device: int | str | None) -> dict[str, Any]:
        """Return what PortAudio says about a device."""
        try:
            info: dict[str, Any] = self._sounddevice.query_devices(device, "input")
        except self._sounddevice.PortAudioError:
            if device is None:
                raise AudioError(f"no input device found: plug in a microphone, {_LIST}") from None
            raise AudioError(f"no input device {device!r}: {_LIST}") from None
        except ValueError as error:
            several = str(error).startswith("Multiple")
            what = "several input devices match" if several else "no input device"
            raise AudioError(f"{what} {device!r}: {_LIST}") from None
        return info

    def _open(self, channels: int) -> Any:
        return self._sounddevice.InputStream(
            samplerate=self.sample_rate,
            blocksize=self._block,
            device=self._index,
            channels=channels,
            dtype="float32",
            callback=self._chunks.callback,
            finished_callback=self._chunks.close,
        )

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)
        self._chunks.close()

    def _why(self, error: Exception) -> str:
        """Return one line on why the device cannot be opened."""
        reasons = {
            _INVALID_RATE: f"does not take its own rate of {self.sample_rate} Hz: "
            "try the device 'default' or 'pulse'",
            _UNAVAILABLE: "is busy or gone: close the program that uses it, or plug it in again",
        }
        reason = reasons.get(_code(error), f"cannot be opened ({_line(error)}): {_LIST}")
        return f"microphone {self.name!r}: {reason}"


def play(samples: Float32, sample_rate: int) -> None:
    """Play samples, float32 (n,), through the default loudspeaker, and wait for their end.

    Parameters
    ----------
    samples : float32 (n,)
        Mono audio in -1 .. 1.
    sample_rate : int
        Samples per second.

    Raises
    ------
    AudioError
        If sounddevice or PortAudio is not installed, or there is no loudspeaker.
    """
    sounddevice = _sounddevice()
    try:
        sounddevice.play(samples, sample_rate, blocking=True)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(f"no loudspeaker to play with ({_line(error)})") from None


def _sounddevice() -> Any:
    """Import sounddevice, which only this module needs."""
    try:
        import sounddevice
    except ImportError:
        raise AudioError(
            f"the microphone needs the sounddevice package: {install_extra('mic')}"
        ) from None
    except OSError:  # the package is there, the library that it loads is not
        raise AudioError(
            "the microphone needs the PortAudio library: apt install libportaudio2"
        ) from None
    return sounddevice


def _code(error: Exception) -> int:
    """Return PortAudio's number of an error, 0 if it has none."""
    return int(error.args[1]) if len(error.args) > 1 else 0


def _line(error: Exception) -> str:
    """Return an error's text in one line."""
    return " ".join(str(error).split())
