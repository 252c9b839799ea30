"""The precisions: what each network is made of, and that the runtime runs it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kws.errors import ModelError
from kws.modelfile import ModelFile, pack, parse_model
from kws.network import StreamingNetwork, interpreter_class
from kws_deploy.quantization.dequantize import QuantizationError
from kws_deploy.quantization.graph import shared_scales
from kws_deploy.quantization.layers import output_noise
from kws_deploy.quantization.variants import PRECISIONS, TYPES, check_types, quantize
from kws_training.networks.tflite import operator_names
from kws_training.networks.tflite_objects import kind_of, unpack, write_flatbuffer

#: Signal-to-noise ratio of the logits that each keeps at least, in decibels. The weights lie on
#: int8's grid, as the model was int8 once.
LEAST = {"float32": 120, "float16": 55, "dynamic": 35, "int16x8": 50, "int8": 20}


@pytest.fixture(scope="module")
def made(real, model, ranges) -> dict[str, bytes]:
    contract = model.metadata.streaming
    return {name: quantize(real, contract, name, ranges) for name in PRECISIONS}


def tensors(network: bytes) -> dict[str, dict]:
    interpreter = interpreter_class()(model_content=network)
    interpreter.allocate_tensors()
    return {
        one["name"]: one
        for one in (*interpreter.get_input_details(), *interpreter.get_output_details())
    }


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_logits_survive(precision, made, real, model, frames) -> None:
    snr = output_noise(real, made[precision], model.metadata.streaming, frames)
    assert snr > LEAST[precision]


def test_better_precision_is_nearer(made, real, model, frames) -> None:
    snr = {name: output_noise(real, made[name], model.metadata.streaming, frames) for name in made}
    assert snr["float32"] > snr["float16"] > snr["dynamic"] > snr["int8"]
    assert snr["int16x8"] > snr["int8"] + 20


def test_sizes(made, model) -> None:
    size = {name: len(content) for name, content in made.items()}
    assert size["int8"] < 1.02 * len(model.network)
    assert size["dynamic"] < size["int16x8"] < 0.4 * size["float32"]
    assert 0.5 < size["float16"] / size["float32"] < 0.55


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_runtime_takes_it_with_its_contract(precision, made, model, frames) -> None:
    whole = parse_model(pack(made[precision], model.metadata), "made")
    network = StreamingNetwork(whole)
    first = np.concatenate([network.step(frames[n : n + 8]).copy() for n in range(0, 160, 8)])
    network.reset()
    again = np.concatenate([network.step(frames[n : n + 8]).copy() for n in range(0, 160, 8)])
    assert (first == again).all()
    assert np.ptp(first) > 1


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [
        ("float32", np.float32),
        ("float16", np.float32),
        ("dynamic", np.float32),
        ("int16x8", np.int16),
        ("int8", np.int8),
    ],
)
def test_states_have_the_quantization_of_their_successors(precision, dtype, made, model) -> None:
    found = tensors(made[precision])
    for before, after in model.metadata.streaming.states:
        assert found[before]["dtype"] is found[after]["dtype"] is dtype
        assert found[before]["quantization"] == found[after]["quantization"]


@pytest.mark.parametrize("precision", ["int8", "int16x8", "dynamic"])
def test_weights_have_a_scale_per_channel(precision, made) -> None:
    tree = unpack(made[precision])
    names = operator_names()
    found = 0
    for operator in tree.subgraphs[0].operators:
        if names[kind_of(tree, operator)] in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            weights = tree.subgraphs[0].tensors[operator.inputs[1]]
            axis = weights.quantization.quantizedDimension
            assert len(weights.quantization.scale) == weights.shape[axis] > 1
            assert not np.any(weights.quantization.zeroPoint)
            found += 1
    assert found > 10


def test_int8_has_no_conversions_inside(made) -> None:
    """What only moves numbers shares their scale, so that small cores need no QUANTIZE."""
    for precision in ("int8", "int16x8"):
        tree = unpack(made[precision])
        kinds = [operator_names()[kind_of(tree, one)] for one in tree.subgraphs[0].operators]
        assert not {"QUANTIZE", "DEQUANTIZE"} & set(kinds)


@pytest.mark.parametrize("precision", ["int8", "int16x8"])
@pytest.mark.parametrize("kind_in", ["float32", "int8", "int16"])
@pytest.mark.parametrize("kind_out", ["float32", "int8", "int16"])
def test_types_of_input_and_output(
    precision, kind_in, kind_out, real, model, ranges, frames
) -> None:
    contract = model.metadata.streaming
    content = quantize(real, contract, precision, ranges, input_type=kind_in, output_type=kind_out)
    found = tensors(content)
    assert found["frames"]["dtype"] is getattr(np, kind_in)
    assert found["logits"]["dtype"] is getattr(np, kind_out)
    assert found["state_00"]["dtype"] is (np.int8 if precision == "int8" else np.int16)
    network = StreamingNetwork(dataclasses.replace(model, network=content))
    float_network = StreamingNetwork(dataclasses.replace(model, network=real))
    steps = [frames[n : n + 8] for n in range(0, len(frames) - 7, 8)]
    logits = np.concatenate([network.step(step).copy() for step in steps])
    wanted = np.concatenate([float_network.step(step).copy() for step in steps])
    ratio = np.square(wanted).sum() / np.square(logits - wanted).sum()
    assert 10 * np.log10(ratio) > 18


def test_types_that_cannot_be(real, model, ranges) -> None:
    for precision in ("float32", "float16", "dynamic"):
        with pytest.raises(QuantizationError, match=r"--input-type int8.*float32"):
            check_types(precision, "int8", None)
    assert all("float32" in kinds for kinds in TYPES.values())
    with pytest.raises(QuantizationError, match="--output-type"):
        quantize(real, model.metadata.streaming, "dynamic", ranges, output_type="int16")


def test_wider_operators_keep_their_states_in_16_bits(real, model, ranges, frames) -> None:
    from kws_deploy.quantization.mend import segments_of

    contract = model.metadata.streaming
    segment = segments_of(real, contract)[3]
    content = quantize(real, contract, "int8", ranges, segment.results)
    found = tensors(content)
    kinds = {before: found[before]["dtype"] for before, _ in contract.states}
    assert set(kinds.values()) == {np.int8, np.int16}
    network = StreamingNetwork(dataclasses.replace(model, network=content))
    steps = [frames[n : n + 8] for n in range(0, 240, 8)]
    fresh = np.concatenate([network.step(step).copy() for step in steps])
    network.reset()
    assert (np.concatenate([network.step(step).copy() for step in steps]) == fresh).all()
    plain = quantize(real, contract, "int8", ranges)
    assert output_noise(real, content, contract, frames) > output_noise(
        real, plain, contract, frames
    )


def test_states_that_part_ways_are_refused(real, model, ranges) -> None:
    contract = model.metadata.streaming
    before, after = contract.states[2]
    with pytest.raises(QuantizationError, match=f"{before}.*{after}|{after}.*{before}"):
        quantize(real, contract, "int8", ranges, [after])


def test_shared_scales_hold_states_together(real, model) -> None:
    contract = model.metadata.streaming
    groups = shared_scales(unpack(real), contract)
    names = [name for group in groups for name in group]
    assert len(names) == len(set(names))
    for pair in contract.states:
        assert any(set(pair) <= group for group in groups)


def test_the_same_input_gives_the_same_bytes(made, real, model, ranges) -> None:
    assert quantize(real, model.metadata.streaming, "int8", ranges) == made["int8"]


def test_integers_without_a_scale_are_refused(made, model: ModelFile) -> None:
    for name in (b"frames", b"state_03", b"logits"):
        tree = unpack(made["int8"])
        for tensor in tree.subgraphs[0].tensors:
            if tensor.name == name:
                tensor.quantization.scale = np.zeros(1, np.float32)
        content = write_flatbuffer(tree, len(made["int8"]))
        with pytest.raises(ModelError):
            StreamingNetwork(dataclasses.replace(model, network=content))


def test_names_inside_are_gone(made, model: ModelFile) -> None:
    contract = model.metadata.streaming
    kept = {contract.input, contract.output, *(n for pair in contract.states for n in pair)}
    for content in made.values():
        names = {one.name.decode() for one in unpack(content).subgraphs[0].tensors}
        assert names == kept | {""}
