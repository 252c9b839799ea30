"""Which decoder a model's task takes."""

from __future__ import annotations

from ..metadata import Metadata, SegmenterDefaults
from .base import Decoder, StepShape
from .sounds import SoundDecoder
from .words import CommandDecoder, WakeWordDecoder


def decoder_for(metadata: Metadata, shape: StepShape) -> Decoder:
    """Return the decoder of a model's task.

    Parameters
    ----------
    metadata : Metadata
        The model's contract, with the thresholds to decide by.
    shape : StepShape
        The sizes of the network's steps.

    Returns
    -------
    Decoder
        It starts at time 0.
    """
    defaults = metadata.detector
    if isinstance(defaults, SegmenterDefaults):
        return SoundDecoder(metadata, shape, defaults)
    if metadata.exclusive:
        return CommandDecoder(metadata, shape, defaults)
    return WakeWordDecoder(metadata, shape, defaults)
