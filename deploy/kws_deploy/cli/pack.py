"""The verb pack: a model file of a TFLite network and its contract."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from kws.cli.arguments import add_output, add_phrases, add_threshold, check_output, per_hour
from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError
from kws.modelfile import ModelFile, write_model
from kws.packaged import PHONEMES, find_model
from kws.typed.model import typed_model
from kws.typed.scaling import RATE, threshold_for


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
        "--false-accepts-per-hour",
        type=per_hour,
        metavar="R",
        help="with --phrase, in place of --threshold: how often each phrase may fire by itself in "
        f"speech, as far as is known without recordings; {RATE:g} if left out",
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
    from ..pack import join, read_network, template

    if options.phrases:
        return _pack_phrases(options)
    if options.threshold is not None or options.false_accepts_per_hour is not None:
        raise KwsError("thresholds go with --phrase: a contract says its own")
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
    from ..pack import run_once

    if options.metadata is not None or options.template:
        raise KwsError("--phrase needs no contract: leave out --metadata and --template")
    if options.output is None:
        raise KwsError("--output is needed: the model file to write")
    rate = options.false_accepts_per_hour
    if rate is not None and options.threshold is not None:
        raise KwsError("--threshold and --false-accepts-per-hour say the same: leave one out")
    check_output(options.output)
    threshold = threshold_for(RATE if rate is None else rate)
    if options.threshold is not None:
        threshold = options.threshold
    model = typed_model(find_model(options.network, PHONEMES), options.phrases, threshold)
    run_once(model)
    return _write(options, model)


def _write(options: argparse.Namespace, model: ModelFile) -> int:
    """Write a model file and say what it is."""
    from ..pack import digest

    write_model(options.output, model.network, model.metadata)
    size = options.output.stat().st_size
    keywords = model.metadata.keywords
    if options.json:
        values = {
            "model": str(options.output),
            "bytes": size,
            "sha256": digest(model),
            "keywords": list(keywords),
        }
        print(json.dumps(values, indent=1))
    else:
        print(
            f"wrote {options.output} ({size / 1000:.0f} kB, {len(keywords)} "
            f"keyword{'s' * (len(keywords) != 1)}); the runtime has run a step of it: "
            f"kws inspect {options.output}"
        )
    return 0


PACK = Verb(
    "pack",
    "make a model file of a TFLite network and its contract",
    "kws pack network.tflite --metadata kws.json --output model.tflite",
    _configure_pack,
    _run_pack,
)
