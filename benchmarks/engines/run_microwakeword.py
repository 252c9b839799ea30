"""Adapter of microWakeWord by `pymicro-wakeword`, with one of its own models."""

from __future__ import annotations

from protocol import Engine, run


def load(options: dict[str, str]) -> Engine:
    """Load features and model, as the package's command line does."""
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

    features = MicroWakeWordFeatures()
    word = MicroWakeWord.from_builtin(Model(options["phrase"].replace(" ", "_")))
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

    frames = 0

    def scores(chunk: bytes) -> list[float]:
        nonlocal frames
        found = []
        for frame in features.process_streaming(chunk):
            probability = word.process_streaming_prob(frame)
            frames += 1
            if frames % word.stride == 0:  # it gives 0 until it has the frames of a step
                found.append(float(probability or 0.0))
        return found

    # its features come every 10 ms
    return Engine(
        push,
        first,
        [word.tflite_model],
        "pymicro-wakeword",
        options["phrase"],
        scores,
        0.01 * word.stride,
        word.probability_cutoff,
    )


if __name__ == "__main__":
    run(load)
