"""Commands that run in the background: one at a time, and one that waits.

A command runs in a process of its own, which goes on when the studio stops. What is known of it is
on the disk, so that a studio that starts again finds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from kws.cli.verb import INTERRUPTED
from kws.errors import KwsError
from kws.files import whole_file

State = Literal["waiting", "running", "paused", "stopped", "done", "failed"]
#: States in which a process is there.
ALIVE = ("running", "paused")
#: Bytes of a log that are shown, from its end.
SHOWN_LOG = 20_000
#: Bytes of what a command printed that are read.
MOST_OUTPUT = 20_000_000
#: Jobs that are remembered; older ones are forgotten, with their logs.
MOST_JOBS = 200
#: Seconds that a command has to end by itself when it is stopped.
PATIENCE = 10.0
#: Seconds between two looks at the process that runs.
TICK = 0.2


class JobError(KwsError):
    """A command that cannot be started, stopped or found."""


@dataclass(frozen=True)
class Job:
    """A command and what became of it.

    Attributes
    ----------
    number : int
        From 1.
    kind : str
        What it is for: quick, good, best, hear, judge, sweep, threshold, export, push.
    title : str
        What it does, for people.
    arguments : tuple of str
        What follows ``kws``.
    makes : str
        The file or folder that it makes, from the project's folder; empty for none.
    state : str
        waiting, running, paused, stopped, done or failed.
    begun, ended : float
        Seconds since 1970; 0 where it has not come to that.
    pid : int
        Process; 0 for none.
    born : str
        When the process began, as the kernel counts: tells it from a later one of that number.
    """

    number: int
    kind: str
    title: str
    arguments: tuple[str, ...]
    makes: str = ""
    state: State = "waiting"
    begun: float = 0.0
    ended: float = 0.0
    pid: int = 0
    born: str = ""

    @property
    def command(self) -> str:
        """The command as a person types it, in the project's folder."""
        return shlex.join(["kws", *self.arguments])


class JobBook:
    """The jobs of a project.

    Parameters
    ----------
    root : Path
        The project's folder: commands run in it.

    Raises
    ------
    JobError
        If another studio has the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._folder = root, root / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._stopping: dict[int, float] = {}
        self._held = (self._folder / ".lock").open("w")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._held.close()
            raise JobError(
                f"{root}: another studio has this folder: use that one, or give another --data"
            ) from None

    def close(self) -> None:
        """Let another studio have the folder; commands go on."""
        self._held.close()

    def jobs(self) -> list[Job]:
        """Return all jobs, the latest first."""
        with self._lock:
            return [job for number in self._numbers() if (job := self._read(number)) is not None]

    def to_be_made(self) -> set[str]:
        """Return what jobs will make that have not ended, or can go on."""
        return {job.makes for job in self.jobs() if job.makes and job.state != "done"}

    def job(self, number: int) -> Job:
        """Return a job.

        Parameters
        ----------
        number : int
            Its number.

        Raises
        ------
        JobError
            If there is none.
        """
        job = self._read(number)
        if job is None:
            raise JobError(f"no job {number}: reload the page")
        return job

    def add(self, kind: str, title: str, arguments: Sequence[str], makes: str = "") -> Job:
        """Have a command run: now, or when the one that runs has ended.

        Where the same one is the last that was asked for and has not ended, it is that one: two
        pages may ask for it at once.

        Parameters
        ----------
        kind, title, arguments, makes
            See `Job`.

        Returns
        -------
        Job

        Raises
        ------
        JobError
            If one waits already.
        """
        with self._lock:
            self.tick()
            pending = [job for job in self.jobs() if job.state in ("waiting", *ALIVE)]
            waiting = [job for job in pending if job.state == "waiting"]
            last = next(iter(waiting or pending), None)
            same = last and (last.kind, last.arguments) == (kind, tuple(arguments))
            if last and same and last.number not in self._stopping:
                return last
            if waiting:
                raise JobError("one command runs and one waits: stop one, or wait for it")
            number = max(self._numbers(), default=0) + 1
            job = Job(number, kind, title, tuple(arguments), makes)
            (self._folder / f"{number:04d}").mkdir()
            self._write(job)
            self._forget()
            self.tick()
            return self.job(number)

    def stop(self, number: int) -> Job:
        """End a command; what it has done so far it keeps as it likes.

        Parameters
        ----------
        number : int
            Of the job.

        Returns
        -------
        Job
        """
        with self._lock:
            job = self.job(number)
            if job.state == "waiting":
                return self._write(replace(job, state="stopped", ended=time.time()))
            if job.state in ALIVE and self._is_there(job):
                self._signal(job, signal.SIGINT)
                self._signal(job, signal.SIGCONT)
                self._stopping.setdefault(number, time.monotonic())
            return self.job(number)

    def pause(self, number: int) -> Job:
        """Hold a command where it is: it takes no processor, and keeps its memory.

        Parameters
        ----------
        number : int
            Of the job.
        """
        return self._halt(number, signal.SIGSTOP, "running", "paused")

    def resume(self, number: int) -> Job:
        """Let a command go on; one that was stopped is started again, and goes on by itself.

        Parameters
        ----------
        number : int
            Of the job.

        Raises
        ------
        JobError
            If there is nothing to go on with, or another waits.
        """
        with self._lock:
            job = self.job(number)
            if job.state == "paused":
                return self._halt(number, signal.SIGCONT, "paused", "running")
            if job.state not in ("stopped", "failed"):
                raise JobError(f"{job.title}: is {job.state}: there is nothing to go on with")
            if any(one.state == "waiting" for one in self.jobs()):
                raise JobError("one command waits already: stop it first")
            self._write(replace(job, state="waiting", ended=0.0, pid=0, born=""))
            self.tick()
            return self.job(number)

    def tick(self) -> None:
        """See what has ended, and start what waits."""
        with self._lock:
            jobs = self.jobs()
            for job in jobs:
                if job.state in ALIVE:
                    self._look_after(job)
            jobs = self.jobs()
            if not any(job.state in ALIVE for job in jobs):
                for job in reversed(jobs):
                    if job.state == "waiting":
                        self._start(job)
                        break

    def log(self, number: int) -> str:
        """Return the end of what a command said.

        Parameters
        ----------
        number : int
            Of the job.
        """
        return _tail(self._path(number, "log.txt"), SHOWN_LOG)

    def output(self, number: int) -> Any:
        """Return what a command printed as JSON; None if it is none.

        Parameters
        ----------
        number : int
            Of the job.
        """
        try:
            with self._path(number, "out.json").open("rb") as stream:
                return json.loads(stream.read(MOST_OUTPUT))
        except (OSError, ValueError):
            return None

    def progress(self, number: int) -> dict[str, Any] | None:
        """Return what a command says of how far it is: what, done, total; None if nothing.

        Parameters
        ----------
        number : int
            Of the job.
        """
        try:
            values = json.loads(self._path(number, "progress.json").read_text())
        except (OSError, ValueError):
            return None
        return values if isinstance(values, dict) else None

    def to_dict(self, job: Job) -> dict[str, Any]:
        """Return a job as plain JSON values.

        Parameters
        ----------
        job : Job
            The job.
        """
        return {**asdict(job), "arguments": list(job.arguments), "command": job.command}

    def _numbers(self) -> list[int]:
        names = [one.name for one in self._folder.iterdir() if one.name.isdigit()]
        return sorted(map(int, names), reverse=True)

    def _path(self, number: int, name: str) -> Path:
        return self._folder / f"{number:04d}" / name

    def _read(self, number: int) -> Job | None:
        try:
            values = json.loads(self._path(number, "job.json").read_text())
            return Job(**{**values, "arguments": tuple(values["arguments"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _write(self, job: Job) -> Job:
        with whole_file(self._path(job.number, "job.json")) as stream:
            stream.write(json.dumps(asdict(job), indent=1).encode())
        return job

    def _forget(self) -> None:
        for number in self._numbers()[MOST_JOBS:]:
            for path in self._path(number, "").iterdir():
                path.unlink(missing_ok=True)
            self._path(number, "").rmdir()

    def _start(self, job: Job) -> None:
        self._path(job.number, "status").unlink(missing_ok=True)
        self._path(job.number, "progress.json").unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the command says what cannot be written
            # it makes its own file or folder, not those around it
            (self._root / job.makes).parent.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "KWS_PROGRESS": str(self._path(job.number, "progress.json")),
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-W", "ignore", "-m", "kws_studio.running"]
        command += [str(self._path(job.number, "status")), *job.arguments]
        with (
            self._path(job.number, "out.json").open("wb") as out,
            self._path(job.number, "log.txt").open("ab") as log,
        ):
            child = subprocess.Popen(
                command,
                cwd=self._root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the studio's terminal is not for it
            )
        self._children[job.number] = child
        born = _born(child.pid)
        begun = job.begun or time.time()
        self._write(replace(job, state="running", begun=begun, pid=child.pid, born=born))

    def _look_after(self, job: Job) -> None:
        """See whether a process has ended, or has been asked to for too long."""
        if not self._is_there(job):
            try:
                status = int(self._path(job.number, "status").read_text())
            except (OSError, ValueError):
                status = INTERRUPTED  # it was killed, or the machine was switched off
            state: State = "failed"
            if status == 0:
                state = "done"
            elif status == INTERRUPTED or job.number in self._stopping:
                state = "stopped"
            self._stopping.pop(job.number, None)
            self._children.pop(job.number, None)
            self._write(replace(job, state=state, ended=time.time(), pid=0, born=""))
        elif time.monotonic() - self._stopping.get(job.number, time.monotonic()) > PATIENCE:
            self._signal(job, signal.SIGKILL)

    def _halt(self, number: int, sign: signal.Signals, before: State, after: State) -> Job:
        with self._lock:
            job = self.job(number)
            if job.state != before or not self._is_there(job):
                raise JobError(f"{job.title}: is {job.state}, not {before}")
            self._signal(job, sign)
            return self._write(replace(job, state=after))

    def _is_there(self, job: Job) -> bool:
        child = self._children.get(job.number)
        if child is not None:
            return child.poll() is None
        return job.pid > 0 and _born(job.pid) == job.born != ""

    def _signal(self, job: Job, sign: signal.Signals) -> None:
        """Send a signal to a command and what it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(job.pid, sign)


@contextlib.contextmanager
def open_jobs(root: Path) -> Iterator[JobBook]:
    """Have the jobs of a folder, and let another studio have them in the end.

    Parameters
    ----------
    root : Path
        The project's folder.

    Yields
    ------
    JobBook
    """
    book = JobBook(root)
    try:
        yield book
    finally:
        book.close()


def _tail(path: Path, most: int) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - most))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _born(pid: int) -> str:
    """Return when a process began; empty if it is not there, or is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
    except OSError:
        return ""
    else:
        state, *fields = text.rpartition(")")[2].split()
        return "" if state == "Z" else fields[18]
    try:  # a system without /proc cannot tell two processes of one number apart
        os.kill(pid, 0)
    except OSError:
        return ""
    return "unknown"
