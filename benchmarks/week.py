"""A simulated week of audio: once in one piece, once in slices with a saved state between them.

    python benchmarks/week.py [--hours 168] [--slice-hours 1] [--sliced 168] [--model MODEL]
        [--out FILE]

The stream is made as it is heard, from seeds: faint noise 60 dB below full scale, an hour of it
over and over, and 120 words of the demo an hour, placed anew in every hour. The first minute of
every hour has the same words at the same places, so that its detections must come exactly whole
hours after those of the second hour: what they are off is drift. One process hears all of it
through a pipe and tells its resident memory every hour, and how many blocks Python has allocated.
At the same time the same stream, or its first --sliced hours, is heard in slices, each by a new
process that restores the state which the one before has saved; their detections must be those of
the one process, number for number.

Resident memory is that of /proc/PID/smaps_rollup, which counts pages; VmRSS of /proc/PID/status is
a sum of counters that may lag behind. Blocks are counted after a collection of garbage: what is
kept for later is among them.

Exit status 1 if resident memory is higher in any later hour than after the first, if the drift is
not 0 ms, or if the slices find something else; 2 if it cannot run. --minutes judges the hours that
were heard so far.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
from support.resident import resident

from kws import KeywordSpotter
from kws.audio import load_audio
from kws.bench.measure import load
from kws.errors import KwsError
from kws.pcm import to_int16

DEMO = Path(__file__).resolve().parents[1] / "demo" / "synthesized_commands.wav"
RATE = 16000
HOUR = 3600 * RATE
#: Standard deviation of the noise under the words, 60 dB below full scale.
NOISE = 1e-3
#: File with an hour of it, made once for all processes.
NOISE_FILE = "noise.npy"
#: Words in an hour, each alone in a stretch of its own.
WORDS = 120
STRETCH = HOUR // WORDS
#: Stretches of the first minute: the same words at the same places in every hour.
SAME = 2
#: Samples that are heard at once: ten seconds.
CHUNK = 10 * RATE
#: Detections that begin so early in an hour are those of its first minute.
FIRST_MINUTE = SAME * STRETCH / RATE
#: What a sum of times in float64 may be off, in seconds: less than a sample's thousandth.
EXACT = 1e-8


def words_of_demo() -> list[np.ndarray]:
    """Return the words of the demo, each int16 with a little of what is around it."""
    samples = load_audio(DEMO, RATE)
    with DEMO.with_suffix(".csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    around = [(float(row["start"]) - 0.1, float(row["end"]) + 0.1) for row in rows]
    return [to_int16(samples[max(0, int(a * RATE)) : int(b * RATE)]) for a, b in around]


def faint_noise() -> np.ndarray:
    """Return an hour of the noise under the words, int16 (3600 * 16000,)."""
    return to_int16(np.random.default_rng(0).normal(0, NOISE, HOUR).astype(np.float32))


def hours(first: int, last: int, noise: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Give the audio of some hours, int16 (3600 * 16000,) each; noise is made unless given."""
    words = words_of_demo()
    if noise is None:
        noise = faint_noise()
    for hour in range(first, last):
        audio = np.array(noise)
        for stretch in range(WORDS):
            rng = np.random.default_rng([stretch if stretch < SAME else WORDS + hour, stretch])
            word = words[rng.integers(len(words))]
            # five seconds of quiet at least between two words, and where an hour ends
            at = stretch * STRETCH + int(rng.integers(STRETCH - len(word) - 5 * RATE))
            audio[at : at + len(word)] += word
        yield audio


def produce(first: int, last: int, noise: Path) -> None:
    """Write the audio of some hours to stdout, 16-bit, with noise from a file."""
    for audio in hours(first, last, np.load(noise, mmap_mode="r")):
        sys.stdout.buffer.write(memoryview(audio))


def listen(model: str, state: Path | None, found: Path) -> None:
    """Hear stdin, write detections to a file, and print memory, state size and blocks hourly.

    A state that is there is gone on from; the new one takes its place at the end.
    """
    spotter = KeywordSpotter(load(model))
    if state is not None and state.exists():
        spotter.restore(state.read_bytes())
    taken = 0
    with found.open("w") as file:
        while data := sys.stdin.buffer.read(2 * CHUNK):
            for one in spotter.process(np.frombuffer(data, np.int16)):
                file.write(json.dumps([one.keyword, one.score, one.start, one.end]) + "\n")
            taken += len(data) // 2
            if taken % HOUR == 0:
                size = len(spotter.state())  # also takes memory the first time
                gc.collect()
                print(f"{resident()} {size} {sys.getallocatedblocks()}", flush=True)
    if state is not None:
        state.write_bytes(spotter.state())


#: Of each hour: resident memory, the size of the state, blocks.
Told = list[list[int]]


class Listening:
    """A process that hears some hours of the stream from another one that makes them.

    Parameters
    ----------
    model : str
        A model file, or one of the package's by name.
    first, last : int
        The first hour, and the one after the last.
    state : Path or None
        What to go on from and to save in.
    found : Path
        File for the detections, beside that of the noise.
    """

    def __init__(self, model: str, first: int, last: int, state: Path | None, found: Path) -> None:
        own = [sys.executable, __file__, "--model", model]
        saved = [] if state is None else ["--state", str(state)]
        self._what = f"hours {first} to {last}"
        self._producer = subprocess.Popen(
            [*own, "--produce", str(first), str(last), "--noise", str(found.with_name(NOISE_FILE))],
            stdout=subprocess.PIPE,
        )
        self._listener = subprocess.Popen(
            [*own, "--listen", str(found), *saved],
            stdin=self._producer.stdout,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._producer.stdout is not None
        self._producer.stdout.close()

    def told(self, until: float = math.inf, each: Callable[[Told], None] = lambda _: None) -> Told:
        """Wait for the end, or end it after some time.

        Parameters
        ----------
        until : float
            On the clock of `time.monotonic`: the stream ends with the hour in which this is.
        each : callable
            Takes what is returned, after each hour.

        Returns
        -------
        list of list of int
            Resident memory, the size of the state, and blocks, after each hour.
        """
        assert self._listener.stdout is not None
        found: Told = []
        for line in self._listener.stdout:
            found.append([int(one) for one in line.split()])
            each(found)
            if time.monotonic() > until:
                self._producer.terminate()
        self._producer.wait()
        if self._listener.wait():
            raise KwsError(f"{self._what} could not be heard: see above")
        return found


def in_slices(model: str, total: int, size: int, folder: Path, until: float) -> tuple[int, Told]:
    """Hear the stream in slices; returns the hours that were heard, and what was told of each."""
    state, told, last = folder / "stream.state", [], 0
    for first in range(0, total, size):
        if time.monotonic() > until:
            break
        end = min(first + size, total)
        found = folder / f"slice-{first:05}.jsonl"
        told += Listening(model, first, end, state, found).told()
        last = end
        print(f"{last:5} of {total} h in slices, state {told[-1][1]} bytes", flush=True)
    return last, told


def _say(told: Told) -> None:
    resident_bytes, _, blocks = told[-1]
    print(f"{len(told):5} h in one piece, {resident_bytes} bytes, {blocks} blocks", flush=True)


def read(paths: list[Path]) -> list[list[object]]:
    """Return the detections in files: keyword, score, start, end."""
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def drift_of(found: list[list[object]], total: int) -> tuple[float, int]:
    """Return what the first minutes of hours are off from that of the second, and how many are."""
    minutes: list[list[tuple[str, float, float]]] = [[] for _ in range(total)]
    for keyword, _, start, end in found:
        hour, at = divmod(float(start), 3600.0)
        if at < FIRST_MINUTE and hour < total:
            minutes[int(hour)].append((str(keyword), at, float(end) - 3600.0 * hour))
    expected = minutes[1]
    if not expected:
        raise KwsError("nothing was found in the first minute of the second hour")
    worst = 0.0
    for own in minutes[1:]:
        if [one[0] for one in own] != [one[0] for one in expected]:
            return float("inf"), len(expected)
        pairs = zip(own, expected, strict=True)
        off = [abs(a[n] - b[n]) for a, b in pairs for n in (1, 2)]
        worst = max(worst, *off)
    return (worst if worst > EXACT else 0.0), len(expected)


def week(model: str, total: int, size: int, sliced: int, minutes: float) -> dict[str, object]:
    """Hear the stream both ways and compare."""
    began = time.monotonic()
    until = began + 60 * minutes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / NOISE_FILE, faint_noise())
        listening = Listening(model, 0, total, None, folder / "whole.jsonl")
        cut, slices = in_slices(model, sliced, size, folder, until)
        told = listening.told(until, _say)
        found, pieces = read([folder / "whole.jsonl"]), read(sorted(folder.glob("slice-*.jsonl")))
    both = min(cut, len(told))
    if both < 2:
        raise KwsError(f"only {both} hours were heard: too few to judge")
    # a word is said to be found a second and a half after its end, at most
    whole, cut_found = (
        [one for one in each if float(one[3]) < 3600 * both - 5] for each in (found, pieces)
    )
    drift, minute = drift_of(found, len(told))
    resident_bytes = [one[0] for one in told]
    states = [one[1] for one in (*told, *slices)]
    return {
        "command": f"python benchmarks/week.py --model {model} --hours {total} "
        f"--slice-hours {size} --sliced {sliced}",
        "date": date.today().isoformat(),
        "hours_in_one_piece": len(told),
        "hours_in_slices": cut,
        "slices": -(-cut // size),
        "hours_compared": both,
        "detections_in_one_piece": len(found),
        "words": both * WORDS,
        "detections": len(whole),
        "detections_of_a_first_minute": minute,
        "same_in_slices": whole == cut_found,
        "drift_ms": drift * 1e3,
        "resident_after_first_hour": resident_bytes[0],
        "resident_most_after_it": max(resident_bytes[1:]),
        "growth_bytes": max(0, max(resident_bytes[1:]) - resident_bytes[0]),
        "resident_by_hour": resident_bytes,
        "blocks_by_hour": [one[2] for one in told],
        "state_bytes": [min(states), max(states)],
        "minutes_taken": round((time.monotonic() - began) / 60, 1),
    }


def main() -> int:
    """Stream, print, judge; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--hours", type=int, default=168, help="of audio, 2 or more (168)")
    add("--slice-hours", type=int, default=1, help="hours of each slice (1)")
    add("--model", default="commands-small", help="a model file, or one of the package's by name")
    add("--sliced", type=int, help="hours that are also heard in slices (all)")
    add("--minutes", type=float, default=math.inf, help="judge what was heard after so long")
    add("--out", type=Path, help="a JSON file for the result")
    add("--produce", type=int, nargs=2, help=argparse.SUPPRESS)
    add("--noise", type=Path, help=argparse.SUPPRESS)
    add("--listen", type=Path, help=argparse.SUPPRESS)
    add("--state", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.produce:
        produce(*options.produce, options.noise)
        return 0
    try:
        if options.listen:
            listen(options.model, options.state, options.listen)
            return 0
        if options.hours < 2 or options.slice_hours < 1:
            raise KwsError("give two hours or more, and slices of one or more")
        sliced = min(options.sliced or options.hours, options.hours)
        result = week(options.model, options.hours, options.slice_hours, sliced, options.minutes)
    except KwsError as error:
        print(f"week: {error}", file=sys.stderr)
        return 2
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")
    good = result["same_in_slices"] and result["drift_ms"] == 0 and result["growth_bytes"] == 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
