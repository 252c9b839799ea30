"""The verb pack: a model file of a TFLite network and its contract."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from kws.cli.arguments import add_output, add_phrases, add_threshold, check_output
from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError
from kws.modelfile import ModelFile, write_model
from kws.packaged import PHONEMES, find_model
from kws.phonemes.typed import THRESHOLD, typed_model


def _configure_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "network",
        nargs="?",
        type=Path,
        metavar="NETWORK",
        help="a TFLite network, or a model of the package by name; of a model file, its network "
        "alone is taken; with --phrase a phoneme network, that of the package if left out",
    )
    add_phrases(parser)
    add_threshold(parser)
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
    from ..pack import join, read_network, template

    if options.phrases:
        return _pack_phrases(options)
    if options.threshold is not None:
        raise KwsError("--threshold goes with --phrase: a contract says its own")
    if options.network is None:
        raise KwsError("name the network to pack, or the phrases to listen for with --phrase")
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
    return _write(options, model)


def _pack_phrases(options: argparse.Namespace) -> int:
    """Write a model file of phrases that are typed."""
    if options.metadata is not None or options.template:
        raise KwsError("--phrase needs no contract: leave out --metadata and --template")
    if options.output is None:
        raise KwsError("--output is needed: the model file to write")
    check_output(options.output)
    threshold = THRESHOLD if options.threshold is None else options.threshold
    model = typed_model(find_model(options.network, PHONEMES), options.phrases, threshold)
    return _write(options, model)


def _write(options: argparse.Namespace, model: ModelFile) -> int:
    """Write a model file and say what it is."""
    from ..pack import digest

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
