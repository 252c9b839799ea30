"""Run a model file with numpy and the plain TFLite interpreter, without kws.

Shows what a port has to do: log-mel frames, steps with states, softmax, smoothing, thresholds.

    python examples/plain_interpreter.py kws/models/commands.tflite demo/synthesized_commands.wav
"""

import json
import sys
import wave
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def log_mel(x, sample_rate, window, hop, fft, bands, low_hz, high_hz, floor, ceiling, **_):
    """Return the frames (n, bands) of samples (m,) in -1 .. 1: logarithms of powers."""
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    frames = np.lib.stride_tricks.sliding_window_view(x, window)[::hop] * shape
    bins = 1127 * np.log1p(np.arange(fft // 2 + 1)[:, None] * sample_rate / fft / 700)
    edges = np.linspace(*(1127 * np.log1p(np.array([low_hz, high_hz]) / 700)), bands + 2)
    triangles = np.maximum(0, 1 - np.abs(bins - edges[1:-1]) / (edges[1] - edges[0]))
    powers = np.abs(np.fft.rfft(frames, fft)) ** 2 @ triangles
    return np.clip(np.log(np.maximum(powers, 1e-30)), floor, ceiling)


with zipfile.ZipFile(sys.argv[1]) as archive:
    contract = json.loads(archive.read("kws.json"))
front_end, streaming, detector = (contract[k] for k in ("front_end", "streaming", "detector"))
with wave.open(sys.argv[2]) as file:  # 16-bit mono at the model's rate
    samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
size = streaming["frames"]
# the network first hears digital silence, until its states are those that silence leaves
quiet = np.full((-(-streaming["receptive_field"] // size) * size, front_end["bands"]), -99.0)
frames = np.concatenate([quiet.clip(front_end["floor"]), log_mel(samples, **front_end)])

network = Interpreter(model_path=sys.argv[1])
network.allocate_tensors()
tensors = {t["name"]: t for t in [*network.get_input_details(), *network.get_output_details()]}
x, y = tensors[streaming["input"]], tensors[streaming["output"]]
smoothing = round(detector["smoothing"] * front_end["sample_rate"] / front_end["hop"] / size)
recent = np.zeros((smoothing, len(contract["labels"])))
thresholds, said = detector["thresholds"], set()
for at in range(0, len(frames) - size + 1, size):
    scale, zero = x["quantization"]  # the network takes and gives int8
    step = np.clip(np.round(frames[at : at + size] / scale) + zero, -128, 127)
    network.set_tensor(x["index"], step.astype(np.int8).reshape(x["shape"]))
    network.invoke()
    for state, successor in streaming["states"]:
        network.set_tensor(tensors[state]["index"], network.get_tensor(tensors[successor]["index"]))
    scale, zero = y["quantization"]
    powers = np.exp((network.get_tensor(y["index"])[0, -1] - float(zero)) * scale)
    recent = np.concatenate([recent[1:], powers[None] / powers.sum()])
    scores = dict(zip(contract["labels"], recent.mean(axis=0), strict=True))
    # one detection, however long the score stays high: the next one only after it has halved
    said = {keyword for keyword in said if scores[keyword] >= thresholds[keyword] / 2}
    best = max(scores, key=scores.__getitem__)
    if scores[best] >= thresholds.get(best, 2.0) and best not in said:
        print(f"{best} {scores[best]:.2f}")
        said.add(best)
