"""Which decoder a model's task takes."""

from __future__ import annotations

from collections.abc import Callable

from ..metadata import Metadata, SegmenterDefaults
from ..phonemes.symbols import PHONEME_TASK
from .base import Decoder, StepShape
from .levels import Levels
from .phonemes import PhonemeDecoder
from .sounds import SoundDecoder
from .words import CommandDecoder, EnrolledDecoder, WakeWordDecoder


def decoder_for(
    metadata: Metadata,
    shape: StepShape,
    begun: Callable[[int, int], int] | None = None,
    levels: Levels | None = None,
) -> Decoder:
    """Return the decoder of a model's task.

    Parameters
    ----------
    metadata : Metadata
        The model's contract, with the thresholds to decide by.
    shape : StepShape
        The sizes of the network's steps.
    begun : callable, optional
        Tells when an enrolled phrase began, as for `EnrolledDecoder`; unless given the sound
        tells.
    levels : Levels, optional
        Those of the stream, shared by the decoders of several models of wake words; the decoder's
        own unless given.

    Returns
    -------
    Decoder
        It starts at time 0.
    """
    if metadata.task == PHONEME_TASK:
        return PhonemeDecoder(metadata, shape)
    defaults = metadata.detector
    if isinstance(defaults, SegmenterDefaults):
        return SoundDecoder(metadata, shape, defaults)
    if metadata.exclusive:
        return CommandDecoder(metadata, shape, defaults)
    if begun is not None:
        return EnrolledDecoder(metadata, shape, defaults, begun, levels)
    return WakeWordDecoder(metadata, shape, defaults, levels)
