"""The C of a model's whole stream: from samples of any rate to detections."""

from __future__ import annotations

from kws.modelfile import ModelFile

from ..c.export import MADE, SHIPPED, c_sources
from .compiler import package_sources

#: Files of the C export that are for microcontrollers or for its example alone.
_LEFT_OUT = (
    "Makefile",
    "README.txt",
    "main.c",
    "main_tflm.cc",
    "kws_model_data.c",
    "kws_model_data.h",
)


def stream_files() -> set[str]:
    """Return the names of what `stream_sources` gives."""
    return {*SHIPPED, *MADE, *package_sources(__package__, "stream")} - {*_LEFT_OUT}


def stream_sources(model: ModelFile) -> dict[str, bytes]:
    """Return the text of each file: the chain of the C export, and ``kws.h`` around it.

    Parameters
    ----------
    model : ModelFile
        A model for commands or wake words, its network in int8.

    Raises
    ------
    ModelError
        If the model cannot be exported to C.
    """
    chain = {
        name: text.encode() for name, text in c_sources(model).items() if name not in _LEFT_OUT
    }
    return chain | package_sources(__package__, "stream")
