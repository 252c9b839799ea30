"""Run a model with its front end in onnxruntime, without kws.

Shows the loop that is the same in every language with onnxruntime: samples and a state vector in,
detections and the next state out. The model and the JSON file beside it are written by
`kws export MODEL --to onnx --with-front-end`. Needs numpy and onnxruntime.

    python examples/onnx_stream.py model.onnx demo/synthesized_commands.wav
"""

import json
import sys
import time
import wave
from pathlib import Path

import numpy as np
import onnxruntime


def main(model: str, recording: str) -> int:
    """Print the keywords of a recording with the times of their detection, and a step's cost."""
    about = json.loads(Path(f"{model}.json").read_text())
    with wave.open(recording) as file:
        if file.getparams()[:3] != (1, 2, about["sample_rate"]):
            print(f"{recording}: is not 16-bit mono at {about['sample_rate']} Hz", file=sys.stderr)
            return 2
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    pcm = np.concatenate([np.zeros(about["lead_samples"], np.int16), pcm])
    step = about["step_samples"]
    state = np.zeros(about["state_size"], np.float32)
    costs = []
    for end in range(step, len(pcm) + 1, step):
        before = time.perf_counter()
        inputs = {"samples": pcm[end - step : end], "state": state}
        scores, detected, state = session.run(None, inputs)
        costs.append(time.perf_counter() - before)
        for row, label in np.argwhere(detected):
            seconds = (end - about["lead_samples"]) / about["sample_rate"]
            print(f"{about['labels'][label]:<12} {scores[row, label]:.2f} by {seconds:.2f} s")
    print(f"a step took {1000 * float(np.median(costs)):.2f} ms (median)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
