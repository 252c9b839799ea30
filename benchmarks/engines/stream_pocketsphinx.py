"""Where PocketSphinx hears a phrase in a stream, at some of its thresholds.

Run by the Python of its virtual environment with one argument, JSON: ``phrase`` and
``thresholds``. Raw 16-bit samples, 16 kHz, mono, come on standard input until it ends; then one
line of JSON: ``version``, and ``times``, the seconds of the events of each threshold. Exit status
1, with the reason in the last line on standard error, if a word is not in its dictionary. Another
engine that has detections and no scores is another script like this.

Frames and the new utterance after each event are those of `engine.py` of
Picovoice/wake-word-benchmark.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

RATE, FRAME = 16000, 512


def main() -> int:
    """Listen to standard input; returns the exit status."""
    from pocketsphinx import Decoder

    options = json.loads(sys.argv[1])
    phrase = options["phrase"]
    decoders = [
        Decoder(keyphrase=phrase, kws_threshold=threshold, loglevel="FATAL")
        for threshold in options["thresholds"]
    ]
    # it does not say so itself, and would look for other words then
    unknown = [word for word in phrase.split() if decoders[0].lookup_word(word) is None]
    if unknown:
        print(f"its dictionary has no {', '.join(unknown)}", file=sys.stderr)
        return 1
    for decoder in decoders:
        decoder.start_utt()
    times: list[list[float]] = [[] for _ in decoders]
    samples = 0
    while len(frame := sys.stdin.buffer.read(2 * FRAME)) == 2 * FRAME:
        samples += FRAME
        for number, decoder in enumerate(decoders):
            decoder.process_raw(frame, False, False)
            if decoder.hyp() is not None:
                times[number].append(samples / RATE)
                decoder.end_utt()
                decoder.start_utt()
    print(json.dumps({"version": version("pocketsphinx"), "times": times}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
