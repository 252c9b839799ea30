"""The form onnx: one file for onnxruntime."""

from __future__ import annotations

import argparse
import json

from kws.arrays import Float32
from kws.cli.arguments import check_output
from kws.console import note
from kws.errors import KwsError
from kws.modelfile import ModelFile

from .form import Form, read_recordings


def _configure(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--float",
        action="store_true",
        dest="as_float",
        help="dequantize an int8 network first: three times the size, and every runtime gives the "
        "same",
    )
    group.add_argument(
        "--with-front-end",
        action="store_true",
        help="the front end and the detector in the graph too: 16-bit samples and one vector of "
        "states in, scores and detections out; always in float",
    )


def _run(options: argparse.Namespace, model: ModelFile) -> int:
    if not options.audio:
        raise KwsError("--to onnx needs --audio: recordings on which the file is checked")
    check_output(options.output)
    recordings = read_recordings(options.audio, model.metadata.front_end.sample_rate)
    if options.with_front_end:
        return _run_with_front_end(options, model, recordings)
    from ...onnx.export import export_onnx

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


def _run_with_front_end(
    options: argparse.Namespace, model: ModelFile, recordings: list[Float32]
) -> int:
    from ...onnx.stream import export_stream

    found = export_stream(model, options.output, recordings)
    if options.json:
        values = {
            "to": "onnx",
            "file": str(options.output),
            "description": str(found.description),
            "bytes": found.size,
            "largest_difference": found.largest,
            "tolerance": found.tolerance,
            "detections": found.detections,
            "recordings": found.recordings,
            "steps": found.steps,
        }
        print(json.dumps(values, indent=1))
    else:
        print(
            f"wrote {options.output} ({found.size / 1000:.0f} kB) and {found.description.name}: "
            f"scores of onnxruntime differ by {found.largest:.2g} at most in {found.steps} steps "
            f"of {found.recordings} recordings ({found.tolerance:.2g} allowed), and its "
            f"{found.detections} detections are the same"
        )
    return 0


ONNX = Form("onnx", "one file for onnxruntime", _configure, _run, checked=True)
