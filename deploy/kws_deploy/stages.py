"""Models in two stages: forms that carry one network take the first stage alone."""

from __future__ import annotations

from kws.errors import ModelError
from kws.modelfile import ModelFile


def check_one_stage(model: ModelFile) -> None:
    """Refuse a model with a verifier: its thresholds are for both networks together.

    Parameters
    ----------
    model : ModelFile
        The model that is to be exported to a form that carries one network.

    Raises
    ------
    ModelError
        If it has a verifier; says how to export the first stage.
    """
    if model.metadata.verifier is not None:
        raise ModelError(
            f"{model.path}: its verifier cannot be exported: export what its first_stage() "
            "returns, or run kws export, which does so"
        )
