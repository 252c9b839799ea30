"""PocketSphinx with a grammar, in an environment of its own: PCM in, words out.

    python understand_pocketsphinx.py GRAMMAR.jsgf < frames

Standard input: for each recording its number of samples (int32) and its samples (int16), at 16 kHz;
standard output: for each a line of JSON with ``words`` and ``cpu`` (seconds). The first line says
the version.
"""

import json
import struct
import sys
import time
from importlib.metadata import version

from pocketsphinx import Decoder


def main() -> None:
    """Answer each recording with a line."""
    decoder = Decoder(jsgf=sys.argv[1], loglevel="FATAL")
    print(json.dumps({"version": version("pocketsphinx")}), flush=True)
    source = sys.stdin.buffer
    while header := source.read(4):
        (count,) = struct.unpack("<i", header)
        samples = source.read(2 * count)
        begun = time.process_time()
        decoder.start_utt()
        decoder.process_raw(samples, full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        words = found.hypstr if found is not None else ""
        print(json.dumps({"words": words, "cpu": time.process_time() - begun}), flush=True)


if __name__ == "__main__":
    main()
