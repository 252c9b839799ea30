"""What is wrong with the recordings of a phrase: twins, silence, wrong words, the worst first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.audio import read_recording
from kws.enrolment.enroll import MOST, Positive, base_model, enroll, positive_of
from kws.enrolment.record import RATE, Take
from kws.errors import AudioError, KwsError
from kws.frontend import WORDS, log_mel
from kws.resample import resample

from .takes import LONGEST_TAKE

#: Parts of the time of a phrase that its picture is averaged over, to find twins.
SLICES = 16
#: Likeness of two pictures, a cosine, from which two recordings are the same one: the next of the
#: same voice were 0.97.
TWINS = 0.9995
#: Likeness by which a recording of other words is less like the others than is usual among them.
#: In 93 groups of 4 to 15 people and one recording of another phrase it names 94 % of the latter
#: and 18 % of the 762 former; the threshold of detection alone, which few people who differ reach,
#: names all and 47 % (2026-12-01, wake_words of the shared recordings, by a script that is not in
#: the repository).
FAR = 0.08
#: Recordings whose looks are remembered.
MOST_REMEMBERED = 5000


@dataclass(frozen=True)
class Look:
    """What is in a recording.

    Attributes
    ----------
    seconds : float
        Length of the recording.
    start, end : float
        Where the phrase is, in seconds.
    peak, noise : float
        Highest sample and quietest tenth, in dB of full scale.
    problems : tuple of str
        What is wrong with it by itself.
    print_ : float32 (slices * bands,)
        Picture of the phrase, of length 1; zeros where there is none.
    """

    seconds: float
    start: float
    end: float
    peak: float
    noise: float
    problems: tuple[str, ...]
    print_: Float32


@dataclass(frozen=True)
class Finding:
    """Something that a person should look at.

    Attributes
    ----------
    kind : str
        unreadable, silent, bad, twin, unlike.
    about : str
        What it is and what to do, in one line.
    weight : float
        The worse, the higher: 5 for what cannot be read, down to 1.
    """

    kind: str
    about: str
    weight: float


class Looks:
    """Looks at recordings, and remembers what it saw as long as the files stay the same."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int, int], Look | str] = OrderedDict()

    def knows(self, path: Path) -> bool:
        """Tell whether a recording was looked at, and is still the same.

        Parameters
        ----------
        path : Path
            The recording.
        """
        try:
            return _key(path) in self._known
        except OSError:
            return False

    def at(self, path: Path) -> Look | str:
        """Look at a recording.

        Parameters
        ----------
        path : Path
            The recording.

        Returns
        -------
        Look or str
            Why it cannot be read, where it cannot.
        """
        try:
            key = _key(path)
        except OSError as error:
            return f"{path.name}: {error.strerror}"
        if key not in self._known:
            self._known[key] = _look(path)
            while len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return self._known[key]


def _key(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size


def _look(path: Path) -> Look | str:
    try:
        recording = read_recording(path, LONGEST_TAKE)
    except AudioError as error:
        return str(error).replace(str(path), path.name)
    take = Take.of(recording.samples, recording.sample_rate)
    heard = take.utterance
    begin, end = int(heard.start * RATE), int(heard.end * RATE) + 1
    return Look(
        recording.seconds,
        heard.start,
        heard.end,
        heard.peak,
        heard.noise,
        take.problems,
        _print(take.samples[begin:end]),
    )


def _print(samples: Float32) -> Float32:
    """Return a picture of a phrase by which a copy of it is known, louder or softer."""
    frames = log_mel(np.pad(samples, (0, WORDS.window)), WORDS)
    parts = np.array_split(frames, SLICES)
    means = [part.mean(axis=0) if len(part) else frames.mean(axis=0) for part in parts]
    picture = np.stack(means) - np.mean(means)
    norm = float(np.linalg.norm(picture))
    flat = picture.ravel().astype(np.float32)
    return flat / np.float32(norm) if norm > 0 else np.zeros_like(flat)


def find_twins(looks: Mapping[str, Look]) -> dict[str, str]:
    """Find recordings that are there twice.

    Parameters
    ----------
    looks : mapping of str to Look
        By name.

    Returns
    -------
    dict of str to str
        Of each copy the first one that it is a copy of.
    """
    names = [name for name, look in looks.items() if look.print_.any()]
    if len(names) < 2:
        return {}
    prints = np.stack([looks[name].print_ for name in names])
    twins: dict[str, str] = {}
    for number, row in enumerate(prints):
        alike = np.flatnonzero(prints[:number] @ row > TWINS)
        close = [
            n for n in alike if abs(_phrase(looks, names[n]) - _phrase(looks, names[number])) < 0.03
        ]
        if close:
            first = names[close[0]]
            twins[names[number]] = twins.get(first, first)
    return twins


def _phrase(looks: Mapping[str, Look], name: str) -> float:
    return looks[name].end - looks[name].start


def find_faults(looks: Mapping[str, Look | str]) -> dict[str, list[Finding]]:
    """Find what is wrong with recordings that can be told without the word base.

    Parameters
    ----------
    looks : mapping of str to Look or str
        By name.

    Returns
    -------
    dict of str to list of Finding
        Of those with findings.
    """
    found: dict[str, list[Finding]] = {}
    good: dict[str, Look] = {}
    for name, look in looks.items():
        if isinstance(look, str):
            found.setdefault(name, []).append(Finding("unreadable", look, 5.0))
            continue
        good[name] = look
        if not look.print_.any() or look.peak < -60:
            about = "nothing is heard in it: throw it out"
            found.setdefault(name, []).append(Finding("silent", about, 4.5))
        elif look.problems:
            found.setdefault(name, []).append(Finding("bad", "; ".join(look.problems), 4.0))
    for name, first in find_twins(good).items():
        about = f"is the same recording as {first}: throw one out"
        found.setdefault(name, []).append(Finding("twin", about, 3.0))
    return found


def find_unlike(paths: Sequence[Path], phrase: str) -> dict[str, Finding]:
    """Find recordings that are little like the others: wrong words, half of the phrase.

    They are enrolled, as `kws enroll` does, and each is compared with the average of the others.

    Parameters
    ----------
    paths : sequence of Path
        Recordings of the phrase.
    phrase : str
        The phrase.

    Returns
    -------
    dict of str to Finding
        By name; empty where there are too few to compare.
    """
    base = base_model()
    rate = base.metadata.front_end.sample_rate
    positives: list[Positive] = []
    for path in paths:
        try:
            recording = read_recording(path, LONGEST_TAKE)
            samples = resample(recording.samples, recording.sample_rate, rate)
            positives.append(positive_of(path.name, samples, rate))
        except AudioError:
            continue  # said by `find_faults`
    found: dict[str, Finding] = {}
    groups = -(-len(positives) // MOST)
    for number in range(groups):  # mixed, so that each group has all people in it
        group = positives[number::groups]
        try:
            (enrolled,) = enroll(base, {phrase: group}).phrases
        except KwsError:
            continue  # fewer than three
        for name, why in enrolled.uneven.items():
            found[name] = Finding("unlike", why, 2.5)
        usual = float(np.median(list(enrolled.similarities.values())))
        for name in enrolled.unlike:
            likeness = enrolled.similarities[name]
            if likeness > usual - FAR:
                continue  # all differ: other people, which is no fault
            about = (
                f"is little like the others ({likeness:.2f}, {usual:.2f} is usual): "
                "is it the phrase?"
            )
            found[name] = Finding("unlike", about, 1.0 + usual - likeness)
    return found
