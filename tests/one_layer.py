"""Networks of a single layer, whose weights a test chooses."""

from __future__ import annotations

import numpy as np

from kws.arrays import Float32


def one_layer_network(
    frames: int, columns: int, weights: Float32, bias: Float32 | None = None
) -> bytes:
    """Return a TFLite network that gives logits (1, columns, labels) of frames.

    Parameters
    ----------
    frames : int
        Front-end frames of a step, as many for each output frame.
    columns : int
        Output frames of a step.
    weights : float32 (labels, frames / columns * bands)
        Of each logit.
    bias : float32 (labels,), optional
        Added to the logits.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    labels, size = weights.shape
    row = np.array((1, columns, size), np.int32)
    contents = {"shape": row, "weights": weights}
    if bias is not None:
        contents["bias"] = bias
    shapes = {
        "frames": (1, frames, 1, size * columns // frames),
        "shape": row.shape,
        "row": tuple(row.tolist()),
        **{name: contents[name].shape for name in contents if name != "shape"},
        "logits": (1, columns, labels),
    }
    place = {name: number for number, name in enumerate(shapes)}
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, graph.tensors = 3, [schema.BufferT()], []
    for name, shape in shapes.items():
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name.encode(), list(shape), 0
        kind = schema.TensorType
        tensor.type = kind.INT32 if name == "shape" else kind.FLOAT32
        if name in contents:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(contents[name].tobytes(), np.uint8)
            tensor.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(tensor)
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = True
    layer = [place["row"], place["weights"], place.get("bias", -1)]
    builtin, kinds = schema.BuiltinOperator, schema.BuiltinOptions
    model.operatorCodes, graph.operators = [], []
    for code, inputs, output, chosen in (
        (
            *(builtin.RESHAPE, [place["frames"], place["shape"]], place["row"]),
            (kinds.ReshapeOptions, schema.ReshapeOptionsT()),
        ),
        (
            *(builtin.FULLY_CONNECTED, layer, place["logits"]),
            (kinds.FullyConnectedOptions, options),
        ),
    ):
        known, operator = schema.OperatorCodeT(), schema.OperatorT()
        known.builtinCode = known.deprecatedBuiltinCode = code
        known.version = 1
        operator.opcodeIndex = len(model.operatorCodes)
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = chosen
        model.operatorCodes.append(known)
        graph.operators.append(operator)
    graph.inputs, graph.outputs = [place["frames"]], [place["logits"]]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
