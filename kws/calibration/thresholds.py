"""From scores over time to the events of every threshold, and to the threshold for a rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..arrays import Float32, Float64
from ..errors import KwsError
from ..modelfile import DetectorDefaults, Metadata, OperatingPoint
from ..spotter import KeywordSpotter
from .intervals import CONFIDENCE, chance_of_more, rate_bound, rate_interval, share_interval

__all__ = [
    "Calibrated",
    "Trace",
    "Track",
    "calibrate",
    "count_events",
    "events",
    "lowest_threshold",
    "lowest_useful",
    "rate_bound",
    "rate_interval",
    "share_interval",
    "threshold_for",
    "thresholds_grid",
    "trace",
    "trace_blocks",
    "track",
]


#: Log-odds of the thresholds that are tried. Scores of a sigmoid crowd near 1, so that even steps
#: would have the first hundred events between the last two; at 16 the next float32 is 1.
LOGITS = (-8.0, 16.0)
LOGIT_STEP = 0.1
#: How unevenly events come is seen on short and on long parts of the audio (so many of each), at a
#: threshold with so many events.
PARTS = (20, 10, 5)
EVENTS = 100
#: Numbers that are averaged at once: 4 MiB.
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Trace:
    """What a network says of a recording, column after column.

    Attributes
    ----------
    scores : float32 (columns, labels)
        Posteriors, 0 .. 1, not smoothed.
    column_seconds : float
        Time from one column to the next.
    seconds : float
        Length of the recording, without the silence that flushed it.
    exclusive : bool
        Whether the labels compete, as the task of the model says: see `kws.detector.Detector`.
    """

    scores: Float32
    column_seconds: float
    seconds: float
    exclusive: bool = True


@dataclass(frozen=True)
class Track:
    """The smoothed score of one keyword over time: what every threshold is applied to.

    Attributes
    ----------
    smoothed : float32 (columns,)
    top : bool (columns,)
        Whether the keyword may be detected: it is the highest of all labels, or none compete.
    refractory : int
        Columns after an event in which there is no other.
    column_seconds : float
    seconds : float
        Length of the recording.
    """

    smoothed: Float32
    top: npt.NDArray[np.bool_]
    refractory: int
    column_seconds: float
    seconds: float

    @property
    def hours(self) -> float:
        """Length of the recording in hours."""
        return self.seconds / 3600

    def columns(self, threshold: float) -> npt.NDArray[np.int64]:
        """Return the columns (n,) in which the keyword is detected at a threshold."""
        return next(self.falling([threshold]))

    def falling(self, thresholds: Iterable[float]) -> Iterator[npt.NDArray[np.int64]]:
        """Yield the columns (n,) in which the keyword is detected, for each of many thresholds.

        Parameters
        ----------
        thresholds : iterable of float
            From high to low. Only columns with at least an eighth of a threshold are looked at,
            and of each run of others the first, so that hours take no longer than their peaks.
        """
        level = np.float32(np.inf)
        for threshold in map(np.float32, thresholds):
            if threshold < level:
                level = threshold / np.float32(4)
                low = self.smoothed < np.float32(0.5) * level
                low[1:] &= low[:-1]  # all but the first of a run
                index = np.flatnonzero(~low)
                smoothed, top = self.smoothed[index], self.top[index]
            passed = index[(smoothed >= threshold) & top]
            fallen = index[smoothed < np.float32(0.5) * threshold]
            yield _events(passed, fallen, self.refractory)

    def events(self, threshold: float) -> Float64:
        """Return the times (n,) in seconds at which the keyword is detected at a threshold."""
        steps = self.columns(threshold) + 1
        return np.asarray(steps * self.column_seconds, np.float64)

    def count(self, threshold: float) -> int:
        """Return how often the keyword is detected at a threshold."""
        return len(self.columns(threshold))


def _events(
    passed: npt.NDArray[np.int64], fallen: npt.NDArray[np.int64], refractory: int
) -> npt.NDArray[np.int64]:
    """Return the columns of events.

    Parameters
    ----------
    passed, fallen : int64 (n,)
        Columns in which the score is at least the threshold, and below half of it.
    refractory : int
        Columns.
    """
    found = [int(passed[0])] if len(passed) else []
    while found:
        armed = int(np.searchsorted(fallen, found[-1]))
        if armed == len(fallen):
            break
        free = max(int(fallen[armed]), found[-1] + refractory)
        after = int(np.searchsorted(passed, free))
        if after == len(passed):
            break
        found.append(int(passed[after]))
    return np.array(found, np.int64)


def trace(spotter: KeywordSpotter, samples: npt.NDArray[np.float32 | np.int16]) -> Trace:
    """Run one recording through a model, as a stream with silence before and after it.

    Parameters
    ----------
    spotter : KeywordSpotter
        Starts anew, and is reset in the end.
    samples : int16 or float32 (n,)
        At the spotter's sample rate.

    Returns
    -------
    Trace
        Of the columns that `KeywordSpotter.process` and `flush` see.
    """
    return trace_blocks(spotter, [samples])


def trace_blocks(
    spotter: KeywordSpotter, blocks: Iterable[npt.NDArray[np.float32 | np.int16]]
) -> Trace:
    """Run a recording of any length through a model; see `trace`.

    Parameters
    ----------
    spotter : KeywordSpotter
    blocks : iterable of int16 or float32 (n,)
        The recording in pieces, of which one is in memory at a time.
    """
    spotter.reset()
    pieces, count = [], 0
    for block in blocks:
        pieces.append(spotter.process_posteriors(block))
        count += len(block)
    pieces.append(spotter.process_posteriors(spotter.ending))
    spotter.reset()
    return Trace(
        np.concatenate(pieces),
        spotter.column_seconds,
        count / spotter.sample_rate,
        spotter.metadata.exclusive,
    )


def track(trace: Trace, labels: Sequence[str], defaults: DetectorDefaults, keyword: str) -> Track:
    """Smooth the scores of a keyword as the detector does, bit for bit.

    Parameters
    ----------
    trace : Trace
    labels : sequence of str
        All labels, in the order of the scores.
    defaults : DetectorDefaults
        Its smoothing and refractory period; not its thresholds.
    keyword : str

    Raises
    ------
    KwsError
        If the keyword is none of the labels.
    """
    if keyword not in labels:
        raise KwsError(f"{keyword!r:.100} is no keyword of the model: it has {', '.join(labels)}")
    label = list(labels).index(keyword)
    window = max(1, round(defaults.smoothing / trace.column_seconds))
    smoothed = np.empty(len(trace.scores), np.float32)
    top = np.ones(len(trace.scores), np.bool_)
    at = 0
    for means in _smooth(trace.scores, window):
        rows = slice(at, at + len(means))
        smoothed[rows] = means[:, label]
        if trace.exclusive:
            top[rows] = means.argmax(axis=1) == label
        at += len(means)
    refractory = math.ceil(round(defaults.refractory / trace.column_seconds, 6))
    return Track(smoothed, top, refractory, trace.column_seconds, trace.seconds)


def _smooth(scores: Float32, window: int) -> Iterator[Float32]:
    """Yield the means of each column and those before it, some columns at a time.

    The detector keeps the last scores in a ring and adds them in the order of the ring: so do we,
    since another order gives other last bits, and a score may be as high as a threshold.
    """
    count, labels = scores.shape
    padded = np.concatenate([np.zeros((window, labels), np.float32), scores])
    ring = np.arange(window)
    size = max(1, _AT_ONCE // (window * labels))
    for start in range(0, count, size):
        newest = np.arange(start, min(start + size, count))[:, None]
        yield padded[newest - (newest - ring) % window + window].mean(axis=1)


def events(
    trace: Trace, labels: Sequence[str], defaults: DetectorDefaults, keyword: str, threshold: float
) -> Float64:
    """Return the times at which the detector detects a keyword in a recording.

    For many thresholds take a `track` once, and its events.

    Parameters
    ----------
    trace : Trace
    labels : sequence of str
    defaults : DetectorDefaults
        Its thresholds are not looked at.
    keyword : str
    threshold : float
        0 .. 1.

    Returns
    -------
    float64 (n,)
        Seconds from the beginning of the stream to the end of the column that completed each
        event: what `kws.detector.Detector` gives as ``step``, times the length of a step.
    """
    return track(trace, labels, defaults, keyword).events(threshold)


def count_events(
    trace: Trace, labels: Sequence[str], defaults: DetectorDefaults, keyword: str, threshold: float
) -> int:
    """Return how often the detector detects a keyword in a recording; see `events`."""
    return track(trace, labels, defaults, keyword).count(threshold)


def thresholds_grid() -> Float64:
    """Return the thresholds that are tried, rising, evenly spread in their log-odds, then 1.

    Each is a float32, as the detector compares scores with it.
    """
    logits = np.arange(round((LOGITS[1] - LOGITS[0]) / LOGIT_STEP) + 1) * LOGIT_STEP + LOGITS[0]
    shares = 1 / (1 + np.exp(-logits))
    return np.unique(np.append(shares, 1.0).astype(np.float32)).astype(np.float64)


def lowest_useful(tracks: Sequence[Track]) -> float:
    """Return the threshold below which a detector would rarely be armed again.

    It is when a score falls below half of the threshold. In recordings without the keyword 19 of
    20 columns must, lest the detector miss most of what is said after the first event, and seem
    quiet for that reason. At most 0.5.
    """
    if not sum(len(track.smoothed) for track in tracks):
        return 0.0
    resting = np.quantile(np.concatenate([track.smoothed for track in tracks]), 0.95)
    return min(0.5, 2 * float(resting))


def lowest_threshold(tracks: Sequence[Track], most: int) -> float | None:
    """Return the lowest threshold that gives at most so many events, and so do all above it.

    Parameters
    ----------
    tracks : sequence of Track
        Of recordings without the keyword.
    most : int
        Events in all of them together.

    Returns
    -------
    float or None
        At least `lowest_useful`. None if even a threshold of 1 gives more.
    """
    chosen = None
    thresholds = thresholds_grid()[::-1]
    thresholds = thresholds[thresholds > lowest_useful(tracks)]
    found = zip(*(track.falling(thresholds) for track in tracks), strict=True)
    for threshold, columns in zip(thresholds, found, strict=True):
        if sum(map(len, columns)) > most:
            break
        chosen = float(threshold)
    return chosen


def threshold_for(
    traces: Sequence[Trace],
    labels: Sequence[str],
    defaults: DetectorDefaults,
    keyword: str,
    false_accepts_per_hour: float,
) -> float:
    """Return the lowest threshold at which recordings without a keyword give at most a rate.

    A threshold chosen so is a little low for other recordings: it lies just above one of these
    recordings' own events. `calibrate` leaves a margin; figures belong on other recordings.

    Parameters
    ----------
    traces : sequence of Trace
    labels, defaults, keyword
        As for `events`.
    false_accepts_per_hour : float

    Returns
    -------
    float
        0 .. 1; 1 also where even that gives more.
    """
    tracks = [track(one, labels, defaults, keyword) for one in traces]
    hours = sum(one.hours for one in tracks)
    # a billionth, so that 0.5 times 2 hours is an event whatever the last bits say
    found = lowest_threshold(tracks, math.floor(false_accepts_per_hour * hours + 1e-9))
    return 1.0 if found is None else found


@dataclass(frozen=True)
class Calibrated:
    """A threshold, and what it gave on the audio that it was chosen on.

    Attributes
    ----------
    keyword : str
    threshold : float
    count : int
        False accepts.
    hours : float
    promised : float
        False accepts per hour that other audio of the same kind, as long as this, stays below in
        19 of 20 cases.
    """

    keyword: str
    threshold: float
    count: int
    hours: float
    promised: float

    @property
    def false_accepts_per_hour(self) -> float:
        """The measured rate."""
        return self.count / self.hours

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of the measured rate."""
        return rate_interval(self.count, self.hours)


def calibrate(tracks: Sequence[Track], keyword: str, false_accepts_per_hour: float) -> Calibrated:
    """Choose the threshold that keeps a rate of false accepts, with a margin for fresh audio.

    The lowest threshold at which this audio has the rate gives more than the rate on other audio
    half of the time: it is as low as the accidents of this audio let it be. Here as few events are
    let in as fresh audio, just as long, has too many of with a probability of 5 % at most (see
    `kws.calibration.intervals.chance_of_more`), where the events come as unevenly as those of lower
    thresholds do.

    Parameters
    ----------
    tracks : sequence of Track
        Of audio without the keyword.
    keyword : str
    false_accepts_per_hour : float
        Above 0.

    Raises
    ------
    KwsError
        If the audio is too short to tell, or if no threshold keeps the rate.
    """
    hours = sum(track.hours for track in tracks)
    if hours <= 0 or rate_bound(0, hours) > false_accepts_per_hour:
        needed = rate_bound(0, 1.0) / false_accepts_per_hour
        can = f": it can promise {rate_bound(0, hours):.2g} per hour" if hours > 0 else ""
        raise KwsError(
            f"{hours:.2f} h of audio are too short to promise {false_accepts_per_hour:g} false "
            f"accepts per hour, even without a single one in them{can}: give at least "
            f"{math.ceil(needed * 100 - 1e-6) / 100:g} h, or ask for a higher rate"
        )
    spread = _spread(tracks)
    most = 0
    while _too_many(most + 1, false_accepts_per_hour * hours, spread) <= 1 - CONFIDENCE:
        most += 1
    threshold = lowest_threshold(tracks, most)
    if threshold is None:
        count = sum(track.count(1.0) for track in tracks)
        raise KwsError(
            f"{keyword}: detected {count} times in {hours:.2f} h even at the highest threshold: "
            "is the keyword said in the audio? If not, the model must be trained on such audio"
        )
    count = sum(track.count(threshold) for track in tracks)
    return Calibrated(keyword, threshold, count, hours, false_accepts_per_hour)


def _too_many(count: int, limit: float, spread: float) -> float:
    """Return how probable more events than a limit are in fresh audio; see `chance_of_more`.

    The number of events varies by chance, as its mean, and by the kind of audio, as the square of
    its mean.
    """
    return chance_of_more(count, limit, 1 + spread * (count + 1))


def _spread(tracks: Sequence[Track]) -> float:
    """Return how uncertain the rate is since kinds of audio differ: its relative variance.

    Events are counted in parts of the audio, at a threshold with many of them. What their counts
    vary beyond Poisson's chance is how much the parts' rates differ (the moment estimate for a
    negative binomial), and the mean of n parts varies n times less. Kinds of audio that last
    longer than short parts show in long ones: the largest of the estimates is taken.
    """
    threshold = lowest_threshold(tracks, EVENTS)
    if threshold is None:
        return 0.0
    # by columns: a stream has a few more of them than its recording is long
    ends = np.cumsum([len(track.smoothed) for track in tracks])
    found = np.concatenate(
        [
            track.columns(threshold) + end - len(track.smoothed)
            for track, end in zip(tracks, ends, strict=True)
        ]
    )
    spreads = [0.0]
    for parts in PARTS:
        counts = np.histogram(found, parts, (0, int(ends[-1])))[0]
        mean = float(counts.mean())
        if mean > 0:
            spreads.append((float(counts.var(ddof=1)) - mean) / mean**2 / parts)
    return max(spreads)


def calibrated(metadata: Metadata, found: Sequence[Calibrated]) -> Metadata:
    """Return a model's contract with calibrated thresholds, and what they gave.

    The operating points that the file had stay true and stay in it, but for those of an earlier
    calibration of the same keywords.
    """
    detector = metadata.detector
    thresholds = {**detector.thresholds, **{one.keyword: one.threshold for one in found}}
    keywords = {one.keyword for one in found}
    kept = [p for p in metadata.operating_points if p.recordings > 0 or p.keyword not in keywords]
    points = [
        OperatingPoint(
            keyword=one.keyword,
            threshold=one.threshold,
            false_accepts_per_hour=one.false_accepts_per_hour,
            false_accepts_per_hour_interval=one.interval,
            miss_rate=None,
            miss_rate_interval=(0.0, 1.0),
            hours=one.hours,
            recordings=0,
        )
        for one in found
    ]
    return replace(
        metadata,
        detector=replace(detector, thresholds=thresholds),
        operating_points=(*kept, *points),
    )
