"""`KeywordSpotter`: audio in, detections out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Float32
from .audio import to_float
from .detector import Detector
from .errors import ModelError
from .frontend import open_front_end
from .metadata import UNKNOWN, Metadata, SegmenterDefaults
from .modelfile import ModelFile, read_model
from .network import StreamingNetwork
from .packaged import COMMANDS, packaged_model
from .resample import Resampler
from .segmenter import Segment, Segmenter, join_columns
from .selection import Selection

#: Sound this far below the loudest belongs to no word, in dB.
RANGE = 25
#: Fewest frames of a word that follows another.
SHORTEST = 10


@dataclass(frozen=True)
class Detection:
    """A keyword was said, or a sound was heard.

    Attributes
    ----------
    keyword : str
    score : float
        Smoothed score, 0 .. 1.
    start, end : float
        Where the word or sound is, in seconds since the first sample (after the last reset).
    """

    keyword: str
    score: float
    start: float
    end: float


@dataclass(frozen=True)
class Classification:
    """What a clip is.

    Attributes
    ----------
    label : str
        The most probable label.
    score : float
        Its score, 0 .. 1.
    scores : dict of str to float
        Every label's score; they add up to 1, but not those of wake words.
    """

    label: str
    score: float
    scores: dict[str, float]


def softmax(logits: Float32) -> Float32:
    """Return posteriors along the last axis."""
    # reduce: the methods max() and sum() cost a step twice as much
    powers = np.subtract(logits, np.maximum.reduce(logits, axis=-1, keepdims=True))
    np.exp(powers, out=powers)
    powers /= np.add.reduce(powers, axis=-1, keepdims=True)
    return np.asarray(powers, np.float32)


def sigmoid(logits: Float32) -> Float32:
    """Return a posterior for each logit on its own, below 1: logits above 15 count as 15."""
    # by tanh, which no logit overflows
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * np.minimum(logits, 15.0)), np.float32)


class KeywordSpotter:
    """Spots keywords in a stream of audio.

    Parameters
    ----------
    model : ModelFile
        A checked model file; `load` and `default` read one.
    sample_rate : int, optional
        Of the audio that will be pushed; the model's own rate unless said.
    threads : int
        Threads of the interpreter.
    thresholds : mapping of str to float, optional
        Thresholds, 0 .. 1, instead of the model's, for some keywords or all.
    keywords : sequence of str, optional
        Those of the model's keywords that matter; the others count as ``_unknown_`` where labels
        compete, and are ignored where they do not.

    Raises
    ------
    ModelError
        If the network does not match the file's metadata, or a threshold is none, or for a word
        that is no keyword.

    Examples
    --------
    >>> from kws import KeywordSpotter
    >>> spotter = KeywordSpotter.default()
    >>> spotter.keywords
    ('down', 'go', 'left', 'no', 'off', 'on', 'right', 'stop', 'up', 'yes')
    """

    def __init__(
        self,
        model: ModelFile,
        sample_rate: int | None = None,
        threads: int = 1,
        thresholds: Mapping[str, float] | None = None,
        keywords: Sequence[str] | None = None,
    ) -> None:
        self._selection = None
        metadata = model.metadata
        if keywords is not None:
            self._selection = Selection(metadata.labels, keywords, metadata.exclusive)
            metadata = metadata.only(self._selection.labels)
        for keyword, threshold in (thresholds or {}).items():
            if keyword not in metadata.keywords:
                raise ModelError(
                    f"{keyword!r:.100} is no keyword of {model.path}: "
                    f"it has {', '.join(metadata.keywords)}"
                )
            if not 0 <= threshold <= 1:
                raise ModelError(f"threshold {threshold} of {keyword!r}: must be 0 to 1")
        detector = metadata.detector
        detector = replace(detector, thresholds={**detector.thresholds, **(thresholds or {})})
        self.metadata: Metadata = replace(metadata, detector=detector)
        front_end = metadata.front_end
        self.sample_rate = front_end.sample_rate if sample_rate is None else sample_rate
        self._network = StreamingNetwork(model, threads)
        self._log_mel = open_front_end(front_end, self._network.frames)
        self._resampler = (
            Resampler(self.sample_rate, front_end.sample_rate)
            if self.sample_rate != front_end.sample_rate
            else None
        )
        self._detector: Detector | Segmenter
        if isinstance(detector, SegmenterDefaults):
            self._detector = Segmenter(self.metadata.labels, detector, self.column_seconds)
            self._longest = 0.0
        else:
            self._detector = Detector(
                self.metadata.labels, detector, self.column_seconds, metadata.exclusive
            )
            self._longest = detector.longest
        # a word's level is that of the first front end's bands
        self._leading = front_end.first
        # frame levels of the last receptive field, to find where the word was
        history = max(
            self.metadata.streaming.receptive_field,
            round(self._longest / front_end.hop_seconds) + 50,
        )
        steps = -(-history // self._network.frames)
        self._levels = np.empty(steps * self._network.frames, np.float32)
        self.reset()

    @classmethod
    def load(cls, path: str | Path, **options: Any) -> KeywordSpotter:
        """Load a model file; options as for the class."""
        return cls(read_model(path), **options)

    @classmethod
    def default(cls, model: str = COMMANDS, **options: Any) -> KeywordSpotter:
        """Load a model in the package: ten English commands, or the smaller ``commands-small``."""
        return cls(packaged_model(model), **options)

    @property
    def column_seconds(self) -> float:
        """Time from one column of posteriors to the next."""
        per_step = self._network.frames * self.metadata.front_end.hop_seconds
        return per_step / self._network.columns

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords that can be detected."""
        return self.metadata.keywords

    @property
    def ending(self) -> Float32:
        """The silence (n,) after which nothing of a stream is left to be found."""
        seconds = self.metadata.streaming.receptive_field * self.metadata.front_end.hop_seconds
        return np.zeros(round(seconds * self.sample_rate), np.float32)

    def reset(self) -> None:
        """Start anew, at time 0, after endless silence."""
        self._network.reset()
        self._log_mel.reset()
        self._detector.reset()
        if self._resampler is not None:
            self._resampler.reset()
        self._levels[:] = self._leading.silence
        self._steps = 0
        self._seconds = 0.0
        self._spoken_until = 0.0

    def process(self, samples: npt.NDArray[Any]) -> list[Detection]:
        """Take audio and return the detections that it completes.

        A word is detected while it is said, a sound when it has ended.

        Parameters
        ----------
        samples : int16 or float32 (n,)
            Mono audio at ``sample_rate``; float in -1 .. 1; any n.

        Raises
        ------
        AudioError
            If the samples have another type or shape, or are not finite.
        """
        samples = to_float(samples)
        pushed = len(samples) / self.sample_rate
        if self._resampler is not None:
            samples = self._resampler.push(samples)
        self._seconds += pushed
        frames = self._log_mel.push(samples)
        detections: list[Detection] = []
        for start in range(0, len(frames), self._network.frames):
            step = frames[start : start + self._network.frames]
            logits = self._step(step)
            self._remember(step)
            for posteriors in self._scores(logits):
                if isinstance(self._detector, Segmenter):
                    detections += self._timed(self._detector.update(posteriors))
                    continue
                for event in self._detector.update(posteriors):
                    detection = self._locate(event.label, event.score)
                    if detection is not None:
                        detections.append(detection)
        return detections

    def flush(self) -> list[Detection]:
        """End the stream: follow it with silence until nothing of it is left to be found."""
        until = self._seconds
        detections = self.process(self.ending)
        if isinstance(self._detector, Segmenter):
            detections += self._timed(self._detector.flush())
            return [replace(d, end=min(d.end, until)) for d in detections if d.start < until]
        return detections

    def posteriors(self, samples: npt.NDArray[Any]) -> Float32:
        """Return the posteriors of every column of a recording; the stream starts anew.

        Returns
        -------
        float32 (columns, labels)
        """
        samples = self._whole_at_rate(samples)
        logits = self._logits_at_rate(samples)
        self.reset()
        return self._scores(logits)

    def process_posteriors(self, samples: npt.NDArray[Any]) -> Float32:
        """Take audio and return the posteriors of the columns that it completes.

        What `process` decides by, for those who decide otherwise. One stream goes through one of
        the two, from `reset` to the end.

        Parameters
        ----------
        samples : int16 or float32 (n,)
            As for `process`.

        Returns
        -------
        float32 (columns, labels)
        """
        samples = to_float(samples)
        if self._resampler is not None:
            samples = self._resampler.push(samples)
        return self._scores(self._logits(self._log_mel.push(samples)))

    def classify(self, samples: npt.NDArray[Any]) -> Classification:
        """Say what one clip is.

        A clip no longer than the network's receptive field is judged by the mean of the columns
        that saw all of it; a longer one by the column in which a keyword was most certain. For
        sounds, the clip is heard over and over, and all columns that saw nothing else are joined
        (`segmenter.join_columns`). Of wake words, the one that a stream would detect, or
        ``_unknown_``; each score is the highest of the stream.
        """
        samples = self._whole_at_rate(samples)
        if not self.metadata.exclusive:
            return self._classify_wake_words(samples)
        if isinstance(self._detector, Segmenter):
            posteriors = softmax(self._logits_of_loop(samples))
            return self._classification(join_columns(posteriors, self.metadata.labels))
        front_end, streaming = self.metadata.front_end, self.metadata.streaming
        clip = max(1, -(-len(samples) // front_end.hop))
        padded = np.zeros(front_end.samples(clip + streaming.receptive_field), np.float32)
        padded[: len(samples)] = samples
        logits = self._logits_at_rate(padded)
        per_column = streaming.frames // self._network.columns
        first = min(-(-clip // per_column), len(logits)) - 1
        if clip <= streaming.receptive_field:
            beyond = max(first + 1, streaming.receptive_field // per_column)
            scores = softmax(logits[first:beyond].mean(axis=0))
        else:
            scores = self._most_certain(softmax(logits))
        return self._classification(scores)

    def _classify_wake_words(self, samples: Float32) -> Classification:
        """Name the keyword whose detection is farthest above its threshold."""
        front_end, streaming = self.metadata.front_end, self.metadata.streaming
        frames = -(-len(samples) // front_end.hop) + streaming.receptive_field
        padded = np.zeros(front_end.samples(frames), np.float32)
        padded[: len(samples)] = samples
        posteriors = self._scores(self._logits_at_rate(padded))
        self.reset()
        labels, thresholds = self.metadata.labels, self.metadata.detector.thresholds
        window = max(1, round(self.metadata.detector.smoothing / self.column_seconds))
        smoothed = np.apply_along_axis(np.convolve, 0, posteriors, np.full(window, 1 / window))
        highest = smoothed.max(axis=0)
        scores = {label: float(score) for label, score in zip(labels, highest, strict=True)}
        best = max(labels, key=lambda label: scores[label] - thresholds[label])
        if scores[best] < thresholds[best]:
            return Classification(UNKNOWN, 1 - scores[best], scores)
        return Classification(best, scores[best], scores)

    def _classification(self, scores: Float32) -> Classification:
        self.reset()
        best = int(scores.argmax())
        labels = self.metadata.labels
        return Classification(
            labels[best],
            float(scores[best]),
            {label: float(score) for label, score in zip(labels, scores, strict=True)},
        )

    def _logits_of_loop(self, samples: Float32) -> Float32:
        """Return the logits of the columns of a clip that is heard over and over."""
        front_end, size = self.metadata.front_end, self._network.frames
        per_column = size // self._network.columns
        columns = -(-max(1, len(samples)) // (front_end.hop * per_column))
        before = -(-self._result_field // per_column) - 1  # columns that saw less than their field
        frames = -(-(before + columns) * per_column // size) * size
        looped = np.resize(samples, front_end.samples(frames))
        return self._logits_at_rate(looped)[before : before + columns]

    @property
    def _result_field(self) -> int:
        """Front-end frames that a single column depends on."""
        size = self._network.frames
        return self.metadata.streaming.receptive_field - size + size // self._network.columns

    def _timed(self, segments: list[Segment]) -> list[Detection]:
        """Say when sounds were; a column stands for the middle of what it has seen."""
        front_end = self.metadata.front_end
        per_column = self._network.frames // self._network.columns
        unseen = self._result_field - per_column + 1
        late = (unseen * front_end.hop_seconds - front_end.window_seconds) / 2
        found = []
        for segment in segments:
            start, end = (at * self.column_seconds - late for at in (segment.start, segment.end))
            if end > 0:  # else it was in the silence before the first sample
                label = self.metadata.labels[segment.label]
                found.append(Detection(label, segment.score, max(0.0, start), end))
        return found

    def _most_certain(self, posteriors: Float32) -> Float32:
        keywords = [self.metadata.labels.index(keyword) for keyword in self.keywords]
        certain = posteriors[posteriors[:, keywords].max(axis=1).argmax()]
        if certain.argmax() in keywords:
            return np.asarray(certain, np.float32)
        return np.asarray(posteriors.mean(axis=0), np.float32)

    def _whole_at_rate(self, samples: npt.NDArray[Any]) -> Float32:
        """Return a whole recording at the model's rate."""
        samples = to_float(samples)
        if self._resampler is None:
            return samples
        self._resampler.reset()
        return np.concatenate([self._resampler.push(samples), self._resampler.flush()])

    def _logits_at_rate(self, samples: Float32) -> Float32:
        self.reset()
        return self._logits(self._log_mel.push(samples))

    def _logits(self, frames: Float32) -> Float32:
        """Return the logits of all columns of some frames."""
        size = self._network.frames
        steps = [self._step(frames[i : i + size]) for i in range(0, len(frames), size)]
        if not steps:
            return np.zeros((0, len(self.metadata.labels)), np.float32)
        return np.concatenate([step.copy() for step in steps])

    def _scores(self, logits: Float32) -> Float32:
        """Return the posteriors of logits (columns, labels)."""
        return softmax(logits) if self.metadata.exclusive else sigmoid(logits)

    def _step(self, frames: Float32) -> Float32:
        """Return the logits of the newest columns, of the keywords that matter."""
        logits = self._network.step(frames)
        return logits if self._selection is None else self._selection(logits)

    def _remember(self, frames: Float32) -> None:
        """Keep the level of each frame, in the ring that `_locate` reads."""
        at = (self._steps * len(frames)) % len(self._levels)
        levels = self._levels[at : at + len(frames)]
        np.maximum.reduce(frames[:, : self._leading.bands], axis=1, out=levels)
        self._steps += 1

    def _locate(self, label: int, score: float) -> Detection | None:
        """Find the word in the levels of the last frames, or None if it was detected already."""
        front_end = self.metadata.front_end
        size = self._network.frames
        at = (self._steps * size) % len(self._levels)
        levels = np.concatenate([self._levels[at:], self._levels[:at]], dtype=np.float64)
        longest = round(self._longest / front_end.hop_seconds)
        decibel = np.log(10) / (10 if self._leading.spectrum == "power" else 20)
        if not self.metadata.exclusive:  # "computer" may be detected within "hey computer"
            first, last = loudest_stretch(levels, longest, decibel)
            return self._detection(label, score, first, last)
        # the same sound is not two keywords: this one is in what followed the last one
        since = round(self._steps * size - self._spoken_until / front_end.hop_seconds)
        if since < SHORTEST:
            return None
        first, last = loudest_stretch(levels, min(longest, since), decibel)
        if since < longest and (
            last - first + 1 < SHORTEST
            or levels[first : last + 1].max() < levels[-longest:].max() - RANGE * decibel
        ):
            return None
        detection = self._detection(label, score, first, last)
        self._spoken_until = detection.end
        return detection

    def _detection(self, label: int, score: float, first: int, last: int) -> Detection:
        """Return a detection between two of the ring's frames, the oldest being 0."""
        front_end = self.metadata.front_end
        # number of the first frame in the ring
        origin = self._steps * self._network.frames - len(self._levels)
        start = max(0.0, (origin + first) * front_end.hop_seconds)
        end = (origin + last) * front_end.hop_seconds + front_end.window_seconds
        return Detection(self.metadata.labels[label], score, start, end)


def loudest_stretch(
    levels: npt.NDArray[np.float64], longest: int, logarithms_per_decibel: float
) -> tuple[int, int]:
    """Find the stretch of sound around the loudest of the latest frames.

    Parameters
    ----------
    levels : float64 (frames,)
        Level of each frame, natural logarithm.
    longest : int
        Most frames in the stretch.
    logarithms_per_decibel : float
        Size of a decibel in ``levels``.

    Returns
    -------
    first, last : int
        The stretch's frames. It reaches from the loudest frame, on both sides, to where the level
        stays `RANGE` dB below it, or near the quiet tenth of the frames, for 0.15 s.
    """
    window = levels[-longest:]
    peak = int(window.argmax())
    top = window[peak]
    quiet = np.percentile(levels, 10)
    loud = window > max(top - RANGE * logarithms_per_decibel, quiet + 0.3 * (top - quiet))
    gap = 15
    first = last = peak
    for frame in range(peak, -1, -1):
        if loud[frame]:
            if first - frame > gap:
                break
            first = frame
    for frame in range(peak, len(window)):
        if loud[frame]:
            if frame - last > gap:
                break
            last = frame
    offset = len(levels) - len(window)
    return first + offset, last + offset
