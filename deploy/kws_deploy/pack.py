"""A plain TFLite network and its contract become one model file, or a contract to start from."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.console import quiet
from kws.errors import KwsError, ModelError
from kws.fields import strict_json
from kws.frontend import WORDS, YAMNET, LogMelConfig
from kws.modelfile import (
    ARRAYS,
    HEAD_NAME,
    MAX_ARRAY_BYTES,
    MAX_FILE_BYTES,
    MAX_HEAD_BYTES,
    MAX_METADATA_BYTES,
    MAX_VERIFIER_BYTES,
    METADATA_NAME,
    SCHEMA,
    VERIFIER_NAME,
    ModelFile,
    pack,
    parse_model,
)
from kws.network import interpreter_class
from kws.packaged import find_model, is_file
from kws.spotter import KeywordSpotter
from kws.untrusted.gate import admit
from kws.verification import VerifiedNetwork, open_network

#: Noise that is run through a network to see how long it remembers: its steps, and how many steps
#: of silence may follow.
NOISE_STEPS = 150
MOST_SILENT_STEPS = 1000
#: The longest receptive field that a contract may name.
MOST_FRAMES = 10_000
#: Names that people give to the input of the frames and to the output of the logits.
FRAMES_NAMES = ("frames", "input", "inputs", "mel", "features")
LOGITS_NAMES = ("logits", "output", "scores", "predictions")


class PackError(KwsError):
    """A network or a contract that does not make a model file."""


def read_network(path: Path) -> bytes:
    """Read a network: a plain TFLite file, or that of a model file.

    Parameters
    ----------
    path : Path
        A file, or the name of a model in the package or on the Hub.

    Returns
    -------
    bytes
        The flatbuffer, without an archive that may hang behind it.

    Raises
    ------
    PackError
        If it cannot be read, is too large, or is no TFLite network.
    ModelError
        If it is a model file that is damaged.
    """
    if not is_file(path):
        return find_model(path).network
    content = _read(path, MAX_FILE_BYTES, "a .tflite file")
    if content[4:8] != b"TFL3":
        raise PackError(f"{path}: not a TFLite network: give a .tflite file")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        return content
    if any(entry.filename == METADATA_NAME for entry in entries):
        return parse_model(content, str(path)).network
    # another tool's metadata
    return content[: min((entry.header_offset for entry in entries), default=len(content))]


def join(network: bytes, metadata: Path) -> ModelFile:
    """Check a network and its contract as the runtime does, and join them.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer.
    metadata : Path
        A ``kws.json``. The arrays, the head and the verifier that it names lie beside it; its
        ``network`` (size and digest) may be left out.

    Returns
    -------
    ModelFile
        One that the runtime has built and run: `kws.modelfile.write_model` writes it.

    Raises
    ------
    PackError
        If a file cannot be read, or the contract is of another network.
    ModelError
        If the contract does not hold together, or does not match the network.
    """
    values = _json(metadata)
    digest = hashlib.sha256(network).hexdigest()
    if "network" in values:
        said = values["network"].get("sha256") if isinstance(values["network"], dict) else None
        if said != digest:
            raise PackError(
                f"{metadata}: was written for another network (its sha256 begins with "
                f"{str(said)[:12]!r}, this one's with {digest[:12]!r}): take out its key 'network' "
                "if this network is meant"
            )
    values["network"] = {"bytes": len(network), "sha256": digest}
    model = parse_model(_joined(network, values, metadata), str(metadata))
    run_once(model)
    return model


def _joined(network: bytes, values: dict[str, Any], metadata: Path) -> bytes:
    """Return a file with the contract as it was given, for `parse_model` to check."""
    stream = io.BytesIO()
    stream.write(network)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(METADATA_NAME, json.dumps(values))
        names = values.get("arrays", [])
        for name in ARRAYS:  # the file's own names are never a path
            if isinstance(names, list) and name in names:
                content = _read(metadata.parent / name, MAX_ARRAY_BYTES, "an array")
                archive.writestr(name, content)
        if "head" in values:
            head = _read(metadata.parent / HEAD_NAME, MAX_HEAD_BYTES, "a head")
            archive.writestr(HEAD_NAME, head)
        if "verifier" in values:
            verifier = _read(metadata.parent / VERIFIER_NAME, MAX_VERIFIER_BYTES, "a verifier")
            archive.writestr(VERIFIER_NAME, verifier)
    return stream.getvalue()


def run_once(model: ModelFile) -> None:
    """Build the runtime and run a step of noise.

    Parameters
    ----------
    model : ModelFile
        Any model.

    Raises
    ------
    ModelError
        If the network does not match its contract, or gives numbers that are not finite.
    """
    with quiet():
        KeywordSpotter(model)
        network = open_network(model)
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(network.frames, model.metadata.front_end.bands)).astype(np.float32)
    network.reset()
    if not np.isfinite(network.step(frames)).all():
        raise ModelError(f"{model.path}: the network gives logits that are not finite")
    if isinstance(network, VerifiedNetwork) and not np.isfinite(network.second.verify()).all():
        raise ModelError(f"{model.path}: the verifier gives logits that are not finite")


def _json(path: Path) -> dict[str, Any]:
    text = _read(path, MAX_METADATA_BYTES, f"a {METADATA_NAME}")
    try:
        values = strict_json(text)
    except (ValueError, RecursionError) as error:
        raise PackError(f"{path}: is not JSON ({error!s:.100})") from None
    if not isinstance(values, dict):
        raise PackError(f"{path}: is not a JSON object: kws pack --template prints one")
    return values


def _read(path: Path, most: int, what: str) -> bytes:
    try:
        if not path.is_file():
            raise PackError(f"{path}: no such file: give {what}")
        if path.stat().st_size > most:
            raise PackError(f"{path}: {path.stat().st_size} bytes is no {what}: at most {most}")
        return path.read_bytes()
    except OSError as error:
        raise PackError(f"{path}: cannot be read ({error.strerror}): check the path") from None


# --- a contract to start from ---


@dataclass(frozen=True)
class Template:
    """A contract to start from.

    Attributes
    ----------
    values : dict
        What ``kws.json`` holds.
    notes : tuple of str
        What was guessed, and what only the maker knows.
    """

    values: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Roles:
    """What the tensors of a network are for, as far as they tell."""

    frames: Any
    logits: Any
    states: tuple[tuple[Any, Any], ...]


def template(network: bytes, path: str) -> Template:
    """Return a contract to start from, filled from what the network's tensors tell.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer.
    path : str
        For messages.

    Raises
    ------
    ModelError
        If the network is damaged (`kws.untrusted`).
    PackError
        If the interpreter refuses it, or it is no streaming network: frames and states in, logits
        and the states' successors out.
    """
    admit(network, path)
    try:
        with quiet():
            interpreter = interpreter_class()(model_content=network)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PackError(f"{path}: the interpreter refuses the network ({reason})") from None
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    roles = _roles(inputs, outputs, path)
    shape = roles.frames["shape"]
    frames, bands = int(shape[1]), int(np.prod(shape[2:]))
    columns = _memory(interpreter, roles)
    labels = int(roles.logits["shape"][2])
    notes = [
        f"labels: the network gives {labels} numbers: name them in their order, {_OTHERS}",
        f"front_end: {_guess(bands)[1]}",
        "detector: thresholds of 0.5 were chosen on nothing: kws evaluate or kws calibrate",
    ]
    receptive = min(frames * (100 if columns is None else columns), MOST_FRAMES)
    if columns is None:
        notes.append(
            f"streaming: receptive_field {receptive} is no more than a start: the network "
            f"remembers for more than {MOST_SILENT_STEPS} steps"
        )
    elif roles.states:
        notes.append(
            f"streaming: receptive_field {receptive} was measured: {columns} steps of silence "
            "make it forget noise"
        )
    if roles.states:
        pairs = ", ".join(f"{old['name']} → {new['name']}" for old, new in roles.states)
        notes.append(f"streaming: the states were paired by name and shape: {pairs}")
    values = {
        "schema": SCHEMA,
        "task": "commands",
        "labels": [f"label_{number}" for number in range(labels)],
        "front_end": _guess(bands)[0].to_dict(),
        "streaming": {
            "frames": frames,
            "receptive_field": receptive,
            "input": roles.frames["name"],
            "output": roles.logits["name"],
            "states": [[old["name"], new["name"]] for old, new in roles.states],
        },
        "detector": {
            "smoothing": 0.24,
            "refractory": 0.8,
            "longest": 1.2,
            "thresholds": {f"label_{number}": 0.5 for number in range(labels)},
        },
        "operating_points": [],
        "provenance": {},
    }
    return Template(values, tuple(notes))


_OTHERS = "_unknown_ and _silence_ for what is no keyword; and in thresholds, the keywords alone"


def _guess(bands: int) -> tuple[LogMelConfig, str]:
    if bands == YAMNET.bands:
        return YAMNET, "YAMNet's has 64 bands: check that the network was trained on it"
    if bands == WORDS.bands:
        return WORDS, "the word base's has 40 bands: check that the network was trained on it"
    guess = replace(WORDS, bands=bands)
    return guess, f"{bands} bands were put into the word base's: write what it was trained on"


def _roles(inputs: Sequence[Any], outputs: Sequence[Any], path: str) -> _Roles:
    """Tell the frames, the logits and the states apart."""
    if any(not one["name"] for one in (*inputs, *outputs)):
        raise PackError(f"{path}: an input or output has no name: convert it with named tensors")
    frames = _frames(inputs, outputs, path)
    states = []
    left = list(outputs)
    for old in sorted((one for one in inputs if one is not frames), key=_natural):
        alike = [new for new in left if _alike(old, new)]
        if not alike:
            raise PackError(
                f"{path}: input {old['name']!r:.60} {old['shape'].tolist()} has no output of its "
                "shape, type and quantization: a state needs one that replaces it"
            )
        number = _digits(old["name"])
        same = [new for new in alike if number and _digits(new["name"]) == number]
        new = (same or sorted(alike, key=_natural))[0]
        states.append((old, new))
        left = [one for one in left if one is not new]
    logits = [one for one in left if len(one["shape"]) == 3 and one["shape"][0] == 1]
    named = [one for one in logits if one["name"].lower() in LOGITS_NAMES]
    if not (named or logits):
        raise PackError(f"{path}: no output is (1, columns, labels), as logits are")
    return _Roles(frames, (named or logits)[0], tuple(states))


def _frames(inputs: Sequence[Any], outputs: Sequence[Any], path: str) -> Any:
    """Choose the input of the frames: by its name, or the one that nothing replaces."""
    named = [one for one in inputs if one["name"].lower() in FRAMES_NAMES]
    alone = [one for one in inputs if not any(_alike(one, out) for out in outputs)]
    found = named or alone or (list(inputs) if len(inputs) == 1 else [])
    if len(found) != 1:
        names = ", ".join(str(one["name"])[:40] for one in (found or inputs)[:5])
        raise PackError(
            f"{path}: which input takes the frames cannot be told ({names}): name it 'frames'"
        )
    shape = [int(size) for size in found[0]["shape"]]
    if len(shape) < 3 or shape[0] != 1:
        raise PackError(
            f"{path}: takes {shape}: a streaming network takes (1, frames, bands), or with 1 "
            "between them"
        )
    bands = math.prod(shape[2:])
    if not 1 <= bands <= 256:
        raise PackError(f"{path}: takes {shape}: no front end has {bands} bands")
    return found[0]


def _alike(old: Any, new: Any) -> bool:
    return (
        list(old["shape"]) == list(new["shape"])
        and old["dtype"] == new["dtype"]
        and old["quantization"] == new["quantization"]
    )


def _digits(name: str) -> str:
    found = re.findall(r"\d+", name)
    return found[-1].lstrip("0") or "0" if found else ""


def _natural(tensor: Any) -> list[tuple[int, str]]:
    """Order names so that state_10 comes after state_9."""
    return [
        (int(part), "") if part.isascii() and part.isdigit() else (-1, part)
        for part in re.split(r"(\d+)", tensor["name"][:200])
    ]


def _memory(interpreter: Any, roles: _Roles) -> int | None:
    """Return how many steps of silence make a network forget noise; None if it does not."""
    if not roles.states:
        return 1
    rng = np.random.default_rng(0)
    silence = np.zeros_like(interpreter.get_tensor(roles.frames["index"]))
    integers = np.issubdtype(silence.dtype, np.integer)

    def noise() -> npt.NDArray[Any]:
        if integers:
            low, high = np.iinfo(silence.dtype).min, np.iinfo(silence.dtype).max
            return np.asarray(rng.integers(low, high + 1, silence.shape), silence.dtype)
        return np.asarray(rng.normal(0, 3, silence.shape), silence.dtype)

    def step(frames: Any, states: list[Any]) -> list[Any]:
        interpreter.set_tensor(roles.frames["index"], frames)
        for (old, _), value in zip(roles.states, states, strict=True):
            interpreter.set_tensor(old["index"], value)
        interpreter.invoke()
        return [interpreter.get_tensor(new["index"]) for _, new in roles.states]

    zeros = [np.zeros_like(interpreter.get_tensor(old["index"])) for old, _ in roles.states]
    calm, excited = zeros, zeros
    for _ in range(NOISE_STEPS):
        calm, excited = step(silence, calm), step(noise(), excited)
    for steps in range(1, MOST_SILENT_STEPS + 1):
        calm, excited = step(silence, calm), step(silence, excited)
        if all((a == b).all() for a, b in zip(calm, excited, strict=True)):
            # the result of the last step that still saw noise came out with these states
            return steps + 1
    return None


def digest(model: ModelFile) -> str:
    """Return the SHA-256 of the whole file that a model is written as.

    Parameters
    ----------
    model : ModelFile
        Any model.
    """
    return hashlib.sha256(pack(model.network, model.metadata)).hexdigest()
