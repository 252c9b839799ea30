"""What forms that carry one network and nothing else cannot hold."""

from __future__ import annotations

from kws.errors import ModelError
from kws.modelfile import ModelFile


def check_one_stage(model: ModelFile) -> None:
    """Refuse a model with a verifier, or of typed phrases: its network does not decide alone.

    Thresholds are those of both networks together, or of what the runtime makes of phonemes.

    Parameters
    ----------
    model : ModelFile
        The model that is to be exported to a form that carries one network.

    Raises
    ------
    ModelError
        If it has a verifier (says how to export the first stage) or phrases that were typed.
    """
    if model.metadata.phrases is not None:
        raise ModelError(
            f"{model.path}: phrases that were typed are decoded by kws alone and not exported: "
            "train the phrase with kws train --wake-word"
        )
    if model.metadata.verifier is not None:
        raise ModelError(
            f"{model.path}: its verifier cannot be exported: export what its first_stage() "
            "returns, or run kws export, which does so"
        )
