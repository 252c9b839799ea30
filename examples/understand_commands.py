"""Understand spoken commands in a recording, by a grammar.

Shows how to open a grammar, push a stream as a microphone gives it, and read intents and slots.

    python examples/understand_commands.py examples/lights.yaml recording.wav [model.tflite]
"""

import sys

from kws import CommandRecognizer
from kws.audio import load_audio


def main(grammar: str, path: str, model: str | None = None) -> None:
    """Print one line for each utterance of a recording."""
    recognizer = CommandRecognizer(grammar, model=model)
    print("intents:", ", ".join(recognizer.intents))
    samples = load_audio(path, recognizer.sample_rate)
    chunk = recognizer.sample_rate // 20  # 50 ms
    for start in range(0, len(samples), chunk):
        for result in recognizer.process(samples[start : start + chunk]):
            print(f"{result.start:.2f} to {result.end:.2f} s: {result.intent} {result.slots}")
    for result in recognizer.flush():  # what ends with the recording
        print(f"{result.start:.2f} to {result.end:.2f} s: {result.intent} {result.slots}")


if __name__ == "__main__":
    main(*sys.argv[1:])
