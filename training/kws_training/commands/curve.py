"""The learning curve of commands: what more recordings would bring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.console import note

from ..data.splits import share_of
from ..networks.extractors import Extractor
from ..networks.head import ConvolutionalHead, HeadShape
from .features import Examples, WindowSource
from .fit import Epoch, FitConfig, fit

#: Shares of the speakers that are trained on.
SHARES = (1 / 8, 1 / 4, 1 / 2)


def learning_curve(
    extractor: Extractor,
    examples: Examples,
    validation: Examples,
    source: WindowSource,
    config: FitConfig,
) -> list[dict[str, float]]:
    """Train heads on shares of the speakers, each share within the next.

    Parameters
    ----------
    extractor : Extractor
        The frozen network under the heads.
    examples : Examples
        Windows to train with; nothing is computed anew.
    validation : Examples
        Windows to validate with.
    source : WindowSource
        The recordings of the windows to train with.
    config : FitConfig
        How heads are trained.

    Returns
    -------
    list of dict
        ``recordings`` trained on, ``accuracy`` of the head in float on the validation windows as
        recorded, and how many ``clips`` these are.
    """
    points = []
    labels = len(source.labels)
    for share in SHARES:
        kept = np.array([share_of("curve " + clip.speaker) < share for clip in source.clips])
        # of the made-up silence, which is by nobody, the same share
        silence = np.flatnonzero(examples.clips < 0)
        windows = kept[np.maximum(examples.clips, 0)]
        windows[silence] = np.arange(len(silence)) < share * len(silence)
        part = examples.where(windows)
        head = ConvolutionalHead(labels, extractor, HeadShape())
        if len(set(part.targets[part.targets >= 0].tolist())) < labels:
            continue  # a label without any recording
        epochs: list[Epoch] = []
        fit(head, part, validation, labels, config, source.seed, epochs.append)
        points.append(curve_point(int(kept.sum()), validation, epochs))
        note(f"{kept.sum()} recordings: accuracy {points[-1]['accuracy']:.1%}")
    return points


def curve_point(recordings: int, validation: Examples, epochs: Sequence[Epoch]) -> dict[str, float]:
    """Return a point of the curve: the accuracy of the epoch with the lowest validation loss.

    Parameters
    ----------
    recordings : int
        Number of recordings that were trained on.
    validation : Examples
        The windows that validated.
    epochs : sequence of Epoch
        What the epochs gave.
    """
    best = min(epochs, key=lambda epoch: epoch.validation_loss)
    seen = int((validation.targets.max(axis=1) >= 0).sum())
    return {"recordings": recordings, "accuracy": best.validation_accuracy, "clips": seen}
