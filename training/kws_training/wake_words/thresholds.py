"""Thresholds of wake words: chosen on some negatives, stated on others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kws.arrays import Float32, Float64, UInt8
from kws.audio import load_audio
from kws.calibration.scores import Trace, Track, trace, trace_blocks, track
from kws.errors import AudioError
from kws.frontend import WORDS
from kws.metadata import DetectorDefaults, OperatingPoint
from kws.modelfile import ModelFile
from kws.pcm import to_int16
from kws.spotter import KeywordSpotter

from ..augmentation.spectra import WindowMaker
from ..data.dataset import Clip
from ..evaluation.continuous import hits
from ..evaluation.evaluate import open_model
from ..evaluation.operating import LATENESS, join_clips
from ..spreading.workers import ALONE, Workers
from .kinds import kinds_of
from .listening import negative_traces
from .mining import pick_peaks
from .negatives import in_noise

#: Events from whose scores the rate of rarer ones is estimated.
TAIL_EVENTS = 30
#: Highest threshold that is estimated in this way.
MAX_THRESHOLD = 0.999
#: How many times more often models fire on kinds of speech that training never heard than on the
#: mean of those that it heard, by their tails: read off single networks of one fold. The command
#: itself exceeds the rate asked for all the same (docs/experiments/kinds_left_out.md).
UNHEARD = 2.0
#: Decibels of noise under everything in which thresholds must hold too.
NOISE_SNR = 10.0
#: How many times more often than in quiet a model may fire in that noise.
NOISE_ALLOWANCE = 4.0
#: Smallest slope of a tail, in log-odds: of events that are all alike.
MIN_SLOPE = 0.01
#: Log-odds of the thresholds that are tried: first, last and step.
TRIED_ODDS = (-14.0, 14.0, 0.01)

#: Threshold of each keyword.
Thresholds = dict[str, float]


@dataclass(frozen=True)
class KindScores:
    """Scores of the negatives of one kind.

    Attributes
    ----------
    kind : str
        Its name.
    trained : list of Trace
        Scores of recordings that were trained on, varied (`vary_negatives`).
    fresh : list of Trace
        Scores of recordings that were not trained on.
    noisy : list of Trace
        Scores of all of them in noise (`in_noise`); none where that was not heard.
    """

    kind: str
    trained: list[Trace]
    fresh: list[Trace]
    noisy: list[Trace]


def listen(
    model: ModelFile,
    trained: tuple[Sequence[Clip], Sequence[UInt8]],
    fresh: tuple[Sequence[Clip], Sequence[UInt8]],
    noise: WindowMaker,
    seed: int,
    workers: Workers = ALONE,
) -> list[KindScores]:
    """Return the scores of the negatives of each kind (`kinds_of`), in quiet and in noise.

    Parameters
    ----------
    model : ModelFile
        The model that will ship.
    trained : (sequence of Clip, sequence of uint8 (frames, bands))
        Recordings that were trained on, and their frames, varied.
    fresh : (sequence of Clip, sequence of uint8 (frames, bands))
        Recordings that were not trained on, and their frames.
    noise : WindowMaker
        Draws noise.
    seed : int
        Seed of the noise.
    workers : Workers
        Who hears them.
    """
    images = [*trained[1], *fresh[1]]
    hours = [len(image) * WORDS.hop_seconds / 3600 for image in images]
    kinds = kinds_of([*trained[0], *fresh[0]], hours)
    count = len(trained[0])
    found = []
    for kind in sorted(set(kinds)):
        rows = [row for row, its in enumerate(kinds) if its == kind]
        varied, others = (
            [images[row] for row in rows if (row < count) == first] for first in (True, False)
        )
        noisy = in_noise([*varied, *others], noise, NOISE_SNR, seed)
        traces = (negative_traces(model, part, workers) for part in (varied, others, noisy))
        found.append(KindScores(kind, *traces))
    return found


def thresholds_at(model: ModelFile, kinds: Sequence[KindScores], rate: float) -> Thresholds:
    """Return for each keyword a threshold for a rate of false accepts on kinds never heard.

    The tail of the scores of each kind is continued (`Tail`). The threshold is where the mean of
    the kinds' rates, by which all kinds count alike, is the rate over `UNHEARD`; and the same with
    noise under everything and `NOISE_ALLOWANCE` times the rate, whichever is higher.

    Parameters
    ----------
    model : ModelFile
        The model that will ship.
    kinds : sequence of KindScores
        Scores of negatives.
    rate : float
        False accepts per hour.
    """
    labels, defaults = model.metadata.labels, model.metadata.detector
    assert isinstance(defaults, DetectorDefaults)  # a model of wake words has no other
    quiet = [[*kind.trained, *kind.fresh] for kind in kinds]
    noisy = [kind.noisy for kind in kinds]
    thresholds = {}
    for keyword in labels:
        levels = [0.0]
        for groups, allowed in ((quiet, rate), (noisy, rate * NOISE_ALLOWANCE)):
            tails = [
                Tail.of([track(one, labels, defaults, keyword) for one in traces])
                for traces in groups
            ]
            levels.append(threshold_of([one for one in tails if one], allowed / UNHEARD))
        thresholds[keyword] = max(levels)
    return thresholds


@dataclass(frozen=True)
class Tail:
    """How often the scores of events are how high, where less was heard than a rate needs.

    The highest scores of events, as log-odds, are assumed to fall off exponentially (peaks over a
    threshold: J. Pickands, 1975, Annals of Statistics 3, with shape 0). The mean excess of the
    `TAIL_EVENTS` highest over the lowest of them says how fast.

    Attributes
    ----------
    lowest : float
        Log-odds of the lowest of these events.
    slope : float
        Log-odds over which their rate falls to 1/e.
    per_hour : float
        Rate of events at least as high as the lowest.
    """

    lowest: float
    slope: float
    per_hour: float

    @classmethod
    def of(cls, tracks: Sequence[Track]) -> Tail | None:
        """Estimate the tail of the scores of one keyword in recordings without it.

        Parameters
        ----------
        tracks : sequence of Track
            The scores.

        Returns
        -------
        Tail or None
            None if there are fewer than two events.
        """
        heights = np.sort(np.concatenate([_heights(one) for one in tracks] or [np.zeros(0)]))[::-1]
        if len(heights) < 2:
            return None
        highest = heights[:TAIL_EVENTS]
        odds = np.log(highest / (1 - highest))
        slope = max(MIN_SLOPE, float(np.mean(odds[:-1]) - odds[-1]))
        return cls(float(odds[-1]), slope, len(odds) / sum(one.hours for one in tracks))

    def rate(self, odds: Float64) -> Float64:
        """Return the events per hour that are at least as high as log-odds (n,)."""
        return np.asarray(self.per_hour * np.exp((self.lowest - odds) / self.slope), np.float64)


def threshold_of(tails: Sequence[Tail], rate: float) -> float:
    """Return the threshold at which the mean of the rates of some tails is a rate.

    Parameters
    ----------
    tails : sequence of Tail
        One for each kind.
    rate : float
        False accepts per hour.

    Returns
    -------
    float
        A threshold, at most `MAX_THRESHOLD`; 0 if there are no tails.
    """
    if not tails:
        return 0.0
    odds = np.arange(*TRIED_ODDS)
    mean = np.mean([one.rate(odds) for one in tails], axis=0)
    enough = np.flatnonzero(mean <= rate)
    level = odds[enough[0]] if len(enough) else np.inf
    return float(np.clip(1 / (1 + np.exp(-level)), 0.0, MAX_THRESHOLD))


def _heights(one: Track) -> Float64:
    """Return the highest scores of the events that a low enough threshold would detect."""
    highest = pick_peaks(one.smoothed, one.refractory + 1, TAIL_EVENTS)
    return np.clip(one.smoothed[highest].astype(np.float64), 1e-9, 1 - 1e-9)


def state_points(
    model: ModelFile,
    thresholds: Sequence[Thresholds],
    positives: Sequence[Sequence[Clip]],
    negatives: Sequence[Clip],
    seed: int,
    frames: Iterable[Sequence[UInt8]] = (),
    workers: Workers = ALONE,
) -> tuple[OperatingPoint, ...]:
    """State what thresholds give on recordings that nothing was trained or chosen on.

    Parameters
    ----------
    model : ModelFile
        The model that will ship.
    thresholds : sequence of dict of str to float
        Threshold of each keyword, one dictionary per rate of false accepts.
    positives : sequence of sequence of Clip
        Recordings of each phrase, in the order of the labels.
    negatives : sequence of Clip
        Recordings without the phrases.
    seed : int
        Seed of the order of the recordings, and of the silence between them.
    frames : iterable of sequence of uint8 (frames, bands)
        Grey levels of recordings without the phrases whose audio is not there, some hours at a
        time.
    workers : Workers
        Who hears those.

    Returns
    -------
    tuple of OperatingPoint
        A keyword without recordings has points without a miss rate. No points if there are no
        negatives.
    """
    metadata, defaults = model.metadata, model.metadata.detector
    assert isinstance(defaults, DetectorDefaults)  # a model of wake words has no other
    spotter = open_model(model)
    heard = [samples for _, samples in _read(negatives)]
    others = [trace_blocks(spotter, heard)] if heard else []
    for some in frames:
        others += negative_traces(model, some, workers)
    if not others:
        return ()
    points = []
    for keyword, clips in zip(metadata.labels, positives, strict=True):
        scores, spans = score_phrases(spotter, clips, seed)
        spoken = None if scores is None else track(scores, metadata.labels, defaults, keyword)
        wrong = [track(one, metadata.labels, defaults, keyword) for one in others]
        for level in sorted({one[keyword] for one in thresholds}):
            times = np.zeros(0) if spoken is None else spoken.events(level)
            points.append(
                OperatingPoint.measured(
                    keyword,
                    level,
                    false_accepts=sum(one.count(level) for one in wrong),
                    hours=sum(one.hours for one in wrong),
                    misses=hits(spans, times).misses,
                    recordings=len(spans),
                )
            )
    return tuple(points)


def score_phrases(
    spotter: KeywordSpotter, clips: Sequence[Clip], seed: int
) -> tuple[Trace | None, list[tuple[float, float]]]:
    """Return the scores of recordings of a phrase, and when it may be detected, in seconds.

    Parameters
    ----------
    spotter : KeywordSpotter
        The model.
    clips : sequence of Clip
        The recordings.
    seed : int
        Seed of their order, and of the silence between them.

    Returns
    -------
    Trace or None
        None if none of them can be read.
    list of (float, float)
        Of each recording the times between which an event is a hit, in seconds of the stream.
    """
    read = list(_read(clips))
    if not read:
        return None, []
    rate = spotter.metadata.front_end.sample_rate
    samples = [to_int16(one) for _, one in read]
    stream = join_clips([clip for clip, _ in read], samples, rate, seed)
    return trace(spotter, stream.samples), [
        (word.start, word.end + LATENESS) for word in stream.words
    ]


def _read(clips: Sequence[Clip]) -> Iterator[tuple[Clip, Float32]]:
    """Yield the recordings that can be read. They were read before: damaged ones are reported."""
    for clip in clips:
        try:
            yield clip, load_audio(clip.path, WORDS.sample_rate)
        except AudioError:
            continue
