"""Thresholds: chosen on development recordings, and stated on test recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kws.arrays import Int16
from kws.detector import Detector
from kws.frontend import YAMNET
from kws.metadata import DetectorDefaults, OperatingPoint
from kws.modelfile import pack, parse_model
from kws.pcm import to_float32
from kws.spotter import KeywordSpotter

from ..augmentation.background import coloured_noise
from ..data.dataset import Clip
from ..data.recordings import ClipSet, Negatives
from .detection import detector_of
from .evaluate import open_model

#: A detection belongs to a word if it comes between the word's beginning and this long after its
#: end, in seconds. Less than `kws_training.evaluation.continuous.LATENESS`: the next word comes
#: 0.3 to 0.9 s later in these streams, 2 s or more in those.
LATENESS = 0.75
#: Seconds of faint noise between the clips of a stream.
GAP = 0.6
#: Thresholds that are tried for each keyword.
CANDIDATES = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85)
#: Recordings of a keyword, at least, for choosing its threshold.
FEWEST_WORDS = 5


def with_thresholds(content: bytes, validation: ClipSet, negatives: Negatives, seed: int) -> bytes:
    """Choose thresholds on half of the validation speakers, and state them on the other half.

    A single speaker's recordings are split instead.

    Parameters
    ----------
    content : bytes
        The model file.
    validation : ClipSet
        Recordings of keywords and other words by the speakers that validate.
    negatives : Negatives
        Speech without keywords: its development part and its test part are joined to the two
        halves.
    seed : int
        Of the order of the recordings in the streams, and of their gaps.

    Returns
    -------
    bytes
        The model file with thresholds and operating points; as it was if there is one recording
        only.
    """
    model = parse_model(content, "the trained model")
    metadata = model.metadata
    defaults = detector_of(metadata)
    spotter = open_model(model)
    on_development = development_rows(validation.clips)
    streams = []
    for chosen, speech in ((True, negatives.development), (False, negatives.test)):
        rows = [n for n, one in enumerate(on_development) if one == chosen]
        if not rows:  # a single recording: none is left to state figures on
            return content
        clips = [validation.clips[n] for n in rows] + speech.clips
        audio = [validation.audio[n] for n in rows] + speech.audio
        streams.append(join_clips(clips, audio, YAMNET.sample_rate, seed))
    thresholds = choose_thresholds(
        spotter.posteriors(streams[0].samples),
        spotter.column_seconds,
        streams[0].words,
        metadata.labels,
        defaults,
    )
    metadata = replace(metadata, detector=replace(defaults, thresholds=thresholds))
    chosen_model = parse_model(pack(model.network, metadata), "the trained model")
    points = operating_points(open_model(chosen_model), streams[1])
    return pack(model.network, replace(metadata, operating_points=points))


def development_rows(clips: Sequence[Clip]) -> list[bool]:
    """Tell which clips are those that things are chosen on: all clips of every second speaker.

    Parameters
    ----------
    clips : sequence of Clip
        Clips by the speakers that validate; those of a single speaker are split one by one.

    Returns
    -------
    list of bool
        One for each clip.
    """
    groups = [clip.speaker for clip in clips]
    if len(set(groups)) == 1:
        groups = [str(clip.path) for clip in clips]
    development = set(sorted(set(groups))[::2])
    return [group in development for group in groups]


@dataclass(frozen=True)
class Word:
    """A word in a stream.

    Attributes
    ----------
    label : str
        Its label.
    start : float
        Where its clip begins, in seconds of the stream.
    end : float
        Where its clip ends, in seconds of the stream.
    """

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Stream:
    """Clips joined into one recording.

    Attributes
    ----------
    samples : float32 (n,)
        The samples at the model's rate.
    sample_rate : int
        Samples per second.
    words : tuple of Word
        The clips in the stream, in the order of time.
    """

    samples: npt.NDArray[np.float32]
    sample_rate: int
    words: tuple[Word, ...]

    def hours_without(self, keyword: str) -> float:
        """Measure how long the stream is without the clips of a keyword.

        Parameters
        ----------
        keyword : str
            The keyword.

        Returns
        -------
        float
            Hours.
        """
        said = sum(word.end - word.start for word in self.words if word.label == keyword)
        return (len(self.samples) / self.sample_rate - said) / 3600


def join_clips(
    clips: Sequence[Clip], audio: Sequence[Int16], sample_rate: int, seed: int
) -> Stream:
    """Join clips into one stream, in random order, with faint noise between and under them.

    Parameters
    ----------
    clips : sequence of Clip
        The clips.
    audio : sequence of int16 (n,)
        The samples of each clip.
    sample_rate : int
        Samples per second of the clips and of the stream.
    seed : int
        Of the order, the gaps and the noise.

    Returns
    -------
    Stream
        All clips once, and two seconds of quiet after the last one.
    """
    rng = np.random.default_rng(seed)
    pieces, words, at = [], [], 0.0
    for number in rng.permutation(len(clips)):
        gap = round(rng.uniform(0.5, 1.5) * GAP * sample_rate)
        samples = to_float32(audio[number])
        at += gap / sample_rate
        words.append(Word(clips[number].label, at, at + len(samples) / sample_rate))
        at += len(samples) / sample_rate
        piece = np.concatenate([np.zeros(gap, np.float32), samples])
        noise = coloured_noise(rng, len(piece))
        pieces.append(piece + noise * np.float32(0.001 / np.sqrt(np.mean(np.square(noise)))))
    tail = np.zeros(2 * sample_rate, np.float32)
    return Stream(np.concatenate([*pieces, tail]), sample_rate, tuple(words))


@dataclass(frozen=True)
class Found:
    """A detection of a keyword.

    Attributes
    ----------
    keyword : str
        The keyword.
    at : float
        When it was detected, in seconds of the stream.
    """

    keyword: str
    at: float


@dataclass(frozen=True)
class Counts:
    """What the threshold of a keyword gave on a stream.

    Attributes
    ----------
    hits : int
        Words that were detected.
    words : int
        Words that were said.
    false_accepts : int
        All other detections.
    """

    hits: int
    words: int
    false_accepts: int


def count(words: Sequence[Word], found: Sequence[Found], keyword: str) -> Counts:
    """Count one keyword's hits and false accepts.

    The first detection in a word of the keyword is a hit; every other one is a false accept, also
    a second one in the same word. So it is not `kws_training.evaluation.continuous.hits`, whose
    recordings may say a keyword twice.

    Parameters
    ----------
    words : sequence of Word
        What was said in the stream.
    found : sequence of Found
        What was detected in it, in the order of time.
    keyword : str
        The keyword that is counted.

    Returns
    -------
    Counts
        The counts of that keyword.
    """
    spans = [word for word in words if word.label == keyword]
    hit: set[int] = set()
    false_accepts = 0
    for detection in found:
        if detection.keyword != keyword:
            continue
        fits = [
            index
            for index, word in enumerate(spans)
            if word.start <= detection.at <= word.end + LATENESS and index not in hit
        ]
        if fits:
            hit.add(fits[0])
        else:
            false_accepts += 1
    return Counts(len(hit), len(spans), false_accepts)


def choose_thresholds(
    posteriors: npt.NDArray[np.float32],
    column_seconds: float,
    words: Sequence[Word],
    labels: tuple[str, ...],
    defaults: DetectorDefaults,
) -> dict[str, float]:
    """Choose each keyword's threshold: the fewest misses and false accepts together.

    A false accept counts as much as a missed word; of equals the middle one is taken. A keyword
    that was said too rarely to tell keeps its threshold.

    Parameters
    ----------
    posteriors : float32 (output frames, labels)
        The model's scores over a stream; the detector runs over them once for each candidate.
    column_seconds : float
        Seconds from one output frame to the next.
    words : sequence of Word
        What was said in the stream.
    labels : tuple of str
        The labels of the model.
    defaults : DetectorDefaults
        The detector's settings, with the thresholds of keywords that were said too rarely.

    Returns
    -------
    dict of str to float
        The threshold of each keyword.
    """
    found = {}
    for level in CANDIDATES:
        trial = replace(defaults, thresholds=dict.fromkeys(defaults.thresholds, level))
        detector = Detector(labels, trial, column_seconds)
        events = [event for frame in posteriors for event in detector.update(frame)]
        found[level] = [Found(labels[event.label], event.step * column_seconds) for event in events]
    chosen = {}
    for keyword, threshold in defaults.thresholds.items():
        errors = []
        for level in CANDIDATES:
            counts = count(words, found[level], keyword)
            errors.append(counts.words - counts.hits + counts.false_accepts)
        best = [level for level, n in zip(CANDIDATES, errors, strict=True) if n == min(errors)]
        enough = sum(word.label == keyword for word in words) >= FEWEST_WORDS
        chosen[keyword] = best[len(best) // 2] if enough else threshold
    return chosen


def operating_points(spotter: KeywordSpotter, stream: Stream) -> tuple[OperatingPoint, ...]:
    """State what each keyword's threshold gives on a stream that it was not chosen on.

    The stream goes through the runtime, as from a microphone. A keyword that nobody said has no
    operating point.

    Parameters
    ----------
    spotter : KeywordSpotter
        The model, with the thresholds that are stated.
    stream : Stream
        The stream.

    Returns
    -------
    tuple of OperatingPoint
        One for each keyword that was said.
    """
    spotter.reset()
    detections = [*spotter.process(stream.samples), *spotter.flush()]
    found = [Found(one.keyword, 0.5 * (one.start + one.end)) for one in detections]
    points = []
    for keyword, threshold in spotter.metadata.detector.thresholds.items():
        counts = count(stream.words, found, keyword)
        if counts.words == 0:
            continue
        points.append(
            OperatingPoint.measured(
                keyword,
                threshold,
                false_accepts=counts.false_accepts,
                hours=stream.hours_without(keyword),
                misses=counts.words - counts.hits,
                recordings=counts.words,
            )
        )
    return tuple(points)
