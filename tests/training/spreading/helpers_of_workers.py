"""Tasks that workers do in the tests: they have to be found by name in another process."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.errors import KwsError


@dataclass(frozen=True)
class Noise:
    """Draws noise; the workers of some items are killed the first time that they meet them."""

    flags: Path
    deadly: tuple[int, ...] = ()

    def __call__(self, number: int) -> bytes:
        if number in self.deadly:
            flag = self.flags / str(number)
            if not flag.exists():
                flag.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return np.random.default_rng(number).normal(size=100).tobytes()


def always_dies(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuses_three(number: int) -> int:
    if number == 3:
        raise KwsError("three.wav: is damaged: record it again")
    return number


def threads_of_arithmetic(number: int) -> list[int]:
    from threadpoolctl import threadpool_info

    return [one["num_threads"] for one in threadpool_info()]


@dataclass(frozen=True)
class Sleep:
    """Says that it began, and sleeps."""

    folder: Path

    def __call__(self, number: int) -> None:
        (self.folder / f"{os.getpid()}.began").touch()
        time.sleep(600)
