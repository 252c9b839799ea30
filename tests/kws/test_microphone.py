from __future__ import annotations

import ctypes.util
import queue
import sys
import threading
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from kws.cli.main import main
from kws.errors import AudioError
from kws.installing import install_extra
from kws.microphone import ChunkQueue, InputDevice, Microphone, input_devices

#: What PortAudio says with a block (sounddevice.CallbackFlags).
FINE = SimpleNamespace(input_overflow=False)
OVERFLOW = SimpleNamespace(input_overflow=True)


@pytest.fixture
def without_card(portaudio: ModuleType) -> None:
    if any(device["max_input_channels"] for device in portaudio.query_devices()):
        pytest.skip("this machine has a microphone")


@pytest.fixture
def with_card(portaudio: ModuleType) -> None:
    if not any(device["max_input_channels"] for device in portaudio.query_devices()):
        pytest.skip("this machine has no microphone")


# --- the queue between PortAudio's thread and the reader ---


def test_chunks_come_out_in_order_as_copies() -> None:
    chunks = ChunkQueue(10)
    block = np.zeros((4, 2), np.float32)  # PortAudio uses its memory again
    for value in range(3):
        block[:, 0] = value
        block[:, 1] = 99
        chunks.callback(block, 4, None, FINE)
    for value in range(3):
        got = chunks.get(0.1)
        assert got is not None
        assert got.dtype == np.float32
        assert got.flags.c_contiguous
        assert got.tolist() == [value] * 4
    assert chunks.overflows == 0


def test_full_queue_drops_and_counts() -> None:
    chunks = ChunkQueue(3)
    for value in range(5):
        chunks.callback(np.full((2, 1), value, np.float32), 2, None, FINE)
    assert chunks.overflows == 2
    assert [chunks.get(0.1)[0] for _ in range(3)] == [0, 1, 2]  # type: ignore[index]
    chunks.callback(np.full((2, 1), 7, np.float32), 2, None, FINE)
    assert chunks.get(0.1)[0] == 7  # type: ignore[index]
    assert chunks.overflows == 2


def test_flags_are_named_as_portaudios(portaudio: ModuleType) -> None:
    flags = portaudio.CallbackFlags()
    assert not flags.input_overflow
    flags.input_overflow = True
    assert flags.input_overflow


def test_losses_that_portaudio_reports_are_counted_and_the_block_is_kept() -> None:
    chunks = ChunkQueue(3)
    chunks.callback(np.ones((2, 1), np.float32), 2, None, OVERFLOW)
    assert chunks.overflows == 1
    assert chunks.get(0.1) is not None


def test_callback_never_waits() -> None:
    """Nobody reads: a callback that waited for room would never come back."""
    chunks = ChunkQueue(1)
    block = np.zeros((3840, 1), np.float32)
    for _ in range(1000):
        chunks.callback(block, 3840, None, FINE)
    assert chunks.overflows == 999


def test_end_comes_after_what_is_held_even_if_full() -> None:
    chunks = ChunkQueue(2)
    for _ in range(3):
        chunks.callback(np.ones((2, 1), np.float32), 2, None, FINE)
    chunks.close()
    chunks.close()
    chunks.callback(np.ones((2, 1), np.float32), 2, None, FINE)
    assert [chunks.get(0.1) is None for _ in range(5)] == [False, False, True, True, True]


def test_end_wakes_a_waiting_reader() -> None:
    chunks = ChunkQueue(2)
    closer = threading.Timer(0.05, chunks.close)
    closer.start()
    assert chunks.get(5) is None
    closer.join()


def test_silence_of_the_device_is_noticed() -> None:
    with pytest.raises(queue.Empty):
        ChunkQueue(2).get(0.01)


def test_reader_and_callback_in_two_threads() -> None:
    chunks = ChunkQueue(1000)

    def record() -> None:
        for value in range(500):
            chunks.callback(np.full((16, 1), value, np.float32), 16, None, FINE)
        chunks.close()

    thread = threading.Thread(target=record)
    thread.start()
    got = []
    while (chunk := chunks.get(5)) is not None:
        got.append(chunk[0])
    thread.join()
    assert got == list(range(500))
    assert chunks.overflows == 0


# --- the real library ---


@pytest.mark.usefixtures("without_card")
def test_no_microphone(capsys: pytest.CaptureFixture[str]) -> None:
    assert input_devices() == []
    # other messages send people here
    assert main(["listen", "--list-devices"]) == 0
    assert capsys.readouterr().err.startswith("kws: no input device found: plug in")
    with pytest.raises(AudioError) as caught:
        Microphone()
    line = str(caught.value)
    assert line.startswith("no input device found: plug in a microphone")
    assert "kws listen --list-devices" in line
    assert "\n" not in line


@pytest.mark.usefixtures("portaudio")
@pytest.mark.parametrize("device", ["no such microphone", 12345])
def test_unknown_device(device: int | str) -> None:
    with pytest.raises(AudioError) as caught:
        Microphone(device)
    line = str(caught.value)
    assert line.startswith(f"no input device {device!r}: ")
    assert "kws listen --list-devices" in line


@pytest.mark.usefixtures("with_card")
def test_listing_and_recording() -> None:
    devices = input_devices()
    assert all(isinstance(device, InputDevice) and device.channels for device in devices)
    with Microphone(devices[0].index) as microphone:
        chunk = next(microphone)
        assert chunk.dtype == np.float32
        assert len(chunk) == round(0.08 * microphone.sample_rate)
    assert list(microphone) == []


def test_package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # import raises, as if not installed
    for use in (Microphone, input_devices):
        with pytest.raises(AudioError, match="sounddevice package: ") as caught:
            use()
        assert str(caught.value).endswith(install_extra("mic"))


def test_library_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # The real package, imported again on a system that does not find libportaudio.
    pytest.importorskip("_sounddevice", reason="no sounddevice: pip install '.[mic]'")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(AudioError, match=r"PortAudio library: apt install libportaudio2$"):
        Microphone()
