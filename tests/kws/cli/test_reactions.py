"""What spot and listen do with detections besides printing them, as processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kws.cli.verb import BAD_INPUT

from ...conftest import kws_here

KEYWORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]


def start(*arguments: object, **environment: str) -> subprocess.Popen[bytes]:
    """Start the command line, with pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "kws", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        # a shell that runs the tests in the background has its children ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_a_recording_waits_for_its_commands(
    demo_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    done = kws_here(
        "spot", demo_path, "--json", "--on-detect", "sh -c 'echo $KWS_KEYWORD $KWS_FILE'"
    )
    assert done.returncode == 0
    assert [json.loads(line)["keyword"] for line in done.stdout.splitlines()] == KEYWORDS
    assert capfd.readouterr().err.splitlines() == [f"{word} {demo_path}" for word in KEYWORDS]


def test_what_is_no_command_is_refused_before_anything_is_read() -> None:
    done = kws_here("spot", "absent.wav", "--on-detect", "no-such-program")
    (line,) = done.stderr.splitlines()
    assert line.startswith("kws: --on-detect: no program 'no-such-program'")
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.reach)]
)
def test_a_stream_that_is_stopped_stops_its_command(
    demo_path: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """The pipe stays open, the command hangs: both signals end both of them."""
    out = tmp_path / "pid"
    process = start("spot", "-", "--on-detect", f"sh -c 'echo $$ > {out}; exec sleep 100'")
    process.stdin.write(demo_path.read_bytes()[: 44 + 2 * 16000 * 2])
    process.stdin.flush()
    while not out.exists() or not out.read_text().endswith("\n"):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert b"Traceback" not in said
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert not Path(f"/proc/{out.read_text().strip()}").exists()


@pytest.fixture
def microphone(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A home in which ALSA's default device plays what is written into a pipe.

    Yields the home, and the descriptor that takes 16-bit PCM at 16 kHz.
    """
    os.mkfifo(pipe := tmp_path / "pipe")
    device = f'type file; slave.pcm "null"; file "/dev/null"; infile "{pipe}"; format "raw"'
    (tmp_path / ".asoundrc").write_text(
        "pcm.!default { type plug; slave { pcm { "
        f"{device} }}; rate 16000; format S16_LE; channels 1 }} }}\n"
    )
    descriptor = os.open(pipe, os.O_RDWR)  # both: so that neither side waits for the other
    yield str(tmp_path), descriptor
    with contextlib.suppress(OSError):
        os.close(descriptor)


@pytest.mark.reach
@pytest.mark.usefixtures("portaudio")
def test_listen_runs_a_command(demo_path: Path, microphone: tuple[str, int]) -> None:
    """PortAudio and ALSA as they are; the microphone is a pipe, with fewer seconds than fit."""
    home, descriptor = microphone
    command = "sh -c 'echo ran $KWS_KEYWORD'"
    process = start("listen", "--json", "--on-detect", command, HOME=home)
    while not (line := process.stderr.readline()).startswith(b"listening on default"):
        assert line, "listen ended"
    os.write(descriptor, demo_path.read_bytes()[44 : 44 + 2 * 16000 * 2])
    assert json.loads(process.stdout.readline())["keyword"] == "yes"
    assert process.stderr.readline() == b"ran yes\n"
    os.close(descriptor)  # PortAudio waits for this microphone
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said.startswith(b"stopped; ")
