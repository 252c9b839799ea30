"""How far a command is, in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .jobs import Job

#: What `kws train` shows before its bars, and what that means.
_WORDS = {
    "positives": "reading the recordings of the phrase",
    "negatives": "reading speech without the phrase",
    "noise": "reading noise",
    "synthesis": "machines say the phrase",
    "saying": "machines say the phrase",
}
_ROUND = re.compile(r"round (\d+)/(\d+)")
_NETWORK = re.compile(r"^network (\d+) of (\d+)$", re.MULTILINE)
_STUDENT = re.compile(r"^a network that learns from the mean of", re.MULTILINE)
_LISTENING = re.compile(r"^listening to the negatives", re.MULTILINE)
#: Rounds of the training of a network, and of one that learns from others.
ROUNDS = 4
#: Steps of a round from which its pace is told.
FEWEST_STEPS = 5
#: Share of a training's time that its steps take; the rest is reading, mining and choosing.
STEPS_SHARE = 0.8


@dataclass(frozen=True)
class Told:
    """How far a command is.

    Attributes
    ----------
    words : str
        What is being done.
    share : float or None
        Of all of it, 0 .. 1; None where nobody knows.
    seconds_left : float or None
        Until it has ended, as far as can be told.
    """

    words: str
    share: float | None = None
    seconds_left: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"words": self.words, "share": self.share, "seconds_left": self.seconds_left}


def tell(job: Job, log: str, progress: Mapping[str, Any] | None, now: float) -> Told:
    """Say how far a job is.

    Parameters
    ----------
    job : Job
        The job.
    log : str
        What it said so far.
    progress : mapping or None
        What ``KWS_PROGRESS`` tells: what, done, total, seconds, first.
    now : float
        Seconds since 1970.

    Returns
    -------
    Told
    """
    if job.state == "waiting":
        return Told("waits for the one that runs")
    if job.state == "paused":
        return Told("is paused")
    if job.state == "stopped":
        return Told("was stopped: it can go on where it was")
    if job.state == "failed":
        return Told(_last_line(log) or "failed without a word")
    if job.state == "done":
        return Told("is done", 1.0, 0.0)
    if not progress:
        return Told("is starting", None, None)
    what, done, total = (progress.get(name) for name in ("what", "done", "total"))
    if not isinstance(what, str) or not isinstance(done, int) or not isinstance(total, int):
        return Told("is working")
    share = done / total if total > 0 else None
    if job.arguments[0] == "train":
        return _training(job, log, what, share or 0.0, progress, now)
    words = _WORDS.get(what, what)
    seconds = progress.get("seconds")
    left = None
    if share and isinstance(seconds, int | float):
        left = float(seconds) * (1 - share) / share
    return Told(f"{words}: {done} of {total}", share, left)


def _training(
    job: Job, log: str, what: str, share: float, progress: Mapping[str, Any], now: float
) -> Told:
    """Say how far a training is: its steps take most of the time."""
    found = _ROUND.fullmatch(what)
    if not found:
        if _LISTENING.search(log):
            return Told("listens as the device would, to choose the threshold", 0.95)
        return Told(_WORDS.get(what, what))
    steps = int(_after(job.arguments, "--steps", "1000"))
    networks = int(_after(job.arguments, "--ensemble", "2"))
    numbers = [int(first) for first, _ in _NETWORK.findall(log)]
    network = numbers[-1] if numbers else 1
    # a student takes half of the steps in two rounds, and hears its teachers besides
    total = networks * steps + (steps // 2 if networks > 1 else 0)
    number, rounds = int(found[1]), int(found[2])
    own = steps // 2 if _STUDENT.search(log) else steps
    before = (networks if _STUDENT.search(log) else network - 1) * steps
    finished = before + own * (number - 1) / rounds
    done = finished + own * share / rounds
    left = None
    pace = _seconds_each(progress)
    if pace is not None:
        left = (total - done) * pace / STEPS_SHARE
    elif finished > 0 and "goes on behind round" not in log:  # a round has just begun
        left = (total - done) * max(0.0, now - job.begun) / done
    which = (
        "the network that learns from the others"
        if _STUDENT.search(log)
        else (f"network {network} of {networks}" if networks > 1 else "the network")
    )
    words = f"training {which}, round {number} of {rounds}"
    return Told(words, STEPS_SHARE * done / total + 0.1, left)


def _seconds_each(progress: Mapping[str, Any]) -> float | None:
    """Return the seconds of a step, the first left out, in which the network is compiled."""
    done, seconds, first = (progress.get(name) for name in ("done", "seconds", "first"))
    if not isinstance(done, int) or done < FEWEST_STEPS:
        return None
    if not isinstance(seconds, int | float) or not isinstance(first, int | float):
        return None
    return max(0.0, float(seconds) - float(first)) / (done - 1)


def _after(arguments: Sequence[str], name: str, usual: str) -> str:
    return arguments[arguments.index(name) + 1] if name in arguments else usual


def _last_line(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    return lines[-1].removeprefix("kws: ") if lines else ""
