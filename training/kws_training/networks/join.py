"""Joins a head to the word base that it was trained on: one network, made of two.

The base stays as it is, byte for byte in its weights and scales. So a device can run it once for
several such models, and each head alone is a network too (`kws.metadata.Head`).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from kws.errors import ModelError
from kws.metadata import StreamingContract
from kws.prototypes import FEATURES

from .tflite_objects import unpack, write_flatbuffer

#: Relative difference of two scales that stand for the same: both were rounded to float32.
ROUNDING = 1e-5


def with_input_scale(head: bytes, contract: StreamingContract, scale: float, zero: int) -> bytes:
    """Return a head whose input is quantized exactly as the features of its base.

    Parameters
    ----------
    head : bytes
        The flatbuffer of the head.
    contract : StreamingContract
        Its tensors.
    scale, zero : float, int
        Quantization of the features in the base.

    Returns
    -------
    bytes
        The same network.

    Raises
    ------
    ModelError
        If its input differs by more than rounding: other weights would be needed.
    """
    model = unpack(head)
    graph = model.subgraphs[0]
    quantization = graph.tensors[_named(graph, contract.input, graph.inputs)].quantization
    if abs(quantization.scale[0] / scale - 1) > ROUNDING or quantization.zeroPoint[0] != zero:
        raise ModelError(
            f"the head takes features at scale {quantization.scale[0]}, zero point "
            f"{quantization.zeroPoint[0]}, but the word base gives them at {scale}, {zero}"
        )
    quantization.scale = np.array([scale], np.float32)
    return write_flatbuffer(model, len(head))


def join(
    base: bytes, base_contract: StreamingContract, head: bytes, head_contract: StreamingContract
) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """Return the network of a word base up to its features, and a head behind it.

    Parameters
    ----------
    base, head : bytes
        The flatbuffers; the head takes the features as the base gives them.
    base_contract, head_contract : StreamingContract
        Their tensors.

    Returns
    -------
    bytes, tuple of (str, str)
        The network, which takes the input of the base and gives the output of the head; and the
        names of its states, those of the base first.
    """
    model, behind = unpack(base), unpack(head)
    graph, added = model.subgraphs[0], behind.subgraphs[0]
    features = _named(graph, FEATURES, graph.outputs)
    states = _keep_features(graph, features, base_contract)
    places = _append(model, behind, {_named(added, head_contract.input, added.inputs): features})
    for before, after in head_contract.states:
        old, new = _named(added, before, added.inputs), _named(added, after, added.outputs)
        states.append((places[old], places[new]))
    names = []
    for number, (old, new) in enumerate(states):
        names.append((f"state_{number:02d}", f"next_{number:02d}"))
        graph.tensors[old].name, graph.tensors[new].name = (one.encode() for one in names[-1])
    logits = places[_named(added, head_contract.output, added.outputs)]
    graph.tensors[features].name = b""
    graph.tensors[logits].name = head_contract.output.encode()
    frames = _named(graph, base_contract.input, graph.inputs)
    graph.inputs = np.array([frames, *(old for old, _ in states)], np.int32)
    graph.outputs = np.array([logits, *(new for _, new in states)], np.int32)
    _drop_unused(model)
    return write_flatbuffer(model, len(base) + len(head)), tuple(names)


def _named(graph: Any, name: str, among: Sequence[int]) -> int:
    """Return the number of the tensor of that name among some."""
    found = [int(one) for one in among if graph.tensors[one].name == name.encode()]
    if len(found) != 1:
        raise ModelError(f"the network has no tensor {name!r}")
    return found[0]


def _keep_features(graph: Any, features: int, contract: StreamingContract) -> list[tuple[int, int]]:
    """Drop the operators that only the base's own logits need; return the states that are left."""
    pairs = [
        (_named(graph, before, graph.inputs), _named(graph, after, graph.outputs))
        for before, after in contract.states
    ]
    wanted, kept = {features}, set()
    while True:
        for number in reversed(range(len(graph.operators))):
            operator = graph.operators[number]
            if wanted.intersection(map(int, operator.outputs)):
                kept.add(number)
                wanted.update(map(int, operator.inputs))
        needed = {new for old, new in pairs if old in wanted}
        if needed <= wanted:
            break
        wanted |= needed
    graph.operators = [graph.operators[number] for number in sorted(kept)]
    return [(old, new) for old, new in pairs if old in wanted]


def _append(model: Any, behind: Any, known: dict[int, int]) -> dict[int, int]:
    """Append the tensors and operators of a second network; return where its tensors are now.

    ``known`` says which of its tensors are there already.
    """
    graph, added = model.subgraphs[0], behind.subgraphs[0]
    codes = len(model.operatorCodes)
    model.operatorCodes = [*model.operatorCodes, *behind.operatorCodes]
    places = dict(known)
    for number, tensor in enumerate(added.tensors):
        if number in places:
            continue
        places[number] = len(graph.tensors)
        moved = copy.copy(tensor)
        if tensor.buffer:  # the buffer 0 is empty, in every network
            model.buffers.append(behind.buffers[tensor.buffer])
            moved.buffer = len(model.buffers) - 1
        moved.name = b""
        graph.tensors.append(moved)
    for operator in added.operators:
        operator.opcodeIndex += codes
        for ends in ("inputs", "outputs"):
            numbers = [places.get(int(one), -1) for one in getattr(operator, ends)]
            setattr(operator, ends, np.array(numbers, np.int32))
        graph.operators.append(operator)
    return places


def _drop_unused(model: Any) -> None:
    """Drop tensors, buffers and kinds of operators that nothing uses."""
    graph = model.subgraphs[0]
    used = {int(one) for one in (*graph.inputs, *graph.outputs)}
    for operator in graph.operators:
        used.update(int(one) for one in (*operator.inputs, *operator.outputs) if one >= 0)
    order = sorted(used)
    place = {old: new for new, old in enumerate(order)} | {-1: -1}
    graph.tensors = [graph.tensors[number] for number in order]
    for owner in (graph, *graph.operators):
        for ends in ("inputs", "outputs"):
            numbers = [place[int(one)] for one in getattr(owner, ends)]
            setattr(owner, ends, np.array(numbers, np.int32))
    buffers = [0, *sorted({tensor.buffer for tensor in graph.tensors} - {0})]
    model.buffers = [model.buffers[number] for number in buffers]
    for tensor in graph.tensors:
        tensor.buffer = buffers.index(tensor.buffer)
    codes = sorted({operator.opcodeIndex for operator in graph.operators})
    model.operatorCodes = [model.operatorCodes[number] for number in codes]
    for operator in graph.operators:
        operator.opcodeIndex = codes.index(operator.opcodeIndex)
