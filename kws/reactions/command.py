"""A command for each detection: run without a shell, one after the other, beside the audio."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading

from ..console import note
from ..detections import Detection
from ..errors import KwsError
from .worker import Worker

#: Detections that wait for the commands before them, at most.
MOST_WAITING = 16
#: Seconds that a command has to end when it is asked to (SIGTERM), before it is killed.
GRACE_SECONDS = 1.0
#: Descriptor that takes what a command prints: stdout is for the results of kws.
STDERR = 2


class DetectionCommand:
    """Runs a command for each detection, and never makes the audio wait.

    Parameters
    ----------
    line : str
        The command and its arguments, quoted as for a shell; no shell reads it.
    model : str
        The model, for the command's environment; a detection that names its own goes before it.
    seconds : float
        Time after which a command is stopped.

    Raises
    ------
    KwsError
        If the line is no command, or there is no such program.
    """

    def __init__(self, line: str, model: str, seconds: float) -> None:
        try:
            self._command = shlex.split(line)
        except ValueError as error:
            raise KwsError(f"--on-detect {line!r:.100}: {error}: quote it as for a shell") from None
        if not self._command:
            raise KwsError("--on-detect: is empty: name a command")
        program = self._command[0]
        if shutil.which(program) is None:
            raise KwsError(f"--on-detect: no program {program!r:.100}: name one that can be run")
        self._model, self._seconds = model, seconds
        self._dropped = 0
        self._lock = threading.Lock()  # one thread starts children, another stops them
        self._child: subprocess.Popen[bytes] | None = None
        self._worker = Worker("kws --on-detect", self._run, MOST_WAITING)

    def react(self, detection: Detection, file: str, *, wait: bool) -> None:
        """Have the command run for a detection.

        Parameters
        ----------
        detection : Detection
            What was detected.
        file : str
            The recording, as it was named.
        wait : bool
            Whether to wait where too many detections are waiting, in place of leaving this out.
        """
        if not self._worker.put(detection, file, wait=wait):
            self._dropped += 1
            note(
                f"kws: --on-detect: left out {detection.keyword!r} at {detection.start:.2f} s, "
                f"since {MOST_WAITING} detections are waiting ({self._dropped} left out so far)"
            )

    def finish(self) -> None:
        """Wait until the command has run for all detections."""
        self._worker.finish()

    def stop(self) -> None:
        """Stop the command that runs, and run no other."""
        with self._lock:
            self._worker.stop()
            child = self._child
        if child is not None:
            _stop(child)

    def _run(self, detection: Detection, file: str) -> None:
        """Run the command, wait for its end, and say if it failed."""
        said = f"kws: --on-detect for {detection.keyword!r} at {detection.start:.2f} s"
        try:
            with self._lock:
                if self._worker.stopped:
                    return
                self._child = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,  # that of kws may be the audio
                    stdout=subprocess.DEVNULL if sys.stderr is None else STDERR,
                    env={**os.environ, **self._environment(detection, file)},
                    start_new_session=True,  # so that its own children are stopped with it
                )
        except (OSError, ValueError) as error:  # gone since the start; a null byte in a name
            note(f"{said}: cannot be run ({error})")
            return
        try:
            status = self._child.wait(self._seconds)
        except subprocess.TimeoutExpired:
            done = "was stopped" if _stop(self._child) else "cannot be stopped, and goes on"
            note(f"{said}: {done} after {self._seconds:g} s (--on-detect-seconds)")
        else:
            if status and not self._worker.stopped:
                ended = f"signal {-status}" if status < 0 else f"status {status}"
                note(f"{said}: ended with {ended}")
        with self._lock:
            self._child = None

    def _environment(self, detection: Detection, file: str) -> dict[str, str]:
        return {
            "KWS_KEYWORD": detection.keyword,
            "KWS_SCORE": f"{detection.score:.4f}",
            "KWS_START": f"{detection.start:.3f}",
            "KWS_END": f"{detection.end:.3f}",
            "KWS_FILE": file,
            "KWS_MODEL": detection.model or self._model,
        }


def _stop(child: subprocess.Popen[bytes]) -> bool:
    """End a command and the processes that it started: ask, wait, kill; tell whether it ended."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        # gone, or another user's (sudo): the next detections and the end of kws go on
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
            return True
    return False
