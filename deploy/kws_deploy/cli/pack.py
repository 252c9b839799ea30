"""The verb pack: a model file of a TFLite network and its contract."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from kws.cli.arguments import add_output, check_output
from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError
from kws.modelfile import write_model


def _configure_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "network",
        type=Path,
        metavar="NETWORK",
        help="a TFLite network, or a model of the package by name; of a model file, its network "
        "alone is taken",
    )
    parser.add_argument(
        "--metadata",
        type=Path,
        metavar="kws.json",
        help="its contract; the arrays that it names lie beside it",
    )
    add_output(parser, required=False)
    parser.add_argument(
        "--template",
        action="store_true",
        help="print a kws.json to start from, filled from what the network's tensors tell, and "
        "on stderr what is left to fill in",
    )
    parser.add_argument("--json", action="store_true", help="what was written as one JSON object")


def _run_pack(options: argparse.Namespace) -> int:
    from ..pack import digest, join, read_network, template

    if options.template:
        if options.metadata is not None or options.output is not None:
            raise KwsError("--template prints a kws.json: leave out --metadata and --output")
        made = template(read_network(options.network), str(options.network))
        print(json.dumps(made.values, indent=1))
        for line in made.notes:
            note(line)
        return 0
    if options.metadata is None or options.output is None:
        raise KwsError("--metadata and --output are needed (or --template, to start from)")
    check_output(options.output)
    model = join(read_network(options.network), options.metadata)
    if any(re.fullmatch(r"label_\d+", label) for label in model.metadata.labels):
        raise KwsError(
            f"{options.metadata}: labels: still holds the template's label_0 …: name what the "
            "network tells apart, in the order of its output"
        )
    write_model(options.output, model.network, model.metadata)
    size = options.output.stat().st_size
    if options.json:
        values = {
            "model": str(options.output),
            "bytes": size,
            "sha256": digest(model),
            "keywords": list(model.metadata.keywords),
        }
        print(json.dumps(values, indent=1))
    else:
        print(
            f"wrote {options.output} ({size / 1000:.0f} kB, {len(model.metadata.keywords)} "
            f"keywords); the runtime has run a step of it: kws inspect {options.output}"
        )
    return 0


PACK = Verb(
    "pack",
    "make a model file of a TFLite network and its contract",
    "kws pack network.tflite --metadata kws.json --output model.tflite",
    _configure_pack,
    _run_pack,
)
