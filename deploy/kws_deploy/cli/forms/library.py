"""The form library: C99 with a small interface, for apps."""

from __future__ import annotations

import argparse

from kws.console import quiet
from kws.modelfile import ModelFile

from .form import Form, print_files


def _configure(_: argparse._ArgumentGroup) -> None:
    """Take no options of its own."""


def _run(options: argparse.Namespace, model: ModelFile) -> int:
    from ...native.library import export_library

    with quiet():  # the interpreter's notes
        files = export_library(model, options.output)
    print_files("library", options.output, files, as_json=options.json)
    return 0


LIBRARY = Form("library", "a C library for apps, a folder", _configure, _run)
