"""A model as a folder for browsers and Node: `export_web`."""

from __future__ import annotations

import json
import re
from pathlib import Path

from kws.modelfile import ModelFile

from ..folders import check_folder, write_folder
from ..native.compiler import WASM, check_compiler, compile_c, package_sources
from ..native.stream import stream_sources

#: What is compiled, and not shipped.
_COMPILED = "kws_web.c"
#: What people change.
_EXAMPLES = ("README.md", "index.html")


def export_web(model: ModelFile, folder: Path) -> list[Path]:
    """Write a model as a folder that any web server can serve: whole, or nothing.

    Parameters
    ----------
    model : ModelFile
        An int8 model of the task commands or wake-words, with one front end.
    folder : Path
        Made, or replaced if it holds nothing but an earlier export.

    Returns
    -------
    list of Path
        The files, by name.

    Raises
    ------
    ModelError
        If the model cannot be exported; says why and what to do.
    KwsError
        If the compiler is missing or fails, or the folder cannot be written or holds other files.
    """
    shipped = package_sources(__package__, "sources")
    ours = {*shipped, "kws.wasm", "package.json"} - {_COMPILED}
    check_folder(folder, ours.__contains__, {name: shipped[name] for name in _EXAMPLES})
    return write_folder(folder, web_files(model))


def web_files(model: ModelFile) -> dict[str, bytes]:
    """Return the content of each file of the folder; see `export_web`.

    Parameters
    ----------
    model : ModelFile
        A model for commands or wake words, its network in int8.
    """
    check_compiler()
    files = package_sources(__package__, "sources")
    sources = stream_sources(model) | {_COMPILED: files.pop(_COMPILED)}
    del sources["kws_wav.c"], sources["kws_wav.h"]
    files["kws.wasm"] = compile_c(sources, WASM)
    files["package.json"] = _package(model, sorted(files)).encode()
    return files


def _package(model: ModelFile, files: list[str]) -> str:
    """Return the text of ``package.json``, by which npm publishes the folder and installs it."""
    stem = re.sub(r"[^a-z0-9]+", "-", Path(model.path).stem.lower()).strip("-")
    values = {
        "name": f"kws-{stem or 'model'}"[:100],
        "version": "0.1.0",
        "description": "Keyword spotting in the browser: a model and what runs it",
        "keywords": ["keyword-spotting", "wake-word", "webassembly", "audioworklet"],
        "type": "module",
        "main": "kws.js",
        "types": "kws.d.ts",
        "exports": {
            ".": {"types": "./kws.d.ts", "default": "./kws.js"},
            "./kws.wasm": "./kws.wasm",
        },
        "files": files,
        "sideEffects": ["kws-worklet.js"],
    }
    return json.dumps(values, indent=2) + "\n"
