"""Run a wake word that was exported for ESPHome on a recording, as its runtimes do.

Shows all that a runtime of such a file does: frames of the front end become int8, the network keeps
its states itself, and the mean of the latest scores is compared with the manifest's cutoff.

    python examples/run_esphome.py hey-esphome/hey_device.json recording.wav
"""

import json
import sys
from collections import deque
from pathlib import Path

import numpy as np

from kws.audio import load_audio
from kws.micro_frontend import MicroConfig, MicroFrontEnd
from kws.network import interpreter_class

#: Seconds after a detection in which there is no other.
REFRACTORY = 1.0


def main(path: str, recording: str) -> None:
    """Print when the wake word of a manifest is detected in a recording."""
    manifest = json.loads(Path(path).read_text())
    settings = manifest["micro"]
    network = interpreter_class()(str(Path(path).with_name(manifest["model"])))
    network.allocate_tensors()
    (features,), (score,) = network.get_input_details(), network.get_output_details()
    scale, zero = features["quantization"]
    stride = int(features["shape"][1])
    front_end = MicroFrontEnd(MicroConfig(), stride)
    frames = front_end.push(load_audio(recording, 16000))
    values = np.clip(np.rint(frames / scale) + zero, -128, 127).astype(np.int8)
    scores: deque[int] = deque(maxlen=settings["sliding_window_size"])
    free = 0.0
    for number, step in enumerate(values.reshape(-1, *features["shape"])):
        network.set_tensor(features["index"], step)
        network.invoke()
        scores.append(int(network.get_tensor(score["index"])[0, 0]))
        seconds = (number + 1) * stride * settings["feature_step_size"] / 1000
        mean = sum(scores) / len(scores) / 256
        full = len(scores) == scores.maxlen
        if full and mean > settings["probability_cutoff"] and seconds >= free:
            print(f"{seconds:.2f} s  {manifest['wake_word']}  {mean:.2f}")
            free = seconds + REFRACTORY


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
