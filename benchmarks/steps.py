"""What a step costs, network by network: whole YAMNet, tapped YAMNet, students, side by side.

    python benchmarks/steps.py --yamnet yamnet.tflite MODEL…

Every network takes its turn in each of many rounds, so that whatever else the machine does falls on
all of them alike; printed are medians over the rounds, and ratios to the first MODEL. Whole YAMNet
is Google's file as it is: a waveform of one window (0.96 s) in, 521 classes out. A model file is
the network of one step, states copied by Python included, without front end and detector.
One thread each.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kws.modelfile import read_model
from kws.network import interpreter_class
from kws.timing import measure, network_work, warm_up

ROUNDS, STEPS = 20, 15


def whole_window(path: Path) -> Callable[[int], object]:
    """Return one window of a plain TFLite network that takes a waveform."""
    interpreter = interpreter_class()(model_path=str(path), num_threads=1)
    tensor = interpreter.get_input_details()[0]
    shape = [15600 if size <= 1 else size for size in tensor["shape"]]
    interpreter.resize_tensor_input(tensor["index"], shape)
    interpreter.allocate_tensors()
    waveform = np.random.default_rng(0).normal(0, 0.025, shape).astype(np.float32)

    def window(number: int) -> None:
        interpreter.set_tensor(tensor["index"], waveform)
        interpreter.invoke()

    return window


def main() -> None:
    """Measure and print one row per network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--yamnet", type=Path, help="the official yamnet.tflite")
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    options = parser.parse_args()
    rows: list[tuple[str, float, Callable[[int], object]]] = []
    for path in options.models:
        model = read_model(path)
        hop = model.metadata.streaming.frames * model.metadata.front_end.hop_seconds
        rows.append((path.name, hop, network_work(model)))
    if options.yamnet is not None:
        rows.append((f"{options.yamnet.name}, whole window", 0.96, whole_window(options.yamnet)))
    for _, _, work in rows:
        warm_up(work)
    taken: list[list[float]] = [[] for _ in rows]
    for number in range(ROUNDS):
        for times, (_, _, work) in zip(taken, rows, strict=True):
            times.extend(measure(work, STEPS, number * STEPS).tolist())
    medians = [float(np.median(times)) / 1e6 for times in taken]
    print(f"{'':40} {'ms':>8} {'of audio':>9} {'to the first':>13}")
    for (name, seconds, _), median in zip(rows, medians, strict=True):
        print(f"{name:40} {median:8.3f} {seconds * 1e3:6.0f} ms {median / medians[0]:12.2f}x")


if __name__ == "__main__":
    main()
