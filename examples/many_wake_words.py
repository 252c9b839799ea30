"""Spot the keywords of several models in one recording, and say what they cost together.

Shows how models that hear the same audio run as one group: what they have in common is computed
once, and each detection names its model. Files that kws enroll wrote share nearly everything.

    python examples/many_wake_words.py RECORDING.wav hey.tflite stop.tflite lights.tflite
"""

import sys
import time

from kws import KeywordSpotter
from kws.audio import load_audio

#: Samples that are pushed at once: 80 ms at 16 kHz, as a microphone gives them.
CHUNK = 1280


def main(recording: str, *paths: str) -> None:
    """Print one line for each detection, and then the cost of one model and of all."""
    group = KeywordSpotter.load(list(paths))
    samples = load_audio(recording, group.sample_rate)
    for detection in [*group.process(samples), *group.flush()]:
        print(
            f"{detection.start:6.2f} to {detection.end:6.2f} s: {detection.keyword} "
            f"({detection.score:.2f}), by {detection.model}"
        )
    for some in (paths[:1], paths):
        group = KeywordSpotter.load(list(some))
        begun = time.process_time()
        for start in range(0, len(samples), CHUNK):
            group.process(samples[start : start + CHUNK])
        used = (time.process_time() - begun) / (len(samples) / group.sample_rate)
        print(f"models: {len(some)}, CPU per second of audio: {1000 * used:.1f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
