"""A head behind a word base that stayed as it is, converted so that models share the base."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from kws.arrays import Float32
from kws.metadata import Head
from kws.network import StreamingNetwork

from ..networks.convert import ConversionError, Converted, convert
from ..networks.join import join, with_input_scale
from ..networks.streaming import StepModel, step_model
from ..networks.word_base import FEATURE_STRIDE, Base
from .defaults import STRIDE
from .network import WakeNetwork


def check_base(base: Base) -> None:
    """Refuse a word base that models cannot share.

    Parameters
    ----------
    base : Base
        The word base.

    Raises
    ------
    ConversionError
        If it is not in int8, or gives no features.
    """
    if base.ceiling is None:
        raise ConversionError(
            f"{base.model.path}: is in float32: --frozen-base shares a word base in int8"
        )
    StreamingNetwork(base.model, features=True)  # says what is wrong if it gives none


def convert_behind_base(
    network: WakeNetwork, base: Base, step: StepModel, streams: Float32
) -> tuple[Converted, Head]:
    """Convert the head of a network to int8, and join it to the base's own int8 network.

    Parameters
    ----------
    network : WakeNetwork
        The trained network, whose base did not change.
    base : Base
        The word base.
    step : StepModel
        The streaming form of the whole network.
    streams : float32 (streams, frames, bands)
        Representative streams, as for `convert`.

    Returns
    -------
    Converted, Head
        The whole network, and its head alone.

    Raises
    ------
    ConversionError
        If the head cannot be converted so that it takes the features as the base gives them.
    """
    channels = base.shape.features
    alone = step_model(network.head, STRIDE // FEATURE_STRIDE, (1, channels))
    features = _features(base, streams)
    made = convert(alone, "int8", features)
    tensor = StreamingNetwork(base.model, features=True).output_quantization
    head = with_input_scale(made.network, made.streaming, *tensor)
    whole, states = join(base.model.network, base.model.metadata.streaming, head, made.streaming)
    contract = replace(
        base.model.metadata.streaming,
        receptive_field=step.receptive_field,
        output=made.streaming.output,
        states=states,
    )
    sha256 = hashlib.sha256(whole).hexdigest()
    return Converted(whole, contract), Head(base.digest, sha256, made.streaming, head)


def _features(base: Base, streams: Float32) -> Float32:
    """Return what the base on the device gives for streams: float32 (streams, frames, channels).

    One number of one stream is the largest that the base can give. So the head is converted for the
    whole range of the features, which is how the base stores them.
    """
    network = StreamingNetwork(base.model, features=True)
    found = []
    for stream in streams:
        network.reset()
        steps = range(0, len(stream) - network.frames + 1, network.frames)
        given = [network.step(stream[at : at + network.frames]) for at in steps]
        found.append(np.concatenate(given))
    features = np.stack(found)
    # the last: the first steps of a stream are not looked at
    features[0, -1, 0] = base.ceiling
    return features
