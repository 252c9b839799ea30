"""Recordings of a place as one long stream, for the verbs that set thresholds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..arrays import Float32
from ..audio import stream_audio
from ..console import note
from ..errors import AudioError
from .inputs import recordings

if TYPE_CHECKING:  # what these import is not needed to print --help
    from ..calibration.hours import HoursCounter
    from ..calibration.scores import Trace
    from ..spotter import KeywordSpotter


class Ambient:
    """Reads recordings one after the other as one stream, and tells a terminal how far it is.

    Parameters
    ----------
    names : list of str
        Recordings, and folders of recordings.

    Attributes
    ----------
    files : int
        How many recordings were heard.
    """

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self.files = 0

    def trace(self, spotter: KeywordSpotter) -> Trace:
        """Run the recordings through a model; what could not be read or used is named.

        Parameters
        ----------
        spotter : KeywordSpotter
            The model.

        Returns
        -------
        Trace
            Of the stream. Its seconds are those that count: each second of audio once, and no
            digital silence (`kws.calibration.hours`).

        Raises
        ------
        AudioError
            If no recording could be read, or all of them are digital silence.
        """
        from dataclasses import replace

        from ..calibration.hours import HoursCounter
        from ..calibration.scores import trace_blocks

        hours = HoursCounter(spotter.sample_rate)
        heard = trace_blocks(spotter, self._blocks(hours, spotter.sample_rate))
        if not self.files:
            raise AudioError("none of the recordings could be read: nothing was calibrated")
        if hours.repeated_seconds >= 1:
            note(
                f"kws: {hours.repeated_seconds / 3600:.2f} h of the audio repeat what was heard "
                "before: they count once"
            )
        if hours.silent_seconds >= 1:
            note(
                f"kws: {hours.silent_seconds / 3600:.2f} h of the audio are digital silence: they "
                "do not count"
            )
        if not hours.seconds:
            raise AudioError(
                f"{self._names[0]}: nothing but digital silence: record the place with a "
                "microphone that is on"
            )
        return replace(heard, seconds=hours.seconds)

    def _blocks(self, hours: HoursCounter, rate: int) -> Iterator[Float32]:
        """Yield the audio; recordings that cannot be read are named, and the work goes on."""
        shown = sys.stderr is not None and sys.stderr.isatty()
        samples = 0
        for name, _ in recordings(self._names):
            before = samples
            try:
                for part in hours.unheard(stream_audio(name, rate)):
                    yield part.samples
                    samples += len(part.samples)
                    if shown:
                        done = f"\r{samples / rate / 3600:.2f} h heard, in {name[-50:]}"
                        print(f"{done:79}", end="", file=sys.stderr, flush=True)
                if samples > before:
                    self.files += 1
                else:
                    note(f"{chr(13) * shown}kws: skipped: {name}: was heard before")
            except AudioError as error:
                note(f"{chr(13) * shown}kws: skipped: {error}")
        if shown:
            print(f"\r{'':79}\r", end="", file=sys.stderr, flush=True)
