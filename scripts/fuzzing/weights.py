"""Files of weights that training starts from: YAMNet's, in two formats, and the speech embedding's.

Both architectures are made with a few layers and channels in place of many: the code that reads
them is the same.
"""

from __future__ import annotations

import functools
import io
import random
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from .changes import NUMBERS, change_bytes, lie_about_sizes, with_bomb
from .reader import BrokenPromiseError, Reader

#: Channels of the layers of the two networks here, and classes of YAMNet.
_FEW = 3
_CLASSES = 5


@contextmanager
def _small() -> Iterator[None]:
    from kws_training.networks import speech_file, yamnet_file

    with ExitStack() as stack:
        for module, name, value in (
            (yamnet_file, "STEM_CHANNELS", _FEW),
            (yamnet_file, "CHANNELS", (_FEW,) * 3),
            (yamnet_file, "STRIDES", (1, 2, 1)),
            (yamnet_file, "CLASSES", _CLASSES),
            (speech_file, "CHANNELS", (_FEW,) * 2),
            (speech_file, "PAIRS", (1, 2)),
            (speech_file, "POOLS", (2, 1)),
        ):
            stack.enter_context(mock.patch.object(module, name, value))
        yield


class _Chain:
    """A TFLite network of operators, each of which takes what the one before gives."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema: Any = schema
        self._model, self._graph = schema.ModelT(), schema.SubGraphT()
        self._model.version = 3
        self._model.buffers, self._model.operatorCodes = [schema.BufferT()], []
        self._model.subgraphs = [self._graph]
        self._graph.tensors, self._graph.operators = [], []
        self._last = self._tensor(None)
        self._graph.inputs = [self._last]

    def _tensor(self, values: np.ndarray | None, axis: int = 0) -> int:
        made = self._schema.TensorT()
        made.name, made.shape, made.buffer = b"", [1], 0
        made.type = self._schema.TensorType.FLOAT32
        if values is not None:
            made.shape, made.buffer = list(values.shape), len(self._model.buffers)
            made.type = getattr(self._schema.TensorType, values.dtype.name.upper())
            if values.dtype.kind == "i":
                count = values.shape[axis]
                made.quantization = self._schema.QuantizationParametersT()
                made.quantization.scale = [0.01] * count
                made.quantization.zeroPoint = [0] * count
                made.quantization.quantizedDimension = axis
            buffer = self._schema.BufferT()
            buffer.data = values.reshape(-1).view(np.uint8)
            self._model.buffers.append(buffer)
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def add(
        self,
        kind: str,
        values: Sequence[tuple[np.ndarray, int]] = (),
        options: str = "",
        **values_of: Any,
    ) -> None:
        """Add an operator with constants, each with the axis of its scales, and options."""
        code = getattr(self._schema.BuiltinOperator, kind)
        codes = [one.builtinCode for one in self._model.operatorCodes]
        if code not in codes:
            entry = self._schema.OperatorCodeT()
            entry.builtinCode = entry.deprecatedBuiltinCode = code
            self._model.operatorCodes.append(entry)
            codes.append(code)
        made = self._schema.OperatorT()
        made.opcodeIndex = codes.index(code)
        made.inputs = [self._last, *(self._tensor(*one) for one in values)]
        self._last = self._tensor(None)
        made.outputs = [self._last]
        if options:
            made.builtinOptionsType = getattr(self._schema.BuiltinOptions, options)
            made.builtinOptions = getattr(self._schema, f"{options}T")()
            for name, value in values_of.items():
                setattr(made.builtinOptions, name, value)
        self._graph.operators.append(made)

    def written(self) -> bytes:
        """Return the network."""
        import flatbuffers

        self._graph.outputs = [self._last]
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _yamnet_tflite() -> bytes:
    from kws_training.networks.yamnet_file import CHANNELS, CLASSES, architecture

    rng = np.random.default_rng(0)
    chain = _Chain()
    for spec in architecture():
        height, width, inputs, outputs = spec.shape
        shape = (1, height, width, inputs) if spec.depthwise else (outputs, height, width, inputs)
        kernel = rng.integers(-127, 128, shape).astype(np.int8)
        bias = rng.integers(-1000, 1000, spec.outputs).astype(np.int32)
        chain.add(
            "DEPTHWISE_CONV_2D" if spec.depthwise else "CONV_2D",
            [(kernel, 3 if spec.depthwise else 0), (bias, 0)],
            "DepthwiseConv2DOptions" if spec.depthwise else "Conv2DOptions",
            strideH=spec.stride,
            strideW=spec.stride,
            fusedActivationFunction=3,
            **({"depthMultiplier": 1} if spec.depthwise else {}),
        )
    chain.add("MEAN")
    kernel = rng.integers(-127, 128, (CLASSES, CHANNELS[-1])).astype(np.int8)
    chain.add(
        "FULLY_CONNECTED",
        [(kernel, 0), (np.zeros(CLASSES, np.int32), 0)],
        "FullyConnectedOptions",
    )
    chain.add("LOGISTIC")
    return chain.written()


def _yamnet_h5() -> bytes:
    """Return YAMNet's weights as Keras keeps them."""
    import h5py

    from kws_training.networks.yamnet_file import CHANNELS, CLASSES, architecture

    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:

        def put(name: str, values: np.ndarray) -> None:
            file.create_dataset(name, data=values.astype(np.float32))

        for spec in architecture():
            kind = "depthwise_kernel" if spec.depthwise else "kernel"
            put(f"{spec.name}/{spec.name}/{kind}:0", rng.normal(size=spec.shape))
            for variable, value in (("beta", 0), ("moving_mean", 0), ("moving_variance", 1)):
                put(f"{spec.name}/bn/{spec.name}/bn/{variable}:0", np.full(spec.outputs, value))
        put("dense/dense/kernel:0", rng.normal(size=(CHANNELS[-1], CLASSES)))
        put("dense/dense/bias:0", np.zeros(CLASSES))
    return stream.getvalue()


def _yamnet_seeds() -> tuple[bytes, ...]:
    with _small():
        return (_yamnet_tflite(), _yamnet_h5(), _yamnet_h5())


def _read_yamnet(content: bytes, folder: Path) -> str:
    from kws_training.networks.yamnet_file import read_yamnet

    path = folder / "weights"
    path.write_bytes(content)
    with _small():
        weights = read_yamnet(path)
    for one in weights.convolutions:
        if not (np.isfinite(one.kernel).all() and np.isfinite(one.bias).all()):
            raise BrokenPromiseError("weights that are not finite")
    return "read"


def _speech_tflite() -> bytes:
    from kws_training.networks import speech_file

    rng = np.random.default_rng(0)
    shapes, pools = iter(speech_file.kernel_shapes()), iter(speech_file.POOLS)
    chain = _Chain()
    for kind in speech_file._kinds():
        if kind == "CONV_2D":
            frames, bands, inputs, outputs = next(shapes)
            kernel = rng.normal(size=(outputs, frames, bands, inputs)).astype(np.float32)
            padding = 0 if (frames, bands) == (1, 3) else 1
            bias = np.zeros(outputs, np.float32)
            values = [(kernel, 0), (bias, 0)]
            chain.add(kind, values, "Conv2DOptions", padding=padding, strideH=1, strideW=1)
        elif kind == "LEAKY_RELU":
            chain.add(kind, (), "LeakyReluOptions", alpha=speech_file.SLOPE)
        elif kind == "MAXIMUM":
            chain.add(kind, [(np.array(speech_file.LEAST, np.float32), 0)])
        elif kind == "MAX_POOL_2D":
            high = next(pools)
            sizes = {"filterHeight": high, "strideH": high, "filterWidth": 2, "strideW": 2}
            chain.add(kind, (), "Pool2DOptions", **sizes)
        else:
            chain.add(kind)
    return chain.written()


def _wheel(network: bytes) -> bytes:
    from kws_training.networks.speech_file import MEMBER

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("openwakeword/__init__.py", "")
        wheel.writestr(MEMBER, network)
    return stream.getvalue()


def _speech_seeds() -> tuple[bytes, ...]:
    with _small():
        network = _speech_tflite()
    return (network, network, _wheel(network))


def _read_speech(content: bytes, folder: Path) -> str:
    from kws_training.networks.speech_file import read_speech_embedding

    path = folder / "weights"
    path.write_bytes(content)
    with _small():
        weights = read_speech_embedding(path)
    if not all(np.isfinite(array).all() for one in weights.convolutions for array in one):
        raise BrokenPromiseError("weights that are not finite")
    return "read"


def _change(content: bytes, draw: random.Random) -> bytes:
    """Change words anywhere; of a wheel, the network in it or the archive."""
    if content.startswith(b"PK"):
        from kws_training.networks.speech_file import MEMBER

        what = draw.randrange(4)
        if what == 0:
            return lie_about_sizes(content, draw)
        if what == 1:
            return with_bomb(content, draw.choice((MEMBER, "x")), draw)
        if what == 2:
            return change_bytes(content, draw)
        with zipfile.ZipFile(io.BytesIO(content)) as wheel:
            return _wheel(_words_changed(wheel.read(MEMBER), draw))
    return change_bytes(content, draw) if draw.random() < 0.2 else _words_changed(content, draw)


def _words_changed(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 8))):
        width = draw.choice((1, 1, 2, 4, 4, 8))
        at = draw.randrange(len(changed) - width)
        old = int.from_bytes(changed[at : at + width], "little")
        near = (
            old ^ 1 << draw.randrange(8 * width),
            old + 1,
            old - 1,
            draw.randrange(len(changed)),
        )
        number = draw.choice((*NUMBERS, *near, *near)) % 2 ** (8 * width)
        changed[at : at + width] = number.to_bytes(width, "little")
    return bytes(changed)


@functools.cache
def _once(which: str) -> tuple[bytes, ...]:
    return _yamnet_seeds() if which == "yamnet" else _speech_seeds()


def readers() -> Iterator[Reader]:
    """Yield the readers of weights."""
    yield Reader(
        "yamnet",
        "weights of YAMNet, .tflite and .h5",
        lambda: _once("yamnet"),
        _read_yamnet,
        _change,
        needs=("h5py", "flatbuffers"),
    )
    yield Reader(
        "speech",
        "weights of the speech embedding, .tflite and wheel",
        lambda: _once("speech"),
        _read_speech,
        _change,
        needs=("flatbuffers",),
    )
