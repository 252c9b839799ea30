"""Adapter of PocketSphinx's keyphrase mode, with the US English model in its package.

It compares the likelihood ratio of the phrase against any phones with ``kws_threshold``, a number
from 1e-50 to 1 and above. A segment's ``prob`` is that ratio: its logarithm to the base of the
decoder, less `KWS_MAX`, where the decoder counts in units of 2 ** `SHIFT` (`kws_search.c`,
`kws_search.h` and `hmm.h` of cmusphinx/pocketsphinx). A score is its logarithm on our scale.
"""

from __future__ import annotations

import math
import sys

from protocol import Engine, run

#: Likelihood ratio from which the phrase counts as said, the decoder's default.
THRESHOLD = 1e-30
KWS_MAX, SHIFT = 1500, 10
#: Decimal logarithms of the ratio that log-odds of -8 and 16 stand for: what kws tries thresholds
#: between. The decoder reports nothing below the first when it gives scores.
SCALE = (-60.0, 60.0)
#: Frames per second; frames that a segment is held back (``kws_delay``).
FRAMES, DELAY = 100, 10


def load(options: dict[str, str]) -> Engine:
    """Load the acoustic model and the dictionary; no language model is read in this mode."""
    from pocketsphinx import Decoder

    phrase = options["phrase"]
    threshold = 10 ** SCALE[0] if "scores" in options else THRESHOLD
    decoder = Decoder(keyphrase=phrase, kws_threshold=threshold, loglevel="FATAL")
    # it does not say so itself, and would look for other words then
    unknown = [word for word in phrase.split() if decoder.lookup_word(word) is None]
    if unknown:
        sys.exit(f"its dictionary has no {', '.join(unknown)}")
    decoder.start_utt()

    def push(chunk: bytes) -> int:
        decoder.process_raw(chunk, False, False)
        if decoder.hyp() is None:
            return 0
        decoder.end_utt()  # as its documentation does: a new utterance after each detection
        decoder.start_utt()
        return 1

    def first(chunk: bytes) -> bool:
        push(chunk)
        return decoder.n_frames() > 0

    told = reported = 0

    def scores(chunk: bytes) -> list[float]:
        """Return a score per frame: 0 but where a segment comes out."""
        nonlocal told, reported
        decoder.process_raw(chunk, False, False)
        found = [0.0] * (decoder.n_frames() - told)
        last = reported
        for segment in decoder.seg() or ():  # all of the stream, the oldest first
            if segment.end_frame > reported and found:
                # its frame, or the first that nothing was said of yet
                at = max(0, min(len(found) - 1, segment.end_frame + DELAY - told))
                found[at] = max(found[at], _score(segment.prob))
                last = max(last, segment.end_frame)
        told += len(found)
        reported = last
        return found

    models = [decoder.config["hmm"], decoder.config["dict"]]
    own = _scaled(math.log10(THRESHOLD))
    return Engine(push, first, models, "pocketsphinx", phrase, scores, 1 / FRAMES, own)


def _score(prob: float) -> float:
    """Return the score of a segment."""
    unit = math.log(1.0001)  # the base of the decoder's logarithms
    ratio = (math.log(prob) / unit + KWS_MAX) * 2**SHIFT * unit / math.log(10)
    return _scaled(ratio)


def _scaled(logarithm: float) -> float:
    """Map the decimal logarithm of a ratio to 0 .. 1, as the logistic function of log-odds."""
    low, high = SCALE
    return 1 / (1 + math.exp(8 - 24 * (logarithm - low) / (high - low)))


if __name__ == "__main__":
    run(load)
