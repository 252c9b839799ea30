"""The verb export: a model in C for microcontrollers, or in ONNX."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.cli.arguments import MODEL_HELP, check_output
from kws.cli.verb import Verb
from kws.console import note, quiet
from kws.errors import AudioError, KwsError
from kws.modelfile import ModelFile
from kws.packaged import find_model

#: Recordings that an ONNX file is checked on, and seconds of each, at most.
MOST_RECORDINGS = 20
LONGEST = 30


def _configure_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "--to",
        choices=("c", "onnx"),
        required=True,
        help="C99 for microcontrollers, a folder; or one ONNX file",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR|FILE",
        help="for c a folder: a new one, or an earlier export, which is replaced; for onnx a file",
    )
    parser.add_argument(
        "--audio",
        type=Path,
        nargs="+",
        action="extend",
        metavar="FILE",
        help="for onnx: recordings, or folders of them, on which onnxruntime must give the same; "
        f"{MOST_RECORDINGS} of them are heard",
    )
    parser.add_argument(
        "--float",
        action="store_true",
        dest="as_float",
        help="for onnx: dequantize an int8 network first: three times the size, and every runtime "
        "gives the same",
    )
    parser.add_argument("--json", action="store_true", help="what was written as one JSON object")


def _run_export(options: argparse.Namespace) -> int:
    model = find_model(options.model)
    if options.to == "c":
        return _export_c(options, model)
    return _export_onnx(options, model)


def _export_c(options: argparse.Namespace, model: ModelFile) -> int:
    if options.audio or options.as_float:
        raise KwsError("--audio and --float go with --to onnx")
    from ..c.export import export_c

    with quiet():  # the interpreter's notes
        files = export_c(model, options.output)
    if options.json:
        print(json.dumps({"to": "c", "files": [str(path) for path in files]}, indent=1))
    else:
        print(f"wrote {len(files)} files to {options.output}:")
        for path in files:
            print(f"  {path.name:24} {path.stat().st_size:9,} bytes")
    return 0


def _export_onnx(options: argparse.Namespace, model: ModelFile) -> int:
    if not options.audio:
        raise KwsError("--to onnx needs --audio: recordings on which the file is checked")
    check_output(options.output)
    from ..onnx import export_onnx

    recordings = _recordings(options.audio, model.metadata.front_end.sample_rate)
    found = export_onnx(model, options.output, recordings, as_float=options.as_float)
    unlike = found.optimized > found.tolerance
    if options.json:
        values = {
            "to": "onnx",
            "file": str(options.output),
            "bytes": found.size,
            "precision": found.precision,
            "largest_difference": found.largest,
            "tolerance": found.tolerance,
            "largest_difference_by_default": found.optimized,
            "recordings": found.recordings,
            "steps": found.steps,
        }
        print(json.dumps(values, indent=1))
    else:
        print(
            f"wrote {options.output} ({found.size / 1000:.0f} kB, {found.precision}): onnxruntime "
            f"differs by {found.largest:.2g} at most in {found.steps} steps of {found.recordings} "
            f"recordings ({found.tolerance:.2g} allowed)"
        )
    if unlike:
        note(
            f"as onnxruntime is by default, its int8 kernels for this machine differ by "
            f"{found.optimized:.2g}: set graph_optimization_level to ORT_ENABLE_BASIC, or export "
            "with --float"
        )
    return 0


def _recordings(paths: list[Path], sample_rate: int) -> list[Float32]:
    """Read some of the recordings; those that cannot be used are named.

    Raises
    ------
    KwsError
        If there are none, or none can be read.
    """
    from kws.audio import stream_audio
    from kws_training.data.unlabelled import find_recordings

    found = find_recordings(paths)
    recordings = []
    for path in found[:: max(1, len(found) // MOST_RECORDINGS)]:
        try:
            recordings.append(_beginning(stream_audio(path, sample_rate), LONGEST * sample_rate))
        except AudioError as error:
            note(f"skipped: {error}")
        if len(recordings) == MOST_RECORDINGS:
            break
    if not recordings:
        raise KwsError(f"{paths[0]}: no recording could be read: give others by --audio")
    return recordings


def _beginning(blocks: Iterable[Float32], count: int) -> Float32:
    """Return the first samples of a recording that comes in pieces, however long it is."""
    pieces: list[Float32] = []
    for block in blocks:
        pieces.append(block[:count])
        count -= len(block)
        if count <= 0:
            break
    return np.concatenate(pieces)


EXPORT = Verb(
    "export",
    "write a model in another form: C for microcontrollers, ONNX",
    "kws export model.tflite --to onnx --audio recordings --output model.onnx",
    _configure_export,
    _run_export,
)
