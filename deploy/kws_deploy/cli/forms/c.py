"""The form c: C99 for microcontrollers."""

from __future__ import annotations

import argparse
import json

from kws.console import quiet
from kws.modelfile import ModelFile

from .form import Form


def _configure(_: argparse._ArgumentGroup) -> None:
    """Take no options of its own."""


def _run(options: argparse.Namespace, model: ModelFile) -> int:
    from ...c.export import export_c

    with quiet():  # the interpreter's notes
        files = export_c(model, options.output)
    if options.json:
        print(json.dumps({"to": "c", "files": [str(path) for path in files]}, indent=1))
    else:
        print(f"wrote {len(files)} files to {options.output}:")
        for path in files:
            print(f"  {path.name:24} {path.stat().st_size:9,} bytes")
    return 0


C = Form("c", "C99 for microcontrollers, a folder", _configure, _run)
