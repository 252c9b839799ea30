"""Adapter of PocketSphinx's keyphrase mode, with the US English model in its package."""

from __future__ import annotations

from protocol import Engine, run

#: Likelihood ratio from which the phrase counts as said; its cost hardly depends on it.
THRESHOLD = 1e-20


def load(options: dict[str, str]) -> Engine:
    """Load the acoustic model and the dictionary; no language model is read in this mode."""
    from pocketsphinx import Decoder

    phrase = options["phrase"]
    decoder = Decoder(keyphrase=phrase, kws_threshold=THRESHOLD, loglevel="FATAL")
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

    models = [decoder.config["hmm"], decoder.config["dict"]]
    return Engine(push, first, models, "pocketsphinx", phrase)


if __name__ == "__main__":
    run(load)
