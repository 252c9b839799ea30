"""From a trained network to a model file: the one way in which all tasks make theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kws.arrays import Float32
from kws.frontend import FrontEnd
from kws.metadata import (
    NO_DETECTOR,
    DetectorDefaults,
    Head,
    Metadata,
    OperatingPoint,
    SegmenterDefaults,
)
from kws.modelfile import ModelFile, pack, parse_model

from .networks.convert import Converted, Precision, convert
from .networks.streaming import StepModel
from .versions import used_versions


def publish(
    step: StepModel,
    precision: Precision,
    calibration: Float32,
    *,
    task: str,
    labels: tuple[str, ...],
    front_end: FrontEnd,
    detector: DetectorDefaults | SegmenterDefaults | None,
    provenance: Mapping[str, Any],
    operating_points: tuple[OperatingPoint, ...] = (),
    name: str = "the trained model",
) -> ModelFile:
    """Convert a trained network, and put the contract of its model file beside it.

    Parameters
    ----------
    step : StepModel
        The streaming form of the network.
    precision : {"int8", "float32"}
        Number format of the network in the file.
    calibration : float32 (streams, frames, bands)
        Front-end frames of representative streams, by which int8 is scaled.
    task : {"commands", "wake-words", "sounds", "phonemes"}
        What the network does.
    labels : tuple of str
        Names of its outputs.
    front_end : LogMelConfig or JoinedConfig
        What makes its frames.
    detector : DetectorDefaults or SegmenterDefaults or None
        How scores become detections; None for phonemes, by which alone nothing is detected.
    provenance : mapping of str to object
        How the model was made; the versions of the libraries are added.
    operating_points : tuple of OperatingPoint
        What thresholds gave on recordings.
    name : str
        Names the model in messages.

    Returns
    -------
    ModelFile
        The model as a reader of the file would see it.

    Raises
    ------
    KwsError
        If the network cannot be converted, or does not fit the contract.
    """
    return publish_converted(
        convert(step, precision, calibration),
        task=task,
        labels=labels,
        front_end=front_end,
        detector=detector,
        provenance=provenance,
        operating_points=operating_points,
        name=name,
    )


def publish_converted(
    converted: Converted,
    *,
    task: str,
    labels: tuple[str, ...],
    front_end: FrontEnd,
    detector: DetectorDefaults | SegmenterDefaults | None,
    provenance: Mapping[str, Any],
    operating_points: tuple[OperatingPoint, ...] = (),
    name: str = "the trained model",
    head: Head | None = None,
) -> ModelFile:
    """Put the contract of a model file beside a network that is converted.

    Parameters
    ----------
    converted : Converted
        The network as TFLite.
    task, labels, front_end, detector, provenance, operating_points, name
        As for `publish`.
    head : Head or None
        The part behind the word base, where that stayed as it is.

    Returns
    -------
    ModelFile
        The model as a reader of the file would see it.
    """
    metadata = Metadata(
        task=task,
        labels=labels,
        front_end=front_end,
        streaming=converted.streaming,
        detector=NO_DETECTOR if detector is None else detector,
        operating_points=operating_points,
        provenance={**provenance, "versions": used_versions()},
        head=head,
    )
    return parse_model(pack(converted.network, metadata), name)
