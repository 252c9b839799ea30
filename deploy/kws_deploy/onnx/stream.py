"""A whole model as ONNX: 16-bit samples and one state vector in, scores and detections out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.console import quiet
from kws.decoders.base import StepShape
from kws.decoders.tasks import decoder_for
from kws.detector import Detector
from kws.frontend import LogMelFrontEnd, open_front_end
from kws.metadata import DetectorDefaults
from kws.micro_frontend import MicroConfig
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork

from ..boards.cost import cost
from ..quantization.dequantize import to_float
from .conversion import OnnxError, convert_network, load_onnxruntime, open_session, write
from .decoding import DETECTED, SCORES, add_decoding
from .front_end import FULL_SCALE, add_front_end
from .nodes import NEXT_STATE, STATE, Nodes, StateVector

#: Name of the samples of a step.
SAMPLES = "samples"
#: Key of the metadata, and end of the name of the file beside, that says what an app needs.
DESCRIPTION = "stream.json"
#: Scores may differ by so much: sums of another order, and a Fourier transform in float32.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class StreamCheck:
    """How far a whole model in onnxruntime is from the runtime, on recordings.

    Attributes
    ----------
    largest : float
        Difference of scores.
    tolerance : float
        What the difference may be.
    detections : int
        Detections of the runtime's detector; onnxruntime's were the same.
    recordings, steps : int
        How much was compared.
    size : int
        Of the ONNX file, in bytes.
    description : Path
        The JSON file beside it.
    """

    largest: float
    tolerance: float
    detections: int
    recordings: int
    steps: int
    size: int
    description: Path


def export_stream(model: ModelFile, path: Path, recordings: Sequence[Float32]) -> StreamCheck:
    """Write a model with its front end and its detector as one ONNX file, if it gives the same.

    An int8 network is dequantized: onnxruntime's int8 kernels differ from machine to machine. What
    an app needs beside the graph (labels, samples of a step, length of the state, thresholds) is in
    the metadata under ``stream.json``, and in a JSON file beside the ONNX file, since
    onnxruntime-web does not read metadata.

    Parameters
    ----------
    model : ModelFile
        Commands or wake words.
    path : Path
        The ONNX file; the JSON file has its name with ``.json`` behind it. Each is written whole
        or not at all.
    recordings : sequence of float32 (n,)
        At the model's rate, -1 .. 1; each is run as a stream.

    Returns
    -------
    StreamCheck
        What was compared.

    Raises
    ------
    OnnxError
        If packages are missing, the model is of another kind, the converter refuses its network, or
        onnxruntime differs.
    """
    parts = _take_apart(model)
    runtime = load_onnxruntime()
    description = _describe(parts)
    content = _assemble(parts, description)
    largest, detections, steps, count = 0.0, 0, 0, 0
    stream = _Stream(content, model.path, runtime)
    for samples in recordings:
        whole = len(samples) // description["step_samples"] * description["step_samples"]
        if not whole:
            continue
        pcm = np.clip(np.rint(samples[:whole] * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
        scores, detected = stream.run(pcm.astype(np.int16), description)
        expected, events = _expected(parts, np.float32(1 / FULL_SCALE) * pcm.astype(np.float32))
        gap = float(np.abs(scores - expected).max())
        largest = np.inf if np.isnan(gap) else max(largest, gap)
        if not (detected == events).all() and largest <= TOLERANCE:
            raise OnnxError(
                f"{model.path}: onnxruntime makes {int(detected.sum())} detections and the runtime "
                f"{int(events.sum())}, nothing was written"
            )
        detections += int(events.sum())
        steps += whole // description["step_samples"]
        count += 1
    if not count:
        raise OnnxError("no recording is as long as a step: give others by --audio")
    if largest > TOLERANCE:
        raise OnnxError(
            f"{model.path}: scores of onnxruntime differ by {largest:.3g} from the runtime's "
            f"({TOLERANCE:.3g} allowed), nothing was written"
        )
    beside = path.with_name(f"{path.name}.json")
    write(beside, (json.dumps(description, indent=1, ensure_ascii=False) + "\n").encode())
    write(path, content)
    return StreamCheck(largest, TOLERANCE, detections, count, steps, len(content), beside)


@dataclass(frozen=True)
class _Parts:
    """What a model is made of, of a kind that is exported.

    Attributes
    ----------
    model : ModelFile
        With a float network.
    network : StreamingNetwork
        This network in the interpreter.
    front_end : LogMelConfig or JoinedConfig
        Its front end.
    detector : DetectorDefaults
        Its smoothing, refractory period and thresholds.
    """

    model: ModelFile
    network: StreamingNetwork
    front_end: LogMelFrontEnd
    detector: DetectorDefaults

    @property
    def row_seconds(self) -> float:
        """Seconds from one output frame to the next."""
        return self.network.frames * self.front_end.hop_seconds / self.network.columns


def _take_apart(model: ModelFile) -> _Parts:
    """Return the parts of a model, or refuse one of another kind."""
    front_end, detector = model.metadata.front_end, model.metadata.detector
    other = ""
    if model.metadata.enrolled:
        other = "has enrolled phrases"
    elif not isinstance(detector, DetectorDefaults):
        other = "detects sounds, which begin and end"
    elif isinstance(front_end, MicroConfig):
        other = "has the front end of microWakeWord"
    if other:
        raise OnnxError(
            f"{model.path}: {other}: --with-front-end takes commands and trained wake words"
        )
    model = replace(model, network=to_float(model.network))
    precision = cost(model.network, model.path).precision
    if precision != "float32":
        raise OnnxError(f"{model.path}: is {precision}: only float32 and int8 are converted")
    with quiet():
        network = StreamingNetwork(model)
    assert isinstance(detector, DetectorDefaults)
    assert not isinstance(front_end, MicroConfig)
    return _Parts(model, network, front_end, detector)


def _describe(parts: _Parts) -> dict[str, Any]:
    """Return what an app needs beside the graph; the length of the state is not known yet."""
    front_end, detector = parts.front_end, parts.detector
    step = parts.network.frames * front_end.hop
    return {
        "sample_rate": front_end.sample_rate,
        "step_samples": step,
        # so many zeros before a stream, and frames begin where those of kws do
        "lead_samples": (front_end.hop - front_end.window) % step,
        "row_seconds": round(parts.row_seconds, 6),
        "labels": list(parts.model.metadata.labels),
        "thresholds": detector.thresholds,
        "smoothing": detector.smoothing,
        "refractory": detector.refractory,
    }


def _assemble(parts: _Parts, description: dict[str, Any]) -> bytes:
    """Put the front end before the network and the detector behind it; returns the ONNX file.

    The length of the state goes into the description.
    """
    from onnx import TensorProto, compose, helper

    model, network = parts.model, parts.network
    contract, labels = model.metadata.streaming, model.metadata.labels
    converted = convert_network(model)
    shapes = {
        one.name: tuple(dim.dim_value for dim in one.type.tensor_type.shape.dim)
        for one in (*converted.graph.input, *converted.graph.output)
    }
    inner = "network/"  # so that no name of the network is one of the stream's
    proto = compose.add_prefix(converted, inner)
    nodes = Nodes()
    state = StateVector(nodes)
    frames = add_front_end(nodes, state, parts.front_end, SAMPLES, network.frames)
    values = {contract.input: frames}
    for (old, _), silence in zip(contract.states, network.silence, strict=True):
        values[old] = state.take(silence.astype(np.float32))
    for name, value in values.items():
        shape = nodes.constant(shapes[name], np.int64)
        nodes.add("Reshape", value, shape, output=f"{inner}{name}")
    middle = len(nodes.nodes)
    for old, new in contract.states:
        state.put(values[old], f"{inner}{new}")
    rows = network.columns
    logits = nodes.reshape(f"{inner}{contract.output}", (rows, len(labels)))
    add_decoding(
        nodes,
        state,
        logits,
        rows,
        labels,
        parts.detector,
        parts.row_seconds,
        model.metadata.exclusive,
    )
    state.join()
    before, after = nodes.nodes[: middle + 1], nodes.nodes[middle + 1 :]  # join put one in front
    description["state_size"] = state.size
    graph = helper.make_graph(
        [*before, *proto.graph.node, *after],
        "kws",
        [
            helper.make_tensor_value_info(
                SAMPLES, TensorProto.INT16, [description["step_samples"]]
            ),
            helper.make_tensor_value_info(STATE, TensorProto.FLOAT, [state.size]),
        ],
        [
            helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, [rows, len(labels)]),
            helper.make_tensor_value_info(DETECTED, TensorProto.UINT8, [rows, len(labels)]),
            helper.make_tensor_value_info(NEXT_STATE, TensorProto.FLOAT, [state.size]),
        ],
        [*nodes.constants, *proto.graph.initializer],
    )
    proto.graph.CopyFrom(graph)
    prop = proto.metadata_props.add()
    prop.key, prop.value = DESCRIPTION, json.dumps(description, ensure_ascii=False)
    return bytes(proto.SerializeToString())


class _Stream:
    """The ONNX file as an app runs it."""

    def __init__(self, content: bytes, path: str, runtime: Any) -> None:
        refusal = f"{path}: onnxruntime refuses the model"
        self._session = open_session(runtime, content, refusal)

    def run(
        self, pcm: npt.NDArray[np.int16], description: dict[str, Any]
    ) -> tuple[Float32, npt.NDArray[np.uint8]]:
        """Return the scores and detections of a stream, each (output frames, labels)."""
        state = np.zeros(description["state_size"], np.float32)
        scores, detected = [], []
        for chunk in pcm.reshape(-1, description["step_samples"]):
            names = [SCORES, DETECTED, NEXT_STATE]
            score, found, state = self._session.run(names, {SAMPLES: chunk, STATE: state})
            scores.append(score)
            detected.append(found)
        return np.concatenate(scores), np.concatenate(detected)


def _expected(parts: _Parts, samples: Float32) -> tuple[Float32, npt.NDArray[np.uint8]]:
    """Return what the runtime gives for a stream that digital silence came before."""
    metadata, network, detector = parts.model.metadata, parts.network, parts.detector
    silence = np.zeros(parts.front_end.window - parts.front_end.hop, np.float32)
    front_end = open_front_end(parts.front_end, network.frames)
    frames = front_end.push(np.concatenate([silence, samples]))
    network.reset()
    steps = np.split(frames, len(frames) // network.frames)
    logits = np.concatenate([network.step(step) for step in steps])
    shape = StepShape(network.frames, network.columns)
    posteriors = decoder_for(metadata, shape).posteriors(logits)
    decided = Detector(metadata.labels, detector, parts.row_seconds, metadata.exclusive)
    detected = np.zeros(posteriors.shape, np.uint8)
    for row, posterior in enumerate(posteriors):
        for event in decided.update(posterior):
            detected[row, event.label] = 1
    window = max(1, round(detector.smoothing / parts.row_seconds))
    padded = np.pad(posteriors, ((window - 1, 0), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, window, 0).mean(-1), detected
