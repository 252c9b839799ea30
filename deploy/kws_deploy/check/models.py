"""The models that a check compares, and what a quantized one is compared with."""

from __future__ import annotations

from dataclasses import replace

from kws.errors import KwsError
from kws.modelfile import ModelFile

from ..boards.cost import cost


class CheckError(KwsError):
    """A check that cannot be done with what was given."""


def is_quantized(model: ModelFile) -> bool:
    """Tell whether any kernel of a model's network, or of its verifier, is not float32.

    Parameters
    ----------
    model : ModelFile
        Any model.
    """
    verifier = model.metadata.verifier
    networks = [model.network] if verifier is None else [model.network, verifier.network]
    return any(cost(one, model.path).precision != "float32" for one in networks)


def float_form(model: ModelFile, named: ModelFile | None) -> tuple[ModelFile | None, str]:
    """Return what a quantized model is compared with, and where it came from.

    Parameters
    ----------
    model : ModelFile
        The model that is checked.
    named : ModelFile or None
        The float model that it was made of, if it is at hand; else its own weights, dequantized.

    Raises
    ------
    CheckError
        If the named one is quantized, or of other labels.
    QuantizationError
        If the network cannot be dequantized.
    """
    if named is not None:
        if is_quantized(named):
            raise CheckError(f"{named.path}: is quantized: --float takes the float model")
        if named.metadata.labels != model.metadata.labels:
            raise CheckError(f"{named.path}: has other labels than {model.path}")
        return named, named.path
    if not is_quantized(model):
        return None, ""
    from ..quantization.dequantize import to_float

    metadata, verifier = model.metadata, model.metadata.verifier
    if verifier is not None:
        metadata = replace(metadata, verifier=replace(verifier, network=to_float(verifier.network)))
    network = to_float(model.network)
    return replace(model, network=network, metadata=metadata, path=f"{model.path} as float"), (
        "its own weights dequantized, so that what rounding them lost is not seen (--float FILE)"
    )
