"""A phoneme network that no training made: each phoneme is a tone, in a mel band of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.arrays import Float32
from kws.frontend import WORDS
from kws.metadata import NO_DETECTOR, Metadata, StreamingContract
from kws.modelfile import ModelFile, pack, parse_model
from kws.phonemes.graph import encode
from kws.phonemes.symbols import BLANK_INDEX, OUTPUTS, PHONEME_TASK, VOICE_INDEX

#: Frames of an output frame: 20 ms.
FRAMES = 2
#: Output frames of a step.
COLUMNS = 2
#: ln(power) of a band from which its phoneme is more probable than the blank.
LEVEL = -1.0


def tone_network() -> bytes:
    """Return a TFLite network whose logits (1, 2, 42) are the levels of the bands of 4 frames."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    bands = WORDS.bands
    size = FRAMES * bands
    weights = np.zeros((len(OUTPUTS), size), np.float32)
    for band in range(bands):
        weights[1 + band, band::bands] = 1.5 / FRAMES
    weights[VOICE_INDEX] = 3 / size
    bias = np.full(len(OUTPUTS), -1.5 * LEVEL, np.float32)
    bias[BLANK_INDEX], bias[VOICE_INDEX] = 0, 39
    shapes = {
        "frames": (1, FRAMES * COLUMNS, 1, bands),
        "shape": (3,),
        "row": (1, COLUMNS, size),
        "weights": weights.shape,
        "bias": bias.shape,
        "logits": (1, COLUMNS, len(OUTPUTS)),
    }
    contents = {"shape": np.array(shapes["row"], np.int32), "weights": weights, "bias": bias}
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, graph.tensors = 3, [schema.BufferT()], []
    for name, shape in shapes.items():
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name.encode(), list(shape), 0
        kind = schema.TensorType
        tensor.type = kind.INT32 if name == "shape" else kind.FLOAT32
        if name in contents:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(contents[name].tobytes(), np.uint8)
            tensor.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(tensor)
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = True
    builtin, kinds = schema.BuiltinOperator, schema.BuiltinOptions
    model.operatorCodes, graph.operators = [], []
    for code, inputs, output, chosen in (
        (builtin.RESHAPE, [0, 1], 2, (kinds.ReshapeOptions, schema.ReshapeOptionsT())),
        (builtin.FULLY_CONNECTED, [2, 3, 4], 5, (kinds.FullyConnectedOptions, options)),
    ):
        known, operator = schema.OperatorCodeT(), schema.OperatorT()
        known.builtinCode = known.deprecatedBuiltinCode = code
        known.version = 1
        operator.opcodeIndex = len(model.operatorCodes)
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = chosen
        model.operatorCodes.append(known)
        graph.operators.append(operator)
    graph.inputs, graph.outputs = [0], [5]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def phoneme_model() -> ModelFile:
    """Return the network as a model file of phonemes."""
    metadata = Metadata(
        task=PHONEME_TASK,
        labels=OUTPUTS,
        front_end=WORDS,
        streaming=StreamingContract(FRAMES * COLUMNS, FRAMES * COLUMNS, "frames", "logits", ()),
        detector=NO_DETECTOR,
    )
    return parse_model(pack(tone_network(), metadata), "tones.tflite")


def tones(
    phonemes: Sequence[str], before: float = 0.3, after: float = 0.3, seconds: float = 0.08
) -> Float32:
    """Return what a speaker of tones says: float32 (n,) at the rate of `WORDS`.

    Each phoneme is a tone in the middle of its band, with quiet as long as itself behind it.
    """
    rate = WORDS.sample_rate
    centres = band_centres()
    length = round(seconds * rate)
    time = np.arange(length) / rate
    fade = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 0.5
    pieces = [np.zeros(round(before * rate))]
    for label in encode(phonemes):
        pieces += [0.5 * fade * np.sin(2 * np.pi * centres[label - 1] * time), np.zeros(length)]
    pieces.append(np.zeros(round(after * rate)))
    return np.concatenate(pieces).astype(np.float32)


def band_centres() -> list[float]:
    """Return the middle of each mel band, in Hz."""
    low, high = (1127 * np.log1p(hz / 700) for hz in (WORDS.low_hz, WORDS.high_hz))
    edges = np.linspace(low, high, WORDS.bands + 2)
    return [float(700 * np.expm1(mel / 1127)) for mel in edges[1:-1]]
