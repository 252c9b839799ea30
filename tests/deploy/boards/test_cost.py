"""What a step costs, read from the network: against counts by hand, and for damaged files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import ModelError
from kws.modelfile import read_model
from kws.packaged import packaged_model
from kws_deploy.boards.cost import Cost, cost
from kws_deploy.quantization.dequantize import to_float

NETWORK = packaged_model().network


def test_the_model_in_the_package_by_hand() -> None:
    """Its layers, as `BaseShape` of temporal-100k has them; a step is 4, 2 and 1 columns."""
    found = cost(NETWORK)
    wide, deep = 64, 104
    stem, labels = 6 * 40 * wide, deep * 12
    mixing = 4 * wide * wide + 2 * wide * deep + 6 * 2 * deep * deep
    depthwise = 4 * 5 * wide + 2 * 5 * wide + 6 * 2 * 5 * deep + 4 * deep
    assert found.kinds == {
        "CONV_2D": 4 * stem + mixing + labels,
        "DEPTHWISE_CONV_2D": depthwise,
    }
    assert found.multiply_adds == sum(found.kinds.values())
    kernels = stem + wide * wide + wide * deep + 6 * deep * deep + labels
    kernels += 2 * 5 * wide + 6 * 5 * deep + 4 * deep
    # depthwise layers without batch norm share biases of 0, which the converter writes once
    biases = 2 * wide + 8 * deep + 12 + wide + deep
    assert found.weights == kernels + biases
    assert found.operators == 50
    assert found.size == len(NETWORK)
    assert found.precision == "int8"


def test_bytes_count_every_operand() -> None:
    """Each operator reads its inputs, weights included, and writes its results."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=NETWORK)
    details = {d["index"]: d for d in interpreter.get_tensor_details()}
    moved = 0
    for operator in interpreter._get_ops_details():
        if operator["op_name"] != "DELEGATE":
            for index in (*operator["inputs"], *operator["outputs"]):
                if index >= 0:
                    size = np.dtype(details[index]["dtype"]).itemsize
                    moved += int(np.prod(details[index]["shape"])) * size
    assert cost(NETWORK).bytes == moved


def test_float_has_the_same_layers() -> None:
    whole, quantized = cost(to_float(NETWORK)), cost(NETWORK)
    assert whole.kinds == quantized.kinds
    # biases of 0 are written once in int8, and for each layer in float
    assert quantized.weights <= whole.weights < 1.01 * quantized.weights
    assert whole.precision == "float32"
    assert whole.bytes > 3 * quantized.bytes
    assert whole.arena > 3 * quantized.arena


def test_the_arena_holds_states_and_layers() -> None:
    """More than the states, which are alive together; less than all tensors."""
    model = packaged_model()
    from kws.network import StreamingNetwork

    interpreter = StreamingNetwork(model)._interpreter
    inputs = sum(int(np.prod(d["shape"])) for d in interpreter.get_input_details())
    found = cost(NETWORK)
    assert inputs < found.arena < found.bytes


def test_yamnet(shared: Path) -> None:
    """The figure that everyone gives: 69 million for its convolutions, the embedding's matrix."""
    found = cost((shared / "yamnet" / "yamnet_dynamic_range.tflite").read_bytes())
    convolutions = found.kinds["CONV_2D"] + found.kinds["DEPTHWISE_CONV_2D"]
    assert convolutions == pytest.approx(69e6, rel=0.01)
    assert found.weights == pytest.approx(3.75e6, rel=0.01)


@pytest.mark.slow
def test_every_precision_is_named() -> None:
    """A network made for each by the converter, with an open batch."""
    tf = pytest.importorskip("tensorflow")
    import keras

    network = keras.Sequential(
        [keras.Input((8, 1, 4)), keras.layers.Conv2D(6, (3, 1)), keras.layers.Conv2D(5, 1)]
    )
    tflite = tf.lite

    def convert(**settings: object) -> bytes:
        converter = tflite.TFLiteConverter.from_keras_model(network)
        converter.optimizations = [tflite.Optimize.DEFAULT]
        converter.representative_dataset = None
        for key, value in settings.items():
            if key == "ops":
                converter.target_spec.supported_ops = value
            elif key == "types":
                converter.target_spec.supported_types = value
            else:
                setattr(converter, key, value)
        return bytes(converter.convert())

    def samples() -> object:
        for _ in range(4):
            yield [np.random.default_rng(0).normal(size=(1, 8, 1, 4)).astype(np.float32)]

    wide = tflite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    made = {
        "float32": convert(optimizations=[]),
        "float16": convert(types=[tf.float16]),
        "int8": convert(representative_dataset=samples, ops=[tflite.OpsSet.TFLITE_BUILTINS_INT8]),
        "int16x8": convert(representative_dataset=samples, ops=[wide]),
    }
    macs = 6 * 6 * 3 * 4 + 6 * 5 * 6
    for precision, content in made.items():
        found = cost(content, precision)
        assert found.precision == precision
        assert found.multiply_adds == macs, precision
        assert found.weights == 6 * 12 + 6 + 5 * 6 + 5, precision


# --- files that cannot be used ---


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\0\0\0\0TFL3", NETWORK[:1000]])
def test_what_is_no_network(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"^mine: "):
        cost(content, "mine")


def test_a_network_of_another_kind_is_refused() -> None:
    from ai_edge_litert import schema_py_generated as schema

    changed = schema.ModelT.InitFromPackedBuf(NETWORK, 0)
    for code in changed.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.MUL:
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SVDF
    with pytest.raises(ModelError, match="SVDF, whose cost is not known"):
        cost(_pack(changed))


def test_a_shape_that_its_buffer_does_not_hold() -> None:
    from ai_edge_litert import schema_py_generated as schema

    changed = schema.ModelT.InitFromPackedBuf(NETWORK, 0)
    graph = changed.subgraphs[0]
    kernel = next(t for t in graph.tensors if list(t.shape) == [64, 6, 1, 40])
    kernel.shape = [2**31 - 1] * 4
    with pytest.raises(ModelError, match="bytes in a buffer of"):
        cost(_pack(changed))


def test_counts_are_bounded() -> None:
    from ai_edge_litert import schema_py_generated as schema

    changed = schema.ModelT.InitFromPackedBuf(NETWORK, 0)
    changed.subgraphs[0].operators *= 300
    with pytest.raises(ModelError, match="15000 operators"):
        cost(_pack(changed))


def _pack(model: object) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")  # type: ignore[attr-defined]
    return bytes(builder.Output())


def _tables() -> np.ndarray:
    """Where the flatbuffer's tables are: a fifth of it, the rest are weights."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(NETWORK, 0)
    content = np.frombuffer(NETWORK, np.uint8)
    table = np.ones(len(NETWORK), np.bool_)
    for number in range(model.BuffersLength()):
        if model.Buffers(number).DataLength() > 200:
            data = model.Buffers(number).DataAsNumpy()
            start = data.__array_interface__["data"][0] - content.__array_interface__["data"][0]
            table[start : start + len(data)] = False
    return np.flatnonzero(table)


TABLES = _tables()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(TABLES) - 1), st.integers(0, 255)), min_size=1, max_size=12
    )
)
def test_a_damaged_network_is_counted_or_refused(damage: list[tuple[int, int]]) -> None:
    """Never a crash, and one kind of error."""
    content = bytearray(NETWORK)
    for where, value in damage:
        content[TABLES[where]] = value
    try:
        assert isinstance(cost(bytes(content)), Cost)
    except ModelError as error:
        assert "\n" not in str(error)


def test_each_shipped_model() -> None:
    from importlib import resources

    for path in resources.files("kws").joinpath("models").iterdir():
        if path.name.endswith(".tflite"):
            found = cost(read_model(str(path)).network)
            assert 0 < found.weights < found.size
            assert found.multiply_adds > found.weights // 2
