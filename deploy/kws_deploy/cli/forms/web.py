"""The form web: WebAssembly and JavaScript for browsers."""

from __future__ import annotations

import argparse

from kws.console import quiet
from kws.modelfile import ModelFile

from .form import Form, print_files


def _configure(_: argparse._ArgumentGroup) -> None:
    """Take no options of its own."""


def _run(options: argparse.Namespace, model: ModelFile) -> int:
    from ...web.export import export_web

    with quiet():  # the interpreter's notes
        files = export_web(model, options.output)
    print_files("web", options.output, files, as_json=options.json)
    return 0


WEB = Form("web", "WebAssembly for browsers, a folder", _configure, _run)
