"""Make a wake word from a few recordings of one person, without training.

Shows enrolment from Python: recordings are read and checked, a model is made in a fraction of a
second, written, and used. `kws enroll` does the same from a shell.

    python examples/enroll_phrase.py "hey device" mine.tflite first.wav second.wav third.wav
"""

import sys

from kws import AudioError, KeywordSpotter
from kws.audio import load_audio
from kws.enrolment.enroll import base_model, enroll, read_positive
from kws.modelfile import write_model


def main(phrase: str, output: str, paths: list[str]) -> None:
    """Enroll a phrase, and say how the model hears its own recordings."""
    base = base_model()
    sample_rate = base.metadata.front_end.sample_rate
    recordings = []
    for path in paths:
        try:
            recordings.append(read_positive(path, sample_rate))
        except AudioError as error:  # too quiet, clipped, cut off, …
            print(f"left out: {error}", file=sys.stderr)
    enrolled = enroll(base, {phrase: recordings})  # three recordings or more
    write_model(output, enrolled.model.network, enrolled.model.metadata)
    for one in enrolled.phrases:
        for path, similarity in one.similarities.items():
            print(f"{path}: similarity to the others {similarity:.2f}")

    spotter = KeywordSpotter.load(output)
    for path in paths:
        spotter.reset()
        detections = [*spotter.process(load_audio(path, sample_rate)), *spotter.flush()]
        print(f"{path}: {'detected' if detections else 'missed'}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
