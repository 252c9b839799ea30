"""A streaming network as microWakeWord's runtimes want it: one input, one score, states inside.

In a model file the states of a stream are inputs and outputs of the network. ESPHome and
pymicro-wakeword pass features in and a probability out, so that here the network keeps its states
itself: each is a resource variable, read before the first operator and assigned after the last one.
A second graph gives them their first values, those that endless silence leaves behind, and is
called once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import ModelError
from kws_training.networks.tflite import load_schema
from kws_training.networks.tflite_objects import kind_of, unpack, write_flatbuffer

#: Operators that ESPHome's micro_wake_word registers (streaming_model.cpp).
REGISTERED = frozenset(
    (
        "ADD",
        "ASSIGN_VARIABLE",
        "AVERAGE_POOL_2D",
        "CALL_ONCE",
        "CONCATENATION",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "LOGISTIC",
        "MAX_POOL_2D",
        "MEAN",
        "MUL",
        "PACK",
        "PAD",
        "QUANTIZE",
        "READ_VARIABLE",
        "RESHAPE",
        "SPLIT_V",
        "STRIDED_SLICE",
        "VAR_HANDLE",
    )
)
#: Resource variables for which ESPHome reserves memory.
MOST_STATES = 20
#: Scale and zero point of the features, and of the score.
FEATURES = (26 / 255, -128)
SCORE = (1 / 256, 0)
#: How the scale of the features may differ: it was written in single precision.
TOLERANCE = 1e-6
#: The largest kind that fits into the byte in which old readers look for it.
PLACEHOLDER = 127


def esphome_network(
    network: bytes,
    frames: str,
    logits: str,
    states: list[tuple[str, str, npt.NDArray[np.int8]]],
    label: int,
) -> bytes:
    """Return the network of one wake word for microWakeWord's runtimes.

    Parameters
    ----------
    network : bytes
        The int8 network of a model file.
    frames, logits : str
        Names of its tensors of the frames and of the logits.
    states : list of (str, str, int8 array)
        Of each state the tensor before a step, the one after it, and the values to begin with.
    label : int
        Number of the wake word whose logit becomes the score.

    Returns
    -------
    bytes
        A TFLite flatbuffer: int8 (1, frames, bands) in, uint8 (1, 1) out.

    Raises
    ------
    ModelError
        If the network has another input, too many states, or operators that are not registered
        there.
    """
    if len(states) > MOST_STATES:
        raise ModelError(f"{len(states)} states: ESPHome has memory for {MOST_STATES}")
    model = unpack(network)
    surgery = _Surgery(model)
    surgery.check_operators()
    graph = model.subgraphs[0]
    inputs = {graph.tensors[number].name: int(number) for number in graph.inputs}
    outputs = {graph.tensors[number].name: int(number) for number in graph.outputs}
    first, body = [surgery.call_once()], list(graph.operators)
    initial = surgery.new_graph()
    last = []
    for number, (before, after, values) in enumerate(states):
        state = f"state_{number}"
        handle = surgery.handle(graph, state)
        first += [handle, surgery.read(handle, inputs[before.encode()])]
        last.append(surgery.assign(handle, outputs[after.encode()]))
        begin = surgery.handle(initial, state)
        like = graph.tensors[inputs[before.encode()]]
        constant = surgery.constant(initial, like, values)
        initial.operators += [begin, surgery.assign(begin, constant)]
    source, reshaped = surgery.features(inputs[frames.encode()])
    scores, result = surgery.score(outputs[logits.encode()], label)
    graph.operators = [*first, reshaped, *body, *scores, *last]
    graph.inputs, graph.outputs = [source], [result]
    graph.name = b"main"
    model.description = b"kws"
    return write_flatbuffer(model, 2 * len(network))


class _Surgery:
    """Adds tensors, operators and a graph to a network.

    Parameters
    ----------
    model : ai_edge_litert.schema_py_generated.ModelT
        The network, as `unpack` gives it.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._schema = load_schema()
        self._graph = model.subgraphs[0]
        self._codes: dict[int, int] = {}

    def check_operators(self) -> None:
        """Refuse what ESPHome does not register.

        Raises
        ------
        ModelError
            If there is such an operator.
        """
        kinds = vars(self._schema.BuiltinOperator).items()
        names = {value: name for name, value in kinds if isinstance(value, int)}
        for operator in self._graph.operators:
            name = names.get(kind_of(self._model, operator), "of an unknown kind")
            if name not in REGISTERED:
                raise ModelError(
                    f"the operator {name} is not registered in ESPHome: distill a student with "
                    "kws distill --frontend micro"
                )

    def new_graph(self) -> Any:
        """Add the graph that gives the states their first values."""
        graph = self._schema.SubGraphT()
        graph.name = b"begin"
        graph.inputs, graph.outputs, graph.tensors, graph.operators = [], [], [], []
        self._model.subgraphs.append(graph)
        return graph

    def call_once(self) -> Any:
        """Return the operator that runs that graph, the second one, in the first step."""
        options = self._schema.CallOnceOptionsT()
        options.initSubgraphIndex = 1
        return self._operator("CALL_ONCE", [], [], "CallOnceOptions", options)

    def handle(self, graph: Any, name: str) -> Any:
        """Return the operator that finds a variable by its name."""
        options = self._schema.VarHandleOptionsT()
        options.container, options.sharedName = b"", name.encode()
        tensor = self._tensor(graph, name, [], self._schema.TensorType.RESOURCE, None)
        return self._operator("VAR_HANDLE", [], [tensor], "VarHandleOptions", options)

    def read(self, handle: Any, tensor: int) -> Any:
        """Return the operator that reads a variable into a tensor."""
        options = self._schema.ReadVariableOptionsT()
        return self._operator(
            "READ_VARIABLE", handle.outputs, [tensor], "ReadVariableOptions", options
        )

    def assign(self, handle: Any, tensor: int) -> Any:
        """Return the operator that assigns a tensor to a variable."""
        options = self._schema.AssignVariableOptionsT()
        inputs = [*handle.outputs, tensor]
        return self._operator("ASSIGN_VARIABLE", inputs, [], "AssignVariableOptions", options)

    def constant(self, graph: Any, like: Any, values: npt.NDArray[Any]) -> int:
        """Add a constant that is quantized as another tensor is."""
        number = self._tensor(graph, "", list(values.shape), like.type, like.quantization)
        graph.tensors[number].buffer = self._buffer(values)
        return number

    def features(self, tensor: int) -> tuple[int, Any]:
        """Add the input of features, and the operator that gives them the network's own shape."""
        old = self._graph.tensors[tensor]
        scale, zero = _quantization(old)
        if old.type != self._schema.TensorType.INT8 or (
            abs(scale - FEATURES[0]) > TOLERANCE or zero != FEATURES[1]
        ):
            raise ModelError(
                f"its input has scale {scale:.6g} and zero point {zero}, and must have 26/255 and "
                "-128: distill a student with kws distill --frontend micro"
            )
        shape = [int(old.shape[0]), int(old.shape[1]), int(np.prod(old.shape[2:]))]
        source = self._tensor(self._graph, "features", shape, old.type, old.quantization)
        return source, self._reshape(source, tensor)

    def score(self, logits: int, label: int) -> tuple[list[Any], int]:
        """Add what makes a score of one logit: operators, and the number of the score's tensor."""
        old = self._graph.tensors[logits]
        operators = []
        count = int(old.shape[-1])
        if count > 1:
            one = self._tensor(self._graph, "", [1, 1, 1], old.type, old.quantization)
            ends = [self._integers(values) for values in ([0, 0, label], [1, 1, label + 1])]
            options = self._schema.StridedSliceOptionsT()
            operators.append(
                self._operator(
                    "STRIDED_SLICE",
                    [logits, *ends, self._integers([1, 1, 1])],
                    [one],
                    "StridedSliceOptions",
                    options,
                )
            )
            logits = one
        flat = self._tensor(self._graph, "", [1, 1], old.type, old.quantization)
        operators.append(self._reshape(logits, flat))
        types = self._schema.TensorType
        signed = self._tensor(self._graph, "", [1, 1], types.INT8, self._scaled(SCORE[0], -128))
        operators.append(self._operator("LOGISTIC", [flat], [signed], None, None))
        score = self._tensor(self._graph, "score", [1, 1], types.UINT8, self._scaled(*SCORE))
        options = self._schema.QuantizeOptionsT()
        operators.append(self._operator("QUANTIZE", [signed], [score], "QuantizeOptions", options))
        return operators, score

    def _reshape(self, tensor: int, into: int) -> Any:
        options = self._schema.ReshapeOptionsT()
        shape = [int(size) for size in self._graph.tensors[into].shape]
        options.newShape = shape
        inputs = [tensor, self._integers(shape)]
        return self._operator("RESHAPE", inputs, [into], "ReshapeOptions", options)

    def _integers(self, values: list[int]) -> int:
        array = np.array(values, np.int32)
        kind = self._schema.TensorType.INT32
        number = self._tensor(self._graph, "", list(array.shape), kind, None)
        self._graph.tensors[number].buffer = self._buffer(array)
        return number

    def _scaled(self, scale: float, zero: int) -> Any:
        quantization = self._schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = [scale], [zero]
        return quantization

    def _buffer(self, values: npt.NDArray[Any]) -> int:
        buffer = self._schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return len(self._model.buffers) - 1

    def _tensor(self, graph: Any, name: str, shape: list[int], kind: int, quantization: Any) -> int:
        tensor = self._schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name.encode(), shape, kind
        # the first buffer is empty: what is computed has it
        tensor.buffer, tensor.quantization = 0, quantization
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def _operator(
        self, name: str, inputs: list[int], outputs: list[int], kind: str | None, options: Any
    ) -> Any:
        operator = self._schema.OperatorT()
        operator.opcodeIndex = self._code(getattr(self._schema.BuiltinOperator, name))
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if kind is not None:
            operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        return operator

    def _code(self, kind: int) -> int:
        if kind not in self._codes:
            code = self._schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode = kind, min(kind, PLACEHOLDER)
            code.version = 1
            self._model.operatorCodes.append(code)
            self._codes[kind] = len(self._model.operatorCodes) - 1
        return self._codes[kind]


def _quantization(tensor: Any) -> tuple[float, int]:
    """Return the scale and the zero point of an activation; 0 and 0 where it has none."""
    found = tensor.quantization
    if found is None or found.scale is None or len(found.scale) != 1:
        return 0.0, 0
    return float(found.scale[0]), int(found.zeroPoint[0])
