"""The verifier of wake words: the ensemble that taught the student, joined in one network.

A student is as small as one network of its ensemble, and so it is what hears a stream. Its
teachers, which are trained anyhow, differ from it and from each other in what they fire on by
mistake: they hear again what the student is nearly sure of. A head of its own, which heard both
sides of every frame, was trained and found no better (docs/experiments/second_look.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from kws.arrays import Float32
from kws.frontend import WORDS
from kws.metadata import Verifier
from kws.modelfile import ModelFile, pack, parse_model

from ..networks.convert import Converted, Precision, convert
from ..networks.streaming import StepModel, Tensor, Time, Whole
from .defaults import STRIDE
from .thresholds import KindScores, Thresholds
from .windows import WakeWindow

#: Share of the verifier's logit in that of both (docs/experiments/second_look.md).
WEIGHT = 0.5
#: Logits of the verifier count as far as this: a score of 0.9997 or 0.0003.
LIMIT = 8.0
#: Output frames per hour of negatives, of 45,000, in which the verifier is asked about a phrase: so
#: many that the highest scores of each source, by which thresholds are chosen, are those of both
#: networks. A verification takes as long as two or three steps.
ASKED_PER_HOUR = 500

#: A network of wake words, ``network(x, time)``.
Network = Callable[[Tensor, Time], Tensor]


class EnsembleMean:
    """The mean of the newest logits of several networks that hear the same window.

    Parameters
    ----------
    members : sequence of WakeNetwork
        The networks, with their weights; they are shared, not copied.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        self._members = tuple(members)

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, 1, phrases) of windows of frames.

        Parameters
        ----------
        x : float32 (batch, frames, 1, bands)
            Front-end frames.
        time : Time
            The reading of time: a whole window.
        """
        newest = [network(x, time)[:, -1:] for network in self._members]
        return sum(newest[1:], newest[0]) * (1 / len(newest))


def window_frames(window: WakeWindow) -> int:
    """Return the frames of the verifier's window: whole steps that hold a receptive field.

    Parameters
    ----------
    window : WakeWindow
        The window of an example.
    """
    return -(-window.receptive_field // STRIDE) * STRIDE


def convert_verifier(network: Network, precision: Precision, windows: Float32) -> Converted:
    """Convert a verifier to TFLite: one step takes a whole window.

    Parameters
    ----------
    network : callable
        Such as an `EnsembleMean`.
    precision : {"int8", "float32"}
        Number format.
    windows : float32 (n, frames, bands)
        Representative windows, by which int8 is scaled, as long as the verifier's.

    Returns
    -------
    Converted
        The network and its contract.
    """
    import keras

    frames, bands = windows.shape[1:]
    x = keras.Input(batch_shape=(1, frames, 1, bands), name="frames")
    step = StepModel(keras.Model([x], [network(x, Whole())]), 0, frames, frames, frames)
    # the first window of a stream would settle the states, if there were some: it comes twice
    stream = np.concatenate([windows[:1], windows]).reshape(1, -1, bands)
    return convert(step, precision, stream)


def windows_of(streams: Float32, window: WakeWindow) -> Float32:
    """Cut streams of training windows into windows of the verifier, one for each other result.

    A phrase ends somewhere in the last half second of a training window. So some of these windows
    end just after a phrase, as those do that the verifier will hear: by whole training windows its
    highest logits would not be known.

    Parameters
    ----------
    streams : float32 (streams, frames, bands)
        As `kws_training.wake_words.calibration.calibration_streams` makes them.
    window : WakeWindow
        Shape of the training windows.

    Returns
    -------
    float32 (n, frames, bands)
        The windows.
    """
    whole = streams.reshape(-1, window.frames, WORDS.bands)
    frames = window_frames(window)
    starts = range(0, window.frames - frames + 1, 2 * STRIDE)
    return np.concatenate([whole[:, start : start + frames] for start in starts])


def with_verifier(
    model: ModelFile,
    converted: Converted,
    kinds: Sequence[KindScores],
    alone: Thresholds,
) -> ModelFile:
    """Put a verifier into a model file; thresholds for both together are still to be chosen.

    Parameters
    ----------
    model : ModelFile
        The first network.
    converted : Converted
        The second one.
    kinds : sequence of KindScores
        What the first one makes of negatives, by which the gates are chosen.
    alone : dict of str to float
        Thresholds for the first network alone.

    Returns
    -------
    ModelFile
        The model in two stages, as a reader of the file would see it.
    """
    metadata = model.metadata
    verifier = Verifier(
        gates=gates_at(metadata.labels, kinds, ASKED_PER_HOUR),
        weight=WEIGHT,
        limit=LIMIT,
        alone=dict(alone),
        streaming=converted.streaming,
        network=converted.network,
    )
    content = pack(model.network, replace(metadata, verifier=verifier))
    return parse_model(content, model.path)


def gates_at(
    labels: Sequence[str], kinds: Sequence[KindScores], asked_per_hour: float
) -> dict[str, float]:
    """Return the scores from which a verifier is asked so often.

    Parameters
    ----------
    labels : sequence of str
        The phrases.
    kinds : sequence of KindScores
        What the first network makes of negatives.
    asked_per_hour : float
        Output frames per hour.

    Returns
    -------
    dict of str to float
        Gate of each phrase.
    """
    traces = [one for kind in kinds for one in (*kind.trained, *kind.fresh)]
    hours = sum(one.seconds for one in traces) / 3600
    asked = max(1, round(asked_per_hour * hours))
    scores = np.sort(np.concatenate([one.scores for one in traces]), axis=0)[-asked:]
    return {label: float(gate) for label, gate in zip(labels, scores[0], strict=True)}
