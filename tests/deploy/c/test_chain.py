"""The whole chain in C: its logits are the interpreter's, its detections `KeywordSpotter`'s."""

from __future__ import annotations

import ctypes
import os
import subprocess
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.detections import Detection
from kws.metadata import WAKE_WORDS
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork
from kws.spotter import KeywordSpotter
from kws_deploy.c.export import export_c
from kws_deploy.c.front_end import LEVEL_BITS
from kws_deploy.c.graph import read_graph
from kws_deploy.c.silence import after_silence

from ...conftest import needs_program
from .conftest import Exported
from .running import build, compile_program, pointer, struct

DEMO = Path(__file__).resolve().parents[3] / "demo" / "synthesized_commands.wav"
CLIPS = 200
#: Longest part of a clip that is run, in samples.
MOST = 48_000


def demo() -> np.ndarray:
    """Return the demo recording: int16 at 16 kHz."""
    with wave.open(str(DEMO)) as file:
        assert file.getframerate() == 16000
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    """At least 200 real clips, of every folder; without ``shared`` the demo recording."""
    named = os.environ.get("KWS_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[4] / "shared"
    if not folder.is_dir():
        return [demo()]
    files = sorted(
        path
        for kind in ("wav", "flac", "ogg", "opus", "mp3")
        for path in (folder / "audio").rglob(f"*.{kind}")
    )
    chosen = np.random.default_rng(0).choice(len(files), CLIPS, replace=False)
    samples = [load_audio(files[n], 16000)[:MOST] for n in sorted(chosen)]
    return [
        np.concatenate(
            [
                np.clip(np.rint(clip * 32768), -32768, 32767).astype(np.int16),
                np.zeros(8000, np.int16),
            ]
        )
        for clip in samples
    ]


def features(library: ctypes.CDLL, samples: np.ndarray, bands: int) -> np.ndarray:
    """Return the frames (n, bands) that the C front end makes."""
    state, frame, frames = struct(), np.empty(bands, np.int8), []
    samples = np.ascontiguousarray(samples)
    library.kws_front_end_reset(state)
    at, left = ctypes.c_void_p(samples.ctypes.data), ctypes.c_size_t(len(samples))
    while library.kws_front_end_push(state, ctypes.byref(at), ctypes.byref(left), pointer(frame)):
        frames.append(frame.copy())
    return np.array(frames).reshape(-1, bands)


def steps_of(exported: Exported, clips: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Return for each clip the frames (frames, bands) of its steps."""
    contract, bands = exported.model.metadata.streaming, exported.model.metadata.front_end.bands
    for clip in clips:
        frames = features(exported.libraries[0], clip, bands)
        whole = len(frames) // contract.frames * contract.frames
        yield list(frames[:whole].reshape(-1, contract.frames, bands))


def c_logits(library: ctypes.CDLL, steps: list[np.ndarray], size: int) -> np.ndarray:
    """Return the logits (steps, size) of the C network, from a reset on."""
    state, found = struct(), np.empty((len(steps), size), np.int8)
    library.kws_network_reset(state)
    for number, frames in enumerate(steps):
        block = np.ascontiguousarray(frames)
        library.kws_network_step(state, pointer(block), pointer(found[number]))
    return found


def meaning(model: ModelFile, name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return what turns int8 values of an input or output into what they stand for: float32."""
    graph = read_graph(model.network, model.path)
    tensor = graph.tensors[graph.named(name, (*graph.inputs, *graph.outputs))]
    zero, scale = np.float32(tensor.zero_point), tensor.scale
    return lambda values: (values.astype(np.float32) - zero) * scale


def test_logits_are_the_interpreters(exported: Exported, clips: list[np.ndarray]) -> None:
    """Every logit of every step, bit for bit, after every reset."""
    model = exported.model
    contract, labels = model.metadata.streaming, len(model.metadata.labels)
    network = StreamingNetwork(model)
    size = network.columns * labels
    real_frames, real_logits = meaning(model, contract.input), meaning(model, contract.output)
    compared = 0
    for steps in steps_of(exported, clips):
        network.reset()
        ours = real_logits(c_logits(exported.libraries[0], steps, size))
        for frames, logits in zip(steps, ours, strict=True):
            theirs = network.step(real_frames(frames))
            np.testing.assert_array_equal(logits, theirs.ravel())
            compared += theirs.size
    assert compared >= 3000


def test_reference_logits_are_those_of_the_reference_kernels(
    exported: Exported, clips: list[np.ndarray]
) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    model = exported.model
    contract = model.metadata.streaming
    graph = read_graph(model.network, "m")
    interpreter = Interpreter(
        model_content=model.network,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    states = [
        (graph.named(a, graph.inputs), graph.named(b, graph.outputs)) for a, b in contract.states
    ]
    silence = after_silence(model, graph, reference=True)
    frames_in = graph.named(contract.input, graph.inputs)
    out = graph.named(contract.output, graph.outputs)
    size = graph.tensors[out].size
    for steps in list(steps_of(exported, clips[:40])):
        ours = c_logits(exported.libraries[1], steps, size)
        at = 0
        for old, _ in states:
            shape, count = graph.tensors[old].shape, graph.tensors[old].size
            interpreter.set_tensor(old, silence[at : at + count].reshape(shape))
            at += count
        for frames, logits in zip(steps, ours, strict=True):
            interpreter.set_tensor(frames_in, frames.reshape(graph.tensors[frames_in].shape))
            interpreter.invoke()
            np.testing.assert_array_equal(logits, interpreter.get_tensor(out).ravel())
            for old, new in states:
                interpreter.set_tensor(old, interpreter.get_tensor(new))


def test_reference_logits_are_those_of_tflm(exported: Exported) -> None:
    """By TensorFlow Lite for Microcontrollers itself, in the arena that the header names."""
    runtime = pytest.importorskip("tflite_micro", reason="pip install tflite-micro").runtime
    model = exported.model
    contract = model.metadata.streaming
    graph = read_graph(model.network, "m")
    header = (exported.folder / "kws_model.h").read_text()
    arena = int(header.split("#define KWS_TENSOR_ARENA_BYTES ")[1].split()[0])
    interpreter = runtime.Interpreter.from_bytes(model.network, arena_size=arena)
    before = [graph.named(a, graph.inputs) for a, _ in contract.states]
    after = [graph.outputs.index(graph.named(b, graph.outputs)) for _, b in contract.states]
    sizes = [graph.tensors[number].size for number in before]
    silence = after_silence(model, graph, reference=True)
    states = np.split(silence, np.cumsum(sizes)[:-1])
    frames_in = graph.named(contract.input, graph.inputs)
    out = graph.named(contract.output, graph.outputs)
    [steps] = steps_of(exported, [demo()[:160_000]])
    ours = c_logits(exported.libraries[1], steps, graph.tensors[out].size)
    for frames, logits in zip(steps, ours, strict=True):
        for number, state in zip(before, states, strict=True):
            shape = graph.tensors[number].shape
            interpreter.set_input(state.reshape(shape), graph.inputs.index(number))
        shape = graph.tensors[frames_in].shape
        interpreter.set_input(frames.reshape(shape), graph.inputs.index(frames_in))
        interpreter.invoke()
        theirs = interpreter.get_output(graph.outputs.index(out)).ravel()
        np.testing.assert_array_equal(logits, theirs)
        states = [interpreter.get_output(number).ravel().copy() for number in after]


def printed(program: list[str], samples: np.ndarray) -> list[tuple[float, float, str, float]]:
    """Return what the example prints: start, end, keyword, score."""
    done = subprocess.run(
        program, input=samples.astype("<i2").tobytes(), check=True, capture_output=True
    )
    lines = [line.split("\t") for line in done.stdout.decode().splitlines()]
    return [(float(a), float(b), keyword, float(score)) for a, b, keyword, score in lines]


def test_the_program_detects_what_python_detects(exported: Exported) -> None:
    samples = demo()
    spotter = KeywordSpotter(exported.model)
    theirs = [*spotter.process(samples), *spotter.flush()]
    ours = printed([str(exported.program)], samples)
    assert len(theirs) >= 8
    assert [keyword for _, _, keyword, _ in ours] == [one.keyword for one in theirs]
    for (start, end, _, score), one in zip(ours, theirs, strict=True):
        assert f"{start:.2f} {end:.2f} {score:.3f}" == (
            f"{one.start:.2f} {one.end:.2f} {one.score:.3f}"
        )


def test_odd_input_is_no_harm(exported: Exported) -> None:
    for size in (0, 1, 2, 959, 961):
        done = subprocess.run(
            [str(exported.program)], input=bytes(size), check=True, capture_output=True
        )
        assert done.stdout == b""
        assert done.stderr == b""


def test_valgrind_finds_nothing(exported: Exported) -> None:
    valgrind = needs_program("valgrind", "apt-get install valgrind")
    samples = demo()[: 2 * 16000]
    command = [valgrind, "-q", "--error-exitcode=9", "--leak-check=full", str(exported.program)]
    assert [one[2] for one in printed(command, samples)] == ["yes"]


def test_sanitizers_find_nothing(exported: Exported, gcc: str, tmp_path: Path) -> None:
    program = tmp_path / "kws"
    try:
        compile_program(
            exported.folder,
            program,
            gcc,
            ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        )
    except subprocess.CalledProcessError:
        pytest.skip("gcc has no sanitizers: apt-get install libasan8 libubsan1")
    assert printed([str(program)], demo()) == printed([str(exported.program)], demo())


class _Detection(ctypes.Structure):
    _fields_ = [
        ("label", ctypes.c_int32),
        ("score", ctypes.c_float),
        ("start", ctypes.c_int64),
        ("end", ctypes.c_int64),
    ]


def c_detections(
    library: ctypes.CDLL, steps: list[np.ndarray], logits: np.ndarray, labels: tuple[str, ...]
) -> list[Detection]:
    """Return what the C detector finds."""
    state, found, all_found = struct(), (_Detection * 64)(), []
    library.kws_detector_reset(state)
    for frames, column in zip(steps, logits, strict=True):
        levels = frames.max(axis=1).astype(np.int16) << LEVEL_BITS
        count = library.kws_detector_push(state, pointer(levels), pointer(column), found)
        all_found += [
            Detection(labels[one.label], one.score, one.start / 16000, one.end / 16000)
            for one in found[:count]
        ]
    return all_found


@pytest.mark.parametrize("held", [5, 60])
@pytest.mark.parametrize("task", ["commands", WAKE_WORDS])
def test_the_detector_is_pythons(
    exported: Exported,
    task: str,
    held: int,
    gcc: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same events at the same places, from the same made-up frames and logits.

    Logits that are held for long need the sound to tell whether a keyword was said again.
    """
    model, library = exported.model, exported.libraries[0]
    if task == WAKE_WORDS:
        labels = tuple(f"phrase {n}" for n in range(len(model.metadata.labels)))
        detector = replace(
            model.metadata.detector,
            smoothing=0.3,
            refractory=0.5,
            thresholds=dict.fromkeys(labels, 0.6),
        )
        metadata = replace(
            model.metadata, task=task, labels=labels, detector=detector, operating_points=()
        )
        model = replace(model, metadata=metadata)
        export_c(model, tmp_path / "c")
        library = build(tmp_path / "c", gcc, False)
    random = np.random.default_rng(4)
    contract, labels = model.metadata.streaming, model.metadata.labels
    count, bands = 3000, model.metadata.front_end.bands
    # logits that stay for a while, and sounds that come and go
    walk = np.repeat(random.normal(-20, 60, (count // held, len(labels))), held, axis=0)
    logits = np.clip(walk + random.normal(0, 5, walk.shape), -128, 127).astype(np.int8)
    level = np.repeat(random.uniform(-128, 90, count * contract.frames // 20), 20)
    frames = level[:, None] + random.normal(0, 4, (len(level), bands))
    steps = list(np.clip(frames, -128, 127).astype(np.int8).reshape(count, -1, bands))
    spotter = KeywordSpotter(model)
    given = iter(meaning(model, contract.output)(logits))
    monkeypatch.setattr(spotter, "_step", lambda step: next(given)[None])
    whole = meaning(model, contract.input)(np.concatenate(steps))
    monkeypatch.setattr(spotter._log_mel, "push", lambda samples: whole)
    again = []
    tells = spotter._decoder._said_again
    monkeypatch.setattr(
        spotter._decoder, "_said_again", lambda label: again.append(tells(label)) or again[-1]
    )
    theirs = spotter.process(np.zeros(0, np.float32))
    assert {True, False} <= set(again) or held == 5 or task == WAKE_WORDS
    ours = c_detections(library, steps, logits, labels)
    assert len(theirs) > 30
    assert len({one.keyword for one in theirs}) > 5
    assert [one.keyword for one in ours] == [one.keyword for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert abs(one.start - other.start) < 1e-6
        assert abs(one.end - other.end) < 1e-6
        assert abs(one.score - other.score) < 1e-5
