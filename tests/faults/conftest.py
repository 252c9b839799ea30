"""What faults are injected with: processes that are killed, folders that are full, servers."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ..training.conftest import (
    _cache_of_the_tests,
    made_yamnet,
    make_word,
    noise_bank,
    speech,
    tiny_base,
    word_images,
    words,
)

__all__ = [
    "_cache_of_the_tests",
    "made_yamnet",
    "make_word",
    "noise_bank",
    "speech",
    "tiny_base",
    "word_images",
    "words",
]

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Ended:
    """How a run ended: the exit status, less than 0 for a signal, and what it said."""

    status: int
    moments: int
    out: str
    err: str


@dataclass(frozen=True)
class Case:
    """A command, and the folder in which it runs: ``cache`` and ``out`` below it are watched.

    Attributes
    ----------
    command : tuple
        What follows ``kws``.
    environment : dict
        Variables of the environment.
    more : dict
        What `moments.py` is told besides.
    """

    command: tuple[object, ...]
    environment: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


class Runner:
    """A process whose children run commands."""

    def __init__(self, modules: tuple[str, ...], **environment: str) -> None:
        self._modules, self._environment = modules, environment
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(HERE / "moments.py"), *self._modules],
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **self._environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, case: Case, folder: Path, **more: Any) -> Ended:
        """Run a command in a folder; see `moments.py` for what may be asked for besides."""
        for name in ("cache", "out"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        asked = {
            "command": [str(one).replace("{folder}", str(folder)) for one in case.command],
            "folder": str(folder),
            "watched": [str(folder / "cache"), str(folder / "out")],
            "environment": {"KWS_CACHE": str(folder / "cache"), **case.environment},
            **case.more,
            **more,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        try:
            answer = self._process.stdout.readline()
        except BaseException:  # out of time: the answer would be taken for that of the next run
            self._process.kill()
            self._process = self._start()
            raise
        return Ended(**json.loads(answer))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


@pytest.fixture(scope="session")
def trainer() -> Iterator[Runner]:
    """Runs verbs that need TensorFlow, which is imported once."""
    runner = Runner(("tensorflow", "keras", "soundfile", "kws_training.cli.train"))
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """Runs verbs that do not."""
    modules = ("soundfile", "pooch", "requests", "tqdm", "kws_training.data.mixing")
    runner = Runner(("kws.cli.main", "kws.enrolment.enroll", *modules))
    yield runner
    runner.close()


def content(folder: Path) -> dict[str, bytes]:
    """Files of a folder by their paths in it; locks, which are empty, are left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def chosen(total: int, count: int, seed: int = 0) -> list[int]:
    """Draw moments of a run, without order: all of them if there are not more."""
    moments = range(1, total + 1)
    return sorted(random.Random(seed).sample(moments, min(count, total)))


def killed_and_run_again(
    runner: Runner, case: Case, tmp_path: Path, count: int, sizes: tuple[int, ...] = ()
) -> dict[str, bytes]:
    """Kill a command at moments, run it again each time, and compare with one left alone.

    Asserts that the second run succeeds, that what it has written is byte for byte that of the run
    that nobody disturbed, and that nothing else is left, also in the cache.
    """
    alone = tmp_path / "alone"
    whole = runner.run(case, alone)
    assert whole.status == 0, whole.err
    assert whole.moments > 0
    expected, cached = content(alone / "out"), sorted(content(alone / "cache"))
    asked: list[dict[str, int]] = [{"kill_at": one} for one in chosen(whole.moments, count)]
    asked += [{"bytes": size} for size in sizes]
    print(f"{whole.moments} moments")
    for number, one in enumerate(asked):
        folder = tmp_path / f"killed{number}"
        ended = runner.run(case, folder, **one)
        assert ended.status < 0, (one, ended)
        again = runner.run(case, folder)
        assert again.status == 0, (one, again.err)
        assert content(folder / "out") == expected, one
        assert sorted(content(folder / "cache")) == cached, one
        shutil.rmtree(folder)
    return expected


def is_mounted(kind: str, folder: Path, size: str) -> bool:
    """Mount a small file system of one kind; False where this user or machine may not."""
    command = ["mount", "-t", kind, "-o", f"size={size}", kind, str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not is_mounted("tmpfs", folder, "1m"):
        pytest.skip("no small file system: only root may mount one")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
