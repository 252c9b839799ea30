"""From a streaming Keras model to the TFLite network of a model file."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kws.arrays import Float32
from kws.console import quiet
from kws.errors import KwsError
from kws.metadata import StreamingContract
from kws.network import interpreter_class

from ..cache import cache_folder
from .streaming import StepModel
from .tflite_objects import write_flatbuffer

#: Bytes of the converter's files besides the weights of a network: its graph and what debuggers
#: read.
FEWEST_BYTES = 4_000_000
#: How many times its size the converter writes a network, at most.
COPIES_WRITTEN = 3

Precision = Literal["float32", "int8"]


class ConversionError(KwsError):
    """A network that does not survive conversion."""


@dataclass(frozen=True)
class Converted:
    """A network as TFLite, with the names of its tensors.

    Attributes
    ----------
    network : bytes
        The TFLite file.
    streaming : StreamingContract
        What the model file says of the network's inputs, outputs and states.
    """

    network: bytes
    streaming: StreamingContract


def convert(step: StepModel, precision: Precision, calibration: Float32 | None) -> Converted:
    """Convert the streaming form of a network.

    Parameters
    ----------
    step : StepModel
        The streaming form of the network.
    precision : {"float32", "int8"}
        int8: weights per channel, activations and states too.
    calibration : float32 (streams, frames, bands), optional
        Front-end frames of representative streams; needed for int8. Each is run as a stream, so
        that the states are representative too.

    Returns
    -------
    Converted
        The network and its contract.

    Raises
    ------
    ConversionError
        If a state comes out with another quantization than its successor.
    """
    import tensorflow as tf

    names = ["frames", *(f"state_{number:02d}" for number in range(step.states))]
    converter = tf.lite.TFLiteConverter.from_keras_model(step.model)
    if precision == "int8":
        if calibration is None:
            raise ConversionError("int8 needs recordings to calibrate with")
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        converter.representative_dataset = lambda: _calibrate(step, names, calibration)
    with _temporary_room(step), quiet():
        content = converter.convert()
    network = _tidy(content, names, _results(names))
    contract = StreamingContract(
        frames=step.frames,
        receptive_field=step.receptive_field,
        input="frames",
        output="logits",
        states=tuple(zip(names[1:], _results(names)[1:], strict=True)),
    )
    _check_states(network, contract)
    return Converted(network, contract)


@contextlib.contextmanager
def _temporary_room(step: StepModel) -> Iterator[None]:
    """Let the converter write its files where there is room for them.

    It writes the network to the temporary folder. If that is full, it goes another way without a
    word, which fails with an error that says nothing, when the training is over. So the cache and
    the present folder are tried too.
    """
    needed = COPIES_WRITTEN * (FEWEST_BYTES + 4 * step.model.count_params())
    before = tempfile.tempdir
    tried = []
    for place in (None, cache_folder(), Path.cwd()):
        try:
            # None is what the system says; it raises an error if that cannot be written to
            folder = Path(tempfile.gettempdir()) if place is None else place
            folder.mkdir(parents=True, exist_ok=True)
            tried.append(str(folder))
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(needed))
        except OSError:
            continue
        break
    else:
        raise ConversionError(
            f"{', '.join(tried) or 'the temporary folder'}: no room for {needed / 1e6:.0f} MB of "
            "the converter's files: make room, or set TMPDIR to a folder that has it"
        )
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _results(names: list[str]) -> list[str]:
    return ["logits", *(name.replace("state", "next") for name in names[1:])]


def _calibrate(step: StepModel, names: list[str], streams: Float32) -> Iterator[dict[str, Float32]]:
    """Yield the inputs of every step of every stream by name, states included."""
    import tensorflow as tf

    shape = step.model.inputs[0].shape
    zeros = [np.zeros(state.shape, np.float32) for state in step.model.inputs[1:]]

    def next_states(states: list[Any], frames: Any) -> list[Any]:
        return list(step.model([frames, *states], training=False)[1:])

    # a whole stream in one call: calls of single steps take several times the network's time
    run = tf.function(lambda steps: tf.scan(next_states, steps, zeros), autograph=False)
    first = -(-step.receptive_field // step.frames)  # before, the states still hold zeros
    for stream in streams:
        count = len(stream) // step.frames
        steps = np.ascontiguousarray(stream[: count * step.frames]).reshape(count, *shape)
        after = [np.asarray(states) for states in run(steps)] if zeros else []
        for number in range(first, count):
            before = [states[number - 1] for states in after]
            yield dict(zip(names, [steps[number], *before], strict=True))


def _tidy(content: bytes, inputs: list[str], outputs: list[str]) -> bytes:
    """Give inputs and outputs short names, and drop the names and texts that nobody reads.

    In the signature that the converter writes for a Keras model, inputs keep their names and the
    outputs are ``output_0``, ``output_1`` and so on.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    order = {
        entry.name.decode(): entry.tensorIndex
        for signature in model.signatureDefs or []
        for entry in (*signature.inputs, *signature.outputs)
    }
    named = {}
    written = {f"output_{number}": name for number, name in enumerate(outputs)}
    for there, name in {**{name: name for name in inputs}, **written}.items():
        if there not in order:
            raise ConversionError(f"the converter lost the tensor {there!r}")
        named[order[there]] = name
    if len(named) != len(inputs) + len(outputs):
        raise ConversionError("the converter joined an input with an output")
    for number, tensor in enumerate(graph.tensors):
        tensor.name = named.get(number, "").encode()
        if tensor.quantization is not None:  # the calibrated range, which only tools read
            tensor.quantization.min = tensor.quantization.max = None
    graph.name = b""
    model.signatureDefs = []
    model.metadata = []
    model.description = b"kws"
    used = {tensor.buffer for tensor in graph.tensors}
    for number, buffer in enumerate(model.buffers):
        if number not in used:
            buffer.data = None
    return write_flatbuffer(model, len(content))


def _check_states(network: bytes, contract: StreamingContract) -> None:
    interpreter = interpreter_class()(model_content=network)
    inputs = {tensor["name"]: tensor for tensor in interpreter.get_input_details()}
    outputs = {tensor["name"]: tensor for tensor in interpreter.get_output_details()}
    for before, after in contract.states:
        if inputs[before]["quantization"] != outputs[after]["quantization"]:
            raise ConversionError(
                f"{before} and {after} have different quantizations "
                f"{inputs[before]['quantization']}, {outputs[after]['quantization']}"
            )
