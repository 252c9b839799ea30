"""The default model as float32, calibrated on the demo: made once for all of these tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer")

from kws.audio import load_audio
from kws.frontend import log_mel
from kws.modelfile import ModelFile
from kws.packaged import packaged_model
from kws_deploy.quantization.dequantize import to_float
from kws_deploy.quantization.graph import activations, named
from kws_deploy.quantization.ranges import Range, measure_ranges
from kws_training.networks.tflite_objects import unpack

DEMO = Path(__file__).resolve().parents[3] / "demo" / "synthesized_commands.wav"


@pytest.fixture(scope="session")
def model() -> ModelFile:
    return packaged_model()


@pytest.fixture(scope="session")
def frames(model: ModelFile) -> np.ndarray:
    """Six seconds of speech."""
    return log_mel(load_audio(DEMO, 16000)[:96000], model.metadata.front_end)


@pytest.fixture(scope="session")
def real(model: ModelFile) -> bytes:
    """The model's network as float32, with named tensors."""
    return named(to_float(model.network))


@pytest.fixture(scope="session")
def ranges(real: bytes, model: ModelFile, frames: np.ndarray) -> dict[str, Range]:
    return measure_ranges(real, model.metadata.streaming, frames, activations(unpack(real)))
