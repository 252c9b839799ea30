"""Keeps recordings of what fired and of what nearly did, in a folder that stays small."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..arrays import Float32, Int16
from ..console import note
from ..detections import Detection
from ..files import whole_file
from ..pcm import to_float32, to_int16
from ..resample import resample
from ..wav import write_wav
from .log import LOG, NEW, KeepError, KeptRecording, Listened, LogWriter
from .ring import SampleRing

#: Rate of the recordings, in Hz: what models hear.
RATE = 16000
#: Seconds of a recording before the end of the sound: a model that starts anew with it has heard
#: as much as it remembers, 2.1 s, when most of the phrase comes.
BEFORE = 3.0
#: Seconds of a recording after the end of the sound: in them the score has its peak.
AFTER = 1.0
#: Seconds of sound in memory: what nearly fires is known when its score has fallen again.
IN_MEMORY = 10.0
#: Seconds from one line of the log that says how long was listened to the next: a power cut costs
#: no more than that.
LOG_SECONDS = 600.0
#: Recordings without a label, at most; the oldest go first, those that nearly fired before others.
MOST_FILES = 1000
#: The same in bytes, unless said otherwise.
MOST_BYTES = 64 * 10**6
#: Share of its threshold from which a score is near it, unless said otherwise: below half of it a
#: keyword is armed again (`kws.detector`).
NEAR = 0.5


@dataclass(frozen=True)
class KeptModel:
    """A model that listens.

    Attributes
    ----------
    name : str
        As it was named.
    sha256 : str
        SHA-256 of its network.
    thresholds : mapping of str to float
        Those that are in force, by keyword.
    """

    name: str
    sha256: str
    thresholds: Mapping[str, float]


@dataclass
class _Moment:
    """What is to be written when enough of what follows was heard."""

    model: KeptModel
    detection: Detection
    fired: bool
    end: int  # samples of the stream before the end of its sound


class Keeper:
    """Keeps recordings of what fires and of what nearly does; `close` it in the end.

    What nearly fires at the time of something that fires is no recording of its own, and of several
    that do so at a time the one that is nearest to its threshold is kept. Nothing but the folder
    is written to. What cannot be written, as on a full disk, is said once and counted: the
    listening goes on.

    Parameters
    ----------
    folder : Path
        Where to keep them; it is made, for this user alone, if it is not there.
    models : sequence of KeptModel
        What listens; one model's detections need not name it.
    sample_rate : int
        Of the audio, in Hz.
    share : float
        Share of its threshold from which a score is near it.
    most_bytes : int
        Bytes of the recordings without a label, at most.
    live : bool
        Whether the audio comes as it is heard; else the time of day goes with the audio.
    clock : callable
        Returns the time, in seconds since 1970.

    Attributes
    ----------
    kept : int
        Recordings that were written.

    Raises
    ------
    KeepError
        If the folder holds something else, or cannot be written to.
    """

    def __init__(
        self,
        folder: Path,
        models: Sequence[KeptModel],
        sample_rate: int,
        share: float = NEAR,
        most_bytes: int = MOST_BYTES,
        live: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = _open_folder(folder)
        self._models = {model.name: model for model in models}
        self._rate = sample_rate
        self._share = share
        self._live = live
        self._clock = clock
        self._begun = clock()
        self._log = LogWriter(folder, _iso(self._begun))
        self._store = _Store(self._folder, most_bytes)
        self._counts: dict[bool, dict[str, Counter[str]]] = {
            fired: {name: Counter() for name in self._models} for fired in (True, False)
        }
        self._heard = self._logged = 0  # samples, of all streams
        self.kept = 0
        self._failed = False
        self.start("-")

    def start(self, source: str) -> None:
        """Begin a stream; call `finish` at the end of the one before.

        Parameters
        ----------
        source : str
            What is heard: ``-`` for a microphone or a pipe, else the path of a recording.
        """
        self._source = source
        self._ring = SampleRing(round(IN_MEMORY * self._rate))
        self._waiting: list[_Moment] = []
        self._latest: deque[_Moment] = deque(maxlen=16)  # that were written

    def push(self, samples: Float32, fired: Iterable[Detection], near: Iterable[Detection]) -> None:
        """Take a piece of the stream, and what was detected with it.

        Parameters
        ----------
        samples : float32 (n,)
            In -1 .. 1, at the sample rate; a second at most.
        fired, near : iterable of Detection
            What fired and what nearly did.
        """
        self._ring.push(samples)
        self._heard += len(samples)
        for detections, whether in ((fired, True), (near, False)):
            for detection in detections:
                self._add(detection, whether)
        if self._waiting:
            due = self._ring.position - round(AFTER * self._rate)
            self._write([one for one in self._waiting if one.end <= due])
        if self._heard - self._logged >= LOG_SECONDS * self._rate:
            self._log_time()

    def finish(self, fired: Iterable[Detection] = (), near: Iterable[Detection] = ()) -> None:
        """End the stream: what waits is written with what there is of it.

        Parameters
        ----------
        fired, near : iterable of Detection
            What fired and what nearly did at its very end.
        """
        self.push(np.zeros(0, np.float32), fired, near)
        self._write(list(self._waiting))

    def close(self) -> None:
        """End the last stream, if it has not ended, and say in the log how long was listened."""
        self.finish()
        self._log_time()

    def _add(self, detection: Detection, fired: bool) -> None:
        """Have something written, unless it is a part of what is written already."""
        model = self._models.get(detection.model) or next(iter(self._models.values()))
        moment = _Moment(model, detection, fired, round(detection.end * self._rate))
        at_once = [one for one in (*self._latest, *self._waiting) if self._together(one, moment)]
        if fired:
            for one in at_once:
                if not one.fired and one in self._waiting:
                    self._drop(one)
        elif any(one.fired or one not in self._waiting for one in at_once):
            return
        elif at_once:
            if max(map(_nearness, at_once)) >= _nearness(moment):
                return
            for one in at_once:
                self._drop(one)
        self._counts[fired][model.name][detection.keyword] += 1
        self._waiting.append(moment)

    def _drop(self, near: _Moment) -> None:
        """Take back what nearly fired and waits to be written."""
        self._waiting.remove(near)
        self._counts[False][near.model.name][near.detection.keyword] -= 1

    def _together(self, one: _Moment, other: _Moment) -> bool:
        """Return whether the recordings of two would mostly be the same."""
        return abs(one.end - other.end) < AFTER * self._rate

    def _write(self, moments: Sequence[_Moment]) -> None:
        for moment in moments:
            self._waiting.remove(moment)
            self._latest.append(moment)
            try:
                self._write_one(moment)
                self.kept += 1
            except OSError as error:
                self._fail(error)

    def _write_one(self, moment: _Moment) -> None:
        detection, rate = moment.detection, self._rate
        first = max(self._after_last(moment), moment.end - round(BEFORE * rate))
        samples = self._ring.between(first, moment.end + round(AFTER * rate))
        # what is left of it, if more was heard meanwhile than is in memory
        first = max(first, self._ring.position - round(IN_MEMORY * rate))
        if rate != RATE:
            floats = resample(to_float32(samples), rate, RATE)
            samples = to_int16(floats, nearest=True)
        ended = self._time_of(moment.end)
        what = "fired" if moment.fired else "near"
        name = f"{_stamp(ended)}_{_plain(detection.keyword)}_{what}_{detection.score:.3f}"
        seconds = len(samples) / RATE
        start = detection.start - first / rate
        self._log.add(
            KeptRecording(
                file=self._store.write(name, samples),
                time=_iso(ended),
                keyword=detection.keyword,
                score=round(detection.score, 6),
                threshold=moment.model.thresholds[detection.keyword],
                fired=moment.fired,
                model=moment.model.name,
                sha256=moment.model.sha256,
                start=round(min(max(start, 0.0), seconds), 3),
                end=round(min(max(detection.end - first / rate, 0.0), seconds), 3),
                source=self._source,
            )
        )

    def _after_last(self, moment: _Moment) -> int:
        """Return where what fired before it ended: no recording has two of them."""
        begun = round(moment.detection.start * self._rate)
        before = [one.end for one in (*self._latest, *self._waiting) if one.fired]
        return max((end for end in before if end <= begun), default=0)

    def _time_of(self, position: int) -> float:
        """Return when a sample of the stream was heard, in seconds since 1970."""
        ago = (self._ring.position - position) / self._rate
        now = self._clock() if self._live else self._begun + self._heard / self._rate
        return now - ago

    def _log_time(self) -> None:
        """Say in the log how long was listened so far."""
        if self._heard == self._logged:
            return
        self._logged = self._heard
        now = self._time_of(self._ring.position)
        try:
            for model in self._models.values():
                self._log.add(
                    Listened(
                        since=_iso(self._begun),
                        until=_iso(now),
                        seconds=round(self._heard / self._rate, 3),
                        model=model.name,
                        sha256=model.sha256,
                        share=self._share,
                        thresholds=dict(model.thresholds),
                        fired=dict(+self._counts[True][model.name]),
                        near=dict(+self._counts[False][model.name]),
                    )
                )
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        if not self._failed:
            where = error.filename or self._folder
            note(f"kws: {where}: cannot be kept ({error.strerror or error}): make room")
        self._failed = True


def _nearness(moment: _Moment) -> float:
    return moment.detection.score / moment.model.thresholds[moment.detection.keyword]


def _open_folder(folder: Path) -> Path:
    """Make the folders; return that of the recordings without a label."""
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / LOG).is_file():
            raise KeepError(
                f"{folder}: holds something else ({LOG} is missing): name a folder of its own"
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it is somebody's home
        (folder / LOG).touch()
        new = folder / NEW
        new.mkdir(exist_ok=True)
    except OSError as error:
        raise KeepError(
            f"{folder}: nothing can be kept in it ({error.strerror}): name another"
        ) from None
    return new


class _Store:
    """The recordings without a label: bounded in number and bytes."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def write(self, name: str, samples: Int16) -> str:
        """Write a recording, all of it or nothing, and return its name; the oldest make room."""
        written = self._folder / f"{name}.wav"
        number = 1
        while written.exists():  # two models fired at once
            number += 1
            written = self._folder / f"{name}-{number}.wav"
        with whole_file(written) as stream:
            write_wav(stream, samples, RATE)
        # read each time: they are also labelled meanwhile, and a recording comes but now and then
        sizes = {}
        for path in self._folder.glob("*.wav"):
            with contextlib.suppress(FileNotFoundError):
                sizes[path] = path.stat().st_size
        # those that nearly fired go first, then those that fired; the names sort by time. Of its
        # kind this one is the last, also where the clock was set back and its name is the oldest.
        by_age = sorted(
            sizes, key=lambda path: ("_fired_" in path.name, path == written, path.name)
        )
        total, count = sum(sizes.values()), len(sizes)
        for path in by_age:
            if total <= self._most_bytes and count <= MOST_FILES:
                break
            path.unlink(missing_ok=True)
            total, count = total - sizes[path], count - 1
        return written.name


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _stamp(seconds: float) -> str:
    """Return a time as the beginning of a file's name: it sorts, and no system forbids it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"


def _plain(keyword: str) -> str:
    """Return a keyword as a part of a file's name."""
    return re.sub(r"\W+", "-", keyword).strip("-")[:40] or "keyword"
