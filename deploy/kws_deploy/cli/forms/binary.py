"""The form binary: one program that needs nothing where it runs."""

from __future__ import annotations

import argparse
import json

from kws.cli.arguments import check_output
from kws.console import quiet
from kws.errors import KwsError
from kws.modelfile import ModelFile

from ...native.compiler import TARGETS
from .form import Form


def _configure(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--target",
        choices=tuple(TARGETS),
        help="the machine that it is for; arm-linux is ARMv7, armv6-linux runs on the first "
        "Raspberry Pi and the Zero",
    )


def _run(options: argparse.Namespace, model: ModelFile) -> int:
    if options.target is None:
        raise KwsError(f"--to binary needs --target, one of {', '.join(TARGETS)}")
    check_output(options.output)
    from ...native.binary import export_binary

    with quiet():  # the interpreter's notes
        size = export_binary(model, options.target, options.output)
    if options.json:
        values = {
            "to": "binary",
            "target": options.target,
            "file": str(options.output),
            "bytes": size,
        }
        print(json.dumps(values, indent=1))
    else:
        print(f"wrote {options.output} ({size / 1000:.0f} kB, {options.target})")
    return 0


BINARY = Form("binary", "one program, to run anywhere", _configure, _run)
