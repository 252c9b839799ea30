"""Recordings of a place as one long stream, for the verbs that set thresholds."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ..arrays import Float32
from ..audio import stream_audio
from ..console import note
from ..errors import AudioError
from .inputs import recordings


class Ambient:
    """Reads recordings one after the other as one stream, and tells a terminal how far it is."""

    def __init__(self, names: list[str], sample_rate: int) -> None:
        self._names = names
        self._rate = sample_rate
        self.files = 0

    def blocks(self) -> Iterator[Float32]:
        """Yield the audio; recordings that cannot be read are named, and the work goes on.

        Yields
        ------
        Float32 (n,)
            A piece of the audio, at the sample rate of the model.
        """
        shown = sys.stderr is not None and sys.stderr.isatty()
        samples = 0
        for name, _ in recordings(self._names):
            try:
                for block in stream_audio(name, self._rate):
                    yield block
                    samples += len(block)
                    if shown:
                        done = f"\r{samples / self._rate / 3600:.2f} h heard, in {name[-50:]}"
                        print(f"{done:79}", end="", file=sys.stderr, flush=True)
                self.files += 1
            except AudioError as error:
                note(f"{chr(13) * shown}kws: skipped: {error}")
        if shown:
            print(f"\r{'':79}\r", end="", file=sys.stderr, flush=True)
