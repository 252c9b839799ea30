"""The demo recording, and the models that the device's tests share."""

from __future__ import annotations

import csv
import gc
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np
import pytest

from kws.audio import load_audio
from kws.metadata import DetectorDefaults, StreamingContract, Verifier
from kws.modelfile import ModelFile, pack, parse_model
from kws.packaged import packaged_model

RATE = 16000
#: Logit from which the verifier of `two_stages` is asked.
GATE_LOGIT = 10.0


@dataclass(frozen=True)
class Word:
    keyword: str
    start: float
    end: float


@dataclass(frozen=True)
class Demo:
    samples: np.ndarray
    words: list[Word]


def bytes_held(thing: object) -> int:
    """Count the bytes of an object and of all that it holds: what grows with it, and only that.

    Modules, classes and functions are everybody's and not counted; of an array that is a view the
    whole array is.
    """
    seen: dict[int, object] = {}  # the objects too, so that no number is used twice
    waiting = [thing]
    count = 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, ModuleType | type | FunctionType):
            continue
        seen[id(one)] = one
        count += sys.getsizeof(one)
        waiting += gc.get_referents(one)
        if isinstance(one, np.ndarray) and one.base is not None:
            waiting.append(one.base)
    return count


@pytest.fixture(scope="session")
def model() -> ModelFile:
    return packaged_model()


@pytest.fixture(scope="session")
def demo_path() -> Path:
    path = Path(__file__).resolve().parents[2] / "demo" / "synthesized_commands.wav"
    if not path.is_file():
        pytest.skip(f"no demo recording at {path}")
    return path


@pytest.fixture(scope="session")
def demo(demo_path: Path) -> Demo:
    """The demo recording at 16 kHz and what is said in it."""
    with demo_path.with_suffix(".csv").open(newline="") as file:
        words = [
            Word(row["keyword"], float(row["start"]), float(row["end"]))
            for row in csv.DictReader(file)
        ]
    assert words
    return Demo(load_audio(demo_path, RATE), words)


# --- two stages ---


def window_network(frames: int, bands: int, labels: int, seed: int = 0) -> bytes:
    """Return a TFLite network that gives logits (1, 1, labels) of one window: a verifier.

    It is a single layer, so that each logit depends on every frame of the window.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    size = frames * bands
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(labels, size), scale=0.5 / size**0.5).astype(np.float32)
    shapes = {
        "frames": (1, frames, 1, bands),
        "shape": (3,),
        "row": (1, 1, size),
        "weights": (labels, size),
        "logits": (1, 1, labels),
    }
    contents = {
        "shape": np.array(shapes["row"], np.int32).tobytes(),
        "weights": weights.tobytes(),
    }
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, graph.tensors = 3, [schema.BufferT()], []
    for name, shape in shapes.items():
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name.encode(), list(shape), 0
        kind = schema.TensorType
        tensor.type = kind.INT32 if name == "shape" else kind.FLOAT32
        if name in contents:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(contents[name], np.uint8)
            tensor.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(tensor)
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = True
    builtin, kinds = schema.BuiltinOperator, schema.BuiltinOptions
    model.operatorCodes, graph.operators = [], []
    for code, inputs, output, chosen in (
        (builtin.RESHAPE, [0, 1], 2, (kinds.ReshapeOptions, schema.ReshapeOptionsT())),
        (builtin.FULLY_CONNECTED, [2, 3, -1], 4, (kinds.FullyConnectedOptions, options)),
    ):
        known, operator = schema.OperatorCodeT(), schema.OperatorT()
        known.builtinCode = known.deprecatedBuiltinCode = code
        known.version = 1
        operator.opcodeIndex = len(model.operatorCodes)
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = chosen
        model.operatorCodes.append(known)
        graph.operators.append(operator)
    graph.inputs, graph.outputs = [0], [4]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.fixture(scope="session")
def wake_words() -> ModelFile:
    """The word base, each of its words taken for a wake word."""
    words = packaged_model("words")
    labels = tuple(label.strip("_") for label in words.metadata.labels)
    defaults = DetectorDefaults(0.24, 1.0, 1.2, dict.fromkeys(labels, 0.5))
    metadata = replace(
        words.metadata,
        task="wake-words",
        labels=labels,
        detector=defaults,
        operating_points=(),
        arrays={},
    )
    return parse_model(pack(words.network, metadata), "wake.tflite")


@pytest.fixture(scope="session")
def two_stages(wake_words: ModelFile) -> ModelFile:
    """The same with a verifier that hears the latest 1.6 s again."""
    labels, bands = wake_words.metadata.labels, wake_words.metadata.front_end.bands
    verifier = Verifier(
        # a softmax was trained to give these logits: as scores of their own they are all high
        gates=dict.fromkeys(labels, float(1 / (1 + np.exp(-GATE_LOGIT)))),
        weight=0.4,
        limit=5.0,
        alone=dict.fromkeys(labels, 0.7),
        streaming=StreamingContract(160, 160, "frames", "logits", ()),
        network=window_network(160, bands, len(labels)),
    )
    metadata = replace(wake_words.metadata, verifier=verifier)
    return parse_model(pack(wake_words.network, metadata), "two.tflite")
