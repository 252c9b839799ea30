"""The verb inspect: what is in a model file, for people and for programs."""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

from ..describe import describe, in_words
from ..errors import ModelError
from ..modelfile import METADATA_NAME, ModelFile
from ..network import interpreter_class
from ..packaged import find_model, model_content
from .arguments import MODEL_HELP
from .verb import Verb


def read_described(path: Path | None) -> ModelFile:
    """Find a model; of a network without a contract, the error says what would give it one.

    Parameters
    ----------
    path : Path or None
        A file, or the name of a model in the package; None for the default.

    Returns
    -------
    ModelFile

    Raises
    ------
    ModelError
        As `kws.packaged.find_model` does.
    """
    try:
        return find_model(path)
    except ModelError:
        if path is None or not _is_bare(path):
            raise
        raise ModelError(
            f"{path}: a network without {METADATA_NAME}, its contract: join them by "
            f"'kws pack {path} --metadata {METADATA_NAME} --output MODEL' "
            "(or the file was cut short: copy it again)"
        ) from None


def _is_bare(path: Path) -> bool:
    """Tell whether a file begins as a network and has no archive at its end."""
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] == b"TFL3" and not zipfile.is_zipfile(file)
    except (OSError, ValueError):
        return False


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=Path,
        nargs="?",
        metavar="MODEL",
        help=f"{MODEL_HELP}; commands if left out",
    )
    parser.add_argument(
        "--network",
        action="store_true",
        help="also list the network's inputs and outputs: shapes, types, quantization",
    )
    parser.add_argument("--json", action="store_true", help="all of it as one JSON object")


def _run(options: argparse.Namespace) -> int:
    if options.network:
        interpreter_class()  # says what to install
    values = describe(read_described(options.model), model_content(options.model))
    if options.json:
        print(json.dumps(values, indent=1))
    else:
        print(in_words(values, network=options.network))
    return 0


INSPECT = Verb(
    "inspect", "say what is in a model file", "kws inspect model.tflite --json", _configure, _run
)
