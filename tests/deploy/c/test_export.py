"""The exported folder: whole or nothing, hostile texts harmless, clear refusals."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.errors import KwsError, ModelError
from kws.frontend import WORDS, YAMNET, JoinedConfig
from kws.metadata import PrototypeContract, SegmenterDefaults, StreamingContract
from kws.modelfile import ModelFile
from kws.packaged import packaged_model
from kws_deploy.c import literals
from kws_deploy.c.arena import Life, plan
from kws_deploy.c.export import MADE, SHIPPED, c_sources, export_c
from kws_deploy.c.graph import read_graph
from kws_deploy.c.network import generate
from kws_deploy.c.tensor_arena import estimated, tensor_arena

from ...conftest import needs_program
from .conftest import Exported
from .running import FLAGS, network_of
from .test_kernels import options

HOSTILE = 'stop";}*/ #include "/etc/passwd" \\ ??/ %s $(x) é'


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return packaged_model()


def defines(text: str) -> dict[str, str]:
    return dict(re.findall(r"#define (\w+) (\S+)", text))


def test_the_folder_is_whole(exported: Exported) -> None:
    names = {path.name for path in exported.folder.iterdir()}
    assert names == {*SHIPPED, *MADE}
    assert not list(exported.folder.parent.glob("*.part"))
    for name in MADE:
        lines = (exported.folder / name).read_text().split("\n")
        assert max(map(len, lines)) <= 100, name
        assert "".join(lines).isascii(), name


def test_the_header_says_what_the_model_says(exported: Exported) -> None:
    header = (exported.folder / "kws_model.h").read_text()
    found = defines(header)
    metadata = exported.model.metadata
    assert int(found["KWS_LABELS"]) == len(metadata.labels)
    assert int(found["KWS_STEP_FRAMES"]) == metadata.streaming.frames
    graph = read_graph(exported.model.network, "m")
    frames = graph.tensors[graph.named(metadata.streaming.input, graph.inputs)]
    assert np.float32(found["KWS_INPUT_SCALE"].rstrip("f")) == frames.scale
    assert int(found["KWS_INPUT_ZERO_POINT"].strip("()")) == frames.zero_point
    assert int(found["KWS_SMOOTHING_COLUMNS"]) == 3
    assert int(found["KWS_REFRACTORY_COLUMNS"]) == 10
    sizes = [
        graph.tensors[graph.named(name, graph.inputs)].size for name, _ in metadata.streaming.states
    ]
    assert int(found["KWS_STATE_BYTES"]) == sum(sizes)
    assert 20_000 < int(found["KWS_TENSOR_ARENA_BYTES"]) < 60_000
    assert "bisection" in header or "estimate" in header


def test_the_array_is_the_network(exported: Exported) -> None:
    text = (exported.folder / "kws_model_data.c").read_text()
    body = text[text.index("kws_model_data[] = {") :].split("{")[1].split("}")[0]
    assert bytes(int(n) for n in body.replace("\n", "").split(",") if n.strip()) == (
        exported.model.network
    )


def test_make_builds_it(exported: Exported, tmp_path: Path) -> None:
    needs_program("make", "apt-get install make")
    folder = tmp_path / "made"
    shutil.copytree(exported.folder, folder)
    for more in ([], ["REFERENCE=1"]):
        subprocess.run(["make", "clean"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(
            ["make", "CFLAGS=-O0", *more], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        assert (folder / "kws").is_file()
    export_c(exported.model, folder)  # what make left is no stranger's
    assert not (folder / "kws").exists()


def test_firmware_is_checked_against_declarations(exported: Exported, tmp_path: Path) -> None:
    """TFLM's headers are in no package: what is used of them is declared here as they have it."""
    compiler = needs_program("g++", "apt-get install g++")
    lite = tmp_path / "tensorflow" / "lite"
    (lite / "micro").mkdir(parents=True)
    (lite / "schema").mkdir()
    (lite / "schema" / "schema_generated.h").write_text(
        "#pragma once\nnamespace tflite { struct Model; const Model *GetModel(const void *); }\n"
    )
    added = re.findall(r"\(resolver\)\.(\w+)\(\)", (exported.folder / "kws_model.h").read_text())
    methods = "".join(f"TfLiteStatus {name}() {{ return kTfLiteOk; }}\n" for name in added)
    (lite / "micro" / "micro_interpreter.h").write_text(
        "#pragma once\n#include <cstddef>\n#include <cstdint>\n"
        "enum TfLiteStatus { kTfLiteOk, kTfLiteError };\n"
        "union TfLitePtrUnion { int8_t *int8; };\nstruct TfLiteTensor { TfLitePtrUnion data; };\n"
        "namespace tflite { struct Model; class MicroOpResolver {};\n"
        "class MicroInterpreter { public: MicroInterpreter(const Model *, const MicroOpResolver &,"
        " uint8_t *, size_t); TfLiteStatus AllocateTensors(); TfLiteStatus Invoke();"
        " TfLiteTensor *input(size_t); TfLiteTensor *output(size_t); }; }\n"
    )
    (lite / "micro" / "micro_mutable_op_resolver.h").write_text(
        '#pragma once\n#include "micro_interpreter.h"\nnamespace tflite { template <unsigned int N>'
        f" class MicroMutableOpResolver : public MicroOpResolver {{ public:\n{methods}}}; }}\n"
    )
    subprocess.run(
        [
            compiler,
            "-std=c++17",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fsyntax-only",
            "-I",
            str(tmp_path),
            "-DKWS_REFERENCE_KERNELS",
            str(exported.folder / "main_tflm.cc"),
        ],
        check=True,
    )


def test_hostile_texts_stay_texts(model: ModelFile, gcc: str, tmp_path: Path) -> None:
    labels = (HOSTILE, *model.metadata.labels[1:])
    thresholds = {HOSTILE: 0.5} | model.metadata.detector.thresholds
    detector = replace(model.metadata.detector, thresholds=thresholds)
    hostile = replace(
        model, path=HOSTILE, metadata=replace(model.metadata, labels=labels, detector=detector)
    )
    export_c(hostile, tmp_path / "c")
    (tmp_path / "c" / "main.c").write_text(
        '#include <stdio.h>\n#include "kws_model.h"\nint main(void) { puts(kws_labels[0]); }\n'
    )
    files = [str(tmp_path / "c" / name) for name in ("main.c", "kws_model.c")]
    subprocess.run([gcc, *FLAGS, "-trigraphs", *files, "-o", str(tmp_path / "say")], check=True)
    said = subprocess.run([str(tmp_path / "say")], check=True, capture_output=True)
    assert said.stdout.decode() == HOSTILE + "\n"


def test_literals() -> None:
    assert literals.text('a"\\?\n1') == '"a\\042\\134\\077\\0121"'
    assert "*/" not in literals.comment("/*/ */ \\\n é*/")
    for value in (0.1, 1e-30, 3.0, 16777216.0, 0.036450777):
        assert np.float32(literals.floating(value).rstrip("f")) == np.float32(value)
    with pytest.raises(ValueError, match="nan"):
        literals.floating(float("nan"))


def test_nothing_is_left_or_lost(model: ModelFile, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years")
    with pytest.raises(KwsError, match="thesis"):
        export_c(model, folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]
    with pytest.raises(KwsError, match="is no folder"):
        export_c(model, folder / "thesis.txt")
    with pytest.raises(KwsError, match="whose parent is there"):
        export_c(model, tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()


def changed(model: ModelFile, **values: object) -> ModelFile:
    return replace(model, metadata=replace(model.metadata, **values))


def test_what_cannot_be_exported_is_refused_with_what_to_do(model: ModelFile) -> None:
    joined = changed(model, front_end=JoinedConfig((WORDS, YAMNET)))
    sounds = changed(model, task="sounds", detector=SegmenterDefaults(0.1, 0.5, 0.1, 0.1, {}))
    enrolled = changed(model, prototypes=PrototypeContract((0,), (0,), 1.0, (0.5,)))
    for refused, said in (
        (joined, "kws distill"),
        (sounds, "kws spot"),
        (enrolled, "kws train --wake-word"),
    ):
        with pytest.raises(ModelError, match=said) as error:
            c_sources(refused)
        assert "\n" not in str(error.value)
        assert model.path in str(error.value)


def test_what_no_microcontroller_holds_is_refused(model: ModelFile) -> None:
    with pytest.raises(ModelError, match="a smaller student"):
        c_sources(replace(model, network=model.network + bytes(2**23)))


def test_names_that_are_there_twice_are_refused(model: ModelFile) -> None:
    graph = read_graph(model.network, "m")
    names = [graph.tensors[n].name.encode() for n in graph.outputs]
    old, other = next(name for name in names if name.startswith(b"next_")), b"logits_"[:6]
    twice = model.network.replace(old + b"\0", other + b"\0" * (len(old) - len(other) + 1))
    assert twice != model.network
    with pytest.raises(ModelError):
        c_sources(replace(model, network=twice))


def test_a_float_network_is_refused(model: ModelFile) -> None:
    tensors = [
        ("frames", (1, 8, 1, 40), "FLOAT32", None, 0, None),
        ("logits", (1, 320), "FLOAT32", None, 0, None),
    ]
    network = network_of(tensors, [("RESHAPE", (0,), (1,), options("ReshapeOptions"))], (0,), (1,))
    with pytest.raises(ModelError, match="kws quantize --to int8"):
        c_sources(replace(model, network=network))


def one_operator(kind: str, how: object, scale: float = 0.1) -> bytes:
    tensors = [
        ("in", (1, 8, 1, 4), "INT8", 0.1, 0, None),
        ("out", (1, 8, 1, 4), "INT8", scale, 0, None),
    ]
    return network_of(tensors, [(kind, (0,), (1,), how)], (0,), (1,))


def test_unknown_operators_are_named() -> None:
    contract = StreamingContract(1, 1, "in", "out", ())
    for network, said in (
        (one_operator("LOGISTIC", None), "operator LOGISTIC cannot be exported"),
        (one_operator("RESHAPE", None, scale=0.2), "another scale"),
        (
            one_operator(
                "CONCATENATION", options("ConcatenationOptions", axis=1, fusedActivationFunction=1)
            ),
            "fused activation",
        ),
    ):
        with pytest.raises(ModelError, match=said):
            generate(read_graph(network, "m"), contract)


def test_damaged_networks_end_in_one_line(model: ModelFile) -> None:
    """Bytes of the flatbuffer's structure are changed; each file is exported or refused."""
    random = np.random.default_rng(1)
    refused = 0
    structure = np.flatnonzero(np.frombuffer(model.network, np.uint8))
    structure = structure[(structure < 400) | (structure > len(model.network) - 20_000)]
    for _ in range(100):
        damaged = bytearray(model.network)
        for place in random.choice(structure, 3):
            damaged[place] = random.integers(256)
        try:
            graph = read_graph(bytes(damaged), "m.tflite")
            if all(
                any(graph.tensors[n].name == name for n in among)
                for name, among in (
                    (model.metadata.streaming.input, graph.inputs),
                    (model.metadata.streaming.output, graph.outputs),
                    *((old, graph.inputs) for old, _ in model.metadata.streaming.states),
                    *((new, graph.outputs) for _, new in model.metadata.streaming.states),
                )
            ):  # what StreamingNetwork checks before
                generate(graph, model.metadata.streaming)
        except ModelError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20


def test_tensors_that_live_together_do_not_overlap() -> None:
    random = np.random.default_rng(2)
    lives = {}
    for number in range(60):
        first = int(random.integers(40))
        lives[number] = Life(int(random.integers(1, 500)), first, first + int(random.integers(8)))
    offsets, size = plan(lives)
    for one, life in lives.items():
        assert offsets[one] + life.size <= size
        for other, rival in lives.items():
            if one < other and life.first <= rival.last and rival.first <= life.last:
                begin, end = offsets[one], offsets[one] + life.size
                assert end <= offsets[other] or offsets[other] + rival.size <= begin
    at_once = max(
        sum(life.size for life in lives.values() if life.first <= t <= life.last) for t in range(50)
    )
    assert at_once <= size <= 1.3 * at_once


def test_the_estimate_of_the_arena_is_near_what_is_found(model: ModelFile) -> None:
    pytest.importorskip("tflite_micro", reason="pip install tflite-micro finds the arena")
    graph = read_graph(model.network, "m")
    found = tensor_arena(model.network, graph)
    assert "bisection" in found.how
    assert found.size % 16 == 0
    assert found.size <= estimated(graph) <= 1.25 * found.size
