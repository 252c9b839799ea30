"""A simulated day of audio as fast as it goes: memory must not grow, times must not drift.

    python benchmarks/day.py [--hours 24] [--model MODEL] [--sample-rate 16000] [RECORDING…]

The recordings (the demo's, of 13 words, unless others are given) are heard one after the other,
over and over, as one stream in chunks of 80 ms, faint noise under them. The loop is a whole number
of chunks long, so a detection of the last loop must come exactly whole loops after the same one
of the second loop (the first is heard after silence, as none of the others is): what it is off is
the error of its time. Printed is the resident memory after the first minute and every hour.

Exit status 1 if memory grew by more than 1 MB after the first minute, if the last detection's
time is off by more than 10 ms, or if the last loop has other detections than the second; 2 if it
cannot run. Ctrl-C judges what has been streamed so far.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws import Detection, KeywordSpotter
from kws.audio import load_audio
from kws.bench.measure import load, memory
from kws.errors import AudioError, KwsError
from kws.pcm import to_int16
from kws.resample import HIGHEST_RATE, LOWEST_RATE

DEMO = Path(__file__).resolve().parents[1] / "demo" / "synthesized_commands.wav"
#: Chunks of 80 ms.
CHUNKS_PER_SECOND = 12.5
#: Standard deviation of the noise under the recordings, 60 dB below full scale.
NOISE = 1e-3
#: Bars of issue 7: bytes after the first minute, and seconds.
MOST_GROWTH, MOST_ERROR = 1_000_000, 0.010
FIRST_LOOK = 60.0


@dataclass(frozen=True)
class Outcome:
    """What a stream came to.

    Attributes
    ----------
    seconds : float
        Of audio that was streamed.
    first, largest, last : int
        Resident bytes after the first minute, the most since, and at the end.
    detections : int
    expected, found : list of str
        Keywords of the second loop, and of the last whole one.
    error : float or None
        Of start or end of the last detection of the last whole loop, the larger, in seconds; None
        if that loop's detections are not those of the second.
    """

    seconds: float
    first: int
    largest: int
    last: int
    detections: int
    expected: list[str]
    found: list[str]
    error: float | None

    @property
    def growth(self) -> int:
        """Bytes that memory grew by after the first minute, at the most."""
        return self.largest - self.first


def loop_of(recordings: list[Path], sample_rate: int) -> np.ndarray:
    """Return the audio of one loop: int16 (chunks, samples of a chunk)."""
    pieces = [load_audio(path, sample_rate) for path in recordings]
    chunk = round(sample_rate / CHUNKS_PER_SECOND)
    total = sum(map(len, pieces))
    # half a second or more between the last word and the first
    audio = np.random.default_rng(0).normal(
        0, NOISE, -(-(total + sample_rate // 2) // chunk) * chunk
    )
    audio[:total] += np.concatenate(pieces)
    return to_int16(audio).reshape(-1, chunk)


def stream(spotter: KeywordSpotter, loop: np.ndarray, hours: float) -> Outcome:
    """Stream loops for some simulated hours, or until Ctrl-C, and print memory as it goes.

    A detection belongs to the loop in which its sound ends. Only those of the second loop and of
    the latest two are kept: a list of all would grow.
    """
    chunk = loop.shape[1] / spotter.sample_rate
    period = len(loop) * chunk
    chunks = round(hours * 3600 / chunk)
    looks = [
        round(FIRST_LOOK / chunk),
        *(round(h * 3600 / chunk) for h in range(1, int(hours) + 1)),
    ]
    second: list[Detection] = []
    latest: dict[int, list[Detection]] = {}
    count = done = first = largest = 0
    began = time.monotonic()
    try:
        for number in range(chunks):
            for detection in spotter.process(loop[number % len(loop)]):
                count += 1
                of_loop = int(detection.end // period)
                if of_loop == 1:
                    second.append(detection)
                latest.setdefault(of_loop, []).append(detection)
                while len(latest) > 3:
                    del latest[min(latest)]
            done = number + 1
            if done in looks:
                now = _resident()
                first = first or now
                largest = max(largest, now)
                _say(done * chunk, now, now - first, time.monotonic() - began)
    except KeyboardInterrupt:
        print("stopped: what was streamed so far is judged", flush=True)
    now = _resident()
    if not first or done * chunk < 3 * period:
        raise KwsError(f"only {done * chunk:.0f} s were streamed: too few to judge")
    largest = max(largest, now)
    _say(done * chunk, now, now - first, time.monotonic() - began)
    # a word is detected up to a second and a half after it: the last loop may still lack some
    last = int((done * chunk - 1.5) // period) - 1
    found = latest.get(last, [])
    names, others = [d.keyword for d in second], [d.keyword for d in found]
    error = None
    if names and names == others:
        later = (last - 1) * period
        error = max(
            abs(found[-1].start - second[-1].start - later),
            abs(found[-1].end - second[-1].end - later),
        )
    return Outcome(done * chunk, first, largest, now, count, names, others, error)


def _resident() -> int:
    found = memory()
    if found is None:
        raise KwsError("/proc/self/status does not tell the memory: this needs Linux")
    return found["steady"]


def _say(seconds: float, resident: int, growth: int, taken: float) -> None:
    print(
        f"{seconds / 3600:7.3f} h  resident {resident / 1e6:7.3f} MB  "
        f"growth {growth / 1e6:+.3f} MB  after {taken:.1f} s",
        flush=True,
    )


def _hours(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r}: give hours, above 0 and at most 10000")
    return value


def _rate(text: str) -> int:
    chunk = int(text) / CHUNKS_PER_SECOND if text.isdecimal() else 0.5
    if not chunk.is_integer() or not LOWEST_RATE <= int(text) <= HIGHEST_RATE:
        raise argparse.ArgumentTypeError(
            f"{text!r}: give a rate of {LOWEST_RATE} to {HIGHEST_RATE} that 80 ms divide, as 48000"
        )
    return int(text)


def main() -> int:
    """Stream, print, judge; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("recordings", type=Path, nargs="*", metavar="RECORDING", help="with words of the model")
    add("--hours", type=_hours, default=24.0, help="of audio (24)")
    add("--model", default="", help="a model file, or one of the package's by name")
    add("--sample-rate", type=_rate, default=16000, help="of the stream (16000)")
    options = parser.parse_args()
    try:
        loop = loop_of(options.recordings or [DEMO], options.sample_rate)
        period = loop.size / options.sample_rate
        if options.hours * 3600 < max(FIRST_LOOK, 3 * period + 2):
            raise AudioError(
                f"{options.hours} hours are too few: give a minute and three loops "
                f"of {period:.0f} s, or more"
            )
        spotter = KeywordSpotter(load(options.model), sample_rate=options.sample_rate)
        outcome = stream(spotter, loop, options.hours)
    except KwsError as error:
        print(f"day: {error}", file=sys.stderr)
        return 2
    print(
        f"{outcome.seconds / 3600:.3f} h streamed, {outcome.detections} detections, "
        f"{len(outcome.expected)} in a loop of {period:.2f} s"
    )
    bad = []
    if outcome.growth > MOST_GROWTH:
        bad.append(f"memory grew by {outcome.growth / 1e6:.3f} MB after the first minute")
    print(f"growth after the first minute: {outcome.growth / 1e6:+.3f} MB, at most")
    if outcome.error is None:
        bad.append(
            f"the second loop had {', '.join(outcome.expected) or 'nothing'}, "
            f"the last {', '.join(outcome.found) or 'nothing'}"
        )
    else:
        print(f"error of the last detection's time: {outcome.error * 1e3:.3f} ms")
        if outcome.error > MOST_ERROR:
            bad.append(f"the last detection's time is off by {outcome.error * 1e3:.3f} ms")
    for line in bad:
        print(f"FAILED: {line}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
