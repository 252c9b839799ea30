"""The search for a recipe: what is tried, and how a trial is judged on kinds that it never heard.

For each trial a model is trained as often as there are kinds of negatives, each time without one,
and judged on that one and on recordings of speakers that nothing is trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import UInt8
from kws.calibration.scores import track
from kws.calibration.thresholds import lowest_threshold
from kws.frontend import WORDS
from kws.metadata import DetectorDefaults
from kws.modelfile import parse_model

from ..data.dataset import Clip, DataError
from ..data.frames import FrameSet
from ..data.splits import share_of
from ..evaluation.continuous import hits
from ..evaluation.evaluate import open_model
from .data import WakeWordRecordings, WakeWordSources
from .defaults import WakeWordOptions
from .kinds import MIN_KIND_HOURS, OTHERS, hours_by_kind, kinds_of
from .listening import negative_traces
from .recipe import read_settings
from .thresholds import score_phrases
from .train import train

#: False accepts per hour of the kind left out at which misses are read off.
RATES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
#: Share of the speakers of a phrase on which trials are judged.
JUDGED = 0.4
#: Kinds that are left out in turn, at most: those with most hours.
MOST_KINDS = 6
#: What is tried: of the head and of the recipe (`kws train --set`), then of the data mix.
SPACE: Mapping[str, tuple[float, ...]] = {
    "width": (64, 96, 128),
    "dropout": (0.1, 0.2, 0.3),
    "microphones": (0.25, 0.5, 0.75),
    "channels": (0.0, 0.1, 0.2),
    "babble": (0.0, 0.25, 0.5),
    "mined_disturbed": (0.0, 0.25, 0.5),
    "crossings": (0.0, 0.2, 0.4),
    "rare_voices": (0, 1),
}
#: Those of the data mix: options of their own.
MIX = ("crossings", "rare_voices")


@dataclass(frozen=True)
class Fold:
    """A training without one kind of negatives.

    Attributes
    ----------
    options : WakeWordOptions
        How it is trained.
    kind : str
        What is left out.
    """

    options: WakeWordOptions
    kind: str


@dataclass(frozen=True)
class Judged:
    """What a training without a kind gave on it.

    Attributes
    ----------
    kind : str
        What was left out.
    hours : float
        Hours of it.
    recordings : int
        Recordings of the phrase that were judged.
    misses : tuple of int
        How many were missed at the threshold for each of `RATES` on the kind.
    """

    kind: str
    hours: float
    recordings: int
    misses: tuple[int, ...]

    @property
    def score(self) -> float:
        """Mean share of misses over the rates: lower is better."""
        return float(np.mean(self.misses)) / self.recordings


@dataclass(frozen=True)
class JudgeFold:
    """The task of a worker: trains without a kind, and judges on it.

    Attributes
    ----------
    keyword : str
        The phrase.
    training, judged : sequence of Clip
        Its recordings, to train and to judge.
    negatives : FrameSet
        Recordings without the phrase.
    kinds : sequence of str
        The kind of each.
    noise : sequence of Clip
        Recordings of noise.
    base : Path or None
        The word base; the one in the package if None.
    """

    keyword: str
    training: Sequence[Clip]
    judged: Sequence[Clip]
    negatives: FrameSet
    kinds: Sequence[str]
    noise: Sequence[Clip]
    base: Path | None

    def __call__(self, fold: Fold) -> Judged:
        """Train and judge."""
        from ..tensorflow_loading import import_tensorflow

        import_tensorflow()
        rows = [n for n, kind in enumerate(self.kinds) if kind != fold.kind]
        sources = WakeWordSources(
            [WakeWordRecordings(self.keyword, self.training)],
            [self.negatives.clips[n] for n in rows],
            self.noise,
        )
        trained = train(sources, self.base, fold.options)
        left_out = [
            image
            for image, kind in zip(self.negatives.images, self.kinds, strict=True)
            if kind == fold.kind
        ]
        return self._judge(trained.content, left_out, fold)

    def _judge(self, content: bytes, left_out: Sequence[UInt8], fold: Fold) -> Judged:
        model = parse_model(content, "a trial")
        labels, detector = model.metadata.labels, model.metadata.detector
        assert isinstance(detector, DetectorDefaults)  # a model of wake words has no other
        wrong = [
            track(one, labels, detector, self.keyword) for one in negative_traces(model, left_out)
        ]
        scores, spans = score_phrases(open_model(model), self.judged, fold.options.seed)
        if scores is None:
            raise DataError(f"{self.judged[0].path}: no recording to judge could be read")
        spoken = track(scores, labels, detector, self.keyword)
        hours = sum(one.hours for one in wrong)
        misses = []
        for rate in RATES:
            level = lowest_threshold(wrong, int(rate * hours + 1e-9))
            misses.append(hits(spans, spoken.events(1.0 if level is None else level)).misses)
        return Judged(fold.kind, hours, len(spans), tuple(misses))


def split_recordings(clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Decide which recordings of a phrase train and which judge, by their speakers.

    Parameters
    ----------
    clips : sequence of Clip
        The recordings.

    Returns
    -------
    training, judged : list of Clip

    Raises
    ------
    DataError
        If there are too few speakers.
    """
    judged = [clip for clip in clips if share_of("tune " + clip.speaker) < JUDGED]
    training = [clip for clip in clips if share_of("tune " + clip.speaker) >= JUDGED]
    if not judged or not training:
        raise DataError(
            f"{len(clips)} recordings of the phrase by too few speakers: a search needs some to "
            "train and others to judge"
        )
    return training, judged


def left_out_kinds(negatives: FrameSet) -> tuple[list[str], list[str]]:
    """Return the kind of each recording, and those that are left out in turn.

    Parameters
    ----------
    negatives : FrameSet
        Recordings without the phrase.

    Returns
    -------
    kinds : list of str
        Of each recording, by its folder (`kinds.kinds_of`).
    left_out : list of str
        Those with most hours first.

    Raises
    ------
    DataError
        If there are fewer than two.
    """
    hours = [len(image) * WORDS.hop_seconds / 3600 for image in negatives.images]
    kinds = kinds_of(negatives.clips, hours)
    totals = hours_by_kind(kinds, hours)
    enough = [kind for kind in totals if kind != OTHERS and totals[kind] >= MIN_KIND_HOURS]
    left_out = sorted(enough, key=lambda kind: -totals[kind])[:MOST_KINDS]
    if len(left_out) < 2:
        raise DataError(
            f"--negatives: {len(left_out)} kinds with {MIN_KIND_HOURS:g} h: a trial is judged on "
            "kinds that it never heard, so give two folders or more"
        )
    return kinds, left_out


def options_with(options: WakeWordOptions, values: Mapping[str, Any]) -> WakeWordOptions:
    """Return how a trial is trained.

    Parameters
    ----------
    options : WakeWordOptions
        What all trials share.
    values : mapping of str to number
        What is tried, by the names of `SPACE`.
    """
    return replace(
        options,
        recipe=read_settings(settings_of(values)),
        crossings=float(values["crossings"]),
        rare_voices=bool(values["rare_voices"]),
    )


def settings_of(values: Mapping[str, Any]) -> list[str]:
    """Return what `kws train --set` takes of a trial."""
    return [f"{name}={values[name]:g}" for name in SPACE if name not in MIX]
