"""Thresholds of wake words: chosen on negatives, stated on what nothing was chosen on."""

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
from kws.metadata import OperatingPoint
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork
from kws.pcm import to_int16
from kws.posteriors import sigmoid

from ..data.dataset import Clip
from ..data.images import to_frames
from ..evaluation.continuous import hits
from ..evaluation.evaluate import open_model
from ..evaluation.operating import LATENESS, join_clips
from ..progress import bar
from .mining import peaks

#: False accepts per hour for which points are stated.
RATES = (0.1, 0.5, 1.0)
#: Events from whose scores the rate of rarer ones is estimated, and the highest threshold that is.
TAIL, MOST = 30, 0.999
#: A source that is shorter has no tail of its own.
LEAST_HOURS = 0.1
#: Steps between notes of how far the work is.
STEPS = 1000


def negative_traces(model: ModelFile, recordings: Sequence[UInt8]) -> list[Trace]:
    """Return the scores of the shipping network on frames that were read before.

    Parameters
    ----------
    model : ModelFile
    recordings : sequence of uint8 (frames, bands)
        One stream, one after another; no trace, if there are none.
    """
    if not recordings:
        return []
    frames = np.concatenate(recordings)
    with quiet():
        network = StreamingNetwork(model)
    network.reset()
    size = network.frames
    starts = range(0, len(frames) - size + 1, size)
    scores = np.empty((len(starts), len(model.metadata.labels)), np.float32)
    for group in bar(iter(range(0, len(starts), STEPS)), -(-len(starts) // STEPS), "scores"):
        for number in range(group, min(group + STEPS, len(starts))):
            step = to_frames(frames[starts[number] : starts[number] + size])
            scores[number] = sigmoid(network.step(step)[-1])
    seconds = size * WORDS.hop_seconds
    return [Trace(scores, seconds, len(scores) * seconds, exclusive=False)]


@dataclass(frozen=True)
class Source:
    """Scores of the negatives of one place: one microphone, one collection, one language.

    Attributes
    ----------
    trained, fresh : list of Trace
        Of what was trained on, said otherwise, and of what was not.
    """

    trained: list[Trace]
    fresh: list[Trace]

    @property
    def hours(self) -> float:
        """Length of what was heard."""
        return sum(one.seconds for one in (*self.trained, *self.fresh)) / 3600


def listen(
    model: ModelFile,
    trained: tuple[Sequence[Clip], Sequence[UInt8]],
    fresh: tuple[Sequence[Clip], Sequence[UInt8]],
) -> list[Source]:
    """Listen to the negatives of each source; those that are too short are one together.

    Parameters
    ----------
    model : ModelFile
    trained, fresh : (clips, images)
        Recordings, and their frames (frames, bands).
    """
    sources = source_of([*trained[0], *fresh[0]])
    hours: dict[str, float] = {}
    for source, image in zip(sources, (*trained[1], *fresh[1]), strict=True):
        hours[source] = hours.get(source, 0.0) + len(image) * WORDS.hop_seconds / 3600
    sources = [source if hours[source] >= LEAST_HOURS else "" for source in sources]
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
    """Tell recordings apart by the folders in the deepest folder that holds them all."""
    if not clips:
        return []
    folders = [clip.path.absolute().parent for clip in clips]
    top = Path(os.path.commonpath(folders))
    return ["".join(folder.relative_to(top).parts[:1]) for folder in folders]


def thresholds_at(model: ModelFile, sources: Sequence[Source], rate: float) -> dict[str, float]:
    """Return for each keyword a threshold for a rate of false accepts: the higher of two.

    Of the events in all that was trained on, said otherwise, so many are more; and the tail of
    each source is continued, of which the highest counts: where the model will listen is none of
    them, and sources differ by more than what was trained on and what was not (EXPERIMENTS.md,
    "Thresholds").

    Parameters
    ----------
    model : ModelFile
    sources : sequence of Source
    rate : float
        False accepts per hour.
    """
    labels, defaults = model.metadata.labels, model.metadata.detector
    trained = [one for source in sources for one in source.trained]
    groups = [[source] for source in sources if source.hours >= LEAST_HOURS] or [list(sources)]
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
    """Estimate the threshold for a rate that is rarer than what was heard.

    The highest scores of events, as log-odds, are taken to fall off exponentially (peaks over a
    threshold: J. Pickands, 1975, Annals of Statistics 3, with shape 0), and the mean excess of
    the `TAIL` highest over the last of them says how fast.

    Parameters
    ----------
    tracks : sequence of Track
        Of recordings without the keyword.
    rate : float
        False accepts per hour.

    Returns
    -------
    float
        0 without any recordings.
    """
    hours = sum(one.hours for one in tracks)
    heights = np.sort(np.concatenate([_heights(one) for one in tracks] or [np.zeros(0)]))[::-1]
    if len(heights) < 2:
        return 0.0
    highest = heights[:TAIL]
    odds = np.log(highest / (1 - highest))
    slope = float(np.mean(odds[:-1]) - odds[-1])
    level = odds[-1] + slope * np.log(len(odds) / (rate * hours))
    return float(np.clip(1 / (1 + np.exp(-level)), 0.0, MOST))


def _heights(one: Track) -> Float64:
    """Return the highest scores of events that a low enough threshold would tell."""
    columns = peaks(one.smoothed, one.refractory + 1, TAIL)
    return np.clip(one.smoothed[columns].astype(np.float64), 1e-9, 1 - 1e-9)


def state_points(
    model: ModelFile,
    thresholds: Sequence[dict[str, float]],
    said: Sequence[Sequence[Clip]],
    negatives: Sequence[Clip],
    seed: int,
) -> tuple[OperatingPoint, ...]:
    """State what thresholds give on recordings that nothing was trained or chosen on.

    Parameters
    ----------
    model : ModelFile
    thresholds : sequence of dict of str to float
        Of each keyword.
    said : sequence of sequence of Clip
        Recordings of each phrase, in the order of the labels.
    negatives : sequence of Clip
    seed : int
        Of the silence between recordings.

    Returns
    -------
    tuple of OperatingPoint
        Without misses for a keyword without recordings; none if there are no negatives.
    """
    metadata = model.metadata
    spotter = open_model(model)
    heard = [samples for _, samples in _read(negatives)]
    if not heard:
        return ()
    others = trace_blocks(spotter, heard)
    points = []
    for keyword, clips in zip(metadata.labels, said, strict=True):
        good = list(_read(clips))
        spoken, words = None, ()
        if good:
            rate = metadata.front_end.sample_rate
            stream = join_clips([c for c, _ in good], [to_int16(s) for _, s in good], rate, seed)
            heard_said = trace(spotter, stream.samples)
            spoken, words = (
                track(heard_said, metadata.labels, metadata.detector, keyword),
                stream.words,
            )
        spans = [(word.start, word.end + LATENESS) for word in words]
        wrong = track(others, metadata.labels, metadata.detector, keyword)
        for level in sorted({one[keyword] for one in thresholds}):
            times = np.zeros(0) if spoken is None else spoken.events(level)
            points.append(
                OperatingPoint.measured(
                    keyword,
                    level,
                    false_accepts=wrong.count(level),
                    hours=wrong.hours,
                    misses=hits(spans, times).misses,
                    recordings=len(words),
                )
            )
    return tuple(points)


def _read(clips: Sequence[Clip]) -> Iterator[tuple[Clip, Float32]]:
    """Yield the recordings that can be read; they were read before, so that nothing is told."""
    for clip in clips:
        try:
            yield clip, load_audio(clip.path, WORDS.sample_rate)
        except AudioError:
            continue
