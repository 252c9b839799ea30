"""Misses and false accepts over noise, reverberation, level and the telephone's band."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import Float32
from kws.calibration.scores import track
from kws.calibration.thresholds import lowest_threshold
from kws.intervals import rate_interval, share_interval
from kws.spotter import KeywordSpotter

from ..progress import Progress
from .conditions import CLEAN, Condition
from .continuous import StreamScores, hits, score_negatives, score_positives
from .detection import detector_of
from .positives import Positive
from .reverberation import rooms_of

#: False accepts per hour that the threshold is chosen for, on the negatives as they are.
TARGET = 0.5


@dataclass(frozen=True)
class Setting:
    """One condition of a sweep.

    Attributes
    ----------
    snr : float
        Decibels; infinite without noise.
    rt60 : float
        Seconds of reverberation; 0 without a room.
    gain : float
        Decibels.
    telephone : bool
    """

    snr: float
    rt60: float
    gain: float
    telephone: bool


@dataclass(frozen=True)
class Threshold:
    """The threshold that a keyword is swept with, and what it was chosen on.

    Attributes
    ----------
    keyword : str
    threshold : float
    false_accepts : int
    hours : float
    supported : bool
        Whether the hours allow a false accept at `TARGET`.
    """

    keyword: str
    threshold: float
    false_accepts: int
    hours: float

    @property
    def supported(self) -> bool:
        """Whether the hours are enough for a single false accept at `TARGET`."""
        return self.hours * TARGET >= 1


@dataclass(frozen=True)
class Outcome:
    """What became of one keyword in one condition."""

    setting: Setting
    keyword: str
    misses: int
    recordings: int
    false_accepts: int
    hours: float

    @property
    def miss_rate(self) -> float:
        """Share of the recordings that were missed."""
        return self.misses / self.recordings

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as plain JSON values; no noise is a ``snr`` of None."""
        setting = self.setting
        return {
            "snr": setting.snr if np.isfinite(setting.snr) else None,
            "rt60": setting.rt60,
            "gain": setting.gain,
            "telephone": setting.telephone,
            "keyword": self.keyword,
            "miss_rate": self.miss_rate,
            "miss_rate_interval": list(share_interval(self.misses, self.recordings)),
            "misses": self.misses,
            "recordings": self.recordings,
            "false_accepts_per_hour": self.false_accepts / self.hours,
            "false_accepts_per_hour_interval": list(rate_interval(self.false_accepts, self.hours)),
            "false_accepts": self.false_accepts,
            "hours": self.hours,
        }


def settings_of(
    snrs: Sequence[float], rt60s: Sequence[float], gains: Sequence[float], telephone: bool
) -> list[Setting]:
    """Return all combinations, the telephone last."""
    bands = (False, True) if telephone else (False,)
    return [
        Setting(snr, rt60, gain, band)
        for band, gain, rt60, snr in product(bands, gains, rt60s, snrs)
    ]


def choose(
    spotter: KeywordSpotter,
    negatives: Sequence[Path],
    keywords: Sequence[str],
    seed: int,
    progress: Progress,
) -> list[Threshold]:
    """Choose the threshold of each keyword, for `TARGET` on the negatives as they are."""
    heard = score_negatives(spotter, negatives, CLEAN, seed, progress)
    chosen = []
    for keyword in keywords:
        one = track(heard.trace, spotter.metadata.labels, detector_of(spotter.metadata), keyword)
        hours = heard.seconds / 3600
        threshold = lowest_threshold([one], int(TARGET * hours + 1e-9))
        threshold = 1.0 if threshold is None else threshold
        chosen.append(Threshold(keyword, threshold, one.count(threshold), hours))
    return chosen


def sweep(
    spotter: KeywordSpotter,
    thresholds: Sequence[Threshold],
    positives: Mapping[str, Sequence[Positive]],
    negatives: Sequence[Path],
    noise: Sequence[Float32],
    settings: Sequence[Setting],
    most_seconds: float,
    seed: int,
    progress: Progress,
) -> Iterator[list[Outcome]]:
    """Yield the outcomes of one setting after the other.

    Parameters
    ----------
    spotter : KeywordSpotter
    thresholds : sequence of Threshold
        Of the keywords that are swept.
    positives : mapping of str to sequence of Positive
    negatives : sequence of Path
    noise : sequence of float32 arrays
    settings : sequence of Setting
    most_seconds : float
        Of the negatives in each setting; the first recordings after a shuffle.
    seed : int
    progress : callable
        Of the settings.
    """
    rooms: dict[float, list[Float32]] = {}
    order = np.random.default_rng(seed).permutation(len(negatives))
    some = [negatives[number] for number in order]
    for number in progress(iter(range(len(settings))), len(settings), "conditions"):
        setting = settings[number]
        if setting.rt60 not in rooms:
            rooms[setting.rt60] = rooms_of(setting.rt60, seed)
        condition = Condition(
            noise=noise,
            snr=setting.snr,
            responses=rooms[setting.rt60],
            gain=setting.gain,
            telephone=setting.telephone,
        )
        silent = score_negatives(spotter, some, condition, seed, _quietly, most_seconds)
        yield [
            _outcome(
                spotter,
                one,
                setting,
                score_positives(spotter, positives[one.keyword], condition, seed, _quietly),
                silent,
            )
            for one in thresholds
        ]


def _outcome(
    spotter: KeywordSpotter,
    one: Threshold,
    setting: Setting,
    own: StreamScores,
    silent: StreamScores,
) -> Outcome:
    labels, defaults = spotter.metadata.labels, detector_of(spotter.metadata)
    spoken = track(own.trace, labels, defaults, one.keyword)
    return Outcome(
        setting=setting,
        keyword=one.keyword,
        misses=hits([word.span for word in own.positives], spoken.events(one.threshold)).misses,
        recordings=len(own.positives),
        false_accepts=track(silent.trace, labels, defaults, one.keyword).count(one.threshold),
        hours=silent.seconds / 3600,
    )


def _quietly(numbers: Iterator[int], total: int, what: str) -> Iterator[int]:
    """Pass numbers on: the bar of the conditions says how far the work is."""
    return numbers
