"""Spot commands in what the microphone hears.

Shows the loop of an app that listens for ever: chunks from the microphone at its own rate, and a
callback for each detection. Needs the extra `mic`, and PortAudio. With a WAV file as argument, the
same loop runs on the file.

    python examples/microphone.py
    python examples/microphone.py demo/synthesized_commands.wav
"""

import sys
from collections.abc import Callable, Iterable

from kws import Detection, KeywordSpotter, KwsError
from kws.arrays import Float32
from kws.audio import read_recording
from kws.microphone import Microphone


def listen(
    chunks: Iterable[Float32], sample_rate: int, on_detection: Callable[[Detection], None]
) -> None:
    """Push chunks of audio into a spotter, and report each detection."""
    spotter = KeywordSpotter.default(sample_rate=sample_rate)
    for chunk in chunks:
        for detection in spotter.process(chunk):
            on_detection(detection)


def report(detection: Detection) -> None:
    """Do what an app does with a detection: here, print it."""
    print(f"heard {detection.keyword!r}", flush=True)


def main() -> int:
    """Listen to the microphone, or to the file that is named."""
    try:
        if len(sys.argv) > 1:
            recording = read_recording(sys.argv[1])
            block = recording.sample_rate // 10
            samples = recording.samples
            chunks = (samples[at : at + block] for at in range(0, len(samples), block))
            listen(chunks, recording.sample_rate, report)
        else:
            with Microphone() as microphone:
                print(f"listening on {microphone.name}; Ctrl-C stops")
                listen(microphone, microphone.sample_rate, report)
    except KwsError as error:  # no microphone, no PortAudio, no such file: one line says what to do
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
