"""A network over a whole recording in one invocation, against the same network as a stream."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.console import quiet
from kws.errors import KwsError
from kws.frontend import log_mel
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork, interpreter_class
from kws.prototypes import FEATURES
from kws.typed.model import phonemes_of
from kws_training.networks.tflite import operator_names

#: Logits of a float network may differ by so much: sums of another order.
FLOAT_TOLERANCE = 1e-4
#: And those of an int8 one by a quantization step, as kernels round the last bit by blocks; the
#: rest is float's own rounding of that step.
INT8_STEPS = 1.01
#: Steps of quantization in the range of a result that a quantized network gives as float.
INT8_RANGE = 255


class OfflineError(KwsError):
    """A network that runs on single steps alone."""


@dataclass(frozen=True)
class Difference:
    """How far a stream is from one invocation over all of its frames.

    Attributes
    ----------
    largest : float
        Of the logits.
    tolerance : float
        What is allowed, for this network's kind.
    steps : float or None
        ``largest`` in quantization steps; None of a result in float.
    recordings, output_frames : int
        How much was compared.
    freed : bool
        Whether shapes that the file fixes to one step had to be freed first.
    """

    largest: float
    tolerance: float
    steps: float | None
    recordings: int
    output_frames: int
    freed: bool

    @property
    def equal(self) -> bool:
        """Whether the two are the same but for rounding."""
        return self.largest <= self.tolerance


def stream_against_whole(
    model: ModelFile, recordings: Sequence[Float32], quantized: bool
) -> Difference:
    """Run recordings step by step by the runtime, and whole by the plain interpreter.

    The plain interpreter is given the same file with the input of the frames resized, and the
    states that silence leaves behind, which it finds by itself. Where the file fixes shapes inside
    the network to those of one step, see `free_shapes`.

    Parameters
    ----------
    model : ModelFile
        The model whose network is run.
    recordings : sequence of float32 (n,)
        At the model's rate, -1 .. 1.
    quantized : bool
        Whether the network is; where a quantized one gives float, a 255th of the range of its
        results is allowed.

    Raises
    ------
    OfflineError
        If the interpreter cannot run the network on more frames than a step's, or no recording is
        as long as a step.
    """
    if model.metadata.phrases is not None:
        model = phonemes_of(model)  # the logits of phrases are the runtime's
    metadata = model.metadata
    flat = metadata.enrolled  # its logits are the runtime's, its features are not
    with quiet():
        stream = StreamingNetwork(model, features=flat)
        whole = _Whole(model, FEATURES if flat else metadata.streaming.output, stream.frames)
    largest, output_frames, low, high, count = 0.0, 0, np.inf, -np.inf, 0
    for samples in recordings:
        frames = log_mel(samples, metadata.front_end)
        steps = len(frames) // stream.frames
        if not steps:
            continue
        frames = frames[: steps * stream.frames]
        stream.reset()
        stepwise = np.concatenate([stream.step(one).copy() for one in np.split(frames, steps)])
        offline = whole.run(frames)
        if offline.shape != stepwise.shape:
            raise OfflineError(
                f"{model.path}: gives {list(offline.shape)} over a whole recording, and "
                f"{list(stepwise.shape)} step by step"
            )
        gap = np.abs(offline - stepwise).max()
        largest = float("inf") if np.isnan(gap) else max(largest, float(gap))
        low, high = min(low, float(stepwise.min())), max(high, float(stepwise.max()))
        output_frames += len(stepwise)
        count += 1
    if not output_frames:
        raise OfflineError(f"{model.path}: no recording is as long as one of its steps")
    if whole.scale:
        tolerance = INT8_STEPS * whole.scale
    elif quantized:
        tolerance = max(FLOAT_TOLERANCE, (high - low) / INT8_RANGE)
    else:
        tolerance = FLOAT_TOLERANCE
    steps_apart = largest / whole.scale if whole.scale else None
    return Difference(largest, tolerance, steps_apart, count, output_frames, whole.freed)


class _Whole:
    """The plain interpreter on a model's network, on as many frames as there are.

    Parameters
    ----------
    model : ModelFile
        The model whose network is run.
    output : str
        Name of the result.
    frames : int
        Of one step.
    """

    def __init__(self, model: ModelFile, output: str, frames: int) -> None:
        self._model = model
        self._contract = model.metadata.streaming
        self.freed = False
        self._open(model.network, output)
        try:
            self._resize(2 * frames)
        except OfflineError:
            self.freed = True
            self._open(free_shapes(model.network), output)
            self._resize(2 * frames)
        self._initial = self._after_silence()

    def _open(self, network: bytes, output: str) -> None:
        self._interpreter = interpreter_class()(model_content=network)
        inputs = {one["name"]: one for one in self._interpreter.get_input_details()}
        outputs = {one["name"]: one for one in self._interpreter.get_output_details()}
        self._frames = inputs[self._contract.input]
        self._states = [(inputs[old], outputs[new]) for old, new in self._contract.states]
        self._output = outputs[output]
        #: Quantization step of the result; 0 of float.
        self.scale = float(self._output["quantization"][0])

    def _after_silence(self) -> list[npt.NDArray[Any]]:
        """Return the states after a receptive field of silence, from states of zeros."""
        front_end = self._model.metadata.front_end
        silence = np.zeros((self._contract.frames, front_end.bands), np.float32)
        silence[:] = front_end.silence
        self._resize(self._contract.frames)
        states = [
            np.zeros_like(self._interpreter.get_tensor(old["index"])) for old, _ in self._states
        ]
        for _ in range(-(-self._contract.receptive_field // self._contract.frames)):
            self._invoke(silence, states)
            states = [self._interpreter.get_tensor(new["index"]) for _, new in self._states]
        return states

    def _resize(self, frames: int) -> None:
        index, shape = self._frames["index"], [1, frames, *self._frames["shape"][2:]]
        try:
            self._interpreter.resize_tensor_input(index, shape)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:120]
            raise OfflineError(
                f"{self._model.path}: the interpreter refuses it on {frames} frames at once, so "
                f"that the stream has nothing to be compared with ({reason})"
            ) from None

    def _invoke(self, frames: Float32, states: Sequence[npt.NDArray[Any]]) -> None:
        values = frames.reshape(1, len(frames), *self._frames["shape"][2:])
        scale, zero = self._frames["quantization"]
        if self._frames["dtype"] == np.int8:
            values = np.clip(np.rint(values / scale) + zero, -128, 127).astype(np.int8)
        self._interpreter.set_tensor(self._frames["index"], values)
        for (old, _), value in zip(self._states, states, strict=True):
            self._interpreter.set_tensor(old["index"], value)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:120]
            raise OfflineError(
                f"{self._model.path}: does not run on {len(frames)} frames at once ({reason})"
            ) from None

    def run(self, frames: Float32) -> Float32:
        """Return the results (output frames, …) of all frames (n, bands) after silence.

        Parameters
        ----------
        frames : float32 (frames, bands)
            Front-end frames of one stream.
        """
        self._resize(len(frames))
        self._invoke(frames, self._initial)
        result = self._interpreter.get_tensor(self._output["index"])[0].astype(np.float32)
        if self._output["dtype"] == np.int8:
            result = (result - self._output["quantization"][1]) * self.scale
        return np.asarray(result[:, 0] if result.ndim == 3 else result, np.float32)


def free_shapes(network: bytes) -> bytes:
    """Return a network without the shapes that its converter fixed to those of one step.

    Where a step has a single output frame, the converter writes (1, 1, 1, channels) that is added
    to something as a RESHAPE to (channels,): without it the sum is the same. And other RESHAPEs
    that keep the axis of time name its length: it is left open.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer.

    Raises
    ------
    kws_training.networks.tflite.TFLiteError
        If the network is damaged.
    """
    from kws_training.networks.tflite_objects import kind_of, unpack, write_flatbuffer

    model = unpack(network)
    graph, names = model.subgraphs[0], operator_names()
    kept, same = [], {}
    for operator in graph.operators:
        if names.get(kind_of(model, operator)) == "RESHAPE":
            source, result = (graph.tensors[n] for n in (operator.inputs[0], operator.outputs[0]))
            before, after = list(source.shape), list(result.shape)
            fixed = int(operator.outputs[0]) in graph.outputs
            if len(after) == 1 and before[-1:] == after and set(before[:-1]) == {1} and not fixed:
                same[int(operator.outputs[0])] = int(operator.inputs[0])
                continue
            if len(after) > 1 and before[:2] == after[:2]:
                _leave_open(model, operator, [after[0], -1, *after[2:]])
        kept.append(operator)
    for operator in kept:
        operator.inputs = [same.get(int(index), int(index)) for index in operator.inputs]
    graph.operators = kept
    return write_flatbuffer(model, len(network))


def _leave_open(model: Any, operator: Any, shape: list[int]) -> None:
    """Give a RESHAPE a shape of its own."""
    graph = model.subgraphs[0]
    values = np.asarray(shape, np.int32)
    if operator.builtinOptions is not None:
        operator.builtinOptions.newShape = values
    if len(operator.inputs) > 1:
        buffer, tensor = type(model.buffers[0])(), copy.copy(graph.tensors[operator.inputs[1]])
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
        graph.tensors.append(tensor)
        operator.inputs = [operator.inputs[0], len(graph.tensors) - 1]
