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


def present_folder(number: int) -> str:
    return str(Path.cwd())


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


@dataclass(frozen=True)
class SlowNoise:
    """Draws noise slowly, more than a message holds, and writes down in which node of a cluster."""

    folder: Path

    def __call__(self, number: int) -> bytes:
        import ray

        time.sleep(0.2)
        (self.folder / f"{number}.node").write_text(ray.get_runtime_context().get_node_id())
        return much_noise(number)


def much_noise(number: int) -> bytes:
    return np.random.default_rng(number).normal(size=40_000).tobytes()


class Voice:
    """An engine that says noise, and refuses one text."""

    name = "made-up"
    voices = ("a", "b")
    natural = False

    def speak(self, text, voice, style):
        if text == "cannot":
            raise KwsError("made-up cannot say 'cannot'")
        rng = np.random.default_rng(len(text) + len(voice))
        return rng.normal(0, 0.1, round(4000 / style.speed)).astype(np.float32), 16000
