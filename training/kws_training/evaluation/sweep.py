"""Misses and false accepts over noise, reverberation, level and the telephone's band."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import Float32
from kws.calibration.scores import track
from kws.calibration.thresholds import lowest_threshold
from kws.intervals import rate_interval, share_interval
from kws.modelfile import ModelFile
from kws.spotter import KeywordSpotter

from ..augmentation.snr import SnrReference
from ..progress import Progress
from ..spreading.workers import Workers
from .conditions import CLEAN, Condition
from .continuous import StreamScores, hits, score_negatives, score_positives
from .detection import detector_of
from .evaluate import open_model
from .positives import Positive
from .reverberation import rooms_of
from .spread_streams import SpreadStream

#: False accepts per hour that the threshold is chosen for, on the negatives as they are.
TARGET = 0.5


@dataclass(frozen=True)
class Setting:
    """One condition of a sweep.

    Attributes
    ----------
    snr : float
        Signal-to-noise ratio in decibels; infinite without noise.
    rt60 : float
        Reverberation time in seconds; 0 without a room.
    gain : float
        Change of level in decibels.
    telephone : bool
        Whether the audio goes through the telephone's band.
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
        The keyword.
    threshold : float
        The threshold, 0 .. 1.
    false_accepts : int
        What it gave on the negatives as they are.
    hours : float
        Hours of negatives.
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
    """What became of one keyword in one condition.

    Attributes
    ----------
    setting : Setting
        The condition.
    keyword : str
        The keyword.
    misses : int
        Recordings that were missed.
    recordings : int
        Recordings of the keyword.
    false_accepts : int
        Events in the negatives.
    hours : float
        Hours of negatives.
    """

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
        """Return the outcome as plain JSON values; no noise is a ``snr`` of None.

        Returns
        -------
        dict
            The figures by name.
        """
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
    """List all combinations of conditions, the telephone last.

    Parameters
    ----------
    snrs : sequence of float
        Signal-to-noise ratios in decibels.
    rt60s : sequence of float
        Reverberation times in seconds.
    gains : sequence of float
        Changes of level in decibels.
    telephone : bool
        Whether each combination comes once more through the telephone's band.

    Returns
    -------
    list of Setting
        The conditions.
    """
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
    spread: SpreadStream | None = None,
) -> list[Threshold]:
    """Choose the threshold of each keyword, for `TARGET` on the negatives as they are.

    Parameters
    ----------
    spotter : KeywordSpotter
        The model.
    negatives : sequence of Path
        Recordings without any keyword.
    keywords : sequence of str
        The keywords that are swept.
    seed : int
        Of the faint noise.
    progress : callable
        Shows how many recordings are done.
    spread : SpreadStream, optional
        Workers that hear them with the same model.

    Returns
    -------
    list of Threshold
        One for each keyword; 1 where no threshold reaches the target.
    """
    scores = score_negatives(spotter, negatives, CLEAN, seed, progress, spread=spread)
    chosen = []
    for keyword in keywords:
        one = track(scores.trace, spotter.metadata.labels, detector_of(spotter.metadata), keyword)
        hours = scores.seconds / 3600
        threshold = lowest_threshold([one], int(TARGET * hours + 1e-9))
        threshold = 1.0 if threshold is None else threshold
        chosen.append(Threshold(keyword, threshold, one.count(threshold), hours))
    return chosen


def sweep(
    model: ModelFile,
    thresholds: Sequence[Threshold],
    positives: Mapping[str, Sequence[Positive]],
    negatives: Sequence[Path],
    noise: Sequence[Float32],
    reference: SnrReference,
    settings: Sequence[Setting],
    most_seconds: float,
    seed: int,
    workers: Workers,
) -> Iterator[list[Outcome]]:
    """Score the keywords in one condition after the other.

    Parameters
    ----------
    model : ModelFile
        The model.
    thresholds : sequence of Threshold
        The thresholds of the keywords that are swept.
    positives : mapping of str to sequence of Positive
        The recordings of each keyword.
    negatives : sequence of Path
        Recordings without any keyword.
    noise : sequence of float32 (n,)
        Recordings of noise at 16 kHz.
    reference : {"loudest", "third", "peak"}
        What the ratios are measured by.
    settings : sequence of Setting
        The conditions.
    most_seconds : float
        Seconds of negatives in each condition: the first recordings after a shuffle.
    seed : int
        Of all that is random.
    workers : Workers
        Each scores in a condition of its own.

    Yields
    ------
    list of Outcome
        The outcome of each keyword in one condition.
    """
    order = np.random.default_rng(seed).permutation(len(negatives))
    some = [negatives[number] for number in order]
    task = ScoreSetting(model, thresholds, positives, some, noise, reference, most_seconds, seed)
    yield from workers.spread(task, settings, len(settings), "conditions")


@dataclass(frozen=True)
class ScoreSetting:
    """The task of a worker: scores the keywords in a condition; attributes as for `sweep`."""

    model: ModelFile
    thresholds: Sequence[Threshold]
    positives: Mapping[str, Sequence[Positive]]
    negatives: Sequence[Path]
    noise: Sequence[Float32]
    reference: SnrReference
    most_seconds: float
    seed: int

    @cached_property
    def spotter(self) -> KeywordSpotter:
        """The model in the runtime."""
        return open_model(self.model)

    @cached_property
    def rooms(self) -> dict[float, list[Float32]]:
        """The rooms of each reverberation time that was met."""
        return {}

    def __call__(self, setting: Setting) -> list[Outcome]:
        """Score the keywords in a condition."""
        if setting.rt60 not in self.rooms:
            self.rooms[setting.rt60] = rooms_of(setting.rt60, self.seed)
        condition = Condition(
            noise=self.noise,
            snr=setting.snr,
            reference=self.reference,
            responses=self.rooms[setting.rt60],
            gain=setting.gain,
            telephone=setting.telephone,
        )
        spotter, seed = self.spotter, self.seed
        silent = score_negatives(
            spotter, self.negatives, condition, seed, _quietly, self.most_seconds
        )
        return [
            _outcome(
                spotter,
                one,
                setting,
                score_positives(spotter, self.positives[one.keyword], condition, seed, _quietly),
                silent,
            )
            for one in self.thresholds
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
