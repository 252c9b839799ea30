"""A model file as ONNX: the same step with its states, checked by onnxruntime on recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import Float32
from kws.console import quiet
from kws.frontend import log_mel
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork
from kws.prototypes import FEATURES

from ..boards.cost import cost
from ..quantization.dequantize import to_float
from .conversion import OnnxError, convert_network, load_onnxruntime, open_session, write

#: Logits of a float network may differ by so much: sums of another order.
FLOAT_TOLERANCE = 1e-4
#: Quantization steps that logits of an int8 network may differ by: each rounding that falls on the
#: other side is a step of its layer, and the states carry it on. Measured over 40 recordings: 2 for
#: each of five models (ten commands, word base, a wake word, a tapped YAMNet head, sounds).
INT8_STEPS = 8


@dataclass(frozen=True)
class OnnxCheck:
    """How far onnxruntime is from the runtime, on recordings.

    Attributes
    ----------
    precision : str
        "float32" or "int8".
    largest : float
        Difference of logits, with the arithmetic as the file says it.
    tolerance : float
        What the difference may be, for this precision.
    optimized : float
        The same by onnxruntime as it is by default, with this machine's own int8 kernels.
    recordings, steps : int
        How much was compared.
    size : int
        Of the file, in bytes.
    """

    precision: str
    largest: float
    tolerance: float
    optimized: float
    recordings: int
    steps: int
    size: int


def export_onnx(
    model: ModelFile, path: Path, recordings: Sequence[Float32], *, as_float: bool = False
) -> OnnxCheck:
    """Write a model as ONNX, if onnxruntime gives the same logits on recordings.

    Inputs and outputs have the names of the model file's network: the frames and the states in,
    the logits and the next states out. The contract is in the file's metadata under ``kws.json``,
    arrays beside it in base 64. int8 becomes pairs of QuantizeLinear and DequantizeLinear.

    Parameters
    ----------
    model : ModelFile
        The model that is written as ONNX.
    path : Path
        All of the file is written, or nothing.
    recordings : sequence of float32 (n,)
        At the model's rate, -1 .. 1; each is run as a stream.
    as_float : bool
        Dequantize the network first.

    Raises
    ------
    OnnxError
        If packages are missing, the network is in a precision that is not converted, the converter
        refuses it, or onnxruntime differs.
    """
    runtime = load_onnxruntime()
    if as_float:
        model = replace(model, network=to_float(model.network))
    precision = cost(model.network, model.path).precision
    if precision not in ("float32", "int8"):
        raise OnnxError(
            f"{model.path}: is {precision}: only float32 and int8 are converted; --float "
            "dequantizes it"
        )
    content = bytes(convert_network(model).SerializeToString())
    found = compare_network(model, content, recordings, precision, runtime)
    if found.largest > found.tolerance:
        hint = "" if precision == "float32" else ": --float writes its float form"
        raise OnnxError(
            f"{model.path}: onnxruntime differs by {found.largest:.3g} from the interpreter "
            f"({found.tolerance:.3g} allowed), nothing was written{hint}"
        )
    write(path, content)
    return found


def compare_network(
    model: ModelFile, content: bytes, recordings: Sequence[Float32], precision: str, runtime: Any
) -> OnnxCheck:
    """Run streams by the runtime and by onnxruntime, as the file says and as it is by default.

    Parameters
    ----------
    model : ModelFile
        What the ONNX file was made of.
    content : bytes
        The ONNX file.
    recordings : sequence of float32 (n,)
        At the model's rate, -1 .. 1; each is run as a stream.
    precision : str
        "float32" or "int8".
    runtime : module
        onnxruntime.

    Returns
    -------
    OnnxCheck
        How far they are apart.

    Raises
    ------
    OnnxError
        If onnxruntime refuses the file, or no recording is long enough.
    """
    flat = model.metadata.enrolled
    with quiet():
        network = StreamingNetwork(model, features=flat)
    output = FEATURES if flat else model.metadata.streaming.output
    levels = runtime.GraphOptimizationLevel
    streams = [
        OnnxStream(content, model, output, runtime, level)
        for level in (levels.ORT_ENABLE_BASIC, levels.ORT_ENABLE_ALL)
    ]
    largest, steps, count = [0.0, 0.0], 0, 0
    for samples in recordings:
        frames = log_mel(samples, model.metadata.front_end)
        number = len(frames) // network.frames
        if not number:
            continue
        network.reset()
        for stream in streams:
            stream.reset()
        for piece in np.split(frames[: number * network.frames], number):
            expected = network.step(piece).copy()
            for n, stream in enumerate(streams):
                gap = float(np.abs(stream.step(piece) - expected).max())
                largest[n] = np.inf if np.isnan(gap) else max(largest[n], gap)
        steps += number
        count += 1
    if not count:
        raise OnnxError("no recording is as long as a step: give others by --audio")
    scale = streams[0].scale
    if precision == "float32":
        tolerance = FLOAT_TOLERANCE
    elif scale:
        tolerance = 1.001 * INT8_STEPS * scale
    else:
        raise OnnxError(f"{model.path}: is int8 and gives float: --float writes its float form")
    return OnnxCheck(precision, largest[0], tolerance, largest[1], count, steps, len(content))


class OnnxStream:
    """The ONNX form of a model as a stream; also how an app would run it.

    Parameters
    ----------
    content : bytes
        The ONNX file.
    model : ModelFile
        What it was made of: quantization parameters and the states that silence leaves behind.
    output : str
        Name of the result.
    runtime : module
        onnxruntime.
    level : onnxruntime.GraphOptimizationLevel
        How far onnxruntime may rewrite the network.
    """

    def __init__(
        self, content: bytes, model: ModelFile, output: str, runtime: Any, level: Any
    ) -> None:
        from kws.network import interpreter_class

        refusal = f"{model.path}: onnxruntime refuses the network"
        self._session = open_session(runtime, content, refusal, level)
        contract = model.metadata.streaming
        with quiet():
            interpreter = interpreter_class()(model_content=model.network)
        inputs = {one["name"]: one for one in interpreter.get_input_details()}
        outputs = {one["name"]: one for one in interpreter.get_output_details()}
        there = {one.name for one in (*self._session.get_inputs(), *self._session.get_outputs())}
        if missing := sorted(({*inputs, *outputs}) - there):
            raise OnnxError(f"{model.path}: the converter lost {', '.join(missing)[:100]}")
        self._input, self._output, self._states = contract.input, output, contract.states
        self._frames, self._result = inputs[contract.input], outputs[output]
        self.scale = float(self._result["quantization"][0])
        front_end = model.metadata.front_end
        silent = np.zeros((contract.frames, front_end.bands), np.float32)
        silent[:] = front_end.silence
        self._now = {
            old: np.zeros(inputs[old]["shape"], inputs[old]["dtype"]) for old, _ in self._states
        }
        for _ in range(-(-contract.receptive_field // contract.frames)):
            self.step(silent)
        self._silence = dict(self._now)

    def reset(self) -> None:
        """Forget the past: as if there had been endless silence."""
        self._now = dict(self._silence)

    def step(self, frames: Float32) -> Float32:
        """Take one step of frames (frames, bands); returns results (output frames, labels).

        Parameters
        ----------
        frames : float32 (frames, bands)
            Front-end frames of one step.
        """
        values = frames.reshape(self._frames["shape"])
        if self._frames["dtype"] == np.int8:
            scale, zero = self._frames["quantization"]
            values = np.clip(np.rint(values / scale) + zero, -128, 127).astype(np.int8)
        names = [self._output, *(new for _, new in self._states)]
        result, *states = self._session.run(names, {self._input: values, **self._now})
        self._now = {old: one for (old, _), one in zip(self._states, states, strict=True)}
        result = result[0].astype(np.float32)
        if self._result["dtype"] == np.int8:
            result = (result - self._result["quantization"][1]) * self.scale
        return np.asarray(result[:, 0] if result.ndim == 3 else result, np.float32)
