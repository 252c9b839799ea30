"""Students of every family run in C as the interpreter runs them: small ones, untrained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws.frontend import WORDS
from kws.metadata import DetectorDefaults, Metadata
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork
from kws_deploy.c.export import export_c
from kws_deploy.c.graph import read_graph
from kws_deploy.students.broadcast import BroadcastShape
from kws_deploy.students.catalog import Shape, Student
from kws_deploy.students.mixed import MixedShape
from kws_training.networks.convert import convert
from kws_training.networks.streaming import step_model
from kws_training.networks.word_base import BaseShape

from .running import build, pointer, struct

LABELS = ("_silence_", "_unknown_", "yes", "no")


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [
        BaseShape(width=16, features=24, coarse=(5, 7)),
        MixedShape(width=12, features=20, kernels=((5,), (3, 7), (3, 5, 9))),
        BroadcastShape(width=8, blocks=(1, 2, 1, 1)),
    ],
    ids=lambda shape: type(shape).__name__,
)
def test_logits_are_the_interpreters(shape: Shape, gcc: str, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    student = Student("small", shape)
    step = step_model(student.network(len(LABELS)), student.stride, (1, WORDS.bands))
    frames = random.uniform(WORDS.floor, WORDS.ceiling, (2, 40 * student.stride, WORDS.bands))
    frames = np.cumsum(frames - frames.mean(), axis=1).clip(WORDS.floor, WORDS.ceiling)
    frames = frames.astype(np.float32)
    converted = convert(step, "int8", frames)
    detector = DetectorDefaults(0.24, 1.0, 1.0, {"yes": 0.5, "no": 0.5})
    metadata = Metadata("commands", LABELS, WORDS, converted.streaming, detector)
    model = ModelFile("small.tflite", converted.network, metadata)
    export_c(model, tmp_path / "c")
    library = build(tmp_path / "c", gcc, False)
    network = StreamingNetwork(model)
    network.reset()
    graph = read_graph(model.network, "m")
    tensor = graph.tensors[graph.named(metadata.streaming.input, graph.inputs)]
    out = graph.tensors[graph.named(metadata.streaming.output, graph.outputs)]
    state, ours = struct(), np.empty(out.size, np.int8)
    library.kws_network_reset(state)
    for block in frames.reshape(-1, student.stride, WORDS.bands):
        quantized = np.clip(np.rint(block / tensor.scale) + tensor.zero_point, -128, 127)
        real = ((quantized - tensor.zero_point) * tensor.scale).astype(np.float32)
        library.kws_network_step(state, pointer(quantized.astype(np.int8)), pointer(ours))
        expected = network.step(real).ravel()
        np.testing.assert_array_equal(
            (ours.astype(np.float32) - np.float32(out.zero_point)) * out.scale, expected
        )
