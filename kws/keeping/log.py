"""The log of what was kept: a line for each recording, and how long each model listened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ..errors import KwsError, ModelError
from ..fields import FieldReader
from ..files import whole_file
from ..metadata import is_label

#: Name of the log in the folder of what was kept.
LOG = "log.jsonl"
#: Folder, within that, of the recordings that nobody has labelled yet.
NEW = "new"
#: Bytes that the log may grow to: lines of recordings that are gone are dropped then.
MOST_LOG_BYTES = 4 << 20
#: Bytes of the largest log that is read.
MOST_READ_BYTES = 4 * MOST_LOG_BYTES
#: Characters of a line that is read; a model may have many keywords.
LONGEST_LINE = 1 << 18


class KeepError(KwsError):
    """A folder in which nothing can be kept, or from which nothing can be taken."""


@dataclass(frozen=True)
class KeptRecording:
    """A recording of what fired, or of what nearly did.

    Attributes
    ----------
    file : str
        Its name, which begins with the time.
    time : str
        When the sound ended, as ISO 8601 in UTC.
    keyword : str
        Which keyword fired, or nearly did.
    score, threshold : float
        Smoothed score, and the threshold at that time, 0 .. 1.
    fired : bool
        Whether it fired.
    model, sha256 : str
        The model as it was named, and the SHA-256 of its network.
    start, end : float
        Where the sound is, in seconds of the recording.
    source : str
        What was heard: ``-`` for a microphone or a pipe, else the path of a recording.
    """

    file: str
    time: str
    keyword: str
    score: float
    threshold: float
    fired: bool
    model: str
    sha256: str
    start: float
    end: float
    source: str


@dataclass(frozen=True)
class Listened:
    """How long a model listened, and how often it fired meanwhile.

    Attributes
    ----------
    since, until : str
        When it began and when this was written, as ISO 8601 in UTC.
    seconds : float
        Seconds of sound that it heard.
    model, sha256 : str
        The model as it was named, and the SHA-256 of its network.
    share : float
        Share of its threshold from which a score was near it.
    thresholds : dict of str to float
        By keyword.
    fired, near : dict of str to int
        How often each keyword fired, and nearly did, whether or not recordings of it are left.
    """

    since: str
    until: str
    seconds: float
    model: str
    sha256: str
    share: float
    thresholds: Mapping[str, float] = field(default_factory=dict)
    fired: Mapping[str, int] = field(default_factory=dict)
    near: Mapping[str, int] = field(default_factory=dict)

    @property
    def hours(self) -> float:
        """Hours of sound that it heard."""
        return self.seconds / 3600

    def joined(self, later: Listened) -> Listened:
        """Return this and a later time of the same model and thresholds as one.

        Parameters
        ----------
        later : Listened
            Of the same model at the same thresholds.

        Returns
        -------
        Listened
            Seconds and counts are the sums.
        """
        return replace(
            later,
            since=self.since,
            seconds=self.seconds + later.seconds,
            fired=_sums(self.fired, later.fired),
            near=_sums(self.near, later.near),
        )


def _sums(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {key: first.get(key, 0) + second.get(key, 0) for key in {**first, **second}}


@dataclass(frozen=True)
class KeptLog:
    """What a log says.

    Attributes
    ----------
    recordings : dict of str to KeptRecording
        By name of the file, in the order of the log; some may be gone.
    listened : list of Listened
        Of each run and model the last that was written.
    damaged : int
        Lines that cannot be read, as the last one may be after a power cut.
    """

    recordings: dict[str, KeptRecording]
    listened: list[Listened]
    damaged: int = 0


def read_log(folder: Path) -> KeptLog:
    """Read the log of a folder in which something was kept.

    Parameters
    ----------
    folder : Path
        What ``--keep`` named.

    Returns
    -------
    KeptLog

    Raises
    ------
    KeepError
        If there is none, or it is too large or cannot be read.
    """
    path = folder / LOG
    try:
        size = path.stat().st_size
        if size > MOST_READ_BYTES:
            raise KeepError(f"{path}: {size} bytes is no log: at most {MOST_READ_BYTES} are read")
        text = path.read_text("utf-8", "replace")
    except OSError as error:
        raise KeepError(
            f"{path}: cannot be read ({error.strerror}): give the folder that --keep of kws "
            "listen named"
        ) from None
    recordings: dict[str, KeptRecording] = {}
    listened: dict[tuple[str, str, str], Listened] = {}
    damaged = 0
    for line in text.splitlines():
        try:
            one = _parse(line)
        except (ModelError, ValueError, RecursionError):
            damaged += 1
            continue
        if isinstance(one, KeptRecording):
            recordings[one.file] = one
        else:
            listened[one.since, one.model, one.sha256] = one
    return KeptLog(recordings, list(listened.values()), damaged)


def _parse(line: str) -> KeptRecording | Listened:
    """Read a line; it raises a ModelError or a ValueError where it is damaged."""
    if len(line) > LONGEST_LINE:
        raise ValueError("too long")
    values = json.loads(line)
    json.dumps(values, ensure_ascii=False).encode()  # half a character is a ValueError
    reader = FieldReader(values, LOG)
    model, sha256 = str(reader.get("model"))[:LONGEST_LINE], reader.text("sha256")
    if "file" not in reader.values:
        return Listened(
            since=reader.text("since"),
            until=reader.text("until"),
            seconds=float(reader.number("seconds", 0, 1e12)),
            model=model,
            sha256=sha256,
            share=float(reader.number("share", 0, 1)),
            thresholds=_numbers(reader.group("thresholds"), 1),
            fired={k: int(v) for k, v in _numbers(reader.group("fired"), 1e9).items()},
            near={k: int(v) for k, v in _numbers(reader.group("near"), 1e9).items()},
        )
    name = reader.text("file")
    if Path(name).name != name or name.startswith(".") or not name.isprintable():
        raise ValueError("no name of a file")  # the log leads nowhere outside its folder
    keyword = reader.text("keyword")
    if not is_label(keyword):
        raise ValueError("no keyword")  # it becomes the name of a folder
    fired = reader.get("fired")
    if not isinstance(fired, bool):
        raise ValueError("fired is true or false")
    return KeptRecording(
        file=name,
        time=reader.text("time"),
        keyword=keyword,
        score=float(reader.number("score", 0, 1)),
        threshold=float(reader.number("threshold", 0, 1)),
        fired=fired,
        model=model,
        sha256=sha256,
        start=float(reader.number("start", 0, 1e6)),
        end=float(reader.number("end", 0, 1e6)),
        source=str(reader.get("source"))[:LONGEST_LINE],
    )


def _numbers(reader: FieldReader, high: float) -> dict[str, float]:
    return {key: float(reader.number(key, 0, high)) for key in reader.values}


class LogWriter:
    """Adds lines to the log of a folder; its size is bounded.

    Parameters
    ----------
    folder : Path
        The folder of what is kept.
    run : str
        When this run began, as its lines of `Listened` say.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._folder = folder
        self._path = folder / LOG
        self._run = run

    def add(self, entry: KeptRecording | Listened) -> None:
        """Write a line.

        Parameters
        ----------
        entry : KeptRecording or Listened

        Raises
        ------
        OSError
            If it cannot be written.
        """
        with self._path.open("ab") as stream:
            # a line that a power cut left unfinished stays a line of its own
            if stream.tell() and not self._ends_a_line():
                stream.write(b"\n")
            stream.write(_line(entry))
            size = stream.tell()
        if size > MOST_LOG_BYTES:
            self._shorten()

    def _ends_a_line(self) -> bool:
        with self._path.open("rb") as stream:
            stream.seek(-1, 2)
            return stream.read(1) == b"\n"

    def _shorten(self) -> None:
        """Drop the lines of recordings that are gone; join the times of earlier runs."""
        log = read_log(self._folder)
        there = {path.name for path in self._folder.rglob("*.wav")}
        joined: dict[tuple[object, ...], Listened] = {}
        for one in log.listened:
            own = one.since if one.since == self._run else None
            key = (own, one.model, one.sha256, one.share, *sorted(one.thresholds.items()))
            joined[key] = joined[key].joined(one) if key in joined else one
        kept = [one for one in log.recordings.values() if one.file in there]
        entries: Iterable[KeptRecording | Listened] = (*joined.values(), *kept)
        with whole_file(self._path) as stream:
            stream.writelines(map(_line, entries))


def _line(entry: KeptRecording | Listened) -> bytes:
    return (json.dumps(asdict(entry), ensure_ascii=False) + "\n").encode("utf-8", "replace")
