"""From scores over time to the events of every threshold, and to the threshold for a rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Float64
from ..errors import KwsError
from ..intervals import CONFIDENCE, chance_of_more, rate_bound, rate_interval
from ..metadata import DetectorDefaults, Metadata, OperatingPoint
from .scores import Trace, Track, track

#: Log-odds of the thresholds that are tried. Scores of a sigmoid crowd near 1, so that even steps
#: would have the first hundred events between the last two; at 16 the next float32 is 1.
LOGITS = (-8.0, 16.0)
LOGIT_STEP = 0.1
#: How unevenly events come is seen on short and on long parts of the audio (so many of each), at a
#: threshold with so many events.
PARTS = (20, 10, 5)
EVENTS = 100


def thresholds_grid() -> Float64:
    """Return the thresholds that are tried, rising, evenly spread in their log-odds, then 1.

    Each is a float32, as the detector compares scores with it.

    Returns
    -------
    float64 (n,)
        Thresholds, above 0 and at most 1.
    """
    logits = np.arange(round((LOGITS[1] - LOGITS[0]) / LOGIT_STEP) + 1) * LOGIT_STEP + LOGITS[0]
    shares = 1 / (1 + np.exp(-logits))
    return np.unique(np.append(shares, 1.0).astype(np.float32)).astype(np.float64)


def lowest_useful(tracks: Sequence[Track]) -> float:
    """Return the threshold below which a detector would rarely be armed again.

    A keyword is detected again only after its score has fallen below half of the threshold. In
    recordings without the keyword 19 of 20 output frames must be below it, lest the detector miss
    most of what is said after the first event, and seem quiet for that reason. At most 0.5.

    Parameters
    ----------
    tracks : sequence of Track
        Of recordings without the keyword.

    Returns
    -------
    float
        A threshold, 0 .. 0.5.
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
    `kws.intervals.chance_of_more`), where the events come as unevenly as those of lower
    thresholds do.

    Parameters
    ----------
    tracks : sequence of Track
        Of audio without the keyword.
    keyword : str
    false_accepts_per_hour : float
        Above 0.

    Returns
    -------
    Calibrated
        The threshold, and what it gave on this audio.

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


def not_below(found: Calibrated, tracks: Sequence[Track], lowest: float) -> Calibrated:
    """Return what a calibration gives where thresholds below some level are out of the question.

    Parameters
    ----------
    found : Calibrated
        What `calibrate` chose.
    tracks : sequence of Track
        What it chose it on.
    lowest : float
        The lowest threshold that they tell of, 0 .. 1.

    Returns
    -------
    Calibrated
        The same if its threshold is no lower.
    """
    if found.threshold >= lowest:
        return found
    return replace(found, threshold=lowest, count=sum(track.count(lowest) for track in tracks))


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
    # by output frames: a stream has a few more of them than its recording is long
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

    Parameters
    ----------
    metadata : Metadata
        A model's contract.
    found : sequence of Calibrated
        The new thresholds.

    Returns
    -------
    Metadata
        The same contract with these thresholds and their operating points.
    """
    detector = metadata.detector
    thresholds = {**detector.thresholds, **{one.keyword: one.threshold for one in found}}
    keywords = {one.keyword for one in found}
    kept = [p for p in metadata.operating_points if p.recordings > 0 or p.keyword not in keywords]
    points = [
        OperatingPoint.measured(one.keyword, one.threshold, one.count, one.hours) for one in found
    ]
    return replace(
        metadata,
        detector=replace(detector, thresholds=thresholds),
        operating_points=(*kept, *points),
    )
