"""The front end and the detector as ONNX operators give what the runtime's own give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.detector import Detector
from kws.frontend import (
    SPEECH,
    WORDS,
    YAMNET,
    JoinedConfig,
    LogMelConfig,
    LogMelFrontEnd,
    log_mel,
)
from kws.metadata import DetectorDefaults
from kws.posteriors import sigmoid, softmax
from kws_deploy.onnx.decoding import DETECTED, SCORES, add_decoding
from kws_deploy.onnx.front_end import add_front_end
from kws_deploy.onnx.nodes import NEXT_STATE, STATE, Nodes, StateVector

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")

FLOAT, INT16, UINT8 = (getattr(onnx.TensorProto, kind) for kind in ("FLOAT", "INT16", "UINT8"))


def session(nodes: Nodes, state: StateVector, inputs: dict, outputs: dict):
    """Make a session of the graph; returns a function of one step's inputs, which keeps states."""
    state.join()
    inputs[STATE] = outputs[NEXT_STATE] = (FLOAT, [state.size])
    values = (
        [onnx.helper.make_tensor_value_info(name, *kind) for name, kind in some.items()]
        for some in (inputs, outputs)
    )
    graph = onnx.helper.make_graph(nodes.nodes, "test", *values, nodes.constants)
    opset = onnx.helper.make_opsetid("", 17)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    opened = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [name for name in outputs if name != NEXT_STATE]
    now = [np.zeros(state.size, np.float32)]

    def step(**given: np.ndarray) -> list[np.ndarray]:
        *results, now[0] = opened.run([*names, NEXT_STATE], {**given, STATE: now[0]})
        return results

    return step


def front_end(config: LogMelFrontEnd, frames: int):
    nodes = Nodes()
    state = StateVector(nodes)
    result = add_front_end(nodes, state, config, "samples", frames)
    nodes.add("Identity", result, output="frames")
    shapes = {"samples": (INT16, [frames * config.hop])}
    return session(nodes, state, shapes, {"frames": (FLOAT, [frames, config.bands])})


def check(config: LogMelFrontEnd, pcm: np.ndarray, frames: int = 8) -> None:
    """Both front ends on a stream, with the silence before it that the graph takes for granted."""
    step = front_end(config, frames)
    whole = pcm[: len(pcm) // (frames * config.hop) * frames * config.hop]
    found = [step(samples=chunk)[0] for chunk in whole.reshape(-1, frames * config.hop)]
    silence = np.zeros(config.window - config.hop, np.float32)
    samples = np.concatenate([silence, whole.astype(np.float32) / 32768])
    # not of logarithms: those of next to nothing differ by more than the noise is worth
    powers, expected = np.exp(np.concatenate(found)), np.exp(log_mel(samples, config))
    assert np.allclose(powers, expected, rtol=1e-3, atol=1e-8)


def speech(seconds: float = 1.5, offset: float = 0.0) -> np.ndarray:
    """Noise that comes and goes, a tone, digital silence, and a DC offset in the middle."""
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * 16000)) / 16000
    samples = rng.normal(0, 0.1, len(time)) * np.sin(2 * time) ** 2 + 0.2 * np.sin(3000 * time)
    samples[len(time) // 4 : len(time) // 3] = 0
    samples[len(time) // 2 :] += offset
    return np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16)


@pytest.mark.parametrize(
    "config",
    [
        WORDS,
        YAMNET,
        SPEECH,
        JoinedConfig((YAMNET, WORDS)),
        replace(WORDS, window=160, hop=160, fft=256, dc_frames=2),
        replace(WORDS, fft=1024, offset=0.01, low_hz=300.0, high_hz=8000.0),
    ],
    ids=["words", "yamnet", "speech", "joined", "no overlap", "longer fft"],
)
@pytest.mark.parametrize("offset", [0.0, -0.3])
def test_frames_are_the_runtimes(config: LogMelFrontEnd, offset: float) -> None:
    check(config, speech(offset=offset))


def test_an_offset_from_the_first_sample_on_is_removed() -> None:
    pcm = speech()
    check(WORDS, np.clip(pcm.astype(int) + 3000, -32768, 32767).astype(np.int16))


@settings(max_examples=8, deadline=None)
@given(
    st.integers(1, 10),
    st.integers(2, 60),
    st.lists(st.sampled_from([-6000, -900, -1, 0, 0, 1, 900, 6000]), min_size=3, max_size=25),
)
def test_any_offsets_are_removed_as_the_runtime_does(frames, count, levels) -> None:
    config: LogMelConfig = replace(WORDS, dc_frames=count)
    # every level for as long as a frame and a half, with some noise on those that are not silent
    rng = np.random.default_rng(len(levels))
    pcm = np.repeat(levels, 720)
    pcm = pcm + rng.integers(-50, 50, len(pcm)) * (pcm != 0)
    pad = np.zeros(frames * config.hop, int)
    check(config, np.clip(np.concatenate([pcm, pad]), -32768, 32767).astype(np.int16), frames)


@settings(max_examples=8, deadline=None)
@given(
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from([0.01, 0.2, 0.5]),
    st.sampled_from([0.0, 0.08, 0.6]),
    st.integers(0, 2**31),
)
def test_detections_are_the_detectors(exclusive, rows, smoothing, refractory, seed) -> None:
    labels = ("_unknown_", "a", "b", "c")
    defaults = DetectorDefaults(smoothing, refractory, 1.0, {"a": 0.5, "b": 0.7, "c": 0.3})
    nodes = Nodes()
    state = StateVector(nodes)
    add_decoding(nodes, state, "logits", rows, labels, defaults, 0.08, exclusive)
    shape = [rows, len(labels)]
    step = session(
        nodes, state, {"logits": (FLOAT, shape)}, {SCORES: (FLOAT, shape), DETECTED: (UINT8, shape)}
    )
    rng = np.random.default_rng(seed)
    logits = np.repeat(rng.normal(0, 4, (20, len(labels))), rng.integers(1, 9, 20), 0)
    logits = logits[: len(logits) // rows * rows].astype(np.float32)
    detector = Detector(labels, defaults, 0.08, exclusive)
    expected = []
    for row in (softmax if exclusive else sigmoid)(logits):
        expected.append([event.label for event in detector.update(row)])
    scores, found = [], []
    for chunk in logits.reshape(-1, *shape):
        score, detected = step(logits=chunk)
        scores.append(score)
        found += [np.flatnonzero(row).tolist() for row in detected]
    assert np.concatenate(scores).max() <= 1
    assert found == expected


def test_states_begin_with_zeros_whatever_they_stand_for() -> None:
    nodes = Nodes()
    state = StateVector(nodes)
    counter = state.take(np.full((2, 3), 5, np.float32))
    other = state.take(np.zeros(1, np.float32))
    state.put(other, nodes.add("Add", other, nodes.constant([1])))
    state.put(counter, nodes.add("Mul", counter, "factor"))
    nodes.add("Identity", counter, output="before")
    step = session(nodes, state, {"factor": (FLOAT, [1])}, {"before": (FLOAT, [2, 3])})
    two = np.array([2], np.float32)
    assert [float(step(factor=two)[0][1, 2]) for _ in range(3)] == [5, 10, 20]
