"""Spot commands in a recording.

Shows how to open the model in the package, read a recording and get detections with their times.

    python examples/spot_file.py demo/synthesized_commands.wav
"""

import sys

from kws import KeywordSpotter
from kws.audio import load_audio


def main(path: str) -> None:
    """Print one line for each detection in a recording."""
    spotter = KeywordSpotter.default()
    samples = load_audio(path, spotter.sample_rate)  # mono float32 in -1 .. 1
    # flush: a word may be detected shortly after its end, also at the end of the recording
    for detection in [*spotter.process(samples), *spotter.flush()]:
        print(
            f"{detection.start:6.2f} to {detection.end:6.2f} s: "
            f"{detection.keyword} ({detection.score:.2f})"
        )


if __name__ == "__main__":
    main(sys.argv[1])
