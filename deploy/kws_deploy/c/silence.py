"""The states of a stream before its first sample: those that endless silence leaves behind."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.modelfile import ModelFile
from kws_training.networks.tflite import Graph


def after_silence(model: ModelFile, graph: Graph, *, reference: bool) -> npt.NDArray[np.int8]:
    """Return the states (bytes,), one behind the other in the contract's order.

    As `kws.network.StreamingNetwork` has them after a reset: by the interpreter as it comes, or
    by TFLite's reference kernels, whose last bit may differ.

    Parameters
    ----------
    model : ModelFile
        An int8 model that `StreamingNetwork` takes.
    graph : Graph
        Its network.
    reference : bool
        Whether to use the interpreter's reference kernels.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    contract = model.metadata.streaming
    kinds = {"experimental_op_resolver_type": OpResolverType.BUILTIN_REF} if reference else {}
    interpreter = Interpreter(model_content=model.network, num_threads=1, **kinds)
    interpreter.allocate_tensors()
    frames = graph.named(contract.input, graph.inputs)
    states = [
        (graph.named(old, graph.inputs), graph.named(new, graph.outputs))
        for old, new in contract.states
    ]
    tensor = graph.tensors[frames]
    level = quantized_silence(model, graph)
    for old, _ in states:
        interpreter.set_tensor(old, np.zeros(graph.tensors[old].shape, np.int8))
    for _ in range(-(-contract.receptive_field // contract.frames)):
        interpreter.set_tensor(frames, np.full(tensor.shape, level, np.int8))
        interpreter.invoke()
        for old, new in states:
            interpreter.set_tensor(old, interpreter.get_tensor(new))
    values = [interpreter.get_tensor(old).ravel() for old, _ in states]
    return np.concatenate([*values, np.zeros(0, np.int8)])


def quantized_silence(model: ModelFile, graph: Graph) -> int:
    """Return what every band of a silent frame is in the network's input.

    Parameters
    ----------
    model : ModelFile
        The model that is exported.
    graph : Graph
        Its network, read.
    """
    tensor = graph.tensors[graph.named(model.metadata.streaming.input, graph.inputs)]
    # as StreamingNetwork.step does it, in float32
    scaled = np.float32(model.metadata.front_end.silence) * np.float32(1.0 / float(tensor.scale))
    return int(np.clip(np.rint(scaled) + tensor.zero_point, -128, 127))
