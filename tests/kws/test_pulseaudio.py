"""`kws listen` on a real PulseAudio, whose microphone is pulled out, whose server is killed.

PortAudio reaches it through ALSA's plugin. Words are played into a sink of its own, and its monitor
is the microphone. Every wait ends with what is waited for: nothing here depends on how long it
takes.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kws.pcm import to_int16
from kws.wav import write_wav

from .conftest import RATE, Demo

pytestmark = [pytest.mark.reach, pytest.mark.usefixtures("portaudio")]

#: Seconds after which something that is waited for will not come.
PATIENCE = 90
MICROPHONE = ("module-remap-source", "master=room.monitor", "source_name=mic")
ROOM = ("module-null-sink", "sink_name=room", "rate=48000", "channels=1")


class Pulse:
    """A PulseAudio server of its own, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        socket = folder / "native"
        self._folder = folder
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{socket}",
        }
        # a device of PortAudio by this name: there as long as the microphone is
        (folder / ".asoundrc").write_text("pcm.mic {\n type pulse\n device mic\n}\n")
        script = folder / "server.pa"
        script.write_text(
            f"load-module module-native-protocol-unix socket={socket} auth-anonymous=1\n"
        )
        self._command = (
            f"pulseaudio -n -F {script} --daemonize=no --exit-idle-time=-1 --use-pid-file=no "
            "--realtime=no --high-priority=no --log-target=null"
        ).split()
        self.start()

    def start(self) -> None:
        (self._folder / "native").unlink(missing_ok=True)
        self.server = subprocess.Popen(
            self._command, env=self.environment, stderr=subprocess.DEVNULL
        )
        while self.control("info").returncode:
            assert self.server.poll() is None
        self.plug_in()

    def plug_in(self) -> None:
        """Plug in a microphone that hears a room.

        Silence is played in it without delay, from before it is heard: a sink that nobody plays
        into gives sound every two seconds, as no microphone does.
        """
        assert self.control("load-module", *ROOM).returncode == 0
        how = "--device=room --latency-msec=30 --raw --format=s16le --rate=48000 --channels=1"
        with Path("/dev/zero").open("rb") as zeros:
            self._player = subprocess.Popen(
                ["pacat", "--playback", *how.split()],
                env=self.environment,
                stdin=zeros,
                stderr=subprocess.DEVNULL,
            )
        while not self.control("list", "short", "sink-inputs").stdout:
            assert self._player.poll() is None
        time.sleep(2.5)  # until the two seconds are over
        assert self.control("load-module", *MICROPHONE).returncode == 0

    def control(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pactl", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def pull_out(self) -> None:
        """Take away the sink, and with it the microphone that hears it: no source is left."""
        for line in self.control("list", "short", "modules").stdout.splitlines():
            number, name = line.split()[:2]
            if name == ROOM[0]:
                assert self.control("unload-module", number).returncode == 0
        self._player.wait(PATIENCE)

    def play(self, path: Path) -> None:
        subprocess.run(
            ["paplay", "--device=room", str(path)],
            env=self.environment,
            check=True,
            timeout=PATIENCE,
        )

    def stop(self) -> None:
        self.server.kill()
        self.server.wait()
        self._player.wait(PATIENCE)


class Listener:
    """`kws listen` in a process of its own."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kws", "listen", "--device", "mic", "--json"],
            env={**pulse.environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        for stream in (self.process.stdout, self.process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: Iterator[str]) -> None:
        for line in stream:
            self.lines.put(line.rstrip())

    def until(self, *texts: str) -> list[str]:
        """Wait for lines that have these texts, in any order; returns all that came."""
        came: list[str] = []
        waiting = set(texts)
        while waiting:
            line = self.lines.get(timeout=PATIENCE)
            came.append(line)
            waiting = {text for text in waiting if text not in line}
        return came

    def comes_back(self) -> None:
        """Wait until sound comes again, and print how long after this call."""
        began = time.monotonic()
        self.until("is back after ")
        print(f"\nsound came {time.monotonic() - began:.2f} s after the device was there again")

    def hears(self, path: Path) -> None:
        """Check that the word is detected when it is played, at the latest the third time."""
        for _ in range(3):
            self._pulse.play(path)
            try:
                while True:
                    line = self.lines.get(timeout=5)
                    if line.startswith("{") and json.loads(line)["keyword"] == "yes":
                        return
            except queue.Empty:
                continue
        pytest.fail("the word was played three times and not detected")

    def stop(self) -> str:
        self.process.send_signal(signal.SIGINT)
        said = self.until("stopped; ")[-1]
        assert self.process.wait(PATIENCE) == 0
        return said


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    from ..conftest import needs_program

    for program in ("pulseaudio", "pactl", "pacat", "paplay"):
        needs_program(program, "apt-get install pulseaudio pulseaudio-utils libasound2-plugins")
    if not any(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")):
        pytest.skip("ALSA does not reach PulseAudio: apt-get install libasound2-plugins")
    tmp_path.chmod(0o700)
    server = Pulse(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def listener(pulse: Pulse) -> Iterator[Listener]:
    one = Listener(pulse)
    one.until("listening on mic at ")
    yield one
    if one.process.poll() is None:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def word(tmp_path: Path, demo: Demo) -> Path:
    """A recording of "yes"."""
    found = next(one for one in demo.words if one.keyword == "yes")
    samples = demo.samples[round((found.start - 0.5) * RATE) : round((found.end + 1.2) * RATE)]
    path = tmp_path / "yes.wav"
    write_wav(path, to_int16(samples), RATE)
    return path


def test_the_microphone_is_pulled_out_and_plugged_in_again(
    pulse: Pulse, listener: Listener, word: Path
) -> None:
    listener.hears(word)
    for _ in range(2):
        pulse.pull_out()
        listener.until("Waiting for it to come back")
        pulse.plug_in()
        listener.comes_back()
        listener.hears(word)
    assert "2 interruptions (" in listener.stop()


def test_the_server_is_killed_and_started_again(
    pulse: Pulse, listener: Listener, word: Path
) -> None:
    pulse.stop()
    listener.until("Waiting for it to come back")
    pulse.start()
    listener.comes_back()
    listener.hears(word)
    assert "1 interruptions (" in listener.stop()


def test_the_server_hangs_and_goes_on(pulse: Pulse, listener: Listener, word: Path) -> None:
    pulse.server.send_signal(signal.SIGSTOP)
    listener.until("Waiting for it to come back")
    pulse.server.send_signal(signal.SIGCONT)
    listener.comes_back()
    listener.hears(word)
    assert "interruptions (" in listener.stop()


def test_the_process_is_stopped_and_goes_on(pulse: Pulse, listener: Listener, word: Path) -> None:
    listener.process.send_signal(signal.SIGSTOP)
    pulse.play(word)  # is heard by nobody, or late
    pulse.play(word)
    listener.process.send_signal(signal.SIGCONT)
    listener.hears(word)
    listener.stop()


def test_a_muted_microphone_is_told(pulse: Pulse, listener: Listener, word: Path) -> None:
    listener.hears(word)
    pulse.control("set-source-mute", "mic", "1")
    listener.until("nothing but digital silence comes")
    pulse.control("set-source-mute", "mic", "0")
    listener.hears(word)
    assert "faults of sound" in listener.stop()
