"""Mending: equalisation changes nothing in float and helps int8; wider segments help."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import TensorType

from kws_deploy.quantization.graph import activations, named
from kws_deploy.quantization.layers import output_noise
from kws_deploy.quantization.mend import _pairs, _scale, equalise, segments_of, widen
from kws_deploy.quantization.ranges import measure_ranges
from kws_deploy.quantization.variants import quantize
from kws_training.networks.tflite_objects import unpack, write_flatbuffer


@pytest.fixture(scope="module")
def crooked(real: bytes) -> bytes:
    """The same function, whose channels between layers differ a hundredfold in size."""
    tree = unpack(real)
    rng = np.random.default_rng(0)
    for pair in _pairs(tree):
        channels = tree.subgraphs[0].tensors[pair.between].shape[-1]
        factors = np.exp(rng.uniform(0, np.log(100), channels)).astype(np.float32)
        _scale(tree, int(pair.first.inputs[1]), factors, pair.out_axis)
        _scale(tree, int(pair.first.inputs[2]), factors, 0)
        _scale(tree, int(pair.second.inputs[1]), 1 / factors, pair.in_axis)
    return named(write_flatbuffer(tree, len(real)))


def int8(network: bytes, model, frames: np.ndarray) -> bytes:
    contract = model.metadata.streaming
    found = measure_ranges(network, contract, frames, activations(unpack(network)))
    return quantize(network, contract, "int8", found)


def test_equalised_is_the_same_function(real, crooked, model, frames) -> None:
    contract = model.metadata.streaming
    equal, pairs = equalise(crooked, contract, frames)
    assert pairs == 9  # every depthwise layer feeds a pointwise one
    assert equal != crooked
    assert output_noise(crooked, equal, contract, frames) > 110
    assert output_noise(real, equal, contract, frames) > 110


def test_equalisation_mends_int8(real, crooked, model, frames) -> None:
    contract = model.metadata.streaming
    equal, _ = equalise(crooked, contract, frames)
    before = output_noise(real, int8(crooked, model, frames), contract, frames)
    after = output_noise(real, int8(equal, model, frames), contract, frames)
    assert after > before + 6


def test_relu_between_is_no_hindrance(real, model, frames) -> None:
    """ReLU put between the layers of a pair: equalised, the function is still the same."""
    tree = unpack(real)
    pair = _pairs(tree)[2]
    pair.first.builtinOptions.fusedActivationFunction = 1
    bent = named(write_flatbuffer(tree, len(real)))
    contract = model.metadata.streaming
    assert output_noise(real, bent, contract, frames) < 40  # it is another function
    equal, pairs = equalise(bent, contract, frames)
    assert pairs == 9
    assert output_noise(bent, equal, contract, frames) > 110


def test_other_activations_are_left_alone(real, model, frames) -> None:
    tree = unpack(real)
    for pair in _pairs(tree):
        pair.first.builtinOptions.fusedActivationFunction = 3  # ReLU6 is not homogeneous
    bent = named(write_flatbuffer(tree, len(real)))
    equal, pairs = equalise(bent, model.metadata.streaming, frames)
    assert pairs == 0
    assert equal == bent


def test_segments_cover_the_network(real, model) -> None:
    contract = model.metadata.streaming
    segments = segments_of(real, contract)
    results = [name for segment in segments for name in segment.results]
    assert len(results) == len(set(results))
    assert len(segments) == 1 + len(contract.states)
    makers = [
        segment for segment in segments for _, after in contract.states if after in segment.results
    ]
    assert len(makers) == len(contract.states)


def test_wider_segments_help_and_the_spoilt_one_comes_first(real, model, ranges, frames) -> None:
    contract = model.metadata.streaming
    segments = segments_of(real, contract)
    low, high = ranges[segments[6].results[1]]
    spoilt = {**ranges, segments[6].results[1]: (30 * low, 30 * high)}
    chosen = widen(real, contract, spoilt, frames[:190], most=1)
    assert [one.segment for one in chosen] == [segments[6]]
    plain = quantize(real, contract, "int8", spoilt)
    assert chosen[0].snr > output_noise(real, plain, contract, frames[:190]) + 3


def test_the_last_segment_may_be_wide_too(real, model, ranges, frames) -> None:
    """The logits keep their name and their 8 bits."""
    contract = model.metadata.streaming
    last = segments_of(real, contract)[-1]
    assert contract.output in last.results
    content = quantize(real, contract, "int8", ranges, last.results)
    (logits,) = (
        tensor for tensor in unpack(content).subgraphs[0].tensors if tensor.name == b"logits"
    )
    assert logits.type == TensorType.INT8
    plain = output_noise(real, quantize(real, contract, "int8", ranges), contract, frames)
    assert output_noise(real, content, contract, frames) > plain - 1
