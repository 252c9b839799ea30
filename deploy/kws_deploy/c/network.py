"""The network as C: a constant per operator, and one function that calls the kernels in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws.errors import ModelError
from kws.metadata import StreamingContract
from kws_training.networks.tflite import Graph

from . import literals
from .arena import Life, plan
from .graph import constant
from .lowering import Call, lower


@dataclass(frozen=True)
class Network:
    """What a network becomes.

    Attributes
    ----------
    source : str
        Text of ``kws_network.c``.
    arena : int
        Bytes of memory for what lies between input and output.
    states : tuple of int
        Offset of each state in the memory of the states, in the contract's order.
    state_bytes : int
        Bytes of all states.
    """

    source: str
    arena: int
    states: tuple[int, ...]
    state_bytes: int


def generate(graph: Graph, contract: StreamingContract) -> Network:
    """Write a network as C.

    Parameters
    ----------
    graph : Graph
        The network, in int8.
    contract : StreamingContract
        Which tensors are frames, logits and states.

    Raises
    ------
    ModelError
        If an operator cannot be exported.
    """
    calls = [
        (call, operator.kind) for operator in graph.operators for call in lower(graph, operator)
    ]
    _check_order(graph, [call for call, _ in calls])
    frames = graph.named(contract.input, graph.inputs)
    logits = graph.named(contract.output, graph.outputs)
    places = {frames: "frames", logits: "logits"}
    before = [graph.named(name, graph.inputs) for name, _ in contract.states]
    after = [graph.named(name, graph.outputs) for _, name in contract.states]
    if set(after) & set(graph.inputs):
        raise ModelError("a state that is never changed: take it out of the network")
    sizes = [graph.tensors[number].size for number in before]
    offsets = tuple(sum(sizes[:n]) for n in range(len(sizes)))
    moved = []
    for old, new, offset in zip(before, after, offsets, strict=True):
        places[old] = f"states + {offset}"
        # the successor may be written where the state is, once nobody reads the state any more
        if new not in places and _last_read(calls, old) < _first_write(calls, new):
            places[new] = f"states + {offset}"
        else:
            moved.append((old, new))
    lives = _lives(graph, calls, places, [new for _, new in moved])
    found, size = plan(lives)
    places |= {number: f"arena + {offset}" for number, offset in found.items()}
    parts = [_HEAD]
    used_tensors = sorted({n for call, _ in calls for n in call.inputs if n >= 0})
    for number in used_tensors:
        values = constant(graph.tensors[number])
        if values is not None:
            places[number] = f"constant_{number}"
            parts.append(_array("int8_t", places[number], values))
    lines = []
    for at, (call, kind) in enumerate(calls):
        for number, values in call.constants.items():
            places[number] = f"constant_of_{at}"
            parts.append(_array("int8_t", places[number], values))
        parts.append(_declaration(at, call))
        arguments = [f"&op_{at}", *(places[n] for n in call.inputs), places[call.output]]
        name = literals.comment(kind)
        lines.append(f"    {call.kernel}({', '.join(arguments)}); /* {name} */")
    for old, new in moved:
        size_of = graph.tensors[old].size
        lines.append(f"    memcpy({places[old]}, {places[new]}, {size_of});")
    used = "\n".join(lines)
    local = _local("states", used) + _local("arena", used) or "    (void)self;\n"
    parts.append(_STEP.format(local=local, calls=used))
    return Network("\n".join(parts), size, offsets, sum(sizes))


def _local(name: str, used: str) -> str:
    return f"    int8_t *const {name} = self->{name};\n" if f"{name} +" in used else ""


def _check_order(graph: Graph, calls: Sequence[Call]) -> None:
    """Check that each tensor is written before it is read, and no input or constant at all."""
    known = {n for n, tensor in enumerate(graph.tensors) if constant(tensor) is not None}
    known |= set(graph.inputs)
    written: set[int] = set()
    for call in calls:
        missing = [n for n in call.inputs if n >= 0 and n not in known | written]
        if missing:
            name = graph.tensors[missing[0]].name
            raise ModelError(f"{name!r:.100} is read before it is written: the file is damaged")
        if call.output in known:
            raise ModelError("an operator writes an input or a constant: the file is damaged")
        written.add(call.output)
    for number in graph.outputs:
        if number not in written | set(graph.inputs):
            raise ModelError("an output is never written: the file is damaged")


def _last_read(calls: Sequence[tuple[Call, str]], number: int) -> int:
    return max((at for at, (call, _) in enumerate(calls) if number in call.inputs), default=-1)


def _first_write(calls: Sequence[tuple[Call, str]], number: int) -> int:
    return min(at for at, (call, _) in enumerate(calls) if number == call.output)


def _lives(
    graph: Graph,
    calls: Sequence[tuple[Call, str]],
    places: dict[int, str],
    to_the_end: Sequence[int],
) -> dict[int, Life]:
    """Return when each tensor is needed that lies in the arena."""
    lives = {}
    for number in {call.output for call, _ in calls} - places.keys():
        first = _first_write(calls, number)
        last = len(calls) if number in to_the_end else max(first, _last_read(calls, number))
        # parts of it may be written after the first read of another tensor: none is read after
        writes = max(at for at, (call, _) in enumerate(calls) if number == call.output)
        lives[number] = Life(graph.tensors[number].size, first, max(last, writes))
    return lives


def _array(kind: str, name: str, values: np.ndarray | Sequence[str]) -> str:
    return f"static const {kind} {name}[] = {{\n{literals.array(values)}\n}};\n"


def _declaration(at: int, call: Call) -> str:
    """Return the constant of a call, and the arrays that it points to."""
    parts, fields = [], dict(call.fields)
    if call.weights is not None and call.bias is not None:
        parts.append(_array("int8_t", f"weights_{at}", call.weights))
        parts.append(_array("int32_t", f"bias_{at}", call.bias))
        parts.append(_array("kws_scale", f"scales_{at}", call.scales))
        fields |= {"weights": f"weights_{at}", "bias": f"bias_{at}", "scales": f"scales_{at}"}
    body = literals.array([f".{name} = {value}" for name, value in fields.items()])
    parts.append(f"static const {call.type} op_{at} = {{\n{body}\n}};\n")
    return "\n".join(parts)


_HEAD = """\
/* Written by kws export. The network of kws_model_data.c, operator by operator: see kws_network.h.
 */
#include "kws_network.h"

#include <string.h>

#include "kws_kernels.h"
#include "kws_model.h"
"""

_STEP = """\
void kws_network_reset(kws_network *self)
{{
    memcpy(self->states, kws_states_after_silence, KWS_STATE_BYTES);
}}

void kws_network_step(kws_network *self, const int8_t *frames, int8_t *logits)
{{
{local}{calls}
}}
"""
