"""Keywords in continuous audio: recordings of them, and hours without, through the detector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import Float32, Float64
from kws.audio import load_audio, stream_audio
from kws.calibration.scores import Trace, Track, trace_blocks
from kws.errors import AudioError
from kws.spotter import KeywordSpotter

from ..augmentation.augment import add_noise, coloured_noise, draw_noise
from ..data.clips import word_span
from ..data.dataset import DataError, Skipped, find_with_rows
from ..data.manifest import Manifest, Row
from ..data.spelling import plain
from ..progress import Progress

#: Sample rate of the streams.
RATE = 16000
#: Seconds of faint noise between the recordings of a keyword: the model must have forgotten the
#: one when the next comes, and a late event must not be taken for the next one's.
GAP = (2.0, 3.0)
#: Seconds of faint noise between recordings without a keyword.
SHORT_GAP = 0.6
#: Level of the faint noise, also under the recordings: digital silence is no room, and a detector
#: must not be judged on the edges of it.
FAINT = 0.0002
#: Seconds after the end of a recording, or of its word, in which an event still belongs to it.
#: `kws_training.evaluation.operating.LATENESS` is less, since its streams have shorter gaps.
LATENESS = 1.0
#: Seconds in the longest recording of a keyword.
LONGEST_POSITIVE = 120.0
#: Seconds of audio that get noise of one level.
PIECE = 30.0


@dataclass(frozen=True)
class Positive:
    """A recording of a keyword.

    Attributes
    ----------
    path : Path
    keyword : str
    start, end : float or None
        Where in it the keyword is, in seconds, if a manifest says.
    """

    path: Path
    keyword: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Said:
    """A recording of a keyword in a stream; all times are seconds of the stream.

    Attributes
    ----------
    positive : Positive
    at : float
        Where the recording begins.
    first, last : float
        An event between these is a hit.
    word_end : float
        Where the word ends: as the manifest says, else by its level.
    """

    positive: Positive
    at: float
    first: float
    last: float
    word_end: float

    @property
    def span(self) -> tuple[float, float]:
        """When an event is a hit."""
        return self.first, self.last


@dataclass(frozen=True)
class Source:
    """A recording without a keyword in a stream, and where it begins, in seconds."""

    path: Path
    at: float


@dataclass(frozen=True)
class Heard:
    """What a model made of a stream.

    Attributes
    ----------
    trace : Trace
    said : tuple of Said
        The keywords in it, in the order of time.
    sources : tuple of Source
        All recordings in it, in the order of time.
    seconds : float
        Length of the recordings, without the noise between them.
    skipped : tuple of Skipped
    """

    trace: Trace
    said: tuple[Said, ...]
    sources: tuple[Source, ...]
    seconds: float
    skipped: tuple[Skipped, ...]

    def place(self, at: float) -> tuple[Path, float]:
        """Return which recording a time of the stream is in, and the seconds in that recording."""
        starts = [source.at for source in self.sources]
        number = max(0, int(np.searchsorted(starts, at, "right")) - 1)
        return self.sources[number].path, max(0.0, at - starts[number])


@dataclass(frozen=True)
class Condition:
    """What is between the recordings and the microphone.

    Attributes
    ----------
    noise : sequence of float32 arrays
        16 kHz.
    snr : float
        Decibels, against the loudest tenth of a second; infinite without noise.
    responses : sequence of float32 arrays
        Rooms, 16 kHz; each recording is in one of them.
    gain : float
        Decibels.
    telephone : bool
        Whether all goes through the telephone's band.
    """

    noise: Sequence[Float32] = ()
    snr: float = np.inf
    responses: Sequence[Float32] = ()
    gain: float = 0.0
    telephone: bool = False

    def apply(self, rng: np.random.Generator, samples: Float32) -> Float32:
        """Return how a recording sounds under this condition; as long, and in time with it."""
        from ..augmentation.effects import reverberate, transmit

        if self.responses:
            response = self.responses[int(rng.integers(len(self.responses)))]
            samples = reverberate(samples, response)
        if np.isfinite(self.snr):
            noise = draw_noise(rng, self.noise, len(samples), 0.0)[1]
            samples = add_noise(samples, noise, self.snr)
        if self.gain:
            # what is too loud is clipped, as by a microphone
            samples = np.clip(samples * np.float32(10 ** (self.gain / 20)), -1, 1)
        return transmit(samples, True, None, None) if self.telephone else samples


CLEAN = Condition()


def find_positives(
    folders: Sequence[Path], keywords: Sequence[str]
) -> tuple[list[Positive], list[Skipped]]:
    """Find the recordings of the keywords of a model.

    A recording is of the keyword that the nearest manifest gives as its label, else of that which
    a folder above it is named after; where the model has one keyword, and nothing says otherwise,
    every recording is of that. Case and punctuation do not matter.

    Parameters
    ----------
    folders : sequence of Path
    keywords : sequence of str

    Returns
    -------
    positives : list of Positive
    skipped : list of Skipped
        Recordings of something else.

    Raises
    ------
    DataError
        If a folder holds no recordings, or none is of a keyword.
    ManifestError
        If a manifest cannot be used.
    """
    names = {plain(keyword): keyword for keyword in keywords}
    known: dict[Path, Manifest] = {}
    found: list[tuple[Path, Row | None, str | None]] = []
    for folder in folders:
        for path, row in find_with_rows(folder, known):
            said = [row.label] if row is not None and row.label else []
            said += [one.name for one in (path.parent, *path.parents) if one != folder.parent][:3]
            keyword = next((names[plain(one)] for one in said if plain(one) in names), None)
            found.append((path, row, keyword))
    if len(keywords) == 1 and not any(keyword for _, _, keyword in found):
        found = [(path, row, keywords[0]) for path, row, _ in found]
    positives = [
        Positive(path, keyword, *_times(row)) for path, row, keyword in found if keyword is not None
    ]
    if not positives:
        raise DataError(
            f"{folders[0]}: no recordings of {', '.join(keywords)[:200]}: put them into a "
            "sub-folder named after each keyword"
        )
    return positives, [
        Skipped(path, "is of no keyword of the model: name its folder after one")
        for path, _, keyword in found
        if keyword is None
    ]


def _times(row: Row | None) -> tuple[float | None, float | None]:
    """Return where a manifest says that the keyword is; what is no time is not taken."""
    times = []
    for name in ("start", "end"):
        try:
            value = float(row.columns.get(name, "") if row is not None else "")
        except ValueError:
            value = np.nan
        times.append(value if 0 <= value < LONGEST_POSITIVE else None)
    start, end = times
    if start is not None and end is not None and start >= end:
        return None, None
    return start, end


def hear_positives(
    spotter: KeywordSpotter,
    positives: Sequence[Positive],
    condition: Condition,
    seed: int,
    progress: Progress,
) -> Heard:
    """Run recordings of keywords through a model, as one stream with faint noise between them.

    Parameters
    ----------
    spotter : KeywordSpotter
    positives : sequence of Positive
    condition : Condition
    seed : int
        Of the noise and of the gaps.
    progress : callable
    """
    said: list[Said] = []
    skipped: list[Skipped] = []
    lengths: list[float] = []

    def blocks() -> Iterator[Float32]:
        at = 0.0
        for number in progress(iter(range(len(positives))), len(positives), "positives"):
            positive = positives[number]
            rng = np.random.default_rng((seed, number))  # one that is skipped changes no other
            try:
                samples = load_audio(positive.path, RATE)
                if len(samples) > LONGEST_POSITIVE * RATE:
                    raise AudioError(
                        f"{positive.path}: is longer than {LONGEST_POSITIVE:g} s: cut out the "
                        "keyword"
                    )
                if not samples.any():
                    raise AudioError(f"{positive.path}: is nothing but digital silence")
            except AudioError as error:
                skipped.append(Skipped.because(positive.path, error))
                continue
            gap = round(rng.uniform(*GAP) * RATE)
            start = at + gap / RATE
            said.append(_said(positive, samples, start))
            lengths.append(len(samples) / RATE)
            room = np.zeros(gap + len(samples) + RATE, np.float32)
            room[gap : gap + len(samples)] = samples
            room = _faint(rng, condition.apply(rng, room))
            at += len(room) / RATE
            yield room

    heard = trace_blocks(spotter, blocks())
    if not said:
        raise DataError(
            f"none of the {len(positives)} recordings could be used: {skipped[0].path}: "
            f"{skipped[0].reason}"
        )
    sources = tuple(Source(one.positive.path, one.at) for one in said)
    return Heard(heard, tuple(said), sources, sum(lengths), tuple(skipped))


def _said(positive: Positive, samples: Float32, at: float) -> Said:
    """Say where in the stream a recording's keyword is."""
    seconds = len(samples) / RATE
    end = positive.end if positive.end is not None else word_span(samples)[1] / RATE
    last = positive.end if positive.end is not None else seconds
    return Said(
        positive,
        at,
        at + (positive.start or 0.0),
        at + min(last, seconds) + LATENESS,
        at + min(end, seconds),
    )


def hear_negatives(
    spotter: KeywordSpotter,
    paths: Sequence[Path],
    condition: Condition,
    seed: int,
    progress: Progress,
    most_seconds: float = np.inf,
) -> Heard:
    """Run recordings without a keyword through a model, joined to one stream, piece by piece.

    Parameters
    ----------
    spotter : KeywordSpotter
    paths : sequence of Path
    condition : Condition
    seed : int
    progress : callable
    most_seconds : float
        The stream ends after this.
    """
    sources: list[Source] = []
    skipped: list[Skipped] = []
    lengths: list[float] = []

    def blocks() -> Iterator[Float32]:
        samples = 0
        for number in progress(iter(range(len(paths))), len(paths), "negatives"):
            if samples >= most_seconds * RATE:
                return
            rng = np.random.default_rng((seed, number))
            before = samples
            try:
                for piece in _pieces(stream_audio(paths[number], RATE)):
                    if samples == before:
                        sources.append(Source(paths[number], samples / RATE))
                    yield _faint(rng, condition.apply(rng, piece))
                    samples += len(piece)
                    lengths.append(len(piece) / RATE)
                    if samples >= most_seconds * RATE:
                        break
            except AudioError as error:
                skipped.append(Skipped.because(paths[number], error))
            if samples > before:
                gap = round(SHORT_GAP * RATE)
                yield _faint(rng, np.zeros(gap, np.float32))
                samples += gap

    heard = trace_blocks(spotter, blocks())
    if not sources:
        raise DataError(
            f"none of the {len(paths)} recordings could be used: {skipped[0].path}: "
            f"{skipped[0].reason}"
        )
    return Heard(heard, (), tuple(sources), sum(lengths), tuple(skipped))


def _pieces(blocks: Iterable[Float32]) -> Iterator[Float32]:
    """Join blocks of any length to pieces of `PIECE`, whose level noise is measured against."""
    held: list[Float32] = []
    for block in blocks:
        held.append(block)
        if sum(map(len, held)) >= PIECE * RATE:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def _faint(rng: np.random.Generator, samples: Float32) -> Float32:
    """Put faint noise under audio."""
    noise = coloured_noise(rng, max(2, len(samples)))[: len(samples)]
    level = FAINT / max(1e-9, float(np.sqrt(np.mean(np.square(noise)))))
    return samples + noise * np.float32(level)


@dataclass(frozen=True)
class Hits:
    """What a threshold gave on recordings of a keyword.

    Attributes
    ----------
    times : float64 (recordings,)
        Of the first event in each, in seconds of the stream; NaN for a miss.
    others : float64 (n,)
        Of events outside of all recordings of the keyword.
    """

    times: Float64
    others: Float64

    @property
    def misses(self) -> int:
        """Recordings that were not detected."""
        return int(np.isnan(self.times).sum())


def hits(spans: Sequence[tuple[float, float]], events: Float64) -> Hits:
    """Match the events of a keyword with its recordings.

    Parameters
    ----------
    spans : sequence of (float, float)
        Of each recording: when an event is a hit, in seconds of the stream.
    events : float64 (n,)
        Seconds, in the order of time.
    """
    times = np.full(len(spans), np.nan)
    outside = np.ones(len(events), np.bool_)
    for number, span in enumerate(spans):
        first, beyond = np.searchsorted(events, span)
        if beyond > first:
            times[number] = events[first]
            outside[first:beyond] = False
    return Hits(times, events[outside])


def best_score(track: Track, first: float, last: float) -> float:
    """Return the highest smoothed score of a keyword between two times; 0 where it never leads."""
    a, b = (max(0, round(at / track.column_seconds)) for at in (first, last))
    scores = track.smoothed[a:b][track.top[a:b]]
    return float(scores.max()) if len(scores) else 0.0


def by_keyword(positives: Sequence[Positive]) -> Mapping[str, list[Positive]]:
    """Sort recordings by their keyword."""
    sorted_: dict[str, list[Positive]] = {}
    for positive in positives:
        sorted_.setdefault(positive.keyword, []).append(positive)
    return sorted_
