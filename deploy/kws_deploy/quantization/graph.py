"""What quantization needs to know of a network's graph: names, constants, shared scales."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kws.metadata import StreamingContract
from kws_training.networks.tflite import operator_names
from kws_training.networks.tflite_objects import constant, kind_of, unpack, write_flatbuffer

from .dequantize import QuantizationError

#: Operators whose results are their inputs' numbers, moved or averaged: in the interpreter's
#: kernels for integers their inputs and outputs have one quantization
#: (https://ai.google.dev/edge/litert/models/quantization_spec).
_MOVES = (
    "CONCATENATION",
    "STRIDED_SLICE",
    "SLICE",
    "RESHAPE",
    "SQUEEZE",
    "EXPAND_DIMS",
    "TRANSPOSE",
    "PAD",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "SPLIT",
    "SPLIT_V",
    "PACK",
    "UNPACK",
    "GATHER",
)


@dataclass(frozen=True)
class Operator:
    """An operator: its kind, and the names of what it takes (constants left out) and gives."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def named(network: bytes) -> bytes:
    """Return a network whose every tensor has a name of its own, with a signature.

    `to_float` and our converter leave only inputs and outputs named; tools that calibrate go by
    names. The others are called ``t`` and their number.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = unpack(network)
    graph = model.subgraphs[0]
    taken = {tensor.name for tensor in graph.tensors if tensor.name}
    kept = {int(index) for index in (*graph.inputs, *graph.outputs)}
    for number, tensor in enumerate(graph.tensors):
        if number not in kept or not tensor.name:
            tensor.name = f"t{number:04d}".encode()
            while tensor.name in taken:
                tensor.name += b"_"
            taken.add(tensor.name)

    def entry(index: int) -> Any:
        made = schema.TensorMapT()
        made.name, made.tensorIndex = graph.tensors[index].name, int(index)
        return made

    signature = schema.SignatureDefT()
    signature.signatureKey = b"serving_default"
    signature.inputs = [entry(index) for index in graph.inputs]
    signature.outputs = [entry(index) for index in graph.outputs]
    model.signatureDefs = [signature]
    return write_flatbuffer(model, len(network))


def tidy(network: bytes, contract: StreamingContract) -> bytes:
    """Return a network without the names and texts that nobody reads; inputs and outputs keep them.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer.
    contract : StreamingContract
        Names that must be there.

    Raises
    ------
    QuantizationError
        If a name of the contract is missing.
    """
    model = unpack(network)
    graph = model.subgraphs[0]
    kept = {int(index) for index in (*graph.inputs, *graph.outputs)}
    for number, tensor in enumerate(graph.tensors):
        if number not in kept:
            tensor.name = b""
    there = {graph.tensors[number].name.decode(errors="replace") for number in kept}
    wanted = {contract.input, contract.output, *(n for pair in contract.states for n in pair)}
    if not wanted <= there:
        raise QuantizationError(f"quantization lost the tensor {sorted(wanted - there)[0]!r}")
    share_buffers(model)
    return write_flatbuffer(model, len(network))


def share_buffers(model: Any) -> None:
    """Keep equal constants once, and drop buffers that no tensor names.

    Parameters
    ----------
    model : ai_edge_litert.schema_py_generated.ModelT
        The network as an object, as `kws_training.networks.tflite_objects.unpack` gives it.
    """
    graph = model.subgraphs[0]
    buffers = [type(model.buffers[0])()]
    places: dict[bytes, int] = {}
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data if tensor.buffer else None
        if data is None or len(data) == 0:
            tensor.buffer = 0
            continue
        content = bytes(data)
        if content not in places:
            places[content] = len(buffers)
            buffers.append(model.buffers[tensor.buffer])
        tensor.buffer = places[content]
    model.buffers = buffers


def name_of(model: Any, index: int) -> str:
    """Return a tensor's name.

    Parameters
    ----------
    model : ai_edge_litert.schema_py_generated.ModelT
        The network as an object, as `kws_training.networks.tflite_objects.unpack` gives it.
    index : int
        Number of the tensor.
    """
    return str(model.subgraphs[0].tensors[index].name.decode(errors="replace"))


def activations(model: Any) -> set[str]:
    """Return the names of the tensors that are no constants.

    Parameters
    ----------
    model : ai_edge_litert.schema_py_generated.ModelT
        The network as an object, as `kws_training.networks.tflite_objects.unpack` gives it.
    """
    graph = model.subgraphs[0]
    return {
        name_of(model, number)
        for number, tensor in enumerate(graph.tensors)
        if constant(model, tensor) is None
    }


def shared_scales(model: Any, contract: StreamingContract) -> list[frozenset[str]]:
    """Return the sets of activations that need one quantization.

    Those that operators only move, and each state with its successor, since the runtime copies
    the one into the other as it is.

    Parameters
    ----------
    model
        As `unpack` gives it, with named tensors.
    contract : StreamingContract
        The names of the network's inputs, outputs and states.
    """
    names = operator_names()
    leader: dict[str, str] = {name: name for name in activations(model)}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    def join(group: Iterable[str]) -> None:
        first, *others = [find(name) for name in group if name in leader] or [""]
        for other in others:
            leader[find(other)] = find(first)

    for operator in model.subgraphs[0].operators:
        if names.get(kind_of(model, operator)) in _MOVES:
            indices = (*operator.inputs, *operator.outputs)
            join(name_of(model, int(index)) for index in indices if index != -1)
    for pair in contract.states:
        join(pair)
    groups: dict[str, set[str]] = {}
    for name in leader:
        groups.setdefault(find(name), set()).add(name)
    return [frozenset(group) for group in groups.values()]


def operators_of(network: bytes) -> list[Operator]:
    """Return the operators of a network with named tensors, in the order in which they run.

    Parameters
    ----------
    network : bytes
        A TFLite network whose every tensor has a name: see `named`.
    """
    model = unpack(network)
    names = operator_names()
    free = activations(model)
    return [
        Operator(
            names.get(kind_of(model, operator), "?"),
            tuple(
                name
                for name in (name_of(model, int(index)) for index in operator.inputs if index != -1)
                if name in free
            ),
            tuple(name_of(model, int(index)) for index in operator.outputs),
        )
        for operator in model.subgraphs[0].operators
    ]
