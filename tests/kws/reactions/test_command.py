"""Commands that detections run: real processes, which fail, hang and are stopped."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from kws.detections import Detection
from kws.errors import KwsError
from kws.reactions.command import MOST_WAITING, DetectionCommand

YES = Detection("yes", 0.89012, 0.99, 1.59)


def wait_for(path: Path) -> str:
    """What a command wrote, when it has."""
    while not path.exists() or not path.read_text().endswith("\n"):
        time.sleep(0.01)
    return path.read_text()


def is_alive(process: int) -> bool:
    """Whether a process runs: one that nobody has waited for yet is dead."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_command_knows_what_was_detected(tmp_path: Path) -> None:
    out = tmp_path / "out"
    line = f"""sh -c 'echo "$0|$KWS_KEYWORD|$KWS_SCORE|$KWS_START|$KWS_END|$KWS_FILE|$KWS_MODEL"
        >> {out}' "two words; $(id)" """.replace("\n", " ")
    command = DetectionCommand(line, "hey.tflite", 10)
    command.react(YES, "a b.wav", wait=True)
    command.react(Detection("hey 'x'; $y", 1.0, 20.0, 21.0), "-", wait=False)
    command.finish()
    assert out.read_text().splitlines() == [
        "two words; $(id)|yes|0.8901|0.990|1.590|a b.wav|hey.tflite",
        "two words; $(id)|hey 'x'; $y|1.0000|20.000|21.000|-|hey.tflite",
    ]


def test_what_fails_is_said_and_the_next_one_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = DetectionCommand(f"sh -c 'echo run; [ -e {tmp_path}/b ]'", "m", 10)
    command.react(YES, "-", wait=True)
    command.finish()
    out, err = capfd.readouterr()
    assert out == ""  # where results are
    assert err.splitlines() == [
        "run",
        "kws: --on-detect for 'yes' at 0.99 s: ended with status 1",
    ]


def test_a_program_that_goes_away_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    command = DetectionCommand(str(program), "m", 10)
    program.unlink()
    command.react(YES, "-", wait=True)
    command.react(Detection("nu\0ll", 1, 0, 0), "-", wait=True)
    command.finish()
    first, second = capfd.readouterr().err.splitlines()
    assert "cannot be run (" in first
    assert "null byte" in second


def test_a_command_that_hangs_is_stopped_with_its_children(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "children"
    command = DetectionCommand(f"sh -c 'sleep 100 & echo $! > {out}; wait'", "m", 0.3)
    command.react(YES, "-", wait=True)
    command.finish()
    assert "was stopped after 0.3 s" in capfd.readouterr().err
    child = int(wait_for(out))
    while is_alive(child):
        time.sleep(0.01)


def test_one_that_does_not_listen_to_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws.reactions.command.GRACE_SECONDS", 0.1)
    out = tmp_path / "pid"
    script = tmp_path / "deaf.py"
    script.write_text(
        "import os, signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"print(os.getpid(), file=open({str(out)!r}, 'w'), flush=True)\ntime.sleep(100)\n"
    )
    command = DetectionCommand(f"{sys.executable} -S {script}", "m", 60)
    command.react(YES, "-", wait=True)
    process = int(wait_for(out))
    command.stop()
    while is_alive(process):
        time.sleep(0.01)


def test_one_that_may_not_be_stopped_is_let_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a command behind sudo, which runs as another user."""

    def refuse(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    out = tmp_path / "gate"
    os.mkfifo(out)
    with monkeypatch.context() as patched:
        patched.setattr("kws.reactions.command.GRACE_SECONDS", 0.05)
        patched.setattr(os, "killpg", refuse)
        command = DetectionCommand(f"cat {out}", "m", 0.05)
        command.react(YES, "-", wait=True)
        command.finish()
        assert "goes on after 0.05 s" in capfd.readouterr().err
        command.stop()
    os.close(os.open(out, os.O_WRONLY))


def test_the_audio_never_waits_and_what_is_left_out_is_counted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(gate := tmp_path / "gate")
    command = DetectionCommand(f"sh -c 'cat {gate}; echo $KWS_START'", "m", 60)
    command.react(Detection("yes", 0.9, 0, 1), "-", wait=False)
    descriptor = os.open(gate, os.O_WRONLY)  # opens when the command reads: it is running
    for number in range(1, MOST_WAITING + 4):  # returns, although nothing is done
        command.react(Detection("yes", 0.9, number, number + 1), "-", wait=False)
    left_out = capfd.readouterr().err.splitlines()
    assert len(left_out) == 3
    assert left_out[-1] == (
        f"kws: --on-detect: left out 'yes' at {MOST_WAITING + 3}.00 s, since {MOST_WAITING} "
        "detections are waiting (3 left out so far)"
    )
    gate.unlink()
    gate.touch()  # the others find an empty file
    os.close(descriptor)
    command.finish()
    assert len(capfd.readouterr().err.splitlines()) == 1 + MOST_WAITING


def test_stopping_runs_nothing_more_and_may_come_twice(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = DetectionCommand(f"sh -c 'echo $$ >> {out}; sleep 100'", "m", 60)
    for _ in range(MOST_WAITING):
        command.react(YES, "-", wait=False)
    process = int(wait_for(out))
    command.stop()
    command.stop()
    while is_alive(process):
        time.sleep(0.01)
    while any(thread.name == "kws --on-detect" for thread in threading.enumerate()):
        time.sleep(0.01)
    assert len(out.read_text().splitlines()) == 1


def test_ctrl_c_of_a_terminal_does_not_reach_the_command(tmp_path: Path) -> None:
    """It is in a group of its own: kws alone says when it ends."""
    out = tmp_path / "group"
    line = f'{sys.executable} -S -c \'import os; print(os.getpgrp(), file=open("{out}", "w"))\''
    command = DetectionCommand(line, "m", 60)
    command.react(YES, "-", wait=True)
    command.finish()
    assert int(wait_for(out)) != os.getpgrp()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("say 'yes", "No closing quotation"),
        ("no-such-program --now", "no program 'no-such-program'"),
        ("/etc/passwd", "no program '/etc/passwd'"),
        ("/etc", "no program '/etc'"),
    ],
)
def test_what_is_no_command_is_refused_at_the_start(line: str, said: str) -> None:
    with pytest.raises(KwsError, match=said) as caught:
        DetectionCommand(line, "m", 1)
    assert "\n" not in str(caught.value)
