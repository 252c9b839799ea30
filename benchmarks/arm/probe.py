"""What a device's Python computes, and work whose instructions can be counted.

    python probe.py hear recordings.npz results.npz [other_results.npz]
    python probe.py stream|network|front-end STEPS

Run by `arm.py` with the Python of this machine and with that of the emulated one. `hear` writes
for each recording (int16, 16 kHz) the detections of the default model, its front-end frames, and
the logits of its network over these frames; and, over the frames in other results, the logits
too, so that the network can be compared by itself. The others take so many steps of 80 ms and
print how many: what they cost is the count of a long run less that of a short one.
"""

from __future__ import annotations

import sys

import numpy as np

from kws import KeywordSpotter
from kws.audio import to_float
from kws.frontend import LogMel, log_mel
from kws.network import StreamingNetwork
from kws.packaged import packaged_model

#: Samples of a chunk, 80 ms.
CHUNK = 1280
#: Different chunks of faint noise, taken in turn.
PREPARED = 50
LEVEL = 0.025


def hear(recordings: str, results: str, others: str | None) -> None:
    """Write what is heard in some recordings, and what the parts gave."""
    model = packaged_model()
    spotter, network = KeywordSpotter(model), StreamingNetwork(model)
    found = {}
    given = np.load(others) if others is not None else {}
    with np.load(recordings) as heard:
        for name, samples in heard.items():
            spotter.reset()
            detections = []
            for start in range(0, len(samples), CHUNK):
                detections += spotter.process(samples[start : start + CHUNK])
            detections += spotter.flush()
            found[f"{name}/keywords"] = np.array([d.keyword for d in detections], "U100")
            found[f"{name}/figures"] = np.array(
                [(d.score, d.start, d.end) for d in detections], np.float64
            ).reshape(-1, 3)
            frames = log_mel(to_float(samples), model.metadata.front_end)
            found[f"{name}/frames"] = frames
            found[f"{name}/logits"] = logits(network, frames)
            if f"{name}/frames" in given:
                found[f"{name}/logits_of_others"] = logits(network, given[f"{name}/frames"])
    np.savez(results, **found)


def logits(network: StreamingNetwork, frames: np.ndarray) -> np.ndarray:
    """Return the logits of every whole step of some frames, from silence on."""
    network.reset()
    size = network.frames
    steps = [network.step(frames[at : at + size]) for at in range(0, len(frames) - size + 1, size)]
    return np.concatenate(steps) if steps else np.zeros((0, 0), np.float32)


def work(what: str, steps: int) -> None:
    """Take steps of one part, or of all."""
    model = packaged_model()
    noise = np.random.default_rng(0).normal(0, LEVEL, (PREPARED, CHUNK))
    if what == "stream":
        spotter = KeywordSpotter(model)
        chunks = (noise * 32767).astype(np.int16)
        for number in range(steps):
            spotter.process(chunks[number % PREPARED])
    elif what == "network":
        network = StreamingNetwork(model)
        frames = log_mel(noise.astype(np.float32).ravel(), model.metadata.front_end)
        prepared = len(frames) // network.frames
        for number in range(steps):
            at = number % prepared * network.frames
            network.step(frames[at : at + network.frames])
    else:
        front_end = LogMel(model.metadata.front_end.first, model.metadata.streaming.frames)
        chunks = noise.astype(np.float32)
        for number in range(steps):
            front_end.push(chunks[number % PREPARED])
    print(steps)


if __name__ == "__main__":
    if sys.argv[1] == "hear":
        hear(sys.argv[2], sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else None)
    else:
        work(sys.argv[1], int(sys.argv[2]))
