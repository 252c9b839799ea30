"""How much memory TensorFlow Lite for Microcontrollers needs for a network."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

from kws_training.networks.tflite import Graph

from .arena import Life, plan

#: Seconds that the search may take; on the default model it takes one.
PATIENCE = 120
#: Bytes that the estimate takes for each tensor, operator, input and output, output channel of a
#: convolution, and for the rest: a little above what TFLM's recording allocator reports on a 64-bit
#: machine for the models in the package and students of all families.
PER_TENSOR, PER_OPERATOR, PER_PORT, PER_CHANNEL, REST = 24, 232, 104, 8, 2048
_ALIGNMENT = 16


@dataclass(frozen=True)
class Need:
    """Memory of a network.

    Attributes
    ----------
    size : int
        Bytes.
    how : str
        How it was found, as a sentence.
    """

    size: int
    how: str


def tensor_arena(network: bytes, graph: Graph) -> Need:
    """Return the least tensor arena, by TFLM itself where it is installed, else an estimate.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer.
    graph : Graph
        The same, read.
    """
    found = _found(network)
    if found is not None:
        size, version = found
        return Need(
            size,
            f"Found by bisection, in steps of 16 bytes, with the interpreter of tflite-micro "
            f"{version} on a 64-bit machine: the least arena in which the network runs. Pointers "
            "of 32 bits need less. Other kernels (CMSIS-NN, ESP-NN) may ask for scratch memory "
            "on top: then arena_used_bytes() of the firmware's own interpreter says how much.",
        )
    return Need(
        estimated(graph),
        "An estimate, from the lifetimes of the tensors and usual sizes of TensorFlow Lite for "
        "Microcontrollers' own structures: nothing was run. For the least size that works, pip "
        "install tflite-micro and export again, or ask arena_used_bytes() in the firmware.",
    )


def _found(network: bytes) -> tuple[int, str] | None:
    """Search in a process of its own: a network that crashes TFLM does not end the export."""
    command = [sys.executable, "-m", "kws_deploy.c.tflm_probe"]
    try:
        done = subprocess.run(
            command, input=network, capture_output=True, timeout=PATIENCE, check=False
        )
        size, version = done.stdout.decode().split()[-2:] if done.returncode == 0 else ("", "")
        return (int(size), version) if size else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def estimated(graph: Graph) -> int:
    """Return an estimate of the least tensor arena.

    Parameters
    ----------
    graph : Graph
        The network.
    """
    lives = {}
    for number, tensor in enumerate(graph.tensors):
        if tensor.buffer is not None or tensor.type != "INT8":
            continue
        touched = [
            at
            for at, operator in enumerate(graph.operators)
            if number in operator.inputs or number in operator.outputs
        ]
        first = 0 if number in graph.inputs else min(touched, default=0)
        last = len(graph.operators) if number in graph.outputs else max(touched, default=first)
        lives[number] = Life(-(-tensor.size // _ALIGNMENT) * _ALIGNMENT, first, last)
    _, activations = plan(lives)
    channels = sum(
        graph.tensors[operator.inputs[1]].shape[3 if "DEPTHWISE" in operator.kind else 0]
        for operator in graph.operators
        if "CONV_2D" in operator.kind
    )
    ports = len(graph.inputs) + len(graph.outputs)
    total = activations + PER_TENSOR * len(graph.tensors) + PER_OPERATOR * len(graph.operators)
    total += PER_PORT * ports + PER_CHANNEL * channels + REST
    return -(-total // _ALIGNMENT) * _ALIGNMENT
