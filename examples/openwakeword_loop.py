"""The loop of a program that was written for openWakeWord, with a model of kws.

Shows `kws.adapters.openwakeword.Model` in the place of `openwakeword.model.Model`: frames of 1280
samples go in, a score for each keyword comes out. A WAV file is in the microphone's place.

    python examples/openwakeword_loop.py demo/synthesized_commands.wav
"""

import sys
import wave

import numpy as np

from kws.adapters.openwakeword import Model


def main(path: str) -> int:
    """Print the keywords whose score reaches their threshold."""
    model = Model(wakeword_models=["commands"])
    with wave.open(path) as file:
        if file.getparams()[:3] != (1, 2, 16000):
            print(f"{path}: is not 16-bit mono at 16 kHz", file=sys.stderr)
            return 2
        while len(frame := np.frombuffer(file.readframes(1280), np.int16)):
            prediction = model.predict(frame, debounce_time=1.0)
            for name, score in prediction.items():
                if score >= model.thresholds[name]:
                    print(f"{name:<8} {score:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
