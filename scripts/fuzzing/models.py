"""Model files: the contract, the archive and the arrays; and the network, its digest made right."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from kws.console import quiet
from kws.describe import describe, in_words
from kws.errors import ModelError
from kws.metadata import DetectorDefaults, SegmenterDefaults, StreamingContract, WarpingContract
from kws.modelfile import METADATA_NAME, ModelFile, pack, parse_model, read_model, write_model
from kws.network import StepNetwork, interpreter_class
from kws.packaged import packaged_model
from kws.prototypes import FEATURES
from kws.spotter import KeywordSpotter
from kws.untrusted.flatbuffer import FlatbufferReader, UnknownError
from kws.untrusted.structure import MODEL, check_network

from .changes import (
    archive_of,
    change_bytes,
    change_values,
    entries_of,
    lie_about_sizes,
    to_json,
    with_bomb,
)
from .reader import BrokenPromiseError, Reader

#: Of inputs that are whole models, one in so many is described and written again.
DESCRIBED = 4
#: Of networks that only a trial can tell, one in so many is tried: that takes half a second.
TRIED = 400

NUMBERS = (0, 1, 2, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
SCALES = (0.0, 1e-38, 1e-20, 1e-6, 1e-3, 1.0, 100.0, 1e4, 1e8, 1e20, 3e38, -1.0, np.nan, np.inf)


@functools.cache
def seeds() -> tuple[bytes, ...]:
    """Return model files of every task, in one stage and two, trained and enrolled."""
    small = packaged_model("commands-small")
    thresholds = small.metadata.detector.thresholds
    sounds = replace(
        small.metadata,
        task="sounds",
        detector=SegmenterDefaults(0.24, 0.5, 0.1, 0.2, thresholds),
        operating_points=(),
    )
    found = [pack(small.network, small.metadata), pack(small.network, sounds), _enrolled()]
    if find_spec("flatbuffers") is not None:
        found.append(_two_stages(small))
    return tuple(found)


def _enrolled() -> bytes:
    """Return a model of two enrolled phrases, whose sequences are random."""
    words = packaged_model("words")
    streaming = replace(words.metadata.streaming, output=FEATURES)
    with quiet():
        network = StepNetwork("words", words.network, streaming, 40, None, 1)
    rng = np.random.default_rng(0)
    metadata = replace(
        words.metadata,
        task="wake-words",
        labels=("one", "two"),
        streaming=streaming,
        detector=DetectorDefaults(0.1, 1.0, 1.2, {"one": 0.5, "two": 0.5}),
        operating_points=(),
        head=None,
        warping=WarpingContract((5, 7), 20.0, (0.5, 0.6)),
        arrays={
            "projection.npy": rng.normal(size=(1 + network.channels, 16)).astype(np.float16),
            "sequences.npy": rng.integers(-127, 127, (12, 16)).astype(np.int8),
        },
    )
    return pack(words.network, metadata)


def _two_stages(small: ModelFile) -> bytes:
    from tests.two_stages import two_stage_model

    model = two_stage_model()
    assert isinstance(model.metadata.streaming, StreamingContract)
    return pack(model.network, replace(model.metadata, provenance={}))


@functools.cache
def _samples() -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.normal(size=8000) * 0.1).astype(np.float32)


def _listen(model: ModelFile) -> None:
    with quiet():
        spotter = KeywordSpotter(model)
    samples = _samples()
    for start in range(0, len(samples), 1280):
        spotter.process(samples[start : start + 1280])
    for one in spotter.flush():
        if not (0 <= one.score <= 1 and one.start <= one.end):
            raise BrokenPromiseError(f"a detection {one}")


def _read(content: bytes, folder: Path) -> str:
    path = folder / "a.tflite"
    path.write_bytes(content)
    model = read_model(path)
    _listen(model)
    if hashlib.sha256(content).digest()[0] % DESCRIBED == 0:
        values = describe(model, content)
        json.dumps(values, allow_nan=False).encode()
        shown = in_words(values, network=True)
        if any(ord(one) < 32 and one != "\n" for one in shown):
            raise BrokenPromiseError(f"a control character is shown: {shown!r:.200}")
        write_model(folder / "b.tflite", model.network, model.metadata)
        if read_model(folder / "b.tflite").metadata != model.metadata:
            raise BrokenPromiseError("written and read again it is another contract")
    return "runs"


def split(content: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Take a model file apart.

    Parameters
    ----------
    content : bytes
        A model file.

    Returns
    -------
    (bytes, dict of str to bytes)
        Its network, and the entries behind it.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first = min(one.header_offset for one in archive.infolist())
    return content[:first], entries_of(content)


def _joined(network: bytes, entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    return archive_of([*entries.items()], network, method)


def _change(content: bytes, draw: random.Random) -> bytes:
    """Change the contract, an entry or the archive; digests stay right."""
    network, entries = split(content)
    what = draw.randrange(20)
    values = json.loads(entries[METADATA_NAME])
    if what < 12:
        part = draw.choice((values, values, values, values["front_end"], values["streaming"]))
        if part is values:
            values = change_values(values, draw)
        else:
            key = "front_end" if part is values["front_end"] else "streaming"
            values[key] = change_values(part, draw)
        entries[METADATA_NAME] = to_json(values, draw)
    elif what < 15:
        others = [name for name in entries if name != METADATA_NAME] or [METADATA_NAME]
        name = draw.choice(others)
        entries[name] = changed_entry(name, entries[name], draw)
        if name == "verifier.tflite":
            values["verifier"]["sha256"] = hashlib.sha256(entries[name]).hexdigest()
            entries[METADATA_NAME] = json.dumps(values).encode()
    elif what == 15:  # names that lead outside, that come twice, that nobody asked for
        odd = (
            "../b.tflite",
            "/tmp/x",
            METADATA_NAME,
            "projection.npy",
            "a" * 60_000,
            "head.tflite",
        )
        pairs = [*entries.items(), (draw.choice(odd), draw.randbytes(50))]
        draw.shuffle(pairs)
        return archive_of(pairs, network)
    elif what == 16:
        name = draw.choice((*entries, "projection.npy", "head.tflite"))
        pairs = [one for one in entries.items() if one[0] != name]
        return with_bomb(archive_of(pairs, network), name, draw)
    elif what == 17:
        return lie_about_sizes(_joined(network, entries), draw)
    elif what == 18:
        whole = _joined(network, entries, zipfile.ZIP_DEFLATED)
        return whole[: len(network)] + change_bytes(whole[len(network) :], draw)
    else:
        return change_bytes(content, draw)
    return _joined(network, entries)


def changed_entry(name: str, content: bytes, draw: random.Random) -> bytes:
    """Change an entry of a model file.

    Parameters
    ----------
    name : str
        Arrays have headers of their own.
    content : bytes
        The entry.
    draw : random.Random
        Says what is changed.

    Returns
    -------
    bytes
    """
    if name.endswith(".npy") and draw.random() < 0.7:
        shape = draw.choice(
            ((), (0,), (2, 2), (10**9, 10**9), (-1, 16), (1 << 40,), (2, 3, 4), (12, 16))
        )
        kind = draw.choice(
            ("<f4", "<f2", "|i1", "<f8", "|O", "<U1000000", ">f4", "<i8", "[('a','f4')]")
        )
        order = draw.choice(("False", "False", "True", "None"))
        header = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}"
        header = draw.choice((header, header, header, header[:-3], "(" * 5000, "a" * 70_000))
        text = (header + "\n").encode()
        version = draw.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\7\7"))
        width = 2 if version[0] == 1 else 4
        size = draw.choice((len(text), len(text), 2**31, 10**6)) % 2 ** (8 * width)
        return b"\x93NUMPY" + version + size.to_bytes(width, "little") + text + content[128:]
    return change_bytes(content, draw)


# --- the network --------------------------------------------------------------------------------


@functools.cache
def _network_seeds() -> tuple[bytes, ...]:
    names = ("commands-small", "commands-small", "words")
    return tuple(pack(one.network, one.metadata) for one in map(packaged_model, names))


@functools.cache
def _places(network: bytes) -> tuple[list[int], list[int]]:
    """Return where the structure of a network is, word by word, and where its scales are."""
    model = FlatbufferReader(network).root(MODEL)
    structure = np.ones(len(network), np.bool_)
    for buffer in model["buffers"]:
        data = bytes(buffer.get("data", b""))
        if len(data) > 64:  # shorter ones are shapes and places
            at = network.find(data)
            structure[at : at + len(data)] = False
    scales = []
    for tensor in model["graphs"][0]["tensors"]:
        data = bytes(tensor.get("quantization", {}).get("scales", b""))
        if data:
            at = network.find(data)
            scales += range(at, at + len(data), 4)
    return [at for at in np.flatnonzero(structure).tolist() if at % 4 == 0], scales


def _change_network(content: bytes, draw: random.Random) -> bytes:
    network, entries = split(content)
    return mended(changed_network(network, draw), entries)


def changed_network(network: bytes, draw: random.Random) -> bytes:
    """Change one to eight words of the structure, or scales; weights stay as they are.

    Parameters
    ----------
    network : bytes
        A whole one.
    draw : random.Random
        Says what is changed.

    Returns
    -------
    bytes
    """
    structure, scales = _places(network)
    changed = bytearray(network)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 8))):
        if scales and draw.random() < 0.4:
            at, word = draw.choice(scales), np.float32(draw.choice(SCALES)).tobytes()
        else:
            at = draw.choice(structure)
            number = draw.choice((*NUMBERS, draw.randrange(2**32), draw.randrange(len(changed))))
            word = number.to_bytes(4, "little")
            if draw.random() < 0.5:  # a single byte or bit
                old = int.from_bytes(changed[at : at + 4], "little")
                word = (old ^ 1 << draw.randrange(32)).to_bytes(4, "little")
        changed[at : at + 4] = word[: len(changed) - at]
    return bytes(changed)


def mended(network: bytes, entries: dict[str, bytes]) -> bytes:
    """Return a model file whose contract names the network that it has.

    Parameters
    ----------
    network : bytes
        Perhaps damaged.
    entries : dict of str to bytes
        What comes behind it.

    Returns
    -------
    bytes
    """
    values: Any = json.loads(entries[METADATA_NAME])
    digest = hashlib.sha256(network).hexdigest()
    values["network"] = {"bytes": len(network), "sha256": digest}
    if "head" in values:
        values["head"]["whole_sha256"] = digest
    return _joined(network, {**entries, METADATA_NAME: json.dumps(values).encode()})


def _read_network(content: bytes, folder: Path) -> str:
    model = parse_model(content, "a.tflite")
    try:
        check_network(model.network)
    except UnknownError:
        if hashlib.sha256(content).digest()[0] * 256 % TRIED:
            return "left to a trial"
        _listen(model)
        return "tried"
    # whether or not the contract is that of the network
    try:
        interpreter = interpreter_class()(model_content=model.network, num_threads=1)
        interpreter.allocate_tensors()
        for tensor in interpreter.get_input_details():
            interpreter.set_tensor(tensor["index"], np.zeros(tensor["shape"], tensor["dtype"]))
        for _ in range(2):
            interpreter.invoke()
    except (ValueError, RuntimeError):
        raise ModelError("the interpreter refuses it") from None
    _listen(model)
    return "runs"


def mend(content: bytes) -> bytes:
    """Return a model file with the digest of its network made right, if it is near one.

    Parameters
    ----------
    content : bytes
        Any bytes.

    Returns
    -------
    bytes
    """
    try:
        network, entries = split(content)
        return mended(network, entries)
    except Exception:
        return content


def readers() -> Iterator[Reader]:
    """Yield the readers of model files."""
    # what is not known of a network's structure is tried in a process of its own
    yield Reader(
        "model",
        "model files, with right digests, run",
        seeds,
        _read,
        _change,
        mend,
        starts_processes=True,
    )
    yield Reader(
        "network",
        "networks with right digests, run",
        _network_seeds,
        _read_network,
        _change_network,
        mend,
        memory=256,
        starts_processes=True,
    )
