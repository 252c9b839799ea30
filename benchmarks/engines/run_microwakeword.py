"""Adapter of microWakeWord by `pymicro-wakeword`, with its own model `alexa`."""

from __future__ import annotations

from protocol import Engine, run


def load(options: dict[str, str]) -> Engine:
    """Load features and model, as the package's command line does."""
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

    features = MicroWakeWordFeatures()
    word = MicroWakeWord.from_builtin(Model.ALEXA)
    detected = False

    def push(chunk: bytes) -> int:
        nonlocal detected
        found = 0
        for frame in features.process_streaming(chunk):
            answer = word.process_streaming(frame)
            if answer is not None:
                found += answer and not detected  # a word's rising edge is one detection
                detected = answer
        return found

    def first(chunk: bytes) -> bool:
        answers = [word.process_streaming(frame) for frame in features.process_streaming(chunk)]
        return any(answer is not None for answer in answers)

    return Engine(push, first, [word.tflite_model], "pymicro-wakeword", "alexa")


if __name__ == "__main__":
    run(load)
