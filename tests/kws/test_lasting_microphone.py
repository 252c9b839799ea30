"""A microphone that is gone and comes back, on a PortAudio that behaves as the real one.

What the real one does is in `test_pulseaudio.py`: streams that end, devices that are known only
after PortAudio has been started anew, at another place and with another rate.
"""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.cli.main import main
from kws.errors import AudioError
from kws.lasting_microphone import LastingMicrophone
from kws.microphone import Microphone
from kws.resample import resample

from .conftest import RATE, Demo

FINE = SimpleNamespace(input_overflow=False)
OVERFLOW = SimpleNamespace(input_overflow=True)


#: What the demo says and the model detects.
WORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]


class PortAudioError(Exception):
    """What sounddevice raises."""


@dataclass
class Plugged:
    """A device from the time that it is plugged in to when it is pulled out.

    `gone` is how often PortAudio finds nothing before it is there; `silent`, that it then opens and
    gives nothing; `lost`, that sound was lost before each chunk.
    """

    samples: np.ndarray
    name: str = "Mic: Audio (hw:1,0)"
    rate: int = RATE
    gone: int = 0
    silent: bool = False
    lost: bool = False


@dataclass
class Host:
    """Stands in for the package sounddevice; the last device stays, and then Ctrl-C comes."""

    devices: list[Plugged]
    starts: int = 0
    known: Plugged | None = None
    opened: list[str] = field(default_factory=list)
    PortAudioError = PortAudioError

    def __post_init__(self) -> None:
        self._waiting = list(self.devices)
        self._initialize()

    def _terminate(self) -> None:
        self.known = None

    def _initialize(self) -> None:
        self.starts += 1
        if self._waiting and self._waiting[0].gone:
            self._waiting[0].gone -= 1
        elif self._waiting:
            self.known = self._waiting[0]

    def query_devices(self, device: object = None, kind: str | None = None) -> dict[str, Any]:
        if self.known is None:
            raise PortAudioError("Error querying device -1")
        if isinstance(device, str) and device not in self.known.name:
            raise ValueError(f"No input device matching {device!r}")
        return {
            "index": 3,
            "name": self.known.name,
            "max_input_channels": 1,
            "default_samplerate": float(self.known.rate),
        }

    def InputStream(self, **options: Any) -> Any:  # noqa: N802
        assert self.known is not None
        self.opened.append(self.known.name)
        assert options["samplerate"] == self.known.rate
        return Stream(self, self._waiting.pop(0), options)


class Stream:
    """Gives all chunks of a device at once, and ends as a stream does whose device is gone."""

    def __init__(self, host: Host, plugged: Plugged, options: dict[str, Any]) -> None:
        self._host, self._plugged, self._options = host, plugged, options

    def start(self) -> None:
        one, callback = self._plugged, self._options["callback"]
        if one.silent:
            return
        size = self._options["blocksize"]
        for start in range(0, len(one.samples), size):
            block = one.samples[start : start + size, None]
            callback(block, len(block), None, OVERFLOW if one.lost else FINE)
        if self._host._waiting:
            self._options["finished_callback"]()

    def close(self, ignore_errors: bool) -> None:
        self._options["finished_callback"]()


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Takes devices, one after the other; returns the host, which has the first."""

    def plug(*devices: Plugged) -> Host:
        host = Host(list(devices))
        monkeypatch.setitem(sys.modules, "sounddevice", host)  # type: ignore[arg-type]
        # so that a test waits for no device, and all of a recording is held
        monkeypatch.setattr("kws.lasting_microphone.RETRY_SECONDS", 0.001)
        monkeypatch.setattr(Microphone, "patience", 0.05)
        whole = Microphone.__init__
        monkeypatch.setattr(
            Microphone,
            "__init__",
            lambda self, device=None: whole(self, device, queue_seconds=600.0),
        )
        return host

    return plug


def heard(microphone: LastingMicrophone, samples: int) -> np.ndarray:
    """What comes from a microphone, until so many samples have come."""
    chunks: list[np.ndarray] = []
    with microphone:
        while sum(map(len, chunks)) < samples:
            chunks.append(next(microphone))
    return np.concatenate(chunks)


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * 300 * time)).astype(np.float32)


def test_unplugged_and_plugged_in_again_elsewhere(plugged: Any) -> None:
    first, second = tone(1.6), tone(2.4)
    host = plugged(Plugged(first), Plugged(second, name="Mic: Audio (hw:2,0)", gone=5))
    said: list[str] = []
    microphone = LastingMicrophone(3, said.append)  # by its number, which may be another's then
    found = heard(microphone, len(first) + len(second))
    assert np.array_equal(found, np.concatenate([first, second]))
    assert microphone.interruptions == 1
    assert microphone.missed_seconds > 0
    assert host.opened == ["Mic: Audio (hw:1,0)", "Mic: Audio (hw:2,0)"]
    assert host.starts == 7
    gone, back = said
    assert gone.endswith("is it unplugged? Waiting for it to come back")
    assert "'Mic: Audio (hw:1,0)' is back after " in back


def test_another_rate(plugged: Any) -> None:
    first, second = tone(0.8, 48000), tone(4, 16000)
    plugged(Plugged(first, rate=48000), Plugged(second, rate=16000))
    said: list[str] = []
    microphone = LastingMicrophone(None, said.append)
    found = heard(microphone, len(first) + 3 * len(second) - 4000)
    assert microphone.sample_rate == 48000
    later = found[len(first) :]
    expected = resample(second, 16000, 48000)[: len(later)]
    assert np.abs(later - expected).max() < 1e-3
    assert "has 16000 Hz now: resampled to 48000 Hz" in said[1]


def test_a_device_that_opens_and_gives_nothing_is_opened_again(plugged: Any) -> None:
    first, second = tone(0.8), tone(0.8)
    nothing = Plugged(np.zeros(0, np.float32), silent=True)
    plugged(Plugged(first), nothing, Plugged(second, gone=2))
    microphone = LastingMicrophone("Mic", lambda line: None)
    assert len(heard(microphone, len(first) + len(second))) == len(first) + len(second)
    assert microphone.interruptions == 1


def test_overflows_are_counted_over_all(plugged: Any) -> None:
    plugged(Plugged(tone(8), lost=True), Plugged(tone(4), lost=True))
    microphone = LastingMicrophone(None, lambda line: None)
    heard(microphone, 12 * RATE)
    assert microphone.overflows == 150


def test_a_suspended_machine_is_an_interruption(
    plugged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged(Plugged(tone(1.6)))
    said: list[str] = []
    microphone = LastingMicrophone(None, said.append)
    # an hour passes while one chunk is waited for
    times = itertools.chain([0.0, 0.1, 10.0, 3610.0], itertools.repeat(3610.0))
    monkeypatch.setattr("kws.lasting_microphone._now", lambda: next(times))
    heard(microphone, round(1.6 * RATE))
    assert microphone.interruptions == 1
    assert microphone.missed_seconds == 3600
    assert "no sound came for 3600.0 s: it goes on" in said[0]


def test_at_the_beginning_nothing_is_waited_for(plugged: Any) -> None:
    plugged(Plugged(tone(1), gone=3))
    with pytest.raises(AudioError, match="no input device found"):
        LastingMicrophone(None, lambda line: None)


# --- the verb ---


def listened(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[list[str], str]:
    """Run `kws listen` until its last device has given all; returns keywords and what was said."""
    real = Microphone.__next__

    def until_all_is_heard(self: Microphone) -> np.ndarray:
        if not sys.modules["sounddevice"]._waiting and self._chunks._queue.empty():  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(Microphone, "__next__", until_all_is_heard)
    assert main(["listen", "--json"]) == 0
    printed = capsys.readouterr()
    return [json.loads(line)["keyword"] for line in printed.out.splitlines()], printed.err


@pytest.mark.parametrize("gone", [1, 40])
def test_words_are_heard_from_the_first_second_on(
    gone: int,
    plugged: Any,
    demo: Demo,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A word that is cut off is none, and the next one may come at once."""
    cut = round((demo.words[1].start + 0.1) * RATE)
    after = round((demo.words[2].start - 0.1) * RATE)
    plugged(Plugged(demo.samples[:cut]), Plugged(demo.samples[after:], gone=gone))
    found, text = listened(capsys, monkeypatch)
    spotter = KeywordSpotter.default()
    pieces = (demo.samples[:cut], spotter.ending, demo.samples[after:])
    assert found == [one.keyword for piece in pieces for one in spotter.process(piece)]
    assert found[:3] == ["yes", "up", "down"]
    assert "is it unplugged? Waiting for it to come back" in text
    assert "1 interruptions (" in text


@pytest.mark.parametrize("fault", ["digital silence", "a constant", "sound at full scale"])
def test_faults_of_sound_are_told_and_what_comes_after_is_heard(
    fault: str,
    plugged: Any,
    demo: Demo,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    square = np.sign(np.sin(np.arange(20 * RATE) / 6 + 0.01))
    what = {"digital silence": square * 0, "a constant": square * 0 + 0.7}.get(fault, square)
    second = np.random.default_rng(0).normal(0, 1e-3, RATE)
    samples = np.concatenate([what, second, demo.samples]).astype(np.float32)
    plugged(Plugged(samples, lost=True))
    found, text = listened(capsys, monkeypatch)
    assert found == WORDS
    assert f"nothing but {fault} comes" in text
    assert f"sound comes again after 20 s of {fault}" in text
    # a storm of losses, one with every chunk, is said once in a while
    assert "audio was lost (520 overflows so far)" in text
    assert "stopped; 520 overflows" in text
    assert "1 faults of sound" in text
    assert text.count("audio was lost") < 10
