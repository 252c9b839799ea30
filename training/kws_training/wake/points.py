"""Thresholds of wake words: chosen on negatives, stated on what nothing was chosen on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from kws.audio import load_audio
from kws.calibration import (
    Trace,
    rate_interval,
    share_interval,
    threshold_for,
    trace,
    trace_blocks,
    track,
)
from kws.errors import AudioError
from kws.frontend import WORDS
from kws.modelfile import ModelFile, OperatingPoint
from kws.network import StreamingNetwork
from kws.spotter import sigmoid

from ..data.dataset import Clip
from ..data.images import to_frames
from ..evaluation.evaluate import open_model
from ..evaluation.operating import LATENESS, join_clips
from ..fitting.features import to_int16
from ..progress import bar, silence
from .recordings import Heard

Float32 = npt.NDArray[np.float32]

#: False accepts per hour for which points are stated.
RATES = (0.1, 0.5, 1.0)
#: Steps between notes of how far the work is.
STEPS = 1000


def negative_traces(model: ModelFile, parts: Sequence[Heard]) -> list[list[Trace]]:
    """Return the scores of the shipping network on frames that were read before.

    Each part is one stream, its recordings one after another.
    """
    traces = []
    for part in parts:
        if not part.images:
            continue
        frames = np.concatenate(part.images)
        with silence():
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
        traces.append([Trace(scores, seconds, len(scores) * seconds, exclusive=False)])
    return traces


def thresholds_at(
    model: ModelFile, traces: Sequence[Sequence[Trace]], false_accepts_per_hour: float
) -> dict[str, float]:
    """Return for each keyword the lowest threshold that gives at most a rate on every part.

    What was trained on is such a part too: the network has learned not to fire on it, so that it
    tells less per hour, but it is many hours.
    """
    labels, defaults = model.metadata.labels, model.metadata.detector
    return {
        keyword: max(
            (
                threshold_for(part, labels, defaults, keyword, false_accepts_per_hour)
                for part in traces
            ),
            default=0.5,
        )
        for keyword in labels
    }


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
        None of a keyword without recordings, or if there are no negatives.
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
        if not good:
            continue
        rate = metadata.front_end.sample_rate
        stream = join_clips([c for c, _ in good], [to_int16(s) for _, s in good], rate, seed)
        spoken = track(trace(spotter, stream.samples), metadata.labels, metadata.detector, keyword)
        wrong = track(others, metadata.labels, metadata.detector, keyword)
        for level in sorted({one[keyword] for one in thresholds}):
            times = spoken.events(level)
            misses = sum(
                not ((times >= word.start) & (times <= word.end + LATENESS)).any()
                for word in stream.words
            )
            count = wrong.count(level)
            points.append(
                OperatingPoint(
                    keyword=keyword,
                    threshold=level,
                    false_accepts_per_hour=count / wrong.hours,
                    false_accepts_per_hour_interval=rate_interval(count, wrong.hours),
                    miss_rate=misses / len(stream.words),
                    miss_rate_interval=share_interval(misses, len(stream.words)),
                    hours=wrong.hours,
                    recordings=len(stream.words),
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
