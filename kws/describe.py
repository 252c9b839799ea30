"""Describes a model file: as values for programs, and as lines for people."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from typing import Any

import numpy as np

from .console import quiet
from .errors import KwsError
from .frontend import LogMelConfig, part_from, parts_of
from .markdown import printable
from .metadata import Metadata, unmeasured
from .micro_frontend import MicroConfig
from .modelfile import ModelFile, network_digest, schema_of
from .network import interpreter_class
from .verification import open_network

#: Provenance is free text of whoever made the file: longer values are cut for people.
LONGEST_VALUE = 160


def describe(model: ModelFile, content: bytes) -> dict[str, Any]:
    """Return all that a model file says, and what its network's tensors say, as JSON values.

    Every key is always there; what needs an interpreter is None where there is none.

    Parameters
    ----------
    model : ModelFile
    content : bytes
        The whole file.

    Returns
    -------
    dict
        JSON values, by the keys that ``kws inspect --json`` prints.

    Raises
    ------
    ModelError
        If the interpreter refuses the network, or its tensors do not match the contract.
    """
    metadata, streaming = model.metadata, model.metadata.streaming
    hop = metadata.front_end.hop_seconds
    tensors = _tensors(model)
    sizes = {} if tensors is None else {one["name"]: one for one in tensors}
    states = []
    for before, after in streaming.states:
        known = sizes.get(before)
        states.append(
            {
                "input": before,
                "output": after,
                "shape": known and known["shape"],
                "type": known and known["type"],
                "bytes": known and known["bytes"],
            }
        )
    return {
        "file": model.path,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "schema": schema_of(metadata),
        "task": metadata.task,
        "labels": list(metadata.labels),
        "keywords": list(metadata.keywords),
        "front_end": {
            "sample_rate": metadata.front_end.sample_rate,
            "bands": metadata.front_end.bands,
            "hop_seconds": hop,
            "window_seconds": metadata.front_end.window_seconds,
            "parts": [part.to_dict() for part in parts_of(metadata.front_end)],
        },
        "streaming": {
            "frames": streaming.frames,
            "step_seconds": streaming.frames * hop,
            "receptive_field": streaming.receptive_field,
            "receptive_field_seconds": _seconds(metadata, streaming.receptive_field),
            "input": streaming.input,
            "output": streaming.output,
            "states": states,
            "state_bytes": None if tensors is None else sum(one["bytes"] for one in states),
        },
        "detector": vars(metadata.detector),
        "operating_points": [vars(point) for point in metadata.operating_points],
        "without_operating_point": unmeasured(metadata),
        "provenance": metadata.provenance,
        "network": {
            "bytes": len(model.network),
            "sha256": network_digest(model),
            "tensors": tensors,
        },
        "prototypes": None if metadata.prototypes is None else vars(metadata.prototypes),
        "warping": None if metadata.warping is None else vars(metadata.warping),
        "phrases": None if metadata.phrases is None else metadata.phrases.values(),
        "head": None
        if metadata.head is None
        else {
            "base_sha256": metadata.head.base_sha256,
            "frames": metadata.head.streaming.frames,
            "bytes": len(metadata.head.network),
        },
        "verifier": _verifier(metadata),
        "arrays": [
            {
                "name": name,
                "shape": list(array.shape),
                "type": str(array.dtype),
                "bytes": array.nbytes,
            }
            for name, array in sorted(metadata.arrays.items())
        ],
        "entries": [
            {"name": entry.filename, "bytes": entry.file_size}
            for entry in zipfile.ZipFile(io.BytesIO(content)).infolist()
        ],
    }


def _verifier(metadata: Metadata) -> dict[str, Any] | None:
    """Return what a file says of its second network."""
    verifier = metadata.verifier
    if verifier is None:
        return None
    return {
        "bytes": len(verifier.network),
        "sha256": hashlib.sha256(verifier.network).hexdigest(),
        "frames": verifier.streaming.frames,
        "seconds": _seconds(metadata, verifier.streaming.frames),
        "gates": verifier.gates,
        "weight": verifier.weight,
        "limit": verifier.limit,
        "alone": verifier.alone,
    }


def _seconds(metadata: Metadata, frames: int) -> float:
    front_end = metadata.front_end
    return (frames - 1) * front_end.hop_seconds + front_end.window_seconds


def _tensors(model: ModelFile) -> list[dict[str, Any]] | None:
    """Return the network's inputs and outputs by name; None where no interpreter is installed."""
    try:
        interpreter = interpreter_class()
    except KwsError:
        return None
    with quiet():
        open_network(model)  # says what does not match the contract
        network = interpreter(model_content=model.network)
    found = []
    for role, tensors in (
        ("input", network.get_input_details()),
        ("output", network.get_output_details()),
    ):
        for tensor in sorted(tensors, key=lambda one: str(one["name"])):
            scale, zero = tensor["quantization"]
            kind = np.dtype(tensor["dtype"])
            found.append(
                {
                    "name": tensor["name"],
                    "role": role,
                    "shape": [int(size) for size in tensor["shape"]],
                    "type": kind.name,
                    "scale": float(scale) if scale else None,
                    "zero_point": int(zero) if scale else None,
                    "bytes": int(np.prod(tensor["shape"])) * kind.itemsize,
                }
            )
    return found


def front_end_in_words(part: LogMelConfig | MicroConfig) -> str:
    """Say in a sentence what a front end does.

    Parameters
    ----------
    part : LogMelConfig or MicroConfig
        One front end.

    Returns
    -------
    str
        Bands, range, window, hop, compression.
    """
    if isinstance(part, MicroConfig):
        return (
            f"that of microWakeWord and ESPHome: {part.bands} channels from {part.low_hz:g} to "
            f"{part.high_hz:g} Hz, {_ms(part.window_seconds)} windows every {_ms(part.hop_seconds)}"
        )
    what = "magnitudes" if part.spectrum == "magnitude" else "powers"
    offset = f" + {part.offset:g}" if part.offset else ""
    return (
        f"{part.bands} mel bands of {what} from {part.low_hz:g} to {part.high_hz:g} Hz, "
        f"{_ms(part.window / part.sample_rate)} windows every {_ms(part.hop_seconds)}, "
        f"FFT of {part.fft}, log(mel{offset}) between {part.floor:g} and {part.ceiling:g}"
    )


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:g} ms"


def in_words(values: dict[str, Any], *, network: bool = False) -> str:
    """Return what `describe` found as lines for people.

    Parameters
    ----------
    values : dict
    network : bool
        Also list the tensors of the network.

    Returns
    -------
    str
        Lines, without a newline at the end.
    """
    lines: list[str] = []

    def row(name: str, text: object) -> None:
        lines.append(f"{name:<12} {printable(str(text))}")

    row("file", f"{values['file']}, {values['bytes']:,} bytes, schema {values['schema']}")
    row("sha256", values["sha256"])
    row("task", values["task"])
    keywords = values["keywords"]
    if keywords:
        row("keywords", f"{len(keywords)}: {', '.join(keywords)}")
    others = [label for label in values["labels"] if label not in keywords]
    if others:
        row("other labels", ", ".join(others))
    front_end = values["front_end"]
    for number, part in enumerate(front_end["parts"]):
        row("" if number else "front end", front_end_in_words(part_from(part)))
    row("", f"of {front_end['sample_rate']} Hz mono")
    _streaming_lines(values, row)
    _detector_lines(values, row)
    tensors = values["network"]["tensors"]
    row("network", f"{values['network']['bytes']:,} bytes, sha256 {values['network']['sha256']}")
    if tensors is None:
        row("", "its tensors: not shown, no TFLite interpreter is installed")
    for array in values["arrays"]:
        row("array", f"{array['name']}: {array['type']} {array['shape']}, {array['bytes']:,} bytes")
    if values["prototypes"] is not None:
        number = len(values["prototypes"]["labels"])
        row("prototypes", f"{number}, compared with the network's features")
    if values["warping"] is not None:
        points = ", ".join(map(str, values["warping"]["points"]))
        row("sequences", f"of {points} points, compared with the network's features")
    if values["phrases"] is not None:
        for label, words in zip(values["labels"], values["phrases"]["words"], strict=True):
            said = " ".join(word[0] for word in words)
            more = math.prod(len(word) for word in words) - 1
            row("typed", f"{label}: /{said}/" + (f" and {more} other ways" if more else ""))
    if values["head"]:
        base, size = values["head"]["base_sha256"][:12], values["head"]["bytes"]
        row("head", f"{size} bytes, runs alone on the features of the word base {base}")
    if values["verifier"]:
        verifier = values["verifier"]
        gates = ", ".join(f"{one} {gate:.3g}" for one, gate in verifier["gates"].items())
        row(
            "verifier",
            f"{verifier['bytes']:,} bytes, hears the latest {verifier['seconds']:.2f} s again from "
            f"scores of: {gates}; its logit counts for {verifier['weight']:.0%}",
        )
    if network and tensors is not None:
        lines += ["", *_tensor_lines(tensors)]
    lines += ["", *_point_lines(values)]
    if values["provenance"]:
        lines += ["", "provenance"]
        lines += [
            f"  {printable(name)}: {_short(one)}" for name, one in values["provenance"].items()
        ]
    return "\n".join(lines)


def _streaming_lines(values: dict[str, Any], row: Any) -> None:
    streaming = values["streaming"]
    row(
        "streaming",
        f"a step every {_ms(streaming['step_seconds'])} ({streaming['frames']} frames); each "
        f"result depends on {streaming['receptive_field_seconds']:.2f} s of audio "
        f"({streaming['receptive_field']} frames)",
    )
    states = streaming["states"]
    size = streaming["state_bytes"]
    held = "" if size is None else f", {size:,} bytes"
    row("", f"takes {streaming['input']}, gives {streaming['output']}; {len(states)} states{held}")
    for state in states:
        shape = "" if state["shape"] is None else f"  {state['type']} {state['shape']}"
        row("", f"  {state['input']} → {state['output']}{shape}")


def _detector_lines(values: dict[str, Any], row: Any) -> None:
    detector = values["detector"]
    if "refractory" in detector:
        row(
            "detector",
            f"scores averaged over {detector['smoothing']:g} s, no second detection of a keyword "
            f"within {detector['refractory']:g} s, "
            f"no keyword longer than {detector['longest']:g} s",
        )
    else:
        row(
            "segmenter",
            f"scores averaged over {detector['smoothing']:g} s, a sound goes on above "
            f"{detector['release']:g} of its threshold, shortest {detector['shortest']:g} s, "
            f"gaps up to {detector['gap']:g} s are closed",
        )


def _tensor_lines(tensors: list[dict[str, Any]]) -> list[str]:
    width = max(6, *(len(printable(one["name"])) for one in tensors))
    lines = [f"{'tensor':<{width}}  role    type     shape              scale        zero point"]
    for one in tensors:
        scale = "" if one["scale"] is None else f"{one['scale']:<11.6g}  {one['zero_point']}"
        lines.append(
            f"{printable(one['name']):<{width}}  {one['role']:<6}  {one['type']:<7}  "
            f"{one['shape']!s:<17}  {scale}".rstrip()
        )
    return lines


def _point_lines(values: dict[str, Any]) -> list[str]:
    """Return the table of the thresholds and what was measured of them."""
    thresholds = values["detector"]["thresholds"]
    points = values["operating_points"]
    if not thresholds:
        return ["no keyword: give phrases to listen for with --phrase"]
    width = max(7, *(len(keyword) for keyword in thresholds))
    lines = [
        f"{'keyword':<{width}}  threshold  false accepts per hour     missed                  "
        "hours  recordings"
    ]
    shown = []
    for keyword, threshold in thresholds.items():
        at = [
            point
            for point in points
            if point["keyword"] == keyword and abs(point["threshold"] - threshold) < 1e-6
        ]
        shown += at
        lines += [_point_line(point, width) for point in at]
        if not at:
            lines.append(f"{keyword:<{width}}  {threshold:9.4g}  nothing was measured of it")
    others = [point for point in points if point not in shown]
    if others:
        lines += ["measured at other thresholds, which the file does not use:"]
        lines += [_point_line(point, width) for point in others]
    if points:
        lines.append("in brackets: 95 % intervals")
    return lines


def _point_line(point: dict[str, Any], width: int) -> str:
    low, high = point["false_accepts_per_hour_interval"]
    rate = f"{point['false_accepts_per_hour']:.2f} ({low:.2f} to {high:.2f})"
    low, high = (100 * bound for bound in point["miss_rate_interval"])
    missed = "not measured"
    if point["miss_rate"] is not None:
        missed = f"{100 * point['miss_rate']:.1f} % ({low:.1f} to {high:.1f})"
    return (
        f"{point['keyword']:<{width}}  {point['threshold']:9.4g}  {rate:<25}  {missed:<22}  "
        f"{point['hours']:5.2f}  {point['recordings']:10}"
    )


def _short(value: Any) -> str:
    """Return a value of the provenance in one line."""
    if isinstance(value, dict):
        text = ", ".join(
            f"{name} {one if isinstance(one, str) else json.dumps(one)}"
            for name, one in value.items()
        )
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    text = printable(text)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… (--json has all)"
