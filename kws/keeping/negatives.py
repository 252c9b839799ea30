"""Thresholds from what a device kept: what fired by mistake, and the hours that it listened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..audio import load_audio
from ..calibration.scores import Trace, trace
from ..spotter import KeywordSpotter
from .labels import OTHER, KeptFolder
from .log import KeepError, Listened

#: Output frames with a score of 0 that stand for what was heard between two recordings, for each
#: output frame of a recording: there the scores were lower than those that were kept.
BETWEEN = 20


@dataclass(frozen=True)
class KeptNegatives:
    """What a model gives on the recordings that a device kept by mistake.

    Attributes
    ----------
    trace : Trace
        Of the recordings, with the time that the device listened for its length.
    files : int
        Recordings that were heard.
    unlabelled : int
        How often something fired of which nobody has said whether it was right.
    same_model : bool
        Whether this very network listened; what another one would have fired on is not kept.
    floors : dict of str to float
        By keyword the lowest threshold of which the recordings tell: lower scores were not kept.
    """

    trace: Trace
    files: int
    unlabelled: int
    same_model: bool
    floors: dict[str, float]


def kept_negatives(folder: Path, spotter: KeywordSpotter, sha256: str) -> KeptNegatives:
    """Hear again what a device fired on, or nearly, though nobody had said the phrase.

    Parameters
    ----------
    folder : Path
        What ``--keep`` named; its recordings are labelled.
    spotter : KeywordSpotter
        The model; it starts anew, and is reset in the end.
    sha256 : str
        SHA-256 of its network.

    Returns
    -------
    KeptNegatives
        Of the time in which this network listened; of all of it if that is none.

    Raises
    ------
    KeepError
        If nothing was kept there, or the device did not listen.
    AudioError
        If a recording cannot be read.
    """
    kept = KeptFolder(folder)
    same = [one for one in kept.log.listened if one.sha256 == sha256]
    listened = same or kept.log.listened
    seconds = _seconds(listened)
    if not seconds:
        raise KeepError(f"{folder}: the log says of no time in which the device listened")
    wrong = [
        name
        for name, label in kept.labels().items()
        if label == OTHER and (not same or kept.log.recordings[name].sha256 == sha256)
    ]
    traces = [trace(spotter, load_audio(kept.place(n), spotter.sample_rate)) for n in wrong]
    unlabelled = sum(one.unknown for one in kept.outcomes() if not same or one.sha256 == sha256)
    return KeptNegatives(
        _joined(traces, spotter, seconds),
        len(wrong),
        unlabelled,
        bool(same),
        _floors(listened, spotter, bool(same)),
    )


def _seconds(listened: Sequence[Listened]) -> float:
    """Return for how long the device listened: several models hear the same audio at once."""
    runs: dict[str, float] = {}
    for one in listened:
        runs[one.since] = max(runs.get(one.since, 0.0), one.seconds)
    return math.fsum(runs.values())


def _joined(traces: Sequence[Trace], spotter: KeywordSpotter, seconds: float) -> Trace:
    """Return the recordings as one stream, with low scores for what was between them."""
    labels = len(spotter.metadata.labels)
    pieces = [np.zeros((0, labels), np.float32)]
    for one in traces:
        pieces += [one.scores, np.zeros((BETWEEN * len(one.scores), labels), np.float32)]
    scores = np.concatenate(pieces)
    return Trace(scores, spotter.column_seconds, seconds, spotter.metadata.exclusive)


def _floors(listened: Sequence[Listened], spotter: KeywordSpotter, same: bool) -> dict[str, float]:
    """Return the lowest threshold of each keyword that what was kept tells of."""
    own = spotter.metadata.detector.thresholds
    return {
        keyword: max(
            one.share * (one.thresholds.get(keyword, own[keyword]) if same else own[keyword])
            for one in listened
        )
        for keyword in spotter.keywords
    }
