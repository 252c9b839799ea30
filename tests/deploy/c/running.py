"""Networks of one operator, and what runs them: the interpreter, TFLM, and C by gcc."""

from __future__ import annotations

import atexit
import ctypes
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kws.metadata import StreamingContract
from kws_deploy.c.graph import read_graph
from kws_deploy.c.network import generate

SOURCES = Path(__file__).resolve().parents[3] / "deploy" / "kws_deploy" / "c" / "sources"
FLAGS = ["-Wall", "-Wextra", "-Werror", "-std=c99", "-pedantic", "-O2"]
#: What compiles C for the interpreter as it comes, and for the reference kernels.
KINDS: tuple[list[str], list[str]] = ([], ["-DKWS_REFERENCE_KERNELS"])

#: Versions of operators, where they are not 2.
_VERSIONS = {"FULLY_CONNECTED": 4, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "RESHAPE": 1}
#: What `test_kernels` draws networks with is described at `network_of`.
Tensor = tuple[str, Sequence[int], str, Any, Any, np.ndarray | None]


def network_of(tensors: Sequence[Tensor], operators: Sequence[tuple], inputs: Any, outputs: Any):
    """Return a flatbuffer.

    Parameters
    ----------
    tensors : sequence of (name, shape, type, scale or scales, zero point, data)
        A seventh value is the axis of several scales.
    operators : sequence of (kind, inputs, outputs, options or None)
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as s

    model = s.ModelT()
    model.version = 3
    model.operatorCodes, model.buffers, model.subgraphs = [], [s.BufferT()], []
    graph = s.SubGraphT()
    graph.tensors, graph.operators = [], []
    graph.inputs, graph.outputs = list(inputs), list(outputs)
    for name, shape, kind, scale, zero, data, *axis in tensors:
        tensor = s.TensorT()
        tensor.name, tensor.shape = name, list(shape)
        tensor.type = getattr(s.TensorType, kind)
        tensor.hasRank = True
        if scale is not None:
            quantization = s.QuantizationParametersT()
            quantization.scale = [float(x) for x in np.atleast_1d(scale)]
            quantization.zeroPoint = [int(zero)] * len(quantization.scale)
            quantization.quantizedDimension = axis[0] if axis else 0
            tensor.quantization = quantization
        tensor.buffer = 0
        if data is not None:
            buffer = s.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(tensor)
    for kind, ins, outs, options in operators:
        code = s.OperatorCodeT()
        code.builtinCode = getattr(s.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = _VERSIONS.get(kind, 2)
        operator = s.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes)
        operator.inputs, operator.outputs = list(ins), list(outs)
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(
                s.BuiltinOptions, type(options).__name__.removesuffix("T")
            )
        model.operatorCodes.append(code)
        graph.operators.append(operator)
    model.subgraphs.append(graph)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run_in_c(
    network: bytes, values: np.ndarray, folder: Path, compiler: str, reference: bool
) -> np.ndarray:
    """Generate and compile a network without states and run it on inputs (n, …)."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = read_graph(network, "test.tflite")
    made = generate(graph, StreamingContract(1, 1, "in", "out", ()))
    (folder / "kws_network.c").write_text(made.source)
    (folder / "kws_model.h").write_text(
        "#include <stdint.h>\n#define KWS_STATE_BYTES 1\n"
        f"#define KWS_ARENA_BYTES {made.arena + 1}\n"
        "extern const int8_t kws_states_after_silence[1];\n"
    )
    (folder / "none.c").write_text(
        '#include "kws_model.h"\nconst int8_t kws_states_after_silence[1] = {0};\n'
    )
    library = compile_library(folder, ["kws_network.c", "none.c"], compiler, reference)
    size = graph.tensors[graph.named("out", graph.outputs)].size
    memory = ctypes.create_string_buffer(made.arena + 2)
    out = np.empty((len(values), size), np.int8)
    for number, value in enumerate(np.ascontiguousarray(values, np.int8)):
        library.kws_network_step(
            memory,
            value.ctypes.data_as(ctypes.c_void_p),
            out[number].ctypes.data_as(ctypes.c_void_p),
        )
    return out


def compile_library(
    folder: Path, files: Sequence[str], compiler: str, reference: bool
) -> ctypes.CDLL:
    """Compile generated files with the kernels into a library."""
    target = folder / "library.so"
    sources = [str(folder / name) for name in files]
    found = ["-I", str(folder), "-I", str(SOURCES), str(kernels(compiler, reference))]
    command = [compiler, *FLAGS, "-O0", *KINDS[reference], "-fPIC", "-shared", *sources, *found]
    subprocess.run([*command, "-lm", "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


@functools.cache
def kernels(compiler: str, reference: bool) -> Path:
    """Compile the kernels once for all networks."""
    target = Path(tempfile.mkdtemp()) / "kernels.o"
    source = str(SOURCES / "kws_kernels.c")
    command = [compiler, *FLAGS, *KINDS[reference], "-fPIC", "-c", source, "-o", str(target)]
    subprocess.run(command, check=True)
    atexit.register(shutil.rmtree, target.parent)
    return target


def run_in_tflite(network: bytes, values: np.ndarray, reference: bool) -> np.ndarray:
    """Run a network on inputs (n, …), by the interpreter as it comes or the reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kinds = {"experimental_op_resolver_type": OpResolverType.BUILTIN_REF} if reference else {}
    interpreter = Interpreter(model_content=network, num_threads=1, **kinds)
    interpreter.allocate_tensors()
    frames = interpreter.get_input_details()[0]
    out = next(o for o in interpreter.get_output_details() if o["name"] == "out")
    results = []
    for value in values:
        interpreter.set_tensor(frames["index"], value.astype(np.int8).reshape(frames["shape"]))
        interpreter.invoke()
        results.append(interpreter.get_tensor(out["index"]).ravel().copy())
    return np.array(results)


def run_in_tflm(network: bytes, values: np.ndarray) -> np.ndarray:
    """Run a network on inputs (n, …) by TensorFlow Lite for Microcontrollers."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(network, arena_size=2**20)
    shape = [int(n) for n in interpreter.get_input_details(0)["shape"]]
    results = []
    for value in values:
        interpreter.set_input(value.astype(np.int8).reshape(shape), 0)
        interpreter.invoke()
        results.append(interpreter.get_output(0).ravel().copy())
    return np.array(results)


def build(folder: Path, compiler: str, reference: bool) -> ctypes.CDLL:
    """Compile all of an exported folder but its main program into a library."""
    target = folder.parent / f"{folder.name}{int(reference)}.so"
    sources = [str(path) for path in sorted(folder.glob("kws_*.c"))]
    command = [
        compiler,
        *FLAGS,
        *KINDS[reference],
        "-fPIC",
        "-shared",
        *sources,
        "-lm",
        "-o",
        str(target),
    ]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(target))


def compile_program(folder: Path, target: Path, compiler: str, flags: Sequence[str]) -> None:
    """Compile the example of an exported folder."""
    sources = [str(path) for path in sorted(folder.glob("*.c"))]
    subprocess.run([compiler, *FLAGS, *flags, *sources, "-lm", "-o", str(target)], check=True)


def struct() -> ctypes.Array:
    """Return memory for a struct of C, more than any here takes."""
    return ctypes.create_string_buffer(2**20)


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """Return the address of an array."""
    return array.ctypes.data_as(ctypes.c_void_p)
