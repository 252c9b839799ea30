"""The model file: what is written is what is read, and nothing damaged or foreign gets in."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import io
import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import ModelError
from kws.frontend import YAMNET
from kws.metadata import (
    WAKE_WORDS,
    DetectorDefaults,
    Head,
    Metadata,
    OperatingPoint,
    SegmenterDefaults,
    StreamingContract,
    keywords_of,
)
from kws.modelfile import (
    HEAD_NAME,
    MAX_FILE_BYTES,
    MAX_HEAD_BYTES,
    MAX_METADATA_BYTES,
    ModelFile,
    pack,
    parse_model,
    read_model,
    write_model,
)

from ..conftest import needs_program

NETWORK = b"\x1c\0\0\0TFL3" + bytes(range(256)) * 8  # parse_model looks no further than this
METADATA = Metadata(
    task="commands",
    labels=("_silence_", "_unknown_", "hey device", "stop"),
    front_end=YAMNET,
    streaming=StreamingContract(8, 100, "frames", "logits", (("state_0", "next_0"),)),
    detector=DetectorDefaults(0.24, 1.0, 1.5, {"hey device": 0.5, "stop": 0.7}),
    operating_points=(
        OperatingPoint("stop", 0.7, 0.5, (0.1, 1.2), 0.05, (0.02, 0.09), 10.0, 200),
        OperatingPoint("hey device", 0.5, 0.0, (0.0, 0.4), 0.1, (0.05, 0.2), 10.0, 100),
    ),
    provenance={"recipe": "test", "versions": {"numpy": "2"}, "list": [1, 2.5, None, True]},
)


@pytest.fixture(scope="module")
def packed() -> bytes:
    return pack(NETWORK, METADATA)


@pytest.fixture(scope="module")
def values(packed: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return dict(json.loads(archive.read("kws.json")))


def with_text(text: str | bytes, network: bytes = NETWORK) -> bytes:
    """A file with this text for its kws.json."""
    stream = io.BytesIO()
    stream.write(network)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kws.json", text)
    return stream.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        parse_model(content, "some/where.tflite")
    line = str(caught.value)
    assert line.startswith("some/where.tflite: ")
    assert "\n" not in line
    assert len(line) < 300
    return line


# --- what is written is what is read ---


def test_round_trip(packed: bytes) -> None:
    assert parse_model(packed, "p") == ModelFile("p", NETWORK, METADATA)


def test_defaults_of_the_metadata_round_trip() -> None:
    bare = dataclasses.replace(METADATA, operating_points=(), provenance={})
    assert parse_model(pack(NETWORK, bare), "p").metadata == bare


def test_same_input_same_bytes(packed: bytes) -> None:
    assert pack(NETWORK, METADATA) == packed


def test_names_beyond_ascii() -> None:
    labels = ("_unknown_", "تشغيل", "größer")
    metadata = dataclasses.replace(
        METADATA,
        labels=labels,
        detector=DetectorDefaults(0.2, 1.0, 1.0, {"تشغيل": 0.5, "größer": 0.5}),
        operating_points=(),
    )
    assert parse_model(pack(NETWORK, metadata), "p").metadata.labels == labels


def test_packages_model_round_trips(model: ModelFile, tmp_path: Path) -> None:
    write_model(tmp_path / "copy.tflite", model.network, model.metadata)
    copied = read_model(tmp_path / "copy.tflite")
    assert copied.network == model.network
    assert copied.metadata == model.metadata
    assert copied.path == str(tmp_path / "copy.tflite")


def test_other_readers_of_zip_agree(model: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    write_model(path, model.network, model.metadata)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["kws.json"]
        assert archive.testzip() is None
        text = archive.read("kws.json")
    unzip = needs_program("unzip", "apt-get install unzip")
    done = subprocess.run([unzip, "-p", path, "kws.json"], capture_output=True, check=False)
    assert done.stdout == text
    assert json.loads(done.stdout)["labels"] == list(model.metadata.labels)
    # Not an archive with a warning, such as about the bytes before it
    assert done.returncode == 0
    assert done.stderr == b""


def test_the_interpreter_runs_the_file_as_it_is(model: ModelFile, tmp_path: Path) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    path = tmp_path / "model.tflite"
    write_model(path, model.network, model.metadata)
    outputs = []
    for options in ({"model_path": str(path)}, {"model_content": model.network}):
        interpreter = litert.Interpreter(**options)
        interpreter.allocate_tensors()
        for tensor in interpreter.get_input_details():
            some = np.arange(np.prod(tensor["shape"])) % 100
            interpreter.set_tensor(
                tensor["index"], some.astype(tensor["dtype"]).reshape(tensor["shape"])
            )
        interpreter.invoke()
        (logits,) = (t for t in interpreter.get_output_details() if t["name"] == "logits")
        outputs.append(interpreter.get_tensor(logits["index"]))
    assert (outputs[0] == outputs[1]).all()
    assert outputs[0].any()


def test_keywords() -> None:
    labels = ("_silence_", "go", "_unknown_", "_half", "half_", "on_off")
    assert keywords_of(labels) == ("go", "_half", "half_", "on_off")


# --- damaged and foreign files ---


def test_every_truncation_is_refused(packed: bytes) -> None:
    for length in range(len(packed)):
        refusal(packed[:length])


def test_truncations_of_the_packages_model(model: ModelFile) -> None:
    content = pack(model.network, model.metadata)
    for length in [*range(0, len(content), 997), len(content) - 1]:
        refusal(content[:length])


def test_foreign_network_names_the_file() -> None:
    assert "another tool" in refusal(NETWORK)


def test_foreign_metadata() -> None:
    stream = io.BytesIO()
    stream.write(NETWORK)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("labels.txt", "a\nb\n")
    assert "kws.json" in refusal(stream.getvalue())


@pytest.mark.parametrize("content", [b"", b"x", b"TFL3", b"\0" * 1000, b"RIFF\0\0\0\0WAVEfmt "])
def test_other_files(content: bytes) -> None:
    assert "not a TFLite model" in refusal(content)


def same_or_refused(content: bytes, model: ModelFile) -> None:
    try:
        parsed = parse_model(content, "p")
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert parsed.network == model.network
        assert parsed.metadata == model.metadata


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_byte_flips(packed: bytes, data: st.DataObject) -> None:
    content = bytearray(packed)
    for _ in range(data.draw(st.integers(1, 3))):
        # most of the draws in the archive: behind the network's bytes everything is structure
        at = data.draw(
            st.one_of(st.integers(0, len(content) - 1), st.integers(len(NETWORK), len(content) - 1))
        )
        content[at] ^= data.draw(st.integers(1, 255))
    same_or_refused(bytes(content), ModelFile("p", NETWORK, METADATA))


def test_every_byte_of_the_archive(packed: bytes) -> None:
    for at in range(len(NETWORK), len(packed)):
        for flip in (1, 0x80, 0xFF):
            content = bytearray(packed)
            content[at] ^= flip
            same_or_refused(bytes(content), ModelFile("p", NETWORK, METADATA))


@settings(max_examples=100, deadline=None)
@given(tail=st.binary(max_size=300))
def test_bytes_appended(packed: bytes, tail: bytes) -> None:
    same_or_refused(packed + tail, ModelFile("p", NETWORK, METADATA))


def test_flip_in_the_network_is_damage(packed: bytes) -> None:
    content = bytearray(packed)
    content[1000] ^= 1
    assert "damaged" in refusal(bytes(content))


# --- what kws.json says ---


def walk(values: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all keys."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield (*path, key)
            yield from walk(value, (*path, key))
    elif isinstance(values, list):
        for number, value in enumerate(values):
            yield from walk(value, (*path, number))


def parent(values: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        values = values[key]
    return values


def test_each_missing_key_is_named(values: dict[str, Any]) -> None:
    paths = [path for path in walk(values) if "provenance" not in path[:-1]]
    assert len(paths) > 40
    for path in paths:
        changed = copy.deepcopy(values)
        del parent(changed, path)[path[-1]]
        assert repr(path[-1]) in refusal(with_text(json.dumps(changed))), path


@pytest.mark.parametrize(
    "value",
    [None, True, -1, 1e300, 10**400, "", "x" * 1000, [], [[]], {}, {"a": 1}, "\ud800"],
    ids=lambda value: repr(value)[:12],
)
def test_each_wrong_value_is_refused(values: dict[str, Any], value: object) -> None:
    may_be: dict[tuple[str, ...], list[object]] = {
        ("operating_points",): [[]],
        ("provenance",): [{}, {"a": 1}],
        ("front_end", "floor"): [-1],
        ("front_end", "ceiling"): [-1],
    }
    for path in walk(values):
        if "provenance" in path[:-1] or value in may_be.get(path, []):
            continue
        changed = copy.deepcopy(values)
        parent(changed, path)[path[-1]] = value
        try:
            parsed = parse_model(with_text(json.dumps(changed)), "p")
        except ModelError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 500
            continue
        # a short text is the name of a tensor as good as any, and a model may have no states
        assert path[-1] in ("input", "output", "states"), (path, parsed)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite(values: dict[str, Any], word: str) -> None:
    for path in walk(values):
        old = parent(values, path)[path[-1]]
        if isinstance(old, float) and (word != "1e999" or "provenance" not in path):
            changed = copy.deepcopy(values)
            parent(changed, path)[path[-1]] = "HERE"
            refusal(with_text(json.dumps(changed).replace('"HERE"', word)))


@pytest.mark.parametrize("schema", [0, 4, 1000])
def test_unknown_schema(values: dict[str, Any], schema: int) -> None:
    line = refusal(with_text(json.dumps({**values, "schema": schema})))
    assert f"schema {schema}" in line
    assert "update kws" in line


def test_unknown_task(values: dict[str, Any]) -> None:
    assert "'dance'" in refusal(with_text(json.dumps({**values, "task": "dance"})))


@pytest.mark.parametrize(
    "labels",
    [[], ["stop"], ["stop", "stop"], ["_a_", "_b_"], ["stop", 1], ["stop", ""], [["stop"], "go"]],
)
def test_labels_that_make_no_model(values: dict[str, Any], labels: list[Any]) -> None:
    refusal(with_text(json.dumps({**values, "labels": labels})))


def test_thresholds_for_no_keyword(values: dict[str, Any]) -> None:
    for label in ("_silence_", "other"):
        changed = copy.deepcopy(values)
        changed["detector"]["thresholds"][label] = 0.5
        assert label in refusal(with_text(json.dumps(changed)))


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "1", "{", '{"schema": 1,}', b"\xff\xfe\xfa", "[" * 100_000, '{"a":' * 5000],
)
def test_text_that_is_no_metadata(text: str | bytes) -> None:
    refusal(with_text(text))


@pytest.mark.parametrize("depth", [10, 300, 900, 990, 3000])
def test_deep_nesting(values: dict[str, Any], depth: int) -> None:
    for key in ("task", "labels", "front_end", "detector"):
        deep = json.dumps({**values, key: "HERE"}).replace('"HERE"', "[" * depth + "]" * depth)
        refusal(with_text(deep))


def test_length_of_the_network(values: dict[str, Any]) -> None:
    for size in (0, 8, len(NETWORK) - 1, len(NETWORK) + 1, 10**12):
        digest = hashlib.sha256(NETWORK).hexdigest()
        changed = {**values, "network": {"bytes": size, "sha256": digest}}
        refusal(with_text(json.dumps(changed)))


# --- archives that would fill the memory ---


def test_compressed_bomb() -> None:
    content = with_text(" " * (MAX_METADATA_BYTES + 1))
    assert len(content) < 20_000
    assert "too large" in refusal(content)


@pytest.mark.parametrize("declared", [MAX_METADATA_BYTES + 1, 2**31, 2**32 - 2])
def test_declared_size(packed: bytes, declared: int) -> None:
    content = bytearray(packed)
    central = content.rindex(b"PK\x01\x02")
    content[central + 24 : central + 28] = declared.to_bytes(4, "little")
    assert "too large" in refusal(bytes(content))


@pytest.mark.parametrize("declared", [0, 10, MAX_METADATA_BYTES])
def test_declared_size_that_is_not_so(packed: bytes, declared: int) -> None:
    content = bytearray(packed)
    central = content.rindex(b"PK\x01\x02")
    content[central + 24 : central + 28] = declared.to_bytes(4, "little")
    same_or_refused(bytes(content), ModelFile("p", NETWORK, METADATA))


def test_encrypted(packed: bytes) -> None:
    content = bytearray(packed)
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(bytes(content))


# --- files ---


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.tflite: cannot be read \(No such file"):
        read_model(tmp_path / "absent.tflite")


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), Path("a\0b")):
        with pytest.raises(ModelError):
            read_model(path)


def test_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)  # sparse: takes no room

    def read(self: Path) -> bytes:
        raise AssertionError("it was read")

    monkeypatch.setattr(Path, "read_bytes", read)
    with pytest.raises(ModelError, match=rf"large\.tflite: {MAX_FILE_BYTES + 1} bytes"):
        read_model(path)


def test_text_or_path(tmp_path: Path) -> None:
    write_model(str(tmp_path / "a.tflite"), NETWORK, METADATA)
    assert read_model(str(tmp_path / "a.tflite")).metadata == METADATA


def test_written_file_is_readable_as_any(tmp_path: Path) -> None:
    write_model(tmp_path / "a.tflite", NETWORK, METADATA)
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a.tflite").stat().st_mode == (tmp_path / "b").stat().st_mode


def broken_metadata() -> list[Metadata]:
    return [
        dataclasses.replace(METADATA, task="dance"),
        dataclasses.replace(METADATA, labels=("stop", "stop")),
        dataclasses.replace(METADATA, detector=DetectorDefaults(0.2, 1.0, 1.0, {"stop": 0.5})),
        dataclasses.replace(METADATA, provenance={"loss": float("nan")}),
        dataclasses.replace(METADATA, provenance={"log": os.urandom(MAX_METADATA_BYTES).hex()}),
    ]


@pytest.mark.parametrize("number", range(5))
def test_invalid_content_is_not_written(tmp_path: Path, number: int) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"the one before")
    with pytest.raises(ModelError):
        write_model(path, NETWORK, broken_metadata()[number])
    assert path.read_bytes() == b"the one before"
    assert list(tmp_path.iterdir()) == [path]


def test_no_network_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        write_model(tmp_path / "model.tflite", b"no network", METADATA)
    assert not list(tmp_path.iterdir())


def test_too_large_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kws.modelfile.MAX_FILE_BYTES", 100)
    with pytest.raises(ModelError, match="bytes"):
        write_model(tmp_path / "model.tflite", NETWORK, METADATA)
    assert not list(tmp_path.iterdir())


def test_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be written"):
        write_model(tmp_path / "absent" / "model.tflite", NETWORK, METADATA)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ModelError, match="cannot be written"):
            write_model(tmp_path / "model.tflite", NETWORK, METADATA)
        assert not list(tmp_path.iterdir())
    finally:
        tmp_path.chmod(0o700)


def test_target_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").mkdir()
    with pytest.raises(ModelError, match="cannot be written"):
        write_model(tmp_path / "model.tflite", NETWORK, METADATA)
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]


def test_disk_full_leaves_the_file_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.tflite"
    write_model(path, NETWORK, METADATA)
    before = path.read_bytes()

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ModelError, match="No space left"):
        write_model(path, NETWORK + b"more", METADATA)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    write_model(path, NETWORK, METADATA)
    with path.open("rb") as reading:  # who has the old file open keeps reading the old file
        write_model(path, NETWORK + b"more", METADATA)
        assert parse_model(reading.read(), "old").network == NETWORK
    assert read_model(path).network == NETWORK + b"more"
    assert list(tmp_path.iterdir()) == [path]


# --- sounds ---

SOUNDS = dataclasses.replace(
    METADATA,
    task="sounds",
    detector=SegmenterDefaults(0.48, 0.5, 0.16, 0.5, {"hey device": 0.5, "stop": 0.7}),
)


def test_sounds_round_trip() -> None:
    model = parse_model(pack(NETWORK, SOUNDS), "sounds.tflite")
    assert model.metadata == SOUNDS
    assert isinstance(model.metadata.detector, SegmenterDefaults)


@pytest.mark.parametrize(
    ("key", "value"),
    [("release", 1.5), ("shortest", -1), ("gap", 61), ("smoothing", None), ("release", None)],
)
def test_sounds_detector_is_checked(key: str, value: float | None) -> None:
    detector = vars(SOUNDS.detector) | {key: value}
    if value is None:
        del detector[key]

    written = SimpleNamespace(**detector)
    content = pack(NETWORK, dataclasses.replace(SOUNDS, detector=written))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=key):
        parse_model(content, "sounds.tflite")


def test_the_task_decides_what_the_detector_is() -> None:
    with pytest.raises(ModelError, match="refractory"):
        parse_model(pack(NETWORK, dataclasses.replace(SOUNDS, task="commands")), "x")
    with pytest.raises(ModelError, match="release"):
        parse_model(pack(NETWORK, dataclasses.replace(METADATA, task="sounds")), "x")


# --- a head beside the network ---


HEAD = Head(
    "0" * 64,
    hashlib.sha256(NETWORK).hexdigest(),
    StreamingContract(2, 24, "frames", "logits", (("state_0", "next_0"),)),
    b"\x1c\0\0\0TFL3" + bytes(100),
)
WITH_HEAD = dataclasses.replace(
    METADATA,
    task=WAKE_WORDS,
    labels=("hey device", "stop"),
    head=HEAD,
)


def with_head(network: bytes | None, **values: object) -> bytes:
    """A file whose head is this one, or missing, and whose kws.json says this of it."""
    packed = pack(NETWORK, WITH_HEAD)
    stream = io.BytesIO(NETWORK)
    stream.seek(0, io.SEEK_END)
    with (
        zipfile.ZipFile(io.BytesIO(packed)) as old,
        zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as new,
    ):
        contract = json.loads(old.read("kws.json"))
        contract["head"] |= values
        new.writestr("kws.json", json.dumps(contract))
        if network is not None:
            new.writestr(HEAD_NAME, network)
    return stream.getvalue()


def test_a_head_round_trips() -> None:
    found = parse_model(pack(NETWORK, WITH_HEAD), "a.tflite").metadata
    assert found == WITH_HEAD
    assert found.head is not None
    assert found.head.network == HEAD.network


@pytest.mark.parametrize(
    ("network", "values", "complaint"),
    [
        (None, {}, "head.tflite is missing"),
        (b"no network", {}, "no TFLite network"),
        (HEAD.network + bytes(MAX_HEAD_BYTES), {}, "too large"),
        (HEAD.network, {"whole_sha256": "1" * 64}, "of another network"),
        (HEAD.network, {"base_sha256": 7}, "base_sha256"),
        (HEAD.network, {"streaming": []}, "streaming"),
        (HEAD.network, {"streaming": {**vars(HEAD.streaming), "frames": 10**9}}, "frames"),
    ],
)
def test_a_head_that_does_not_belong(
    network: bytes | None, values: dict[str, object], complaint: str
) -> None:
    assert complaint in refusal(with_head(network, **values))


def test_a_head_is_for_wake_words() -> None:
    packed = pack(NETWORK, dataclasses.replace(METADATA, head=HEAD))
    assert "head: is for the task wake-words" in refusal(packed)
