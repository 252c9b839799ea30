"""Adapter of whole YAMNet as TFLite, Google's file as it is: 521 classes of sounds, no words.

A window of 0.975 s of waveform every 0.48 s, the hop that YAMNet's own code takes (`params.py` of
tensorflow/models, `patch_hop_seconds`). There is no detector.
"""

from __future__ import annotations

from protocol import Engine, run

WINDOW, HOP = 15600, 7680


def load(options: dict[str, str]) -> Engine:
    """Load the network that ``model`` names."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=options["model"], num_threads=1)
    tensor = interpreter.get_input_details()[0]
    shape = [WINDOW if size <= 1 else size for size in tensor["shape"]]
    interpreter.resize_tensor_input(tensor["index"], shape)
    interpreter.allocate_tensors()
    output = interpreter.get_output_details()[0]["index"]
    waiting = np.zeros(0, np.float32)

    def first(chunk: bytes) -> bool:
        nonlocal waiting
        samples = np.frombuffer(chunk, np.int16).astype(np.float32) / 32768
        waiting = np.concatenate([waiting, samples])
        if len(waiting) < WINDOW:
            return False
        interpreter.set_tensor(tensor["index"], waiting[:WINDOW].reshape(shape))
        interpreter.invoke()
        interpreter.get_tensor(output)
        waiting = waiting[HOP:]
        return True

    def push(chunk: bytes) -> int:
        first(chunk)
        return 0

    return Engine(push, first, [options["model"]], "ai-edge-litert", "521 classes of sounds")


if __name__ == "__main__":
    run(load)
