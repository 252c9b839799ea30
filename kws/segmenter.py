"""From scores to sounds: hysteresis, gaps, least length; and one label for a whole clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Float32
from .metadata import SILENCE, SegmenterDefaults
from .state import MOST_COUNT, Arrays, StateReader, counts


@dataclass(frozen=True)
class Segment:
    """A sound, from where it begins to where it ends.

    Attributes
    ----------
    label : int
        Index in the model's labels.
    score : float
        The highest smoothed score, 0 .. 1.
    start, end : float
        In output frames since the last reset: output frame n reaches from n to n + 1.
    """

    label: int
    score: float
    start: float
    end: float


@dataclass
class _Track:
    """What is known of one label."""

    label: int
    high: float
    low: float
    start: int | None = None  # of the stretch above the lower threshold that goes on
    passed: bool = False  # whether that stretch has reached the upper one
    score: float = 0.0
    ended: Segment | None = None  # a sound that may yet go on after a gap


#: Stands in a state for a sound that there is none of.
_NONE = Segment(0, 0.0, -1, -1)


class Segmenter:
    """Finds, output frame by output frame, where sounds begin and end.

    A sound is a stretch in which the smoothed score stays at or above the release level and
    reaches the threshold at least once (hysteresis). Stretches with a gap between them that is no
    longer than ``gap`` are one sound; what is then shorter than ``shortest`` is dropped. Sounds of
    one label never overlap; sounds of two labels may.

    Parameters
    ----------
    labels : tuple of str
        All labels, in the order of the scores.
    defaults : SegmenterDefaults
        Smoothing, release level, gap, least length, thresholds.
    column_seconds : float
        Seconds from one output frame to the next.
    """

    def __init__(
        self, labels: tuple[str, ...], defaults: SegmenterDefaults, column_seconds: float
    ) -> None:
        # rounded, so that 0.3 s are three output frames of 0.1 s
        self._window = max(1, round(defaults.smoothing / column_seconds))
        self._gap = round(defaults.gap / column_seconds, 6)
        self._shortest = round(defaults.shortest / column_seconds, 6)
        # in float32, as the scores are: a score at the threshold is enough
        self._levels = [
            (labels.index(keyword), float(np.float32(threshold)), defaults.release * threshold)
            for keyword, threshold in defaults.thresholds.items()
        ]
        self._scores = np.zeros((self._window, len(labels)), np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget all scores and sounds."""
        self._scores[:] = 0.0
        self._column = 0
        self._tracks = [_Track(label, high, low) for label, high, low in self._levels]

    def state(self) -> Arrays:
        """Return what the next segments depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        tracks = self._tracks
        ended = [one.ended or _NONE for one in tracks]
        return {
            "scores": self._scores.copy(),
            "starts": np.array(
                [-1 if one.start is None else one.start for one in tracks], np.int64
            ),
            "passed": np.array([one.passed for one in tracks], np.int8),
            "best": np.array([one.score for one in tracks], np.float64),
            "ended": np.array([(one.score, one.start, one.end) for one in ended], np.float64),
            **counts(column=self._column),
        }

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        self._scores[:] = saved.within("scores", self._scores, 0, 1)
        self._column = saved.count("column")
        like = np.zeros(len(self._tracks))
        starts = saved.within("starts", like.astype(np.int64), -1, self._column)
        passed = saved.within("passed", like.astype(np.int8), 0, 1)
        best = saved.within("best", like, 0, 1)
        ended = saved.within("ended", np.empty((len(like), 3)), -1, MOST_COUNT)
        saved.check("ended", bool((ended[:, 1:] % 1 == 0).all()))
        for track, start, has_passed, score, last in zip(
            self._tracks,
            starts.tolist(),
            passed.tolist(),
            best.tolist(),
            ended.tolist(),
            strict=True,
        ):
            track.start = None if start < 0 else start
            track.passed, track.score = bool(has_passed), score
            highest, begin, end = last
            track.ended = None if begin < 0 else Segment(track.label, highest, int(begin), int(end))

    def update(self, scores: Float32) -> list[Segment]:
        """Take the scores of one output frame and return the sounds that have surely ended.

        Parameters
        ----------
        scores : float32 (labels,)
            Posteriors, 0 .. 1.

        Returns
        -------
        list of Segment
            Of any label; most often none.
        """
        self._scores[self._column % self._window] = scores
        smoothed = self._scores.mean(axis=0)
        found = []
        for track in self._tracks:
            score = float(smoothed[track.label])
            if score >= track.low:
                if track.start is None:
                    track.start, track.passed, track.score = self._column, False, 0.0
                track.score = max(track.score, score)
                track.passed |= score >= track.high
            elif track.start is not None:
                found += self._end(track)
            if track.ended is not None:
                since = self._column + 1 if track.start is None else track.start
                if since - track.ended.end > self._gap:
                    found += self._take(track)
        self._column += 1
        return [self._placed(segment) for segment in found]

    def flush(self) -> list[Segment]:
        """End the stream: return the sounds that go on or might have; the time runs on.

        Returns
        -------
        list of Segment
            Of any label.
        """
        found = []
        for track in self._tracks:
            if track.start is not None:
                found += self._end(track)
            found += self._take(track)
        return [self._placed(segment) for segment in found]

    def _end(self, track: _Track) -> list[Segment]:
        """End a stretch at this output frame: join it to the sound before it, if that is near."""
        start, found = track.start, []
        assert start is not None
        track.start = None
        if not track.passed:
            return []
        score = track.score
        if track.ended is not None and start - track.ended.end <= self._gap:
            start, score = int(track.ended.start), max(score, track.ended.score)
        else:
            found = self._take(track)
        track.ended = Segment(track.label, score, start, self._column)
        return found

    def _take(self, track: _Track) -> list[Segment]:
        """Take the sound that has ended, if it is long enough."""
        ended, track.ended = track.ended, None
        return [] if ended is None or ended.end - ended.start < self._shortest else [ended]

    def _placed(self, segment: Segment) -> Segment:
        """Take back the delay of smoothing."""
        late = (self._window - 1) / 2
        start, end = segment.start - late, segment.end - late
        return Segment(segment.label, segment.score, max(0.0, start), max(0.0, end))


def join_columns(posteriors: Float32, labels: tuple[str, ...]) -> Float32:
    """Return one posterior per label for a clip: the weighted mean of its output frames.

    An output frame weighs the probability that it is not ``_silence_``: a bark in a clip that is
    otherwise quiet is a bark. (Attention pooling, arXiv 1711.00927, with that probability as the
    attention.) A clip whose output frames are all silent stays silence.

    Parameters
    ----------
    posteriors : float32 (output frames, labels)
        At least one output frame.
    labels : tuple of str

    Returns
    -------
    float32 (labels,)
        They add up to 1.
    """
    weights = np.ones(len(posteriors), np.float32)
    if SILENCE in labels:
        weights = 1 - posteriors[:, labels.index(SILENCE)] + np.float32(1e-6)
    joined = (posteriors * weights[:, None]).sum(axis=0) / weights.sum()
    return np.asarray(joined / joined.sum(), np.float32)
