"""Keywords in continuous audio: recordings of them, and hours without, through the detector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from kws.arrays import Float32, Float64
from kws.audio import load_audio, stream_audio
from kws.calibration.hours import HoursCounter, UnheardPart
from kws.calibration.scores import Trace, Track, trace_blocks
from kws.console import note
from kws.errors import AudioError
from kws.spotter import KeywordSpotter

from ..data.clips import word_span
from ..data.dataset import DataError, Skipped
from ..data.digest import digest_of
from ..progress import Progress
from .blocks import SHORT_GAP, NegativeBlock, PositiveBlock
from .conditions import RATE, Condition
from .positives import LONGEST_POSITIVE, Positive
from .spread_streams import Block, LongMemoryError, SpreadStream

#: Seconds after the end of a recording, or of its word, in which an event still belongs to it.
#: `kws_training.evaluation.operating.LATENESS` is less, since its streams have shorter gaps.
LATENESS = 1.0
#: Seconds of audio that get noise of one level.
PIECE = 30.0


@dataclass(frozen=True)
class PlacedPositive:
    """A recording of a keyword in a stream; all times are seconds of the stream.

    Attributes
    ----------
    positive : Positive
        The recording.
    at : float
        Where the recording begins.
    first : float
        From here on an event is a hit.
    last : float
        Until here an event is a hit.
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
        """The times between which an event is a hit."""
        return self.first, self.last


@dataclass(frozen=True)
class PlacedRecording:
    """A recording in a stream.

    Attributes
    ----------
    path : Path
        The recording.
    at : float
        Where it begins, in seconds of the stream.
    offset : float
        Seconds of the recording before that, where what was heard before is left out.
    """

    path: Path
    at: float
    offset: float = 0.0


@dataclass(frozen=True)
class StreamScores:
    """What a model made of a stream of recordings.

    Attributes
    ----------
    trace : Trace
        The model's scores over the whole stream.
    positives : tuple of PlacedPositive
        The recordings of keywords in it, in the order of time; empty in a stream of negatives.
    recordings : tuple of PlacedRecording
        All recordings in it, in the order of time.
    seconds : float
        Length of the recordings together, without the noise between them. Of negatives each second
        counts once, and digital silence does not (`kws.calibration.hours`).
    skipped : tuple of Skipped
        Recordings that could not be used, and why.
    counted : mapping of Path to float
        Of each recording of negatives its share of ``seconds``.
    verifications : int or None
        How often the verifier was asked in a stream of negatives; None without one.
    """

    trace: Trace
    positives: tuple[PlacedPositive, ...]
    recordings: tuple[PlacedRecording, ...]
    seconds: float
    skipped: tuple[Skipped, ...]
    counted: Mapping[Path, float] = field(default_factory=dict)
    verifications: int | None = None

    def place(self, at: float) -> tuple[Path, float]:
        """Find the recording that a time of the stream is in.

        Parameters
        ----------
        at : float
            Seconds of the stream.

        Returns
        -------
        path : Path
            The recording.
        within : float
            Seconds since it began.
        """
        starts = [one.at for one in self.recordings]
        number = max(0, int(np.searchsorted(starts, at, "right")) - 1)
        recording = self.recordings[number]
        return recording.path, max(0.0, at - recording.at) + recording.offset


def score_positives(
    spotter: KeywordSpotter,
    positives: Sequence[Positive],
    condition: Condition,
    seed: int,
    progress: Progress,
    spread: SpreadStream | None = None,
) -> StreamScores:
    """Run recordings of keywords through a model, as one stream with faint noise between them.

    Parameters
    ----------
    spotter : KeywordSpotter
        The model.
    positives : sequence of Positive
        The recordings, in the order in which they come.
    condition : Condition
        What is between the recordings and the microphone.
    seed : int
        Of the noise and of the gaps.
    progress : callable
        Shows how many recordings are done.
    spread : SpreadStream, optional
        Workers that hear it with the same model; the scores are the same.

    Returns
    -------
    StreamScores
        With every recording that could be used.

    Raises
    ------
    DataError
        If none of the recordings could be used.
    """
    return _spread_or_alone(
        spread, lambda heard_by: _positives(spotter, positives, condition, seed, progress, heard_by)
    )


def _spread_or_alone(
    spread: SpreadStream | None, score: Callable[[SpreadStream | None], StreamScores]
) -> StreamScores:
    """Let workers hear a stream if its model allows it; else this process."""
    if spread is not None and spread.is_of_use:
        try:
            return score(spread)
        except LongMemoryError:
            note("the model remembers more than its contract says: one process hears everything")
    return score(None)


def _trace(
    spotter: KeywordSpotter,
    blocks: Iterable[Block],
    condition: Condition,
    spread: SpreadStream | None,
) -> Trace:
    """Hear a stream in this process or by workers."""
    if spread is not None:
        return spread.trace(spotter, blocks, condition)
    return trace_blocks(spotter, (block.heard(condition) for block in blocks))


def _positives(
    spotter: KeywordSpotter,
    positives: Sequence[Positive],
    condition: Condition,
    seed: int,
    progress: Progress,
    spread: SpreadStream | None,
) -> StreamScores:
    placed: list[PlacedPositive] = []
    known: dict[str, Path] = {}
    skipped: list[Skipped] = []
    lengths: list[float] = []

    def blocks() -> Iterator[Block]:
        at = 0.0
        for number in progress(iter(range(len(positives))), len(positives), "positives"):
            positive = positives[number]
            try:
                samples = load_audio(positive.path, RATE)
                if len(samples) > LONGEST_POSITIVE * RATE:
                    raise AudioError(
                        f"{positive.path}: is longer than {LONGEST_POSITIVE:g} s: cut out the "
                        "keyword"
                    )
                if not samples.any():
                    raise AudioError(f"{positive.path}: is nothing but digital silence")
                first = known.setdefault(digest_of(samples), positive.path)
                if first != positive.path:
                    raise AudioError(f"{positive.path}: is the same as {first}: it counts once")
            except AudioError as error:
                skipped.append(Skipped.because(positive.path, error))
                continue
            # of a seed of its own: one that is skipped changes no other
            block = PositiveBlock((seed, number), samples)
            placed.append(_placed(positive, samples, at + block.gap / RATE))
            lengths.append(len(samples) / RATE)
            at += len(block) / RATE
            yield block

    trace = _trace(spotter, blocks(), condition, spread)
    if not placed:
        raise DataError(_unusable(len(positives), skipped))
    recordings = tuple(PlacedRecording(one.positive.path, one.at) for one in placed)
    return StreamScores(trace, tuple(placed), recordings, sum(lengths), tuple(skipped))


def _placed(positive: Positive, samples: Float32, at: float) -> PlacedPositive:
    """Return where in the stream a recording's keyword is."""
    seconds = len(samples) / RATE
    end = positive.end if positive.end is not None else word_span(samples)[1] / RATE
    last = positive.end if positive.end is not None else seconds
    return PlacedPositive(
        positive=positive,
        at=at,
        first=at + (positive.start or 0.0),
        last=at + min(last, seconds) + LATENESS,
        word_end=at + min(end, seconds),
    )


def score_negatives(
    spotter: KeywordSpotter,
    paths: Sequence[Path],
    condition: Condition,
    seed: int,
    progress: Progress,
    most_seconds: float = np.inf,
    spread: SpreadStream | None = None,
) -> StreamScores:
    """Run recordings without a keyword through a model, as one stream, piece by piece.

    What was heard before, in another recording or in the same, is left out.

    Parameters
    ----------
    spotter : KeywordSpotter
        The model.
    paths : sequence of Path
        The recordings, in the order in which they come; they may be longer than the memory.
    condition : Condition
        What is between the recordings and the microphone.
    seed : int
        Of the noise.
    progress : callable
        Shows how many recordings are done.
    most_seconds : float
        The stream ends after so many seconds.
    spread : SpreadStream, optional
        Workers that hear it with the same model; the scores are the same.

    Returns
    -------
    StreamScores
        With every recording that could be used.

    Raises
    ------
    DataError
        If none of the recordings could be used.
    """
    return _spread_or_alone(
        spread,
        lambda heard_by: _negatives(
            spotter, paths, condition, seed, progress, most_seconds, heard_by
        ),
    )


def _negatives(
    spotter: KeywordSpotter,
    paths: Sequence[Path],
    condition: Condition,
    seed: int,
    progress: Progress,
    most_seconds: float,
    spread: SpreadStream | None,
) -> StreamScores:
    recordings: list[PlacedRecording] = []
    skipped: list[Skipped] = []
    counted: dict[Path, float] = {}
    hours = HoursCounter(RATE)

    def blocks() -> Iterator[Block]:
        samples = 0
        for number in progress(iter(range(len(paths))), len(paths), "negatives"):
            if samples >= most_seconds * RATE:
                return
            before, last = samples, None
            heard, repeated = hours.seconds, hours.repeated_seconds
            try:
                following = -1
                for part in _pieces(hours.unheard(stream_audio(paths[number], RATE))):
                    if part.offset != following:
                        place = PlacedRecording(paths[number], samples / RATE, part.offset / RATE)
                        recordings.append(place)
                    if last is not None:
                        yield last
                    piece = 0 if last is None else last.piece + 1
                    last = NegativeBlock((seed, number), piece, part.samples)
                    samples += len(part.samples)
                    following = part.offset + len(part.samples)
                    if samples >= most_seconds * RATE:
                        break
            except AudioError as error:
                skipped.append(Skipped.because(paths[number], error))
            repeated = hours.repeated_seconds - repeated
            if repeated:
                reason = f"{repeated:.2f} s of it were heard before: they count once"
                skipped.append(Skipped(paths[number], reason))
            elif samples > before and hours.seconds == heard:
                reason = "is nothing but digital silence: it is no time without a keyword"
                skipped.append(Skipped(paths[number], reason))
            if last is not None:
                new = hours.seconds - heard
                counted[paths[number]] = counted.get(paths[number], 0.0) + new
                last = replace(last, gap=round(SHORT_GAP * RATE))
                yield last
                samples += last.gap

    asked = spotter.verifications
    trace = _trace(spotter, blocks(), condition, spread)
    if spread is not None:
        asked = spread.asked
    elif asked is not None and spotter.verifications is not None:
        asked = spotter.verifications - asked
    if not recordings:
        raise DataError(_unusable(len(paths), skipped))
    if not hours.seconds:
        raise DataError(
            f"{recordings[0].path}: nothing but digital silence, as in all of the {len(paths)} "
            "recordings: it is no time without a keyword"
        )
    return StreamScores(trace, (), tuple(recordings), hours.seconds, tuple(skipped), counted, asked)


def _unusable(count: int, skipped: Sequence[Skipped]) -> str:
    """Return the message for recordings of which none could be used."""
    first = skipped[0]
    return f"none of the {count} recordings could be used: {first.path}: {first.reason}"


def _pieces(parts: Iterable[UnheardPart]) -> Iterator[UnheardPart]:
    """Join parts to pieces of `PIECE`, whose level noise is measured against, where they follow."""
    held: list[UnheardPart] = []
    count = 0
    for part in parts:
        if held and part.offset != held[0].offset + count:
            yield _joined(held)
            held, count = [], 0
        held.append(part)
        count += len(part.samples)
        if count >= PIECE * RATE:
            yield _joined(held)
            held, count = [], 0
    if held:
        yield _joined(held)


def _joined(parts: Sequence[UnheardPart]) -> UnheardPart:
    """Join parts that follow one another."""
    return UnheardPart(parts[0].offset, np.concatenate([part.samples for part in parts]))


@dataclass(frozen=True)
class Hits:
    """What a threshold gave on recordings of a keyword.

    Attributes
    ----------
    times : float64 (recordings,)
        Of each recording its first event, in seconds of the stream; NaN for a miss.
    others : float64 (n,)
        The events outside of all recordings of the keyword, in seconds of the stream.
    """

    times: Float64
    others: Float64

    @property
    def misses(self) -> int:
        """Number of recordings that were not detected."""
        return int(np.isnan(self.times).sum())


def hits(spans: Sequence[tuple[float, float]], events: Float64) -> Hits:
    """Match the events of a keyword with its recordings.

    Parameters
    ----------
    spans : sequence of (float, float)
        Of each recording the times between which an event is a hit, in seconds of the stream.
    events : float64 (n,)
        The events in the order of time, in seconds of the stream.

    Returns
    -------
    Hits
        The first event of each recording, and the events that belong to none.

    Examples
    --------
    >>> found = hits([(1.0, 2.0), (5.0, 6.0)], np.array([1.5, 1.8, 4.0]))
    >>> found.times
    array([1.5, nan])
    >>> found.others
    array([4.])
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
    """Return the highest smoothed score of a keyword in a span of time.

    Parameters
    ----------
    track : Track
        The scores of the keyword.
    first : float
        Beginning of the span, in seconds of the stream.
    last : float
        End of the span, in seconds of the stream.

    Returns
    -------
    float
        0 .. 1. Only output frames count in which the keyword scores highest of all labels; 0 if
        there is none.
    """
    a, b = (max(0, round(at / track.column_seconds)) for at in (first, last))
    scores = track.smoothed[a:b][track.top[a:b]]
    return float(scores.max()) if len(scores) else 0.0
