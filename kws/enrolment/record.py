"""Records a phrase take by take into a folder that `train` and `enroll` read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Float32
from ..errors import KwsError
from ..files import whole_file
from ..folders import AUDIO_SUFFIXES
from ..metadata import is_label
from ..pcm import to_int16
from ..resample import resample
from ..wav import write_wav
from .utterance import Utterance, examine

#: Rate of the files: what models hear.
RATE = 16000
#: A person says the whole phrase within the take: sound at its very ends was cut off.
MARGIN = 0.05
#: Least distance of the phrase from the noise, in dB.
CLEAREST = 12.0
#: Says who speaks in a file's name, as Speech Commands does, and `kws train` reads.
_SPEAKER = "_nohash_"


class RecordError(KwsError):
    """A phrase that cannot be recorded."""


@dataclass(frozen=True)
class Take:
    """One recording of a phrase.

    Attributes
    ----------
    samples : float32 (n,)
        At `RATE`.
    utterance : Utterance
        What is in it.
    problems : tuple of str
        Of the utterance, and of where it is in the take.
    """

    samples: Float32
    utterance: Utterance
    problems: tuple[str, ...]

    @classmethod
    def of(cls, samples: Float32, sample_rate: int) -> Take:
        """Judge a take of any rate.

        Parameters
        ----------
        samples : float32 (n,)
            Mono audio in -1 .. 1.
        sample_rate : int
            Samples per second.

        Returns
        -------
        Take
            At `RATE`, with what is wrong with it.
        """
        samples = resample(samples, sample_rate, RATE)
        utterance = examine(samples, RATE)
        problems = utterance.problems
        # a take that is all sound has no quiet tenth to compare with
        if utterance.clearness < CLEAREST and utterance.seconds < 0.9 * len(samples) / RATE:
            problems += (
                f"noisy (the phrase is {utterance.clearness:.0f} dB above the rest): find a "
                "quieter place",
            )
        if not problems and utterance.start < MARGIN:
            problems = ("cut off at the beginning: wait until you are asked to speak",)
        elif not problems and utterance.end > len(samples) / RATE - MARGIN:
            problems = ("cut off at the end: speak sooner, or give more --seconds",)
        return cls(samples, utterance, problems)

    def describe(self) -> str:
        """Say what was heard.

        Returns
        -------
        str
            One line: length, peak and noise.
        """
        heard = self.utterance
        return (
            f"{heard.seconds:.2f} s of sound, peak {heard.peak:.0f} dB, noise {heard.noise:.0f} dB"
        )


class Folder:
    """Where the recordings of a phrase go: ``DIR/<label>/001.wav`` and so on.

    Parameters
    ----------
    path : Path
        The folder of all phrases; it is made with the first recording.
    label : str
        The phrase, and the name of its folder.
    speaker : str, optional
        Who speaks: names the files ``<speaker>_nohash_<n>.wav``, from 0, as Speech Commands does.

    Raises
    ------
    RecordError
        If the label or the speaker cannot be a file's name, or there is a file in the folder's
        place.
    """

    def __init__(self, path: Path, label: str, speaker: str | None = None) -> None:
        _check_name("label", label)
        if speaker is not None:
            _check_name("speaker", speaker)
            if _SPEAKER in speaker:
                raise RecordError(f"speaker {speaker!r}: must not hold {_SPEAKER!r}")
        self.path = path / label
        for folder in (path, self.path):
            if folder.exists() and not folder.is_dir():
                raise RecordError(f"{folder}: is no folder: give another --output")
        self._speaker = speaker

    def existing(self) -> int:
        """Return how many recordings are there.

        Returns
        -------
        int
            Number of files that are recordings by their names.
        """
        if not self.path.is_dir():
            return 0
        return sum(one.suffix.lower() in AUDIO_SUFFIXES for one in self.path.iterdir())

    def save(self, take: Take) -> Path:
        """Write a take under the next free number, all of it or nothing.

        Parameters
        ----------
        take : Take
            What to write.

        Returns
        -------
        Path
            The new file.

        Raises
        ------
        RecordError
            If it cannot be written.
        """
        path = self.path / self._next()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as stream:
                write_wav(stream, to_int16(take.samples, nearest=True), RATE)
        except OSError as error:
            raise RecordError(f"{path}: cannot be written ({error.strerror})") from None
        return path

    def _next(self) -> str:
        """Return the name after the highest number in the folder."""
        start = "" if self._speaker is None else self._speaker + _SPEAKER
        rule = re.compile(re.escape(start) + r"(\d{1,9})")
        names = [one.stem for one in self.path.iterdir()] if self.path.is_dir() else []
        numbers = [int(match[1]) for name in names if (match := rule.fullmatch(name))]
        if self._speaker is None:
            return f"{max(numbers, default=0) + 1:03d}.wav"
        return f"{start}{max(numbers, default=-1) + 1}.wav"


def _check_name(what: str, name: str) -> None:
    """Refuse what cannot be the name of a file or folder on every system."""
    foreign = re.search(r'[/\\:*?"<>|]', name)
    if not is_label(name) or foreign or name.strip(". ") != name:
        raise RecordError(
            f'{what} {name!r:.60}: must be 1 to 100 printable characters, without / \\ : * ? " '
            "< > | and without a dot or space at its ends"
        )


def pieces(chunks: Iterator[Float32], sample_rate: int, seconds: float) -> Iterator[Float32]:
    """Cut a stream into takes; what is left at its end, shorter than a take, is left out.

    Parameters
    ----------
    chunks : iterator of float32 (n,)
        The stream, in pieces of any length.
    sample_rate : int
        Samples per second.
    seconds : float
        Length of a take.

    Yields
    ------
    float32 (n,)
        A take, as soon as it is complete.
    """
    size = round(seconds * sample_rate)
    held: list[Float32] = []
    count = 0
    for chunk in chunks:
        held.append(chunk)
        count += len(chunk)
        while count >= size:
            whole = np.concatenate(held)
            yield whole[:size]
            held, count = [whole[size:]], count - size


@dataclass(frozen=True)
class Session:
    """Records takes and lets a person decide.

    Attributes
    ----------
    folder : Folder
    count : int
        Recordings to keep.
    listen : callable
        Records one take.
    ask : callable
        Asks a question, and returns the answer.
    say : callable
        Shows a line.
    play : callable
        Plays a take.
    """

    folder: Folder
    count: int
    listen: Callable[[], Take]
    ask: Callable[[str], str]
    say: Callable[[str], None]
    play: Callable[[Take], None]

    def run(self) -> int:
        """Record until there are enough, or the person stops; return how many were kept.

        Returns
        -------
        int
            Number of recordings that were kept.
        """
        kept = 0
        while kept < self.count:
            answer = self.ask(f"{kept + 1} of {self.count}: Enter records, s stops: ")
            if answer.strip().lower()[:1] == "s":
                break
            take = self.listen()
            decision = self._decide(take)
            if decision == "s":
                break
            if decision == "k":
                self.say(f"  kept: {self.folder.save(take)}")
                kept += 1
        return kept

    def _decide(self, take: Take) -> str:
        """Ask what becomes of a take: k (keep), r (record it again) or s (stop)."""
        self.say(f"  {take.describe()}")
        for problem in take.problems:
            self.say(f"  {problem}")
        first = "r" if take.problems else "k"
        words = {"k": "keeps", "r": "records again"}
        other = "k" if first == "r" else "r"
        question = f"  Enter {words[first]}, {other} {words[other]}, p plays, s stops: "
        while True:
            answer = self.ask(question).strip().lower()[:1] or first
            if answer == "p":
                self.play(take)
            elif answer in ("k", "r", "s"):
                return answer
