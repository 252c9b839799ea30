"""Networks that would crash the interpreter are refused in one line, and those of kws are not."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import ModelError
from kws.packaged import NAMES, packaged_model
from kws.untrusted.flatbuffer import UnknownError
from kws.untrusted.structure import check_network

NETWORK = packaged_model("commands-small").network


def edited(change: Callable[[Any, Any], None]) -> bytes:
    """Return the network of a packaged model after a change of its schema's objects."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(NETWORK))
    change(model, model.subgraphs[0])
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def of_kind(model: Any, kind: int) -> Any:
    """Return the first operator of a kind."""
    codes = [max(one.builtinCode, one.deprecatedBuiltinCode) for one in model.operatorCodes]
    return next(one for one in model.subgraphs[0].operators if codes[one.opcodeIndex] == kind)


@pytest.mark.parametrize("name", NAMES)
def test_networks_of_the_package_are_let_through(name: str) -> None:
    check_network(packaged_model(name).network)


def test_what_the_schemas_own_writer_writes_is_let_through() -> None:
    check_network(edited(lambda model, graph: None))


def an_output_that_nothing_computes(model: Any, graph: Any) -> None:
    graph.operators.pop()


def a_tensor_that_is_not_there(model: Any, graph: Any) -> None:
    graph.operators[0].inputs = np.array([5000, *graph.operators[0].inputs[1:]], np.int32)


def a_tensor_given_twice(model: Any, graph: Any) -> None:
    graph.operators[1].outputs = graph.operators[0].outputs


def an_operator_before_its_input(model: Any, graph: Any) -> None:
    graph.operators.reverse()


def a_buffer_that_is_not_there(model: Any, graph: Any) -> None:
    graph.tensors[0].buffer = 70_000


def a_constant_cut_short(model: Any, graph: Any) -> None:
    held = next(one for one in model.buffers if one.data is not None and len(one.data) > 100)
    held.data = held.data[:-8]


def a_shape_of_4_gb(model: Any, graph: Any) -> None:
    graph.tensors[graph.operators[0].outputs[0]].shape = np.array([1, 2**20, 1, 2**10], np.int32)


def a_shape_that_the_kernel_does_not_give(model: Any, graph: Any) -> None:
    tensor = graph.tensors[of_kind(model, 3).outputs[0]]
    tensor.shape = np.array([1, 1, 1, 1], np.int32)


def a_name_that_is_no_text(model: Any, graph: Any) -> None:
    graph.tensors[graph.inputs[0]].name = b"\xffa"


def a_stride_of_zero(model: Any, graph: Any) -> None:
    of_kind(model, 3).builtinOptions.strideH = 0


def a_slice_by_steps_of_zero(model: Any, graph: Any) -> None:
    strides = graph.tensors[of_kind(model, 45).inputs[3]]
    held = model.buffers[strides.buffer]
    held.data = np.zeros_like(held.data)


def a_scale_of_zero(model: Any, graph: Any) -> None:
    graph.tensors[graph.operators[0].outputs[0]].quantization.scale = [0.0]


def a_scale_that_is_no_number(model: Any, graph: Any) -> None:
    graph.tensors[graph.operators[0].outputs[0]].quantization.scale = [float("nan")]


def a_scale_for_one_channel_of_two(model: Any, graph: Any) -> None:
    quantization = graph.tensors[of_kind(model, 3).inputs[1]].quantization
    quantization.scale = quantization.scale[:-1]
    quantization.zeroPoint = quantization.zeroPoint[:-1]


def a_weight_a_million_times_as_large(model: Any, graph: Any) -> None:
    quantization = graph.tensors[of_kind(model, 3).inputs[1]].quantization
    quantization.scale = [1e6, *quantization.scale[1:]]


def a_sum_of_no_scale_that_fits(model: Any, graph: Any) -> None:
    graph.tensors[of_kind(model, 0).outputs[0]].quantization.scale = [1e-12]


def a_scale_beyond_what_ratios_hold(model: Any, graph: Any) -> None:
    graph.tensors[of_kind(model, 0).outputs[0]].quantization.scale = [1e36]


def a_sum_with_a_constant_of_scale_zero(model: Any, graph: Any) -> None:
    graph.tensors[of_kind(model, 0).inputs[1]].quantization.scale = [0.0]


def a_depthwise_convolution_without_a_bias(model: Any, graph: Any) -> None:
    operator = of_kind(model, 4)
    operator.inputs = operator.inputs[:2]


def a_constant_without_a_scale(model: Any, graph: Any) -> None:
    graph.tensors[of_kind(model, 3).inputs[1]].quantization = None


def a_zero_point_of_another_type(model: Any, graph: Any) -> None:
    graph.tensors[graph.operators[0].outputs[0]].quantization.zeroPoint = [2**40]


DAMAGE = [
    an_output_that_nothing_computes,
    a_tensor_that_is_not_there,
    a_tensor_given_twice,
    an_operator_before_its_input,
    a_buffer_that_is_not_there,
    a_constant_cut_short,
    a_shape_of_4_gb,
    a_shape_that_the_kernel_does_not_give,
    a_name_that_is_no_text,
    a_stride_of_zero,
    a_slice_by_steps_of_zero,
    a_scale_of_zero,
    a_scale_that_is_no_number,
    a_scale_for_one_channel_of_two,
    a_weight_a_million_times_as_large,
    a_sum_of_no_scale_that_fits,
    a_scale_beyond_what_ratios_hold,
    a_sum_with_a_constant_of_scale_zero,
    a_depthwise_convolution_without_a_bias,
    a_constant_without_a_scale,
    a_zero_point_of_another_type,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda one: one.__name__)
def test_a_network_with_damage_is_refused(damage: Callable[[Any, Any], None]) -> None:
    with pytest.raises(ModelError) as refused:
        check_network(edited(damage))
    assert "\n" not in str(refused.value)


def test_operators_that_are_not_known_are_told_apart_from_damage() -> None:
    def a_custom_operator(model: Any, graph: Any) -> None:
        model.operatorCodes[0].builtinCode = 32
        model.operatorCodes[0].deprecatedBuiltinCode = 32

    with pytest.raises(UnknownError, match="operators of kind 32"):
        check_network(edited(a_custom_operator))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(NETWORK) // 4 - 1),
            st.sampled_from([0, 1, 2, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
            | st.integers(0, 2**32 - 1)
            | st.integers(0, len(NETWORK)),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, len(NETWORK)),
)
def test_any_damage_is_refused_or_harmless_to_read(
    words: list[tuple[int, int]], length: int
) -> None:
    content = bytearray(NETWORK)
    for at, value in words:
        struct.pack_into("<I", content, 4 * at, value)
    for damaged in (bytes(content), bytes(content[:length])):
        try:
            check_network(damaged)
        except ModelError as refused:
            assert "\n" not in str(refused)
