"""Commands in the background: one runs, one waits; both are known to a studio that starts again."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kws_studio.jobs import Job, JobBook, JobError, open_jobs


def until(book: JobBook, number: int, holds: Callable[[Job], bool]) -> Job:
    """Look after jobs until something holds of one."""
    for _ in range(600):
        book.tick()
        if holds(job := book.job(number)):
            return job
        time.sleep(0.05)
    raise AssertionError(f"{book.job(number)}: {book.log(number)}")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A project's folder with a pipe in it, of which `kws spot` waits for a recording."""
    os.mkfifo(tmp_path / "pipe.wav")
    yield tmp_path
    with open_jobs(tmp_path) as book:
        for job in book.jobs():
            book.stop(job.number)
            until(book, job.number, lambda job: job.state not in ("running", "paused", "waiting"))


def test_commands_run_one_after_the_other(root: Path) -> None:
    with open_jobs(root) as book:
        first = book.add("judge", "reads a file", ["inspect", "no_such_model.tflite"])
        second = book.add("judge", "lists", ["models", "--json"], "models/a.tflite")
        assert (first.state, second.state) == ("running", "waiting")
        assert book.to_be_made() == {"models/a.tflite"}
        with pytest.raises(JobError, match="one command runs and one waits"):
            book.add("judge", "a third", ["models"])
        assert until(book, first.number, lambda job: job.state == "failed")
        assert "no_such_model.tflite" in book.log(first.number)
        assert until(book, second.number, lambda job: job.state == "done")
        assert book.output(second.number) is not None
        assert (root / "models").is_dir()  # what a command makes needs a folder to lie in
        assert second.command == "kws models --json"
        assert book.to_be_made() == set()


def test_one_that_is_asked_for_twice_runs_once(root: Path) -> None:
    with open_jobs(root) as book:
        first = book.add("judge", "waits", ["spot", "pipe.wav"])
        assert book.add("judge", "waits", ["spot", "pipe.wav"]).number == first.number
        second = book.add("judge", "lists", ["models"])
        assert book.add("judge", "lists", ["models"]).number == second.number
        # the first one again, but behind the second: that would be a third
        with pytest.raises(JobError, match="one command runs and one waits"):
            book.add("judge", "waits", ["spot", "pipe.wav"])
        book.stop(second.number)
        book.stop(first.number)
        # what is being stopped does not count
        again = book.add("judge", "waits", ["spot", "pipe.wav"])
        assert again.number not in (first.number, second.number)


def test_a_command_goes_on_while_the_studio_starts_again(root: Path) -> None:
    with open_jobs(root) as book:
        number = book.add("judge", "waits", ["spot", "pipe.wav"]).number
        until(book, number, lambda job: job.state == "running")
        with pytest.raises(JobError, match="another studio has this folder"):
            JobBook(root)
        assert book.pause(number).state == "paused"
        with pytest.raises(JobError, match="not running"):
            book.pause(number)
    with open_jobs(root) as again:
        again.tick()
        assert again.job(number).state == "paused"
        assert again.resume(number).state == "running"
        again.stop(number)
        stopped = until(again, number, lambda job: job.state == "stopped")
        assert (stopped.pid, stopped.ended > 0) == (0, True)
        # it begins anew under its number
        assert until(again, again.resume(number).number, lambda job: job.state == "running").pid
        again.stop(number)
        until(again, number, lambda job: job.state == "stopped")


def test_a_command_that_was_killed_counts_as_stopped(root: Path) -> None:
    with open_jobs(root) as book:
        number = book.add("judge", "waits", ["spot", "pipe.wav"]).number
        job = until(book, number, lambda job: job.pid > 0)
        os.kill(job.pid, 9)
        assert until(book, number, lambda job: job.state == "stopped")
        with pytest.raises(JobError, match="no job 99"):
            book.job(99)


def test_damaged_notes_are_no_jobs(root: Path) -> None:
    with open_jobs(root) as book:
        for name, text in (("0007", "{"), ("0008", '{"number": 8}'), ("0009", "[]")):
            (root / "jobs" / name).mkdir()
            (root / "jobs" / name / "job.json").write_text(text)
        assert book.jobs() == []
        assert book.progress(7) is None
        assert book.log(7) == ""
