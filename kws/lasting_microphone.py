"""A microphone that goes on when the device has been gone: unplugged, suspended, another rate."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from .arrays import Float32
from .errors import AudioError
from .microphone import Microphone, find_devices_anew
from .resample import Resampler

#: Seconds from one attempt to open a device that is gone to the next.
RETRY_SECONDS = 0.25
#: Seconds without sound that are an interruption although the device was never gone: the machine
#: was suspended.
LONGEST_WAIT = 1.0
#: What ALSA says of where a device is plugged in: it may be elsewhere the next time.
_PLACE = re.compile(r" \(hw:\d+,\d+\)$")


class LastingMicrophone:
    """A `Microphone` that outlives its device: a context manager, and an iterator over chunks.

    When the device stops, as when it is unplugged, it is looked for again and again, by its name,
    until it is there; then chunks go on. They have the sample rate of the first time, whatever the
    device's is now. Meanwhile the iterator waits, so that the first chunk after an interruption is
    told by `interruptions`, which is higher than before.

    PortAudio knows of a device that was plugged in only after it has been started anew: no other
    stream of PortAudio may be open in the process.

    Parameters
    ----------
    device : int, str or None
        As for `Microphone`.
    say : callable
        Takes a line that says what happened.

    Attributes
    ----------
    name : str
        Name of the device.
    sample_rate : int
        Samples per second of the chunks.
    interruptions : int
        How often sound stopped coming.
    missed_seconds : float
        How long no sound came, all interruptions together.

    Raises
    ------
    AudioError
        As for `Microphone`, at the beginning; nothing is waited for then.
    """

    def __init__(self, device: int | str | None, say: Callable[[str], object]) -> None:
        self._microphone = Microphone(device)
        self.name = self._microphone.name
        self.sample_rate = self._microphone.sample_rate
        # by its name: a number may be another device's when one has been plugged in
        self._wanted = self.name if isinstance(device, int) else device
        self._say = say
        self._resampler: Resampler | None = None
        self._before = 0  # overflows of streams that have ended
        self._open = False
        self.interruptions = 0
        self.missed_seconds = 0.0

    @property
    def overflows(self) -> int:
        """How often sound was lost though the device was there."""
        return self._before + self._microphone.overflows

    def __enter__(self) -> Self:
        self._microphone.__enter__()
        self._open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False
        self._microphone.__exit__(kind, error, traceback)

    def __iter__(self) -> Iterator[Float32]:
        return self

    def __next__(self) -> Float32:
        """Return the next chunk, float32 (n,), however long it takes to come."""
        began = _now()
        try:
            chunk = next(self._microphone)
        except AudioError as error:
            self._say(f"{error} Waiting for it to come back")
            self.interruptions += 1
            try:
                chunk = self._come_back()
            finally:  # Ctrl-C may end the wait
                self.missed_seconds += _now() - began
            self._say(f"microphone {self.name!r} is back after {_now() - began:.1f} s")
        else:
            waited = _now() - began
            if waited > LONGEST_WAIT:
                self.interruptions += 1
                self.missed_seconds += waited
                self._say(f"microphone {self.name!r}: no sound came for {waited:.1f} s: it goes on")
        return chunk if self._resampler is None else self._resampler.push(chunk)

    def _come_back(self) -> Float32:
        """Wait for the device, and return its first chunk."""
        while self._open:
            self._microphone.__exit__(None, None, None)
            time.sleep(RETRY_SECONDS)
            find_devices_anew()
            for name in self._names():
                try:
                    found = Microphone(name)
                    found.__enter__()
                except AudioError:
                    continue
                self._before += self._microphone.overflows
                self._microphone = found
                try:
                    chunk = next(found)
                except AudioError:
                    break  # it is there, but gives nothing
                self._follow_rate(found.sample_rate)
                return chunk
        raise StopIteration

    def _names(self) -> list[int | str | None]:
        """Return what the device may be found by."""
        if not isinstance(self._wanted, str):
            return [self._wanted]
        without = _PLACE.sub("", self._wanted)
        return [self._wanted] if without == self._wanted else [self._wanted, without]

    def _follow_rate(self, rate: int) -> None:
        """Go on with a device of this rate, in Hz."""
        self._resampler = None
        if rate != self.sample_rate:
            self._say(
                f"microphone {self.name!r} has {rate} Hz now: resampled to {self.sample_rate} Hz"
            )
            self._resampler = Resampler(rate, self.sample_rate)


def _now() -> float:
    """Return a time in seconds that goes on while the machine is suspended, where that is known."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
