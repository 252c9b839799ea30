"""Make the demo's recording: commands and other words, said by flite's free voice rms.

    python demo/synthesize.py        (needs flite, `apt install flite`, and numpy)

Writes ``synthesized_commands.wav`` and, beside it, where each word is in it. Nobody spoke: the
voice is CMU's rms as flite 2.2 synthesizes it, a fifth slower than usual, with faint noise under
it. Of 13 voices and paces that were tried, this is one of two whose ten commands the model in the
package all understands; of the others it understands seven to nine.
"""

from __future__ import annotations

import csv
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
RATE = 16000
VOICE = "rms"
#: A fifth slower than flite speaks by itself.
PACE = "duration_stretch=1.2"
#: The ten commands of the model in the package, and words that it must not take for one.
WORDS = (
    "yes",
    "no",
    "banana",
    "up",
    "down",
    "left",
    "right",
    "seven",
    "on",
    "off",
    "stop",
    "tomorrow",
    "go",
)
KEYWORDS = frozenset(WORDS) - {"banana", "seven", "tomorrow"}


def say(text: str) -> np.ndarray:
    """Return what flite says, int16 at 16 kHz, without the silence around it."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(
            ["flite", "-voice", VOICE, "--setf", PACE, "-t", text, "-o", file.name], check=True
        )
        with wave.open(file.name) as reader:
            assert reader.getframerate() == RATE
            samples = np.frombuffer(reader.readframes(reader.getnframes()), np.int16)
    level = np.convolve(np.abs(samples.astype(np.float64)), np.ones(160) / 160, mode="same")
    loud = np.flatnonzero(level > 0.02 * level.max())
    return samples[loud[0] : loud[-1] + 1]


def main() -> None:
    """Write the recording and the list of its words."""
    rng = np.random.default_rng(0)
    pieces, rows, at = [], [], 0
    for word in WORDS:
        gap = round(rng.uniform(0.8, 1.1) * RATE)
        samples = say(word)
        pieces += [np.zeros(gap), samples / 32768 * 0.7]
        if word in KEYWORDS:
            rows.append((word, (at + gap) / RATE, (at + gap + len(samples)) / RATE))
        at += gap + len(samples)
    stream = np.concatenate([*pieces, np.zeros(RATE)])
    stream += rng.normal(0, 0.001, len(stream))
    with wave.open(str(HERE / "synthesized_commands.wav"), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes((np.clip(stream, -1, 1) * 32767).astype("<i2").tobytes())
    with (HERE / "synthesized_commands.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("keyword", "start", "end"))
        table.writerows((word, f"{start:.2f}", f"{end:.2f}") for word, start, end in rows)


if __name__ == "__main__":
    main()
