"""The audio of the wake-word benchmark: a phrase now and then, in hours of speech and noise.

As `mixer.py` and `dataset.py` of Picovoice/wake-word-benchmark (commit 009a1b504c90) have it: every
recording of the phrase once, in random order, between stretches of background that are equally
long. The background is utterances of LibriSpeech, of which a fifth is heard and the others are as
much silence. Noise of DEMAND runs under all of it; each utterance and each phrase is so loud that
its loudest frame is 10 dB above the loudest frame of the noise under it. In the end the loudest
sample of all is full scale. What is another way here: recordings of speech and of noise come in
random order, all of them before any comes again, where the source draws them with replacement;
utterances whose transcript has the phrase are left out, which the source means to do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kws.arrays import Float32, Int16
from kws.audio import read_recording, stream_audio
from kws.errors import AudioError
from kws.resample import resample
from kws_training.augmentation.snr import SnrReference, noise_power, signal_power
from kws_training.data.dataset import DataError, Skipped
from kws_training.data.manifest import Manifest, read_text
from kws_training.data.spelling import plain
from kws_training.data.unlabelled import find_recordings, find_with_rows
from kws_training.evaluation.positives import LONGEST_POSITIVE
from kws_training.progress import Progress

RATE = 16000
#: Words of the benchmark, as the folders in its `audio/` are named.
WORDS = ("alexa", "computer", "jarvis", "smart mirror", "snowboy", "view glass")
#: Seconds after the end of a recording in which an event still belongs to it (`mixer.py`).
LATENESS = 0.5
#: Seconds of speech that get one level: longer recordings are taken piece by piece.
PIECE = 30.0
#: Seconds in the longest recording of noise; DEMAND's have 300.
LONGEST_NOISE = 1200.0
#: Power 60 dB below full scale: noise that pauses is not followed below that.
QUIET = 1e-6
#: DEMAND has sixteen microphones in each place: `ch01.wav` and so on.
CHANNEL = re.compile(r"ch\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Setting:
    """How much audio, and how it is mixed.

    Attributes
    ----------
    hours : float
    snr : float
        Decibels between speech and the noise under it.
    share : float
        Of the utterances that are heard; the others are silence of the same length.
    seed : int
    snr_reference : {"loudest", "third", "peak"}
        What the ratio is measured by (`kws_training.augmentation.snr`).
    """

    hours: float = 24.0
    snr: float = 10.0
    share: float = 0.2
    seed: int = 0
    snr_reference: SnrReference = "peak"


@dataclass(frozen=True)
class Measured:
    """What the audio came to.

    Attributes
    ----------
    seconds : float
    spans : tuple of (float, float)
        Of each recording of the phrase, in seconds: an event in it is a hit.
    said : tuple of Path
        The recordings, in the same order.
    speech_seconds, distinct_seconds : float
        Speech in the background, and how much of it is heard for the first time.
    most_often : int
        How often the recording of speech that is heard most often is heard.
    peak : float
        Largest sample, before it is brought to full scale.
    skipped : tuple of Skipped
    """

    seconds: float
    spans: tuple[tuple[float, float], ...]
    said: tuple[Path, ...]
    speech_seconds: float
    distinct_seconds: float
    most_often: int
    peak: float
    skipped: tuple[Skipped, ...]

    @property
    def hours(self) -> float:
        """Audio without the phrase."""
        return (self.seconds - sum(end - start for start, end in self.spans)) / 3600


def find_phrases(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Find the recordings of each word: a sub-folder each, named after it.

    ``smart_mirror``, ``smart mirror`` and ``Smart-Mirror`` are one word.

    Raises
    ------
    DataError
        If a folder does not exist, or none has a sub-folder with recordings.
    """
    found: dict[str, list[Path]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder: give one with a sub-folder for each word")
        for below in sorted(path for path in folder.iterdir() if path.is_dir()):
            word = plain(below.name)
            try:
                paths = find_recordings([below])
            except DataError:
                continue
            if word:
                found.setdefault(word, []).extend(paths)
    if not found:
        raise DataError(
            f"{folders[0]}: no recordings in sub-folders: one for each word is needed, as "
            f"{folders[0] / 'computer'}"
        )
    return found


def find_noise(folders: Sequence[Path]) -> list[Path]:
    """Find recordings of noise; of DEMAND one microphone of each place, the first that is there.

    Raises
    ------
    DataError
        If a folder does not exist or holds no recordings.
    """
    found: list[Path] = []
    places: set[str] = set()
    for path in find_recordings(folders):
        if CHANNEL.fullmatch(path.stem):
            if path.parent.name in places:  # the paths are in order: ch01 comes first
                continue
            places.add(path.parent.name)
        found.append(path)
    return found


def find_background(folders: Sequence[Path], word: str) -> list[Path]:
    """Find recordings of speech in which nobody is known to say a word.

    LibriSpeech's transcripts (``*.trans.txt``) and the labels of manifests tell.

    Parameters
    ----------
    folders : sequence of Path
    word : str
        As `kws_training.data.spelling.plain` gives it.

    Raises
    ------
    DataError
        If a folder does not exist or holds no recordings, or the word is said in all of them.
    ManifestError
        If a transcript or a manifest cannot be read.
    """
    known: dict[Path, Manifest] = {}
    transcripts: dict[Path, dict[str, str]] = {}
    found = []
    for folder in folders:
        for path, row in find_with_rows(folder, known):
            if path.parent not in transcripts:
                transcripts[path.parent] = _transcripts(path.parent)
            text = transcripts[path.parent].get(path.stem, "" if row is None else row.label)
            if f" {word}" not in f" {plain(text)}":  # computers has computer, upon not on
                found.append(path)
    if not found:
        raise DataError(f"{folders[0]}: {word!r} is said in all of the speech: give other speech")
    return found


def _transcripts(folder: Path) -> dict[str, str]:
    """Read LibriSpeech's transcripts in a folder: what is said, by the name of the recording."""
    lines = [
        line.partition(" ")
        for path in sorted(folder.glob("*.trans.txt"))
        for line in read_text(path).split("\n")
    ]
    return {name: text for name, _, text in lines if name}


class Mixture:
    """The audio of one word; the same for the same recordings and seed, however often it is made.

    No more than one recording of noise and one piece of speech are in memory at a time.

    Parameters
    ----------
    phrases, speech, noise : sequence of Path
    setting : Setting
    """

    def __init__(
        self,
        phrases: Sequence[Path],
        speech: Sequence[Path],
        noise: Sequence[Path],
        setting: Setting,
    ) -> None:
        self._phrases, self._speech, self._noise = phrases, speech, noise
        self._setting = setting
        self._lengths: dict[Path, list[int]] = {}
        self._skipped: dict[Path, Skipped] = {}
        self._measured: Measured | None = None

    def measure(self, progress: Progress) -> Measured:
        """Mix all of it once, to know the times of the phrase, and how loud it gets.

        Raises
        ------
        DataError
            If none of the recordings of one kind can be used.
        """
        spans, said = [], []
        heard: Counter[Path] = Counter()
        samples = spoken = distinct = 0
        peak = 0.0
        for part in self._parts(progress, "mixing"):
            start, length = samples, len(part.samples)
            samples += length
            peak = max(peak, float(np.abs(part.samples).max(initial=0.0)))
            if part.phrase is not None:
                said.append(part.phrase)
                spans.append((start / RATE, samples / RATE + LATENESS))
            elif part.speech is not None:
                first, path = part.speech
                heard[path] += first
                spoken += length
                distinct += length if heard[path] == 1 else 0
        if not said:
            raise DataError(
                f"none of the {len(self._phrases)} recordings of the phrase could be used: "
                f"{_first(self._skipped, self._phrases)}"
            )
        self._measured = Measured(
            samples / RATE,
            tuple(spans),
            tuple(said),
            spoken / RATE,
            distinct / RATE,
            max(heard.values(), default=0),
            peak,
            tuple(self._skipped.values()),
        )
        return self._measured

    def blocks(self, progress: Progress, what: str) -> Iterator[Int16]:
        """Yield the audio, int16 (n,) of up to half a minute; `measure` comes first."""
        if self._measured is None:
            raise ValueError("measure comes first")
        scale = np.float32(32767 / max(self._measured.peak, 1e-9))
        for part in self._parts(progress, what):
            yield np.rint(part.samples * scale).astype(np.int16)

    def _parts(self, progress: Progress, what: str) -> Iterator[_Part]:
        setting = self._setting
        rng = np.random.default_rng((setting.seed, 0))
        noise, background = _Tape(self._noises()), self._background()
        order = rng.permutation(len(self._phrases))
        gap = round(setting.hours * 3600 * RATE) // (len(order) + 1)
        for number in progress(iter(range(len(order) + 1)), len(order) + 1, what):
            filled = 0
            while filled < gap:
                part = next(background)
                filled += len(part.samples)
                yield replace(part, samples=self._mix(part.samples, noise))
            if number == len(order):
                return
            path = self._phrases[order[number]]
            try:
                recording = read_recording(path, LONGEST_POSITIVE)
                samples = resample(recording.samples, recording.sample_rate, RATE)
                if not samples.any():
                    raise AudioError(f"{path}: is nothing but digital silence")
            except AudioError as error:
                self._skip(path, error)
                continue
            yield _Part(self._mix(samples, noise), phrase=path)

    def _mix(self, speech: Float32, noise: _Tape) -> Float32:
        under = noise.take(len(speech))
        reference = self._setting.snr_reference
        level = signal_power(speech, reference)
        if level <= 0:
            return under
        wanted = max(QUIET, noise_power(under, reference)) * 10 ** (self._setting.snr / 10)
        return under + speech * np.float32(np.sqrt(wanted / level))

    def _background(self) -> Iterator[_Part]:
        """Yield pieces of speech, and of silence as long as other pieces, without end."""
        coin = np.random.default_rng((self._setting.seed, 1))
        for path in self._deck(self._speech, 2, "speech"):
            if coin.random() >= self._setting.share:
                for length in self._lengths.get(path) or map(len, self._pieces(path)):
                    yield _Part(np.zeros(length, np.float32))
            else:
                for number, piece in enumerate(self._pieces(path)):
                    yield _Part(piece, speech=(int(number == 0), path))

    def _pieces(self, path: Path) -> Iterator[Float32]:
        """Read a recording of speech piece by piece; what is damaged ends before the damage."""
        held: list[Float32] = []
        lengths: list[int] = []
        size = round(PIECE * RATE)
        try:
            for block in stream_audio(path, RATE):
                held.append(block)
                if sum(map(len, held)) >= size:
                    joined = np.concatenate(held)
                    for start in range(0, len(joined) - size + 1, size):
                        lengths.append(size)
                        yield joined[start : start + size]
                    held = [joined[len(joined) // size * size :]]
        except AudioError as error:
            self._skip(path, error)
        rest = np.concatenate(held) if held else np.empty(0, np.float32)
        if len(rest):
            lengths.append(len(rest))
            yield rest
        self._lengths[path] = lengths

    def _noises(self) -> Iterator[Float32]:
        """Yield recordings of noise, the loudest sample of each 1, without end."""
        for path in self._deck(self._noise, 3, "noise"):
            try:
                recording = read_recording(path, LONGEST_NOISE)
                samples = resample(recording.samples, recording.sample_rate, RATE)
                peak = np.abs(samples).max(initial=0.0)
                if peak == 0:
                    raise AudioError(f"{path}: is nothing but digital silence")
            except AudioError as error:
                self._skip(path, error)
                continue
            yield samples / peak

    def _deck(self, paths: Sequence[Path], stream: int, what: str) -> Iterator[Path]:
        """Yield all recordings in random order, then all in another, without end."""
        rng = np.random.default_rng((self._setting.seed, stream))
        while True:
            for number in rng.permutation(len(paths)):
                yield paths[number]
            if all(path in self._skipped and not self._lengths.get(path) for path in paths):
                raise DataError(
                    f"none of the {len(paths)} recordings of {what} could be used: "
                    f"{_first(self._skipped, paths)}"
                )

    def _skip(self, path: Path, error: AudioError) -> None:
        self._skipped[path] = Skipped.because(path, error)


@dataclass(frozen=True)
class _Part:
    """A stretch of the audio: a phrase, a piece of speech, or neither.

    Attributes
    ----------
    samples : float32 (n,)
    phrase : Path or None
    speech : (int, Path) or None
        1 for the first piece of a recording, 0 for others; and the recording.
    """

    samples: Float32
    phrase: Path | None = None
    speech: tuple[int, Path] | None = None


class _Tape:
    """Hands out the samples of recordings that follow each other, as many as are asked for."""

    def __init__(self, recordings: Iterator[Float32]) -> None:
        self._recordings = recordings
        self._left = np.empty(0, np.float32)

    def take(self, count: int) -> Float32:
        pieces = []
        while count:
            if not len(self._left):
                self._left = next(self._recordings)
            pieces.append(self._left[:count])
            self._left = self._left[count:]
            count -= len(pieces[-1])
        return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


def _first(skipped: dict[Path, Skipped], paths: Sequence[Path]) -> str:
    """Name the first recording that could not be used."""
    for path in paths:
        if path in skipped:
            return f"{path}: {skipped[path].reason}"
    return "there are none"
