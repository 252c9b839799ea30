"""A model is one file: a TFLite network with its contract, `kws.json`, appended as a ZIP.

The appended ZIP is how TensorFlow's own tools attach metadata: the interpreter does not look
behind the flatbuffer, and `unzip` does not look before the archive.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import stat
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ModelError
from .fields import FieldReader, strict_json
from .files import whole_file
from .metadata import Metadata, StreamingContract, parse_metadata
from .npy import read_array_header
from .phonemes.symbols import PHONEME_TASK
from .zips import is_bounded

#: Version of the contract, and of that with a verifier or with phrases that were typed: a reader
#: that knows none must refuse the file, whose thresholds are not those of the first network alone,
#: or whose network gives phonemes.
SCHEMA = 1
SCHEMA_WITH_VERIFIER = 2
SCHEMA_WITH_PHRASES = 3
#: What each version holds that the others do not.
_EXTRAS = {SCHEMA: None, SCHEMA_WITH_VERIFIER: "verifier", SCHEMA_WITH_PHRASES: "phrases"}
METADATA_NAME = "kws.json"
#: A model for a small device is far below this; more is refused before it is read.
MAX_FILE_BYTES = 64 * 2**20
MAX_METADATA_BYTES = 2**20
#: Arrays that a file may hold beside the network, each as NumPy writes it, and their dimensions.
ARRAYS = {"projection.npy": 2, "prototypes.npy": 3, "sequences.npy": 2}
MAX_ARRAY_BYTES = 4 * 2**20
#: The network of a head, without the word base (`kws.metadata.Head`).
HEAD_NAME = "head.tflite"
MAX_HEAD_BYTES = 4 * 2**20
#: The second network of a model in two stages (`kws.metadata.Verifier`).
VERIFIER_NAME = "verifier.tflite"
MAX_VERIFIER_BYTES = 16 * 2**20
#: What reading an entry of a damaged ZIP raises.
_DAMAGE = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError)


@dataclass(frozen=True)
class ModelFile:
    """A model file in memory.

    Attributes
    ----------
    path : str
        Where it came from, for messages.
    network : bytes
        The flatbuffer, without the metadata.
    metadata : Metadata
    """

    path: str
    network: bytes
    metadata: Metadata

    def first_stage(self) -> ModelFile:
        """Return the model of the first network alone (`Metadata.first_stage`).

        Returns
        -------
        ModelFile
            Without the verifier, if there is one.
        """
        return replace(self, metadata=self.metadata.first_stage())


def read_model(path: str | Path) -> ModelFile:
    """Read and check a model file.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    ModelFile
        The network, and its contract.

    Raises
    ------
    ModelError
        If the file is missing, too large, truncated, foreign, damaged, or its metadata is of an
        unknown schema or does not hold together; the message says what and where.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path}: is no file: give a .tflite file that kws wrote")
        if status.st_size > MAX_FILE_BYTES:
            raise ModelError(
                f"{path}: {status.st_size} bytes is no model: at most {MAX_FILE_BYTES} are read"
            )
        content = path.read_bytes()
    except ValueError:
        raise ModelError(f"{str(path)!r}: is not a path: take out the null byte") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    return parse_model(content, str(path))


def parse_model(content: bytes, path: str) -> ModelFile:
    """Check the content of a model file; see `read_model`.

    Parameters
    ----------
    content : bytes
        The whole file.
    path : str
        Where it came from, for messages.

    Returns
    -------
    ModelFile
        The network, and its contract.
    """
    if content[4:8] != b"TFL3":
        raise ModelError(f"{path}: not a TFLite model: give a .tflite file that kws wrote")
    try:
        text = _entry(content, METADATA_NAME, MAX_METADATA_BYTES)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    except KeyError:
        raise ModelError(f"{path}: has no {METADATA_NAME}: it is a model of another tool") from None
    except _DAMAGE:
        raise ModelError(
            f"{path}: no {METADATA_NAME} behind the network: the file was cut short, "
            "or is a model of another tool"
        ) from None
    try:
        values = strict_json(text)
    except (ValueError, RecursionError):
        raise ModelError(f"{path}: {METADATA_NAME} is not JSON") from None
    try:
        reader = FieldReader(values, METADATA_NAME)
        schema = reader.number("schema", 0, 2**31)
        if schema not in _EXTRAS:
            raise ModelError(
                f"schema {schema} is not known (this version reads {SCHEMA} to "
                f"{SCHEMA_WITH_PHRASES}): update kws"
            )
        for version, extra in _EXTRAS.items():
            if extra is not None and (extra in reader.values) != (schema == version):
                raise ModelError(
                    f"schema {schema}: {extra!r} goes with schema {version} and no other: "
                    "the file is damaged"
                )
        network = reader.group("network")
        size = int(network.number("bytes", 8, len(content)))
        if hashlib.sha256(content[:size]).hexdigest() != network.text("sha256"):
            raise ModelError("the network's digest does not match: the file is damaged")
        metadata = parse_metadata(reader)
        names = reader.items("arrays", 100) if "arrays" in values else []
        metadata = replace(metadata, arrays={name: _array(content, name) for name in names})
        if metadata.head is not None:
            if metadata.head.whole_sha256 != network.text("sha256"):
                raise ModelError("head: is that of another network: the file is damaged")
            own = _network_entry(content, HEAD_NAME, MAX_HEAD_BYTES)
            metadata = replace(metadata, head=replace(metadata.head, network=own))
        if metadata.verifier is not None:
            second = _network_entry(content, VERIFIER_NAME, MAX_VERIFIER_BYTES)
            if hashlib.sha256(second).hexdigest() != reader.group("verifier").text("sha256"):
                raise ModelError(f"{VERIFIER_NAME}: its digest does not match: the file is damaged")
            metadata = replace(metadata, verifier=replace(metadata.verifier, network=second))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return ModelFile(path, content[:size], metadata)


def network_digest(model: ModelFile) -> str:
    """Return what tells a model's network from all others, whatever its thresholds are.

    Parameters
    ----------
    model : ModelFile
        A model.

    Returns
    -------
    str
        SHA-256 of the network, as ``kws inspect`` prints it.
    """
    return hashlib.sha256(model.network).hexdigest()


def write_model(path: str | Path, network: bytes, metadata: Metadata) -> None:
    """Write a network and its contract as one file, all of it or nothing.

    Parameters
    ----------
    path : path
        Where to write; a file that is there is replaced.
    network : bytes
        The flatbuffer of a TFLite network.
    metadata : Metadata
        Its contract.

    Raises
    ------
    ModelError
        If the file cannot be written.
    """
    path = Path(path)
    content = pack(network, metadata)
    parse_model(content, str(path))  # what would not be read is not written
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(f"{path}: {len(content)} bytes: a model has at most {MAX_FILE_BYTES}")
    try:
        with whole_file(path) as stream:
            stream.write(content)
    except OSError as error:
        raise ModelError(f"{path}: cannot be written ({error.strerror})") from None


def pack(network: bytes, metadata: Metadata) -> bytes:
    """Return the content of a model file; the same input gives the same bytes.

    Parameters
    ----------
    network : bytes
        The flatbuffer of a TFLite network.
    metadata : Metadata
        Its contract.

    Returns
    -------
    bytes
        What `parse_model` reads.
    """
    sha256 = hashlib.sha256(network).hexdigest()
    values = {
        "schema": schema_of(metadata),
        "task": metadata.task,
        "labels": list(metadata.labels),
        "network": {"bytes": len(network), "sha256": sha256},
        "front_end": metadata.front_end.to_dict(),
        "streaming": _streaming_values(metadata.streaming),
        "detector": vars(metadata.detector),
        "operating_points": [vars(point) for point in metadata.operating_points],
        "provenance": metadata.provenance,
    }
    if metadata.prototypes is not None:
        values["prototypes"] = vars(metadata.prototypes)
    if metadata.warping is not None:
        values["warping"] = vars(metadata.warping)
    if metadata.arrays:
        values["arrays"] = sorted(metadata.arrays)
    head = metadata.head
    if head is not None and head.whole_sha256 != sha256:
        head = None  # the network is another one now, quantized anew or pruned
    if head is not None:
        values["head"] = {
            "base_sha256": head.base_sha256,
            "whole_sha256": head.whole_sha256,
            "streaming": _streaming_values(head.streaming),
        }
    verifier = metadata.verifier
    if verifier is not None:
        values["verifier"] = {
            "sha256": hashlib.sha256(verifier.network).hexdigest(),
            "gates": verifier.gates,
            "weight": verifier.weight,
            "limit": verifier.limit,
            "alone": verifier.alone,
            "streaming": _streaming_values(verifier.streaming),
        }
    if metadata.phrases is not None:
        values["phrases"] = metadata.phrases.values()
    stream = io.BytesIO()
    stream.write(network)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, METADATA_NAME, json.dumps(values, indent=1).encode())
        for name, array in sorted(metadata.arrays.items()):
            entry = io.BytesIO()
            np.save(entry, array, allow_pickle=False)
            _add(archive, name, entry.getvalue())
        if head is not None:
            _add(archive, HEAD_NAME, head.network)
        if verifier is not None:
            _add(archive, VERIFIER_NAME, verifier.network)
    return stream.getvalue()


def schema_of(metadata: Metadata) -> int:
    """Return the version of a contract.

    Parameters
    ----------
    metadata : Metadata
        The contract.

    Returns
    -------
    int
        What ``schema`` in ``kws.json`` says.
    """
    if metadata.phrases is not None:
        return SCHEMA_WITH_PHRASES
    return SCHEMA if metadata.verifier is None else SCHEMA_WITH_VERIFIER


def _streaming_values(contract: StreamingContract) -> dict[str, Any]:
    return {**vars(contract), "states": [*map(list, contract.states)]}


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add an entry; the same content gives the same bytes."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def _entry(content: bytes, name: str, most: int) -> bytes:
    """Read what a file holds behind its network, so many bytes at most.

    Without it this raises a KeyError; damage is one of `_DAMAGE`.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entry = archive.getinfo(name)
        if entry.file_size > most or not is_bounded(entry):
            raise ModelError(f"{name} is too large, encrypted, or not compressed by Deflate")
        with archive.open(entry) as stream:
            return stream.read(most + 1)


def _array(content: bytes, name: Any) -> npt.NDArray[Any]:
    """Read one of a file's arrays: numbers of one of three types, bounded in size, finite."""
    if not isinstance(name, str) or name not in ARRAYS:
        raise ModelError(f"arrays: {name!r:.60} is not known: update kws")
    try:
        data = _entry(content, name, MAX_ARRAY_BYTES)
        # a header that asks for more than the entry holds must not take memory
        header = read_array_header(io.BytesIO(data), len(data))
    except KeyError:
        raise ModelError(f"{name} is missing: the file is damaged") from None
    except _DAMAGE as error:
        raise ModelError(f"{name} is damaged: {' '.join(str(error).split())[:100]}") from None
    shape, dtype = header.shape, header.dtype
    wanted = dtype in (np.float32, np.float16, np.int8) and not header.fortran
    if not wanted or len(shape) != ARRAYS[name] or not math.prod(shape):
        raise ModelError(f"{name} is an array of {dtype!s:.60} {shape}, which none is")
    array = np.frombuffer(data, dtype, math.prod(shape), header.begin).reshape(shape)
    if not np.isfinite(array).all():
        raise ModelError(f"{name} holds numbers that are not finite")
    return array


def _network_entry(content: bytes, name: str, most: int) -> bytes:
    """Read a further network of a file, bounded in size."""
    try:
        network = _entry(content, name, most)
    except KeyError:
        raise ModelError(f"{name} is missing: the file is damaged") from None
    except _DAMAGE:
        raise ModelError(f"{name} is damaged") from None
    if network[4:8] != b"TFL3":
        raise ModelError(f"{name} is no TFLite network: the file is damaged")
    return network


def check_phonemes(model: ModelFile) -> None:
    """Refuse a model that is none of phonemes.

    Parameters
    ----------
    model : ModelFile
        Any model.

    Raises
    ------
    ModelError
        Says what the model is, and what to do.
    """
    if model.metadata.task != PHONEME_TASK:
        raise ModelError(
            f"{model.path}: is a model of {model.metadata.task}, not of phonemes: leave --model "
            "out, or name one that kws pretrain --task phonemes wrote"
        )
