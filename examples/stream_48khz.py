"""Spot commands in a stream of chunks at 48 kHz.

Shows how an app pushes audio as its sound card gives it: int16, 48 kHz, in chunks of 10 ms. The
spotter resamples the stream itself. The chunks come from a file here, resampled to 48 kHz.

    python examples/stream_48khz.py demo/synthesized_commands.wav
"""

import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from kws import KeywordSpotter
from kws.audio import load_audio

RATE = 48000
CHUNK = RATE // 100


def chunks_of(path: str) -> Iterator[npt.NDArray[np.int16]]:
    """Yield a recording in chunks, int16 (CHUNK,), as a sound card would."""
    samples = np.clip(load_audio(path, RATE) * 32768, -32768, 32767).astype(np.int16)
    for start in range(0, len(samples), CHUNK):
        yield samples[start : start + CHUNK]


def main(path: str) -> None:
    """Print each detection, and how far the stream was when it came."""
    spotter = KeywordSpotter.default(sample_rate=RATE)
    pushed = 0
    for chunk in chunks_of(path):
        pushed += len(chunk)
        for detection in spotter.process(chunk):
            print(
                f"{pushed / RATE:6.2f} s: {detection.keyword}, "
                f"said from {detection.start:.2f} to {detection.end:.2f} s"
            )


if __name__ == "__main__":
    main(sys.argv[1])
