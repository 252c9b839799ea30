"""Where int8 loses: the layer that was spoilt is the one that is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_deploy.quantization.graph import operators_of
from kws_deploy.quantization.layers import (
    NOISELESS,
    draw,
    layer_noise,
    output_noise,
    signal_to_noise,
)


def test_decibels() -> None:
    assert signal_to_noise(100.0, 1.0) == pytest.approx(20)
    assert signal_to_noise(1.0, 0.0) == NOISELESS
    assert signal_to_noise(0.0, 1.0) == 0.0


def test_every_operator_has_its_line(real, model, ranges, frames) -> None:
    layers = layer_noise(real, model.metadata.streaming, ranges, frames)
    assert sorted(layer.number for layer in layers) == list(range(len(operators_of(real))))
    assert [layer.snr for layer in layers] == sorted(layer.snr for layer in layers)
    assert all(5 < layer.snr < 60 for layer in layers)


def test_a_layer_that_was_spoilt_is_found(real, model, ranges, frames) -> None:
    contract = model.metadata.streaming
    operators = operators_of(real)
    victim = next(
        n for n, one in enumerate(operators) if n > 15 and one.kind == "DEPTHWISE_CONV_2D"
    )
    name = operators[victim].outputs[0]
    low, high = ranges[name]
    spoilt = {**ranges, name: (low * 20, high * 20)}
    layers = layer_noise(real, contract, spoilt, frames)
    assert max(layers, key=lambda layer: layer.lost).number == victim
    before = next(one for one in layer_noise(real, contract, ranges, frames) if one.name == name)
    after = next(one for one in layers if one.name == name)
    assert after.snr < before.snr - 10


def test_a_network_against_itself(real, model, frames) -> None:
    assert output_noise(real, real, model.metadata.streaming, frames) == NOISELESS


def test_a_picture(real, model, ranges, frames, tmp_path: Path) -> None:
    path = tmp_path / "layers.png"
    draw(layer_noise(real, model.metadata.streaming, ranges, frames[:200]), path)
    assert path.read_bytes()[:4] == b"\x89PNG"
