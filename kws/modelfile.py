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
import tokenize
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ModelError
from .files import whole_file
from .frontend import FrontEnd, front_end_from

SCHEMA = 1
METADATA_NAME = "kws.json"
#: A model for a small device is far below this; more is refused before it is read.
MAX_FILE_BYTES = 64 * 2**20
MAX_METADATA_BYTES = 2**20
#: Arrays that a file may hold beside the network, each as NumPy writes it, and their dimensions.
ARRAYS = {"projection.npy": 2, "prototypes.npy": 3}
MAX_ARRAY_BYTES = 4 * 2**20
#: Prototypes of all labels, columns of each, and how many columns back one may be, at most.
MOST_PROTOTYPES = 1000
MOST_OFFSETS = 32
MOST_BACK = 250
#: What reading an entry of a damaged ZIP raises.
_DAMAGE = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError)
SILENCE = "_silence_"
UNKNOWN = "_unknown_"
#: Of these tasks, "wake-words" alone gives each label a score of its own.
WAKE_WORDS = "wake-words"
TASKS = ("commands", "sounds", WAKE_WORDS)


@dataclass(frozen=True)
class StreamingContract:
    """How the network runs as a stream.

    Attributes
    ----------
    frames : int
        Front-end frames per step.
    receptive_field : int
        Front-end frames that one result depends on.
    input, output : str
        Names of the tensors of the frames and of the logits (1, columns, labels).
    states : tuple of (str, str)
        Names of each state's input tensor and of the output tensor that replaces it.
    """

    frames: int
    receptive_field: int
    input: str
    output: str
    states: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DetectorDefaults:
    """What turns scores into detections.

    Attributes
    ----------
    smoothing : float
        Seconds over which scores are averaged.
    refractory : float
        Seconds after a detection in which the same keyword is not detected again.
    longest : float
        No keyword takes longer, in seconds.
    thresholds : dict of str to float
        Smoothed score from which each keyword is detected, 0 .. 1.
    """

    smoothing: float
    refractory: float
    longest: float
    thresholds: dict[str, float]


@dataclass(frozen=True)
class SegmenterDefaults:
    """What turns scores into sounds that begin and end.

    Attributes
    ----------
    smoothing : float
        Seconds over which scores are averaged.
    release : float
        A sound goes on while its smoothed score is at least this share of its threshold, 0 .. 1.
    shortest : float
        Seconds; what is shorter is dropped.
    gap : float
        Seconds; sounds of one label that are no farther apart are one.
    thresholds : dict of str to float
        Smoothed score that each keyword must reach, 0 .. 1.
    """

    smoothing: float
    release: float
    shortest: float
    gap: float
    thresholds: dict[str, float]


@dataclass(frozen=True)
class PrototypeContract:
    """How features become logits of wake words: see `kws.prototypes.Matcher`.

    Attributes
    ----------
    labels : tuple of int
        Number of the label that each prototype belongs to.
    offsets : tuple of int
        How many columns back each column of a prototype is, from 0 on.
    slope : float
        Logit per unit of similarity.
    centres : tuple of float
        Similarity at which each label's logit is 0.
    """

    labels: tuple[int, ...]
    offsets: tuple[int, ...]
    slope: float
    centres: tuple[float, ...]


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold gave on recordings that it was not chosen on.

    Attributes
    ----------
    keyword : str
    threshold : float
    false_accepts_per_hour : float
        Detections of this keyword where nobody said it, per hour.
    false_accepts_per_hour_interval : (float, float)
        95 % interval (exact Poisson).
    miss_rate : float or None
        Share of the keyword's recordings that were not detected; None where there were none, as
        after `kws calibrate`.
    miss_rate_interval : (float, float)
        95 % interval (Clopper-Pearson); 0 to 1 where nothing is known.
    hours : float
        Audio without the keyword.
    recordings : int
        Recordings of the keyword.
    """

    keyword: str
    threshold: float
    false_accepts_per_hour: float
    false_accepts_per_hour_interval: tuple[float, float]
    miss_rate: float | None
    miss_rate_interval: tuple[float, float]
    hours: float
    recordings: int


@dataclass(frozen=True)
class Metadata:
    """The contract of a model file.

    Attributes
    ----------
    task : str
        "commands": words, each detected once; "sounds": sounds that begin and end. Of both, one
        of the labels at a time, by softmax. "wake-words": phrases, each by a sigmoid of its own.
    labels : tuple of str
        In the order of the network's output; those in underscores are no keywords, and wake
        words have none of these.
    front_end : LogMelConfig or JoinedConfig
    streaming : StreamingContract
    detector : DetectorDefaults or SegmenterDefaults
        The latter for sounds.
    operating_points : tuple of OperatingPoint
    provenance : dict
        Recipe, digests of data and weights, versions: for people, never read by the runtime.
    prototypes : PrototypeContract or None
        Of a file that `kws enroll` wrote: the network's output is features.
    arrays : dict of str to array
        Entries of the file beside ``kws.json``: some of `ARRAYS`.
    """

    task: str
    labels: tuple[str, ...]
    front_end: FrontEnd
    streaming: StreamingContract
    detector: DetectorDefaults | SegmenterDefaults
    operating_points: tuple[OperatingPoint, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    prototypes: PrototypeContract | None = None
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def keywords(self) -> tuple[str, ...]:
        """The labels that can be detected."""
        return keywords_of(self.labels)

    @property
    def exclusive(self) -> bool:
        """Whether the labels compete: one of them at a time, by softmax."""
        return self.task != WAKE_WORDS

    def only(self, labels: tuple[str, ...]) -> Metadata:
        """Return the contract of a model that knows only some of the labels."""
        thresholds = {k: t for k, t in self.detector.thresholds.items() if k in labels}
        return replace(
            self,
            labels=labels,
            detector=replace(self.detector, thresholds=thresholds),
            operating_points=tuple(p for p in self.operating_points if p.keyword in labels),
        )


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


def is_label(text: str) -> bool:
    """Tell whether a text can be a label: 1 to 100 printable characters."""
    return 0 < len(text) <= 100 and text.isprintable()


def keywords_of(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels that are keywords: all but ``_silence_``, ``_unknown_`` and the like."""
    return tuple(label for label in labels if not (label.startswith("_") and label.endswith("_")))


def read_model(path: str | Path) -> ModelFile:
    """Read and check a model file.

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
    """Check the content of a model file; see `read_model`."""
    if content[4:8] != b"TFL3":
        raise ModelError(f"{path}: not a TFLite model: give a .tflite file that kws wrote")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = archive.getinfo(METADATA_NAME)
            if entry.file_size > MAX_METADATA_BYTES or entry.flag_bits & 1:
                raise ModelError(f"{path}: {METADATA_NAME} is too large or encrypted")
            with archive.open(entry) as stream:
                text = stream.read(MAX_METADATA_BYTES + 1)
    except KeyError:
        raise ModelError(f"{path}: has no {METADATA_NAME}: it is a model of another tool") from None
    except _DAMAGE:
        raise ModelError(
            f"{path}: no {METADATA_NAME} behind the network: the file was cut short, "
            "or is a model of another tool"
        ) from None
    try:
        values = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ModelError(f"{path}: {METADATA_NAME} is not JSON") from None
    try:
        reader = _Reader(values, METADATA_NAME)
        schema = reader.number("schema", 0, 2**31)
        if schema != SCHEMA:
            raise ModelError(
                f"schema {schema} is not known (this version reads {SCHEMA}): update kws"
            )
        network = reader.group("network")
        size = int(network.number("bytes", 8, len(content)))
        if hashlib.sha256(content[:size]).hexdigest() != network.text("sha256"):
            raise ModelError("the network's digest does not match: the file is damaged")
        metadata = _metadata(reader)
        names = reader.items("arrays", 100) if "arrays" in values else []
        metadata = replace(metadata, arrays={name: _array(content, name) for name in names})
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return ModelFile(path, content[:size], metadata)


def write_model(path: str | Path, network: bytes, metadata: Metadata) -> None:
    """Write a network and its contract as one file, all of it or nothing.

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
    """Return the content of a model file; the same input gives the same bytes."""
    values = {
        "schema": SCHEMA,
        "task": metadata.task,
        "labels": list(metadata.labels),
        "network": {"bytes": len(network), "sha256": hashlib.sha256(network).hexdigest()},
        "front_end": metadata.front_end.to_dict(),
        "streaming": {
            **vars(metadata.streaming),
            "states": [*map(list, metadata.streaming.states)],
        },
        "detector": vars(metadata.detector),
        "operating_points": [vars(point) for point in metadata.operating_points],
        "provenance": metadata.provenance,
    }
    if metadata.prototypes is not None:
        values["prototypes"] = vars(metadata.prototypes)
    if metadata.arrays:
        values["arrays"] = sorted(metadata.arrays)
    stream = io.BytesIO()
    stream.write(network)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, METADATA_NAME, json.dumps(values, indent=1).encode())
        for name, array in sorted(metadata.arrays.items()):
            entry = io.BytesIO()
            np.save(entry, array, allow_pickle=False)
            _add(archive, name, entry.getvalue())
    return stream.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add an entry; the same content gives the same bytes."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def _array(content: bytes, name: Any) -> npt.NDArray[Any]:
    """Read one of a file's arrays: numbers of one of three types, bounded in size, finite."""
    if not isinstance(name, str) or name not in ARRAYS:
        raise ModelError(f"arrays: {name!r:.60} is not known: update kws")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = archive.getinfo(name)
            if entry.file_size > MAX_ARRAY_BYTES or entry.flag_bits & 1:
                raise ModelError(f"{name} is too large or encrypted")
            data = archive.read(entry)
        # a header that asks for more than the entry holds must not take memory
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(stream)
        if dtype not in (np.float32, np.float16, np.int8) or fortran or len(shape) != ARRAYS[name]:
            raise ModelError(f"{name} is an array of {dtype} {shape}, which none is")
        count = math.prod(shape)
        if not 0 < count * dtype.itemsize == len(data) - stream.tell():
            raise ModelError(f"{name} is cut off, or longer than it says")
        array = np.frombuffer(data, dtype, count, stream.tell()).reshape(shape)
    except KeyError:
        raise ModelError(f"{name} is missing, or of a later NumPy: the file is damaged") from None
    except (*_DAMAGE, tokenize.TokenError, SyntaxError, MemoryError):  # NumPy parses a header
        raise ModelError(f"{name} is damaged") from None
    if not np.isfinite(array).all():
        raise ModelError(f"{name} holds numbers that are not finite")
    return array


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


class _Reader:
    """Reads values out of JSON, each with its type and range; the messages say where."""

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, dict):
            raise ModelError(f"{where} is not an object")
        self.values = values
        self.where = where

    def get(self, key: str) -> Any:
        if key not in self.values:
            raise ModelError(f"{self.where}: key {key!r} is missing")
        return self.values[key]

    def number(self, key: str, low: float, high: float) -> float:
        value = self.get(key)
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not low <= value <= high:  # NaN is in no range
            raise ModelError(f"{self.where}: {key!r} must be {low} to {high}, not {value!r:.40}")
        return float(value) if isinstance(value, float) else value

    def count(self, key: str, low: int, high: int) -> int:
        value = self.number(key, low, high)
        if not isinstance(value, int):
            raise ModelError(f"{self.where}: {key!r} must be a whole number, not {value!r}")
        return value

    def text(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= 256:
            raise ModelError(f"{self.where}: {key!r} must be a short text, not {value!r:.40}")
        return value

    def items(self, key: str, most: int) -> list[Any]:
        value = self.get(key)
        if not isinstance(value, list) or len(value) > most:
            raise ModelError(f"{self.where}: {key!r} must be a list of at most {most}")
        return value

    def group(self, key: str) -> _Reader:
        return _Reader(self.get(key), f"{self.where}: {key}")

    def numbers(self, key: str, most: int, low: float, high: float) -> tuple[float, ...]:
        values = self.items(key, most)
        each = _Reader({str(n): one for n, one in enumerate(values)}, f"{self.where}: {key}")
        return tuple(each.number(name, low, high) for name in each.values)

    def counts(self, key: str, most: int, low: int, high: int) -> tuple[int, ...]:
        values = self.items(key, most)
        each = _Reader({str(n): one for n, one in enumerate(values)}, f"{self.where}: {key}")
        return tuple(each.count(name, low, high) for name in each.values)

    def interval(self, key: str) -> tuple[float, float]:
        pair = self.items(key, 2)
        bounds = _Reader(dict(zip("ab", pair, strict=False)), f"{self.where}: {key}")
        return bounds.number("a", 0, 1e6), bounds.number("b", 0, 1e6)


def _metadata(reader: _Reader) -> Metadata:
    """Check everything but the schema and the digest."""
    task = reader.text("task")
    if task not in TASKS:
        raise ModelError(f"task {task!r} is not known (this version knows {', '.join(TASKS)})")
    labels = tuple(reader.items("labels", 1000))
    fewest = 1 if task == WAKE_WORDS else 2
    if len(labels) < fewest or len(set(map(str, labels))) != len(labels):
        raise ModelError(f"labels must be at least {fewest} different texts")
    if not all(isinstance(label, str) and is_label(label) for label in labels):
        raise ModelError("labels must be short, printable texts")
    keywords = keywords_of(labels)
    if not keywords:
        raise ModelError("no label is a keyword")
    if task == WAKE_WORDS and keywords != labels:
        raise ModelError("every label of wake words must be a keyword")
    streaming = reader.group("streaming")
    states = []
    for pair in streaming.items("states", 1000):
        if not (
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(n, str) for n in pair)
        ):
            raise ModelError("streaming: each state must be a pair of tensor names")
        states.append((pair[0], pair[1]))
    detector = reader.group("detector")
    thresholds = detector.group("thresholds")
    for keyword in thresholds.values:
        if keyword not in keywords:
            raise ModelError(f"detector: a threshold for {keyword!r:.40}, which is no keyword")
    points = []
    for number, values in enumerate(reader.items("operating_points", 10000)):
        point = _Reader(values, f"operating_points[{number}]")
        if point.text("keyword") not in keywords:
            raise ModelError(f"{point.where}: {point.text('keyword')!r} is no keyword")
        recordings = point.count("recordings", 0, 10**9)
        unknown = recordings == 0 and point.get("miss_rate") is None
        points.append(
            OperatingPoint(
                keyword=point.text("keyword"),
                threshold=point.number("threshold", 0, 1),
                false_accepts_per_hour=point.number("false_accepts_per_hour", 0, 1e6),
                false_accepts_per_hour_interval=point.interval("false_accepts_per_hour_interval"),
                miss_rate=None if unknown else point.number("miss_rate", 0, 1),
                miss_rate_interval=point.interval("miss_rate_interval"),
                hours=point.number("hours", 0, 1e6),
                recordings=recordings,
            )
        )
    return Metadata(
        task=task,
        labels=labels,
        front_end=front_end_from(reader.get("front_end")),
        streaming=StreamingContract(
            frames=streaming.count("frames", 1, 1000),
            receptive_field=streaming.count("receptive_field", 1, 10000),
            input=streaming.text("input"),
            output=streaming.text("output"),
            states=tuple(states),
        ),
        detector=_detector(
            task, detector, {keyword: thresholds.number(keyword, 0, 1) for keyword in keywords}
        ),
        operating_points=tuple(points),
        provenance=reader.group("provenance").values,
        prototypes=_prototypes(reader.group("prototypes"), len(labels), task)
        if "prototypes" in reader.values
        else None,
    )


def _prototypes(reader: _Reader, labels: int, task: str) -> PrototypeContract:
    """Check how features become logits."""
    if task != WAKE_WORDS:
        raise ModelError(f"prototypes: are for the task {WAKE_WORDS}, not {task}")
    return PrototypeContract(
        labels=reader.counts("labels", MOST_PROTOTYPES, 0, labels - 1),
        offsets=reader.counts("offsets", MOST_OFFSETS, 0, MOST_BACK),
        slope=reader.number("slope", 0, 1e4),
        centres=reader.numbers("centres", labels, -10, 10),
    )


def _detector(
    task: str, detector: _Reader, thresholds: dict[str, float]
) -> DetectorDefaults | SegmenterDefaults:
    if task == "sounds":
        return SegmenterDefaults(
            smoothing=detector.number("smoothing", 0, 10),
            release=detector.number("release", 0, 1),
            shortest=detector.number("shortest", 0, 60),
            gap=detector.number("gap", 0, 60),
            thresholds=thresholds,
        )
    return DetectorDefaults(
        smoothing=detector.number("smoothing", 0, 10),
        refractory=detector.number("refractory", 0, 60),
        longest=detector.number("longest", 0.1, 10),
        thresholds=thresholds,
    )
