"""The learning curve of wake words: what more recordings would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kws.arrays import UInt8
from kws.calibration.scores import Trace, track
from kws.calibration.thresholds import threshold_for
from kws.console import note
from kws.frontend import WORDS
from kws.metadata import DetectorDefaults
from kws.posteriors import sigmoid

from ..data.splits import share_of
from .data import WakeWordData
from .defaults import REFRACTORY, SMOOTHING, STRIDE
from .ensemble import WakeWordTraining, fit_member
from .listening import Listener
from .network import WakeNetwork
from .phrases import PhraseClip

#: Shares of the speakers that are trained on.
SHARES = (1 / 4, 1 / 2)
#: Number of the network among those of a training: its seed.
NETWORK = 50
#: Steps of a network, at least.
MIN_STEPS = 10
#: False accepts per hour at which recordings are counted as found.
RATE = 0.5
#: Frames of digital silence before and after a recording that is tested: two seconds.
SILENCE_FRAMES = 200
#: Frames that are heard at once when recordings are tested: most are no longer.
CLIP_FRAMES = 800


def learning_curve(training: WakeWordTraining, data: WakeWordData) -> list[dict[str, float]]:
    """Train on shares of the speakers, and test on the recordings of the others.

    One network each, with half of the steps: the curve says what recordings bring, not how good
    the model is in the end.

    Parameters
    ----------
    training : WakeWordTraining
        How networks are trained.
    data : WakeWordData
        The recordings.

    Returns
    -------
    list of dict
        ``recordings``, the number trained on; ``accuracy``, the share of the other recordings that
        is found at half a false accept per hour of the negatives that are not trained on (of those
        that are, if there are no others); and ``clips``, how many these are.
    """
    points = []
    config = replace(training.config, steps=max(MIN_STEPS, training.config.steps // 2))
    for share in SHARES:
        part, others = _split(data, share)
        recordings = sum(len(one.people) for one in part.wake_words)
        clips = sum(map(len, others))
        if not recordings or not clips:
            continue
        network = fit_member(training, part.phrases(), NETWORK, config).network
        found = _count_found(network, data, others)
        points.append({"recordings": recordings, "accuracy": found / clips, "clips": clips})
        note(f"{recordings} recordings: {found / clips:.0%} of {clips} others are found")
    return points


def _split(data: WakeWordData, share: float) -> tuple[WakeWordData, list[list[PhraseClip]]]:
    """Return the data with a share of the speakers, and the recordings of the others."""
    wake_words, others = [], []
    for one in data.wake_words:
        inside = [share_of("curve " + clip.speaker) < share for clip, _ in one.people]
        pairs = list(zip(one.people, inside, strict=True))
        wake_words.append(replace(one, people=[pair for pair, kept in pairs if kept]))
        others.append([phrase for (_, phrase), kept in pairs if not kept])
    return replace(data, wake_words=wake_words), others


def _count_found(
    network: WakeNetwork, data: WakeWordData, clips: Sequence[Sequence[PhraseClip]]
) -> int:
    """Count the recordings of each phrase that are found at `RATE`."""
    keywords = data.keywords
    defaults = DetectorDefaults(SMOOTHING, REFRACTORY, 2.0, dict.fromkeys(keywords, 0.5))
    seconds = STRIDE * WORDS.hop_seconds
    silence = np.zeros((SILENCE_FRAMES, WORDS.bands), np.uint8)

    def trace(listener: Listener, images: UInt8) -> Trace:
        scores = sigmoid(listener.listen(images))
        return Trace(scores, seconds, len(scores) * seconds, exclusive=False)

    negatives = [*data.development.images, *data.test.images] or data.training.images
    false_accepts = trace(Listener(network, WORDS.bands), np.concatenate(negatives))
    listener = Listener(network, WORDS.bands, CLIP_FRAMES)
    count = 0
    for keyword, own in zip(keywords, clips, strict=True):
        threshold = threshold_for([false_accepts], keywords, defaults, keyword, RATE)
        for clip in own:
            alone = trace(listener, np.concatenate([silence, clip.image, silence]))
            count += bool(track(alone, keywords, defaults, keyword).count(threshold))
    return count
