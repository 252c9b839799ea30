"""The network of a model file as ONNX, with the contract in its metadata."""

from __future__ import annotations

import base64
import io
import tempfile
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kws.console import quiet
from kws.errors import KwsError
from kws.files import whole_file
from kws.installing import install_extra
from kws.modelfile import METADATA_NAME, ModelFile, pack
from kws_training.networks.tflite_objects import unpack, write_flatbuffer

from ..stages import check_one_stage

#: Of the operators in ONNX: the first with everything that the converter needs for int8 per
#: channel is 13; 17 (2022) is what every runtime of today reads.
OPSET = 17


class OnnxError(KwsError):
    """A model that does not survive the way to ONNX."""


def load_onnxruntime() -> Any:
    """Import onnxruntime, if all that the export needs is there.

    Returns
    -------
    module

    Raises
    ------
    OnnxError
        If a package is missing.
    """
    for name in ("onnx", "onnxruntime", "tf2onnx"):
        if find_spec(name) is None:  # not imported: tf2onnx imports TensorFlow, which prints notes
            raise OnnxError(f"{name} is missing: {install_extra('onnx')}")
    return import_module("onnxruntime")


def open_session(runtime: Any, content: bytes, refusal: str, level: Any = None) -> Any:
    """Open an ONNX file in onnxruntime, on one thread of the processor and without its notes.

    Parameters
    ----------
    runtime : module
        onnxruntime.
    content : bytes
        The ONNX file.
    refusal : str
        The message where it is refused: "commands.tflite: onnxruntime refuses the network".
    level : onnxruntime.GraphOptimizationLevel, optional
        How far onnxruntime may rewrite the network; its own default if None.

    Returns
    -------
    onnxruntime.InferenceSession

    Raises
    ------
    OnnxError
        If onnxruntime refuses it.
    """
    options = runtime.SessionOptions()
    if level is not None:
        options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds have no common base but this
        reason = " ".join(str(error).split())[:200]
        raise OnnxError(f"{refusal} ({reason})") from None


def convert_network(model: ModelFile) -> Any:
    """Convert the network of a model.

    Parameters
    ----------
    model : ModelFile
        Its inputs and outputs keep their names.

    Returns
    -------
    onnx.ModelProto
        With ``kws.json`` in its metadata, and arrays in base 64.

    Raises
    ------
    OnnxError
        If the converter refuses it.
    ModelError
        If it has a verifier.
    """
    check_one_stage(model)
    from kws_training.tensorflow_loading import import_tensorflow

    import_tensorflow()
    with quiet():
        from tf2onnx import convert

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.tflite"
            path.write_bytes(_named(model.network))
            try:
                proto, _ = convert.from_tflite(str(path), opset=OPSET)
            except Exception as error:  # whatever the converter meets
                reason = " ".join(str(error).split())[:200]
                raise OnnxError(
                    f"{model.path}: the converter refuses the network ({reason})"
                ) from None
    with zipfile.ZipFile(io.BytesIO(pack(model.network, model.metadata))) as archive:
        for entry in archive.infolist():
            text = archive.read(entry)
            prop = proto.metadata_props.add()
            prop.key = entry.filename
            is_text = entry.filename == METADATA_NAME
            prop.value = (text if is_text else base64.b64encode(text)).decode()
    proto.doc_string = "kws"
    return proto


def _named(network: bytes) -> bytes:
    """Give every tensor a name: the converter tells tensors apart by theirs."""
    model = unpack(network)
    graph = model.subgraphs[0]
    taken = {tensor.name for tensor in graph.tensors}
    for number, tensor in enumerate(graph.tensors):
        if not tensor.name:
            name = f"t{number}".encode()
            while name in taken:
                name += b"_"
            taken.add(name)
            tensor.name = name
    return write_flatbuffer(model, len(network))


def write(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes
        All of it.

    Raises
    ------
    OnnxError
        If it cannot be written.
    """
    try:
        with whole_file(path) as stream:
            stream.write(content)
    except OSError as error:
        raise OnnxError(f"{path}: cannot be written ({error.strerror})") from None
