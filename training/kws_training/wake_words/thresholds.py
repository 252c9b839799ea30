"""Thresholds of wake words: chosen on some negatives, stated on others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import Float32, Float64, UInt8
from kws.audio import load_audio
from kws.calibration.scores import Trace, Track, trace, trace_blocks, track
from kws.calibration.thresholds import threshold_for
from kws.console import quiet
from kws.errors import AudioError
from kws.frontend import WORDS
from kws.metadata import DetectorDefaults, OperatingPoint
from kws.modelfile import ModelFile
from kws.pcm import to_int16
from kws.posteriors import sigmoid
from kws.spotter import KeywordSpotter
from kws.verification import open_network

from ..data.dataset import Clip
from ..data.images import to_frames
from ..evaluation.continuous import hits
from ..evaluation.evaluate import open_model
from ..evaluation.operating import LATENESS, join_clips
from ..progress import bar
from .mining import pick_peaks

#: Events from whose scores the rate of rarer ones is estimated.
TAIL_EVENTS = 30
#: Highest threshold that is estimated in this way.
MAX_THRESHOLD = 0.999
#: Hours of a source from which its tail is estimated by itself.
MIN_SOURCE_HOURS = 0.1
#: Steps of the network between updates of the progress bar.
PROGRESS_STEPS = 1000

#: Threshold of each keyword.
Thresholds = dict[str, float]


def negative_traces(model: ModelFile, recordings: Sequence[UInt8]) -> list[Trace]:
    """Return the scores of the network in a model file on frames.

    Parameters
    ----------
    model : ModelFile
        The model that will ship.
    recordings : sequence of uint8 (frames, bands)
        Grey levels of each recording; they are heard as one stream, one after another.

    Returns
    -------
    list of Trace
        One trace, or none if there are no recordings.
    """
    if not recordings:
        return []
    frames = np.concatenate(recordings)
    with quiet():
        network = open_network(model)
    network.reset()
    size = network.frames
    starts = range(0, len(frames) - size + 1, size)
    scores = np.empty((len(starts), len(model.metadata.labels)), np.float32)
    for group in bar(
        iter(range(0, len(starts), PROGRESS_STEPS)), -(-len(starts) // PROGRESS_STEPS), "scores"
    ):
        for number in range(group, min(group + PROGRESS_STEPS, len(starts))):
            step = to_frames(frames[starts[number] : starts[number] + size])
            scores[number] = sigmoid(network.step(step)[-1])
    seconds = size * WORDS.hop_seconds
    return [Trace(scores, seconds, len(scores) * seconds, exclusive=False)]


@dataclass(frozen=True)
class Source:
    """Scores of the negatives of one place: one microphone, one collection, one language.

    Attributes
    ----------
    trained : list of Trace
        Scores of recordings that were trained on, varied (`vary_negatives`).
    fresh : list of Trace
        Scores of recordings that were not trained on.
    """

    trained: list[Trace]
    fresh: list[Trace]

    @property
    def hours(self) -> float:
        """Length of all recordings in hours."""
        return sum(one.seconds for one in (*self.trained, *self.fresh)) / 3600


def listen(
    model: ModelFile,
    trained: tuple[Sequence[Clip], Sequence[UInt8]],
    fresh: tuple[Sequence[Clip], Sequence[UInt8]],
) -> list[Source]:
    """Return the scores of the negatives of each source; short sources are joined into one.

    Parameters
    ----------
    model : ModelFile
        The model that will ship.
    trained : (sequence of Clip, sequence of uint8 (frames, bands))
        Recordings that were trained on, and their frames, varied.
    fresh : (sequence of Clip, sequence of uint8 (frames, bands))
        Recordings that were not trained on, and their frames.
    """
    sources = source_of([*trained[0], *fresh[0]])
    hours: dict[str, float] = {}
    for source, image in zip(sources, (*trained[1], *fresh[1]), strict=True):
        hours[source] = hours.get(source, 0.0) + len(image) * WORDS.hop_seconds / 3600
    sources = [source if hours[source] >= MIN_SOURCE_HOURS else "" for source in sources]
    count = len(trained[0])
    heard = []
    for source in sorted(set(sources)):
        parts = (trained[1], sources[:count]), (fresh[1], sources[count:])
        chosen = [
            [image for image, its in zip(images, places, strict=True) if its == source]
            for images, places in parts
        ]
        heard.append(Source(*(negative_traces(model, images) for images in chosen)))
    return heard


def source_of(clips: Sequence[Clip]) -> list[str]:
    """Return the source of each recording: its folder in the deepest folder that holds them all.

    Parameters
    ----------
    clips : sequence of Clip
        The recordings.

    Returns
    -------
    list of str
        Name of the folder; empty for recordings directly in the deepest common folder.
    """
    if not clips:
        return []
    folders = [clip.path.absolute().parent for clip in clips]
    top = Path(os.path.commonpath(folders))
    return ["".join(folder.relative_to(top).parts[:1]) for folder in folders]


def thresholds_at(model: ModelFile, sources: Sequence[Source], rate: float) -> Thresholds:
    """Return for each keyword a threshold for a rate of false accepts: the higher of two.

    The first is counted: above it are as many events per hour in all recordings that were trained
    on, varied. The second is estimated: the tail of the scores of each source is continued, and
    the highest threshold of any source is taken. The model will listen to yet another source, and
    sources differ by more than recordings that were trained on and others do
    (docs/experiments/wake_words.md).

    Parameters
    ----------
    model : ModelFile
        The model that will ship.
    sources : sequence of Source
        Scores of negatives.
    rate : float
        False accepts per hour.
    """
    labels, defaults = model.metadata.labels, model.metadata.detector
    assert isinstance(defaults, DetectorDefaults)  # a model of wake words has no other
    trained = [one for source in sources for one in source.trained]
    groups = [[source] for source in sources if source.hours >= MIN_SOURCE_HOURS] or [list(sources)]
    thresholds = {}
    for keyword in labels:
        tails = [
            tail_threshold(
                [
                    track(one, labels, defaults, keyword)
                    for source in group
                    for one in (*source.trained, *source.fresh)
                ],
                rate,
            )
            for group in groups
        ]
        counted = threshold_for(trained, labels, defaults, keyword, rate) if trained else 0.5
        thresholds[keyword] = max(counted, *tails)
    return thresholds


def tail_threshold(tracks: Sequence[Track], rate: float) -> float:
    """Estimate the threshold for a rate at which less than one event was heard.

    The highest scores of events, as log-odds, are assumed to fall off exponentially (peaks over a
    threshold: J. Pickands, 1975, Annals of Statistics 3, with shape 0). The mean excess of the
    `TAIL_EVENTS` highest over the lowest of them says how fast.

    Parameters
    ----------
    tracks : sequence of Track
        Scores of one keyword in recordings without it.
    rate : float
        False accepts per hour.

    Returns
    -------
    float
        A threshold; 0 if there are no recordings.
    """
    hours = sum(one.hours for one in tracks)
    heights = np.sort(np.concatenate([_heights(one) for one in tracks] or [np.zeros(0)]))[::-1]
    if len(heights) < 2:
        return 0.0
    highest = heights[:TAIL_EVENTS]
    odds = np.log(highest / (1 - highest))
    slope = float(np.mean(odds[:-1]) - odds[-1])
    level = odds[-1] + slope * np.log(len(odds) / (rate * hours))
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
    if not heard:
        return ()
    others = trace_blocks(spotter, heard)
    points = []
    for keyword, clips in zip(metadata.labels, positives, strict=True):
        scores, spans = _positives(spotter, clips, seed)
        spoken = None if scores is None else track(scores, metadata.labels, defaults, keyword)
        wrong = track(others, metadata.labels, defaults, keyword)
        for level in sorted({one[keyword] for one in thresholds}):
            times = np.zeros(0) if spoken is None else spoken.events(level)
            points.append(
                OperatingPoint.measured(
                    keyword,
                    level,
                    false_accepts=wrong.count(level),
                    hours=wrong.hours,
                    misses=hits(spans, times).misses,
                    recordings=len(spans),
                )
            )
    return tuple(points)


def _positives(
    spotter: KeywordSpotter, clips: Sequence[Clip], seed: int
) -> tuple[Trace | None, list[tuple[float, float]]]:
    """Return the scores of recordings of a phrase, and when it may be detected, in seconds."""
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
