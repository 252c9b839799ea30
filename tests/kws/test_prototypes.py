"""The matcher: cosines with prototypes, as a stream; and what of it a model file refuses."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.enrolment.enroll import base_model
from kws.errors import ModelError
from kws.frontend import log_mel
from kws.metadata import DetectorDefaults, Metadata, PrototypeContract
from kws.modelfile import ModelFile, pack, parse_model, read_model
from kws.network import StreamingNetwork
from kws.posteriors import sigmoid
from kws.prototypes import FEATURES, Matcher, Projection, unit

from .conftest import RATE, Demo

CHANNELS, DIMENSIONS = 6, 4
CONTRACT = PrototypeContract((0, 0, 1), (0, 2, 3), 10.0, (0.5, 0.25))


OFFSETS = (0, 4, 8, 12, 16)


@pytest.fixture(scope="module")
def enrolled(demo: Demo) -> ModelFile:
    """Return a model of two words, as `kws enroll` made it before it matched whole phrases."""
    base = base_model()
    network = StreamingNetwork(base, features=True)
    frames = log_mel(demo.samples[: 6 * RATE], base.metadata.front_end)
    steps = range(0, len(frames) - network.frames + 1, network.frames)
    features = np.concatenate([network.step(frames[at : at + network.frames]) for at in steps])
    projected = Projection(base.metadata.arrays["projection.npy"])(features)
    words = demo.words[:2]
    ends = [round(word.end / 0.04) + 8 for word in words]
    defaults = DetectorDefaults(0.0, 1.0, 2.0, {word.keyword: 0.5 for word in words})
    metadata = replace(
        base.metadata,
        task="wake-words",
        labels=tuple(word.keyword for word in words),
        operating_points=(),
        detector=defaults,
        streaming=replace(base.metadata.streaming, output=FEATURES),
        prototypes=PrototypeContract((0, 1), OFFSETS, 20.0, (0.58, 0.58)),
        arrays={
            "projection.npy": base.metadata.arrays["projection.npy"],
            "prototypes.npy": np.stack([projected[end - np.array(OFFSETS)] for end in ends]),
        },
    )
    return replace(base, metadata=metadata)


@pytest.fixture(scope="module")
def file(enrolled: ModelFile) -> bytes:
    return pack(enrolled.network, enrolled.metadata)


def made_up(model: ModelFile) -> ModelFile:
    """A model file whose prototypes are random."""
    rng = np.random.default_rng(0)
    arrays = {
        "projection.npy": rng.normal(size=(1 + CHANNELS, DIMENSIONS)).astype(np.float16),
        "prototypes.npy": rng.normal(size=(3, 3, DIMENSIONS)).astype(np.float32),
    }
    metadata = replace(model.metadata, labels=("a", "b"), prototypes=CONTRACT, arrays=arrays)
    return replace(model, metadata=metadata)


def test_logits_are_scaled_cosines(model: ModelFile):
    model = made_up(model)
    features = np.random.default_rng(1).normal(size=(20, CHANNELS)).astype(np.float32)
    arrays = model.metadata.arrays
    columns = Projection(arrays["projection.npy"])(features)
    expected = np.empty((20, 2))
    for column in range(3, 20):
        stretch = np.stack([columns[column], columns[column - 2], columns[column - 3]])
        cosines = [
            np.sum(stretch * one) / np.linalg.norm(stretch) / np.linalg.norm(one)
            for one in arrays["prototypes.npy"]
        ]
        expected[column] = 10 * (max(cosines[:2]) - 0.5), 10 * (cosines[2] - 0.25)
    logits = Matcher(model, CHANNELS).push(features)
    np.testing.assert_allclose(logits[3:], expected[3:], atol=1e-4)


def test_the_stream_is_the_whole_whatever_the_chunks(model: ModelFile):
    model = made_up(model)
    features = np.random.default_rng(1).normal(size=(20, CHANNELS)).astype(np.float32)
    whole = Matcher(model, CHANNELS).push(features)
    matcher = Matcher(model, CHANNELS)
    parts = [matcher.push(features[at : at + 3]) for at in range(0, 20, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_state_that_is_put_back_goes_on_from_there(model: ModelFile):
    matcher = Matcher(made_up(model), CHANNELS)
    features = np.random.default_rng(1).normal(size=(8, CHANNELS)).astype(np.float32)
    matcher.push(features[:4])
    state = matcher.state
    first = matcher.push(features[4:])
    matcher.state = state
    np.testing.assert_array_equal(matcher.push(features[4:]), first)


def test_units_are_of_length_one():
    stretches = np.arange(1, 13, dtype=np.float32).reshape(3, 2, 2)
    np.testing.assert_allclose(np.linalg.norm(unit(stretches).reshape(3, -1), axis=1), 1)
    assert not unit(np.zeros((1, 2, 2), np.float32)).any()


# --- a whole model ---


def test_the_spotter_finds_the_words_and_no_others(enrolled: ModelFile, demo: Demo):
    spotter = KeywordSpotter(enrolled)
    found = [*spotter.process(demo.samples), *spotter.flush()]
    wanted = demo.words[:2]
    assert [one.keyword for one in found] == [word.keyword for word in wanted]
    for one, word in zip(found, wanted, strict=True):
        assert one.start < word.end
        assert one.end > word.start


@pytest.mark.parametrize("size", [1, 160, 777, 16000])
def test_chunks_do_not_matter(enrolled: ModelFile, demo: Demo, size: int):
    samples = demo.samples[: (1 if size == 1 else 4) * RATE]
    spotter = KeywordSpotter(enrolled)
    whole = spotter.process_posteriors(samples)
    spotter.reset()
    parts = [
        spotter.process_posteriors(samples[at : at + size]) for at in range(0, len(samples), size)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    spotter.reset()
    np.testing.assert_array_equal(spotter.posteriors(samples), whole)


def test_the_stream_begins_after_silence(enrolled: ModelFile, demo: Demo):
    spotter = KeywordSpotter(enrolled)
    silence = np.zeros(4 * RATE, np.float32)
    late = spotter.posteriors(np.concatenate([silence, demo.samples[: 2 * RATE]]))
    soon = spotter.posteriors(demo.samples[: 2 * RATE])
    np.testing.assert_allclose(late[-len(soon) :][: len(soon) - 2], soon[: len(soon) - 2], atol=0.2)
    spotter.process(demo.samples)
    spotter.reset()
    np.testing.assert_array_equal(spotter.process_posteriors(demo.samples[: 2 * RATE]), soon)


def test_the_file_gives_the_model_back(enrolled: ModelFile, file: bytes, tmp_path: Path):
    path = tmp_path / "wake.tflite"
    path.write_bytes(file)
    again = read_model(path)
    metadata = enrolled.metadata
    assert again.metadata == metadata
    assert again.network == enrolled.network
    for name, array in metadata.arrays.items():
        np.testing.assert_array_equal(again.metadata.arrays[name], array)
    assert pack(again.network, again.metadata) == file
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["kws.json", "projection.npy", "prototypes.npy"]
        np.testing.assert_array_equal(
            np.load(io.BytesIO(archive.read("prototypes.npy"))), metadata.arrays["prototypes.npy"]
        )


def refusal(model: ModelFile, **changes: object) -> str:
    metadata = replace(model.metadata, **changes)  # type: ignore[arg-type]
    with pytest.raises(ModelError) as caught:
        KeywordSpotter(parse_model(pack(model.network, metadata), "bad.tflite"))
    assert str(caught.value).startswith("bad.tflite: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def array(name: str, value: np.ndarray) -> Callable[[Metadata], dict[str, object]]:
    return lambda metadata: {"arrays": {**metadata.arrays, name: value}}


def contract(**changes: object) -> Callable[[Metadata], dict[str, object]]:
    return lambda metadata: {"prototypes": replace(metadata.prototypes, **changes)}  # type: ignore[type-var, arg-type]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (array("prototypes.npy", np.zeros((2, 5, 3), np.float32)), "prototypes.npy is (2, 5, 3)"),
        (array("prototypes.npy", np.full((2, 5, 9), np.nan, np.float32)), "not finite"),
        (array("prototypes.npy", np.zeros((2, 5), np.float32)), "which none is"),
        (array("prototypes.npy", np.zeros((2, 5, 9))), "an array of float64"),
        (array("prototypes.npy", np.zeros((2, 5, 9), ">f4")), "an array of >f4"),
        (array("prototypes.npy", np.zeros((0, 5, 9), np.float32)), "which none is"),
        (array("projection.npy", np.zeros((9, 128), np.float16)), "takes 8 channels"),
        (lambda metadata: {"arrays": {}}, "has enrolled phrases, but no projection.npy"),
        (array("other.npy", np.zeros(3, np.float32)), "'other.npy' is not known"),
        (contract(offsets=(1, 2, 3, 4, 5)), "must rise from 0"),
        (contract(offsets=(0, 8, 4, 12, 16)), "must rise from 0"),
        (contract(offsets=(0, 4, 8, 12, 10**6)), "must be 0 to 250"),
        (contract(labels=(1, 0)), "must name each label"),
        (contract(labels=(0, 0)), "must name each label"),
        (contract(labels=(0, 7)), "must be 0 to 1"),
        (contract(centres=(0.5,)), "not one centre per label"),
        (contract(slope=-1.0), "'slope' must be 0 to"),
        (lambda metadata: {"task": "commands"}, "are for the task wake-words"),
    ],
)
def test_what_does_not_fit_is_refused(
    enrolled: ModelFile, change: Callable[[Metadata], dict[str, object]], complaint: str
):
    assert complaint in refusal(enrolled, **change(enrolled.metadata))


def with_entry(file: bytes, name: str, content: bytes) -> bytes:
    """The same file, one entry replaced."""
    size = len(file) - len(file[file.index(b"PK\3\4") :])
    stream = io.BytesIO(file[:size])
    stream.seek(0, io.SEEK_END)
    with (
        zipfile.ZipFile(io.BytesIO(file)) as old,
        zipfile.ZipFile(stream, "a") as new,
    ):
        for entry in old.namelist():
            new.writestr(entry, content if entry == name else old.read(entry))
    return stream.getvalue()


def npy(value: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, value, allow_pickle=True)
    return stream.getvalue()


def test_hostile_entries_are_refused(file: bytes):
    good = npy(np.zeros((2, len(OFFSETS), 128), np.float32))
    huge = good.replace(b"(2, 5, 128)", b"(9, 9, 999)")
    for content in (
        b"",
        b"nonsense",
        good[:-1],
        good + b"\0",
        huge,
        npy(np.array([[[{}]]], object)),
        good.replace(b"\x93NUMPY\1", b"\x93NUMPY\3"),
        bytes(5 * 2**20),
    ):
        with pytest.raises(ModelError, match=r"^bad: prototypes\.npy "):
            parse_model(with_entry(file, "prototypes.npy", content), "bad")


def test_any_flipped_byte_of_an_array_is_found(file: bytes):
    start = file.index(b"prototypes.npy") + 60
    for at in range(start, start + 200, 20):
        damaged = bytearray(file)
        damaged[at] ^= 0xFF
        with pytest.raises(ModelError, match=r"prototypes\.npy is damaged"):
            parse_model(bytes(damaged), "bad")


def test_scores_are_the_sigmoid_of_the_logits(enrolled: ModelFile, demo: Demo):
    contract = enrolled.metadata.prototypes
    assert contract is not None
    scores = KeywordSpotter(enrolled).posteriors(demo.samples)
    assert scores.min() >= sigmoid(np.float32(contract.slope * (-1 - max(contract.centres))))
    assert scores.max() > 0.5
