"""The form c: C99 for microcontrollers."""

from __future__ import annotations

import argparse

from kws.console import quiet
from kws.modelfile import ModelFile

from .form import Form, print_files


def _configure(_: argparse._ArgumentGroup) -> None:
    """Take no options of its own."""


def _run(options: argparse.Namespace, model: ModelFile) -> int:
    from ...c.export import export_c

    with quiet():  # the interpreter's notes
        files = export_c(model, options.output)
    print_files("c", options.output, files, as_json=options.json)
    return 0


C = Form("c", "C99 for microcontrollers, a folder", _configure, _run)
