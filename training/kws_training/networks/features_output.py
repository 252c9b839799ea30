"""The features of a word base as an output of its network, for `kws enroll` on the device."""

from __future__ import annotations

import numpy as np

from kws.errors import ModelError
from kws.prototypes import FEATURES

from .tflite_objects import write_flatbuffer


def with_features(network: bytes) -> bytes:
    """Return a word base's network with a further output: the features, under their name.

    Parameters
    ----------
    network : bytes
        The step of a word base as TFLite; one that has the output already comes back as it is.

    Returns
    -------
    bytes
        The same operators and weights; ``features`` is (1, output frames, 1, channels), what is
        averaged for the logits.

    Raises
    ------
    ModelError
        If nothing in the network is averaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(network, 0))
    graph = model.subgraphs[0]
    for step in graph.operators:
        code = model.operatorCodes[step.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        if kind == schema.BuiltinOperator.AVERAGE_POOL_2D:
            features = int(step.inputs[0])
            break
    else:
        raise ModelError("the network averages nothing: it is no word base")
    if features in graph.outputs:
        return network
    graph.tensors[features].name = FEATURES.encode()
    graph.outputs = np.append(graph.outputs, features).astype(np.int32)
    return write_flatbuffer(model, len(network))
