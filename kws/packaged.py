"""The models in the package, by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from .modelfile import ModelFile, parse_model, read_model

#: What `KeywordSpotter.default` loads; its smaller sister; and what learns new words.
COMMANDS, SMALL, WORDS = "commands", "commands-small", "words"
NAMES = (COMMANDS, SMALL, WORDS)


def packaged_content(name: str = COMMANDS) -> bytes:
    """Return the bytes of a model file in the package: one of `NAMES`."""
    return resources.files(__package__).joinpath("models", f"{name}.tflite").read_bytes()


def packaged_model(name: str = COMMANDS) -> ModelFile:
    """Return a model of the package: one of `NAMES`."""
    return parse_model(packaged_content(name), f"{name}.tflite")


def find_model(model: str | Path | None) -> ModelFile:
    """Return the model that a person means: a file, a name of the package's, or the default.

    Raises
    ------
    ModelError
        If there is no such file or it is no model file.
    """
    if model is None:
        return packaged_model()
    if str(model) in NAMES and not Path(model).is_file():
        return packaged_model(str(model))
    return read_model(model)
