"""How many windows per second a device trains on: by one thread, two, all cores, a graphics card.

    python benchmarks/training.py [--seconds 10] [--json FILE]

The steps of `kws train --wake-word` (head and base) and of `kws pretrain` are taken on random
frames: a step takes as long whatever is in them. Making and augmenting windows, which a thread of
its own does meanwhile, is measured beside it. Each device is a process of its own: TensorFlow
decides once what it computes on. A graphics card is measured where TensorFlow sees one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.arguments import number_between
from support.origin import on_machine, origin
from support.script import check_json, status_of

from kws.bench.machine import read_machine, read_state
from kws.bench.result import write_result
from kws.errors import KwsError
from kws.frontend import WORDS

#: Devices, and the threads by which TensorFlow computes there; 0 for as many as it likes.
DEVICES = {"one thread": 1, "two threads": 2, "all cores": 0, "graphics card": 0}
CARD = "graphics card"
#: Steps before the clock starts: TensorFlow compiles in the first.
WARM = 5
#: Seconds of noise that windows are augmented with.
NOISE_SECONDS = 60


@dataclass(frozen=True)
class Speed:
    """How fast a network is trained on a device.

    Attributes
    ----------
    network : str
        "wake word", "word base", or "windows of wake words", which are only made.
    device : str
        One of `DEVICES`.
    windows : int
        Windows in a batch.
    steps : int
        Steps that were taken.
    seconds : float
        How long they took.
    """

    network: str
    device: str
    windows: int
    steps: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Windows per second."""
        return self.windows * self.steps / self.seconds


def measure(device: str, seconds: float) -> list[Speed]:
    """Measure a device, in the process that was started for it.

    Parameters
    ----------
    device : str
        One of `DEVICES`.
    seconds : float
        For each network, at least.
    """
    from kws_training.tensorflow_loading import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(DEVICES[device])
    tf.config.threading.set_inter_op_parallelism_threads(DEVICES[device])
    if device == CARD and not tf.config.list_physical_devices("GPU"):
        return []
    from kws_training.fitting.loop import set_seed

    set_seed(0)
    found = [
        _timed(name, device, *built, seconds)
        for name, built in (("wake word", _wake_word()), ("word base", _word_base()))
    ]
    if DEVICES[device] == 1:
        found.append(_made(device, seconds))
    return found


def _timed(name: str, device: str, loop: Any, batch: Any, seconds: float) -> Speed:
    for _ in range(WARM):
        loop.step(batch)
    steps, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds or not steps:
        loop.step(batch)
        steps += 1
    return Speed(name, device, len(batch.inputs), steps, taken)


def _wake_word() -> tuple[Any, Any]:
    """Return the training loop of a network of wake words, base included, and a batch."""
    from kws_training.fitting.loop import Batch, Descent, TrainingLoop
    from kws_training.networks.streaming import whole_model
    from kws_training.networks.word_base import read_base
    from kws_training.wake_words.fit import wake_objective, wake_window
    from kws_training.wake_words.listening import NetworkPlan
    from kws_training.wake_words.network import WakeShape
    from kws_training.wake_words.recipe import SHIPPING

    network = NetworkPlan(read_base(None), 1, WakeShape.of(SHIPPING)).network()
    window = wake_window(network, WORDS.bands)
    model = whole_model(network, window.frames, (1, WORDS.bands))
    count = _counts()
    rng = np.random.default_rng(0)
    frames = rng.normal(0, 3, (count, window.frames, 1, WORDS.bands)).astype(np.float32)
    said = (np.arange(count) % 4 == 0).astype(np.float32)[:, None]
    due = np.ones((count, window.results), np.float32)
    loop = TrainingLoop(model, 10**6, Descent(), wake_objective([]))
    return loop, Batch(frames, [said], [due])


def _word_base() -> tuple[Any, Any]:
    """Return the training loop of a word base, and a batch."""
    from kws_training.fitting.loop import Batch, TrainingLoop
    from kws_training.networks.streaming import whole_model
    from kws_training.networks.word_base import BaseShape, WordBase, read_base
    from kws_training.word_base.defaults import FitConfig

    config, shape = FitConfig(), BaseShape()
    labels = len(read_base(None).model.metadata.labels)
    frames = shape.receptive_field
    model = whole_model(WordBase(WORDS, labels, shape), frames, (1, WORDS.bands))
    rng = np.random.default_rng(0)
    x = rng.normal(0, 3, (config.batch, frames, 1, WORDS.bands)).astype(np.float32)
    results = model.output_shape[1]
    wanted = np.eye(labels, dtype=np.float32)[rng.integers(0, labels, (config.batch, results))]
    weights = np.ones((config.batch, results), np.float32)
    return TrainingLoop(model, 10**6, config.descent), Batch(x, [wanted], [weights])


def _counts() -> int:
    from kws_training.wake_words.windows import WindowCounts

    return sum(asdict(WindowCounts()).values())


def _made(device: str, seconds: float) -> Speed:
    """Measure how fast windows of wake words are made and augmented."""
    from kws_training.augmentation.spectra import WindowMaker
    from kws_training.networks.word_base import read_base
    from kws_training.wake_words.fit import wake_window
    from kws_training.wake_words.listening import NetworkPlan
    from kws_training.wake_words.negatives import NegativeStream
    from kws_training.wake_words.network import WakeShape
    from kws_training.wake_words.phrases import PhraseClip, PhraseSet
    from kws_training.wake_words.recipe import SHIPPING
    from kws_training.wake_words.windows import AUGMENTATION, WakeWindowMaker, WindowCounts

    rng = np.random.default_rng(0)
    network = NetworkPlan(read_base(None), 1, WakeShape.of(SHIPPING)).network()
    window = wake_window(network, WORDS.bands)
    noise = rng.normal(0, 3, (NOISE_SECONDS * 100, WORDS.bands)).astype(np.float32)
    images = rng.integers(1, 255, (41, 150, WORDS.bands), np.uint8)
    maker = WakeWindowMaker(
        WindowMaker(noise, WORDS.floor, WORDS.ceiling, AUGMENTATION),
        PhraseSet.of([(0, [PhraseClip(image, 40, 110) for image in images[1:]], 1.0)]),
        None,
        window,
        WindowCounts(),
        None,
        SHIPPING,
    )
    stream = NegativeStream(rng.integers(0, 255, (100_000, WORDS.bands), np.uint8))
    mined = stream.draw(rng, 400, window.frames + 4 * window.stride)
    steps, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds or not steps:
        made = maker.batch(rng, stream, mined)
        steps += 1
    return Speed("windows of wake words", device, len(made.frames), steps, taken)


def run(options: argparse.Namespace) -> int:
    """Measure each device in a process, print and write; returns the exit status."""
    check_json(options.json, KwsError)
    began, machine, before = origin(), read_machine(), read_state()
    found: list[Speed] = []
    print("| what | device | windows in a batch | windows per second |")
    print("| --- | --- | --- | --- |")
    for device in DEVICES:
        command = [sys.executable, __file__, "--seconds", str(options.seconds), "--one", device]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0" if device == CARD else "-1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KwsError(f"{device}: {done.stderr[-500:]}")
        for one in (Speed(**values) for values in json.loads(done.stdout.splitlines()[-1])):
            found.append(one)
            print(
                f"| {one.network} | {device} | {one.windows} | {one.per_second:.0f} |", flush=True
            )
    if not any(one.device == CARD for one in found):
        print("\nTensorFlow sees no graphics card here.")
    if options.json is not None:
        about: dict[str, Any] = {**began, **on_machine(machine, [before, read_state()])}
        write_result(options.json, {**about, "speeds": [asdict(one) for one in found]})
    return 0


def main() -> int:
    """Measure; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--seconds", type=number_between(0.01, 3600), default=10.0, metavar="S", help="of each (10)"
    )
    add("--one", choices=DEVICES, help=argparse.SUPPRESS)
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps([asdict(one) for one in measure(options.one, options.seconds)]))
        return 0
    return status_of("training", lambda: run(options))


if __name__ == "__main__":
    raise SystemExit(main())
